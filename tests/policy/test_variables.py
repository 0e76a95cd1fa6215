# SPDX-License-Identifier: Apache-2.0
"""Policy variables and their defaults."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.policy.variables import Variable, Wild, literal, resolve, static, tokenize

NONE: dict[str, tuple[str, ...]] = {}


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", ()),
        ("plain", ("plain",)),
        ("a*b?", ("a", Wild.MANY, "b", Wild.ONE)),
        ("a/${aws:UserName}/b", ("a/", Variable("aws:username"), "/b")),
        ("${a}${b}", (Variable("a"), Variable("b"))),
        ("${aws:x, 'dflt'}", (Variable("aws:x", "dflt"),)),
        ("${aws:x,'*'}", (Variable("aws:x", "*"),)),
        ("${aws:x, ''}", (Variable("aws:x", ""),)),
        ("${aws:x, dflt}", (Variable("aws:x"),)),
        ("${*}${?}${$}", ("*?$",)),
        ("a${*}b*", ("a*b", Wild.MANY)),
        ("${open", ("${open",)),
        ("} ${a}", ("} ", Variable("a"))),
        ("$a{b}", ("$a{b}",)),
    ],
)
def test_patterns_are_cut_into_tokens(text: str, tokens: tuple[object, ...]) -> None:
    assert tokenize(text, variables=True, wildcards=True) == tokens


def test_the_old_version_knows_no_variables() -> None:
    assert tokenize("${aws:x}*", variables=False, wildcards=True) == ("${aws:x}", Wild.MANY)


@given(st.text("ab*?${},'"))
def test_cutting_without_variables_and_wildcards_changes_nothing(text: str) -> None:
    tokens = static(tokenize(text, variables=False, wildcards=False))
    assert tokens is not None
    assert literal(tokens) == text


def filled(text: str, context: dict[str, tuple[str, ...]]) -> object:
    return resolve(tokenize(text, variables=True, wildcards=True), context.get)


def test_values_are_literal_text_whatever_they_hold() -> None:
    assert filled("a/${k}/*", {"k": ("x*?${k}",)}) == ("a/x*?${k}/", Wild.MANY)
    assert filled("${k, '*'}", NONE) == ("*",)
    assert filled("${k}", {"k": ("",)}) == ()


def test_a_variable_without_a_single_value_takes_its_default_or_fails() -> None:
    assert filled("a${k}", NONE) is None
    assert filled("a${k, 'd'}", NONE) == ("ad",)
    assert filled("a${k, 'd'}", {"k": ("v",)}) == ("av",)
    assert filled("a${k}", {"k": ("v", "w")}) is None
    assert filled("a${k}", {"k": ()}) is None


def test_hostile_variables_are_cut_in_linear_time() -> None:
    assert tokenize("${" * 60_000, variables=True, wildcards=True) == ("${" * 60_000,)
