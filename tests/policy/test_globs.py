# SPDX-License-Identifier: Apache-2.0
"""Globs as sets, held against the matcher of the slow evaluator."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.policy.globs import includes, literal, overlap, pattern
from stockade.policy.match import glob

PATTERNS = st.text("ab*?", max_size=6)
TEXTS = st.text("abc", max_size=7)


def cut(text: str) -> tuple[object, ...]:
    return pattern(text, variables=True)


@given(PATTERNS, PATTERNS, TEXTS)
def test_what_is_included_matches(outer: str, inner: str, text: str) -> None:
    if includes(pattern(outer, variables=True), pattern(inner, variables=True)):
        assert not glob(inner)(text) or glob(outer)(text)


@given(PATTERNS, PATTERNS, TEXTS)
def test_what_both_match_overlaps(one: str, other: str, text: str) -> None:
    if glob(one)(text) and glob(other)(text):
        assert overlap(pattern(one, variables=True), pattern(other, variables=True))
        assert overlap(pattern(other, variables=True), pattern(one, variables=True))


@given(PATTERNS, TEXTS)
def test_a_text_is_a_pattern(outer: str, text: str) -> None:
    assert includes(pattern(outer, variables=True), literal(text)) == glob(outer)(text)
    assert overlap(pattern(outer, variables=True), literal(text)) == glob(outer)(text)


@pytest.mark.parametrize(
    ("outer", "inner", "held"),
    [
        ("*", "${aws:username}", True),
        ("a/*", "a/${aws:username}/b", True),
        ("a/${aws:username}", "a/${AWS:username}", True),
        ("a/${aws:username}", "a/*", False),
        ("a/${aws:username}", "a/bob", False),
        ("a/?", "a/${aws:username}", False),
        ("a/${aws:username}", "a/${aws:userid}", False),
        ("?*", "*?", True),
        ("**", "*", True),
        ("a*", "a?*", True),
        ("a?*", "a*", False),
        ("", "", True),
        ("", "*", False),
        ("*", "", True),
    ],
)
def test_variables_and_runs(outer: str, inner: str, *, held: bool) -> None:
    assert includes(pattern(outer, variables=True), pattern(inner, variables=True)) is held


def test_variables_may_stand_for_anything() -> None:
    assert overlap(pattern("a/${x}", variables=True), pattern("a/b", variables=True))
    assert not overlap(pattern("a/${x}", variables=True), pattern("b/*", variables=True))
    assert not overlap(pattern("a/${x}", variables=False), pattern("a/b", variables=False))


def test_hostile_patterns_cost_little() -> None:
    hostile = pattern("*a" * 3000, variables=False)
    began = time.perf_counter()
    assert not includes(hostile, pattern("*a" * 3000 + "b", variables=False))
    assert overlap(hostile, pattern("a*" * 3000, variables=False))
    assert time.perf_counter() - began < 5
