# SPDX-License-Identifier: Apache-2.0
"""Globs, ARN patterns and Resource elements."""

from __future__ import annotations

import sys
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.policy import match
from stockade.policy.match import actions, arn_of, glob, resources
from stockade.policy.variables import static, tokenize

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


def slow_glob(pattern: str, text: str) -> bool:
    """Match by the definition."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(slow_glob(pattern[1:], text[cut:]) for cut in range(len(text) + 1))
    return bool(text) and pattern[0] in {"?", text[0]} and slow_glob(pattern[1:], text[1:])


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("*", "anything", True),
        ("**", "", True),
        ("?", "", False),
        ("?", "a", True),
        ("?", "ab", False),
        ("abc", "abc", True),
        ("abc", "abcd", False),
        ("a*", "a", True),
        ("*c", "abc", True),
        ("a*c", "ac", True),
        ("ab*bc", "abc", False),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "acb", False),
        ("*a?c*", "xxabcxx", True),
        ("*a?c*", "xxacbxx", False),
        ("*?", "", False),
        ("??*", "a", False),
        ("a?*?b", "axyb", True),
        ("a?*?b", "axb", False),
        ("*aab", "aaab", True),
        ("*aa*a*", "aa", False),
        ("*aa*a*", "aaa", True),
        ("*?b*?d*", "abcd", True),
        ("a.b", "axb", False),
        ("[ab]", "a", False),
    ],
)
def test_globs(pattern: str, value: str, matches: bool) -> None:
    assert glob(pattern)(value) is matches
    assert slow_glob(pattern, value) is matches


def words(alphabet: str, longest: int) -> list[str]:
    return ["".join(word) for size in range(longest + 1) for word in product(alphabet, repeat=size)]


def test_globs_match_by_the_definition() -> None:
    values = words("ab", 4)
    for pattern in words("ab*?", 5):
        matches = glob(pattern)
        for value in values:
            assert matches(value) is slow_glob(pattern, value), (pattern, value)


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=20))
def test_longer_globs_match_by_the_definition(pattern: str, value: str) -> None:
    assert glob(pattern)(value) is slow_glob(pattern, value)


def steps(call: Callable[[], Any]) -> int:
    """Count the lines of the matcher and the C functions that a call runs."""
    count = 0

    def lines(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        if frame.f_code.co_filename != match.__file__:
            return None
        count += event == "line"
        return lines

    def functions(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "c_call"

    tracer, profiler = sys.gettrace(), sys.getprofile()
    sys.settrace(lines)
    sys.setprofile(functions)
    try:
        call()
    finally:
        sys.setprofile(profiler)
        sys.settrace(tracer)
    return count


@pytest.mark.parametrize(
    "hostile",
    [
        lambda size: ("*a" * size + "*b", "a" * 4 * size),
        lambda size: ("*a?" * size + "*b", "a" * 4 * size),
        lambda size: ("*" + "a" * size + "?b*c", "a" * 4 * size),
        lambda size: ("*" * size + "b", "a" * 4 * size),
        lambda size: ("?" * size + "*b", "a" * 4 * size),
        lambda size: ("*?" * size + "b", "a" * 4 * size),
    ],
)
def test_hostile_globs_take_linear_time(hostile: Callable[[int], tuple[str, str]]) -> None:
    counts = []
    for size in (250, 500, 1000):
        pattern, value = hostile(size)
        assert not glob(pattern)(value)
        counts.append(steps(partial(glob(pattern), value)))
    assert counts[1] <= 2.2 * counts[0] + 50
    assert counts[2] <= 2.2 * counts[1] + 50


def test_a_pattern_longer_than_the_value_costs_nothing() -> None:
    matches = glob("*" + "?" * 50_000 + "x*")
    assert steps(lambda: matches("short")) < 50


def test_actions_know_no_case_and_no_blanks() -> None:
    matches = actions(["KMS:De*", " s3:Get", "s3:Put,"])
    assert matches("kms:decrypt")
    assert not matches("s3:get")
    assert not matches("s3:put")


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        ("arn:aws:s3:::b", "arn:aws:s3:::b", True),
        ("arn:aws:iam::*:role/*", "arn:aws:iam::1:role/a/b:c", True),
        ("arn:aws:iam::*", "arn:aws:iam::1:role/a", False),
        ("arn:aws:iam::*:*", "arn:aws:iam::1:role/a", True),
        ("arn:*role/a", "arn:aws:iam::1:role/a", False),
        ("arn:aws:iam::1?:user/x", "arn:aws:iam::12:user/x", True),
        ("arn:aws:iam::?:user/x", "arn:aws:iam:::user/x", False),
        ("*", "arn:aws:iam::1:role/a", True),
        ("*", "no arn", False),
        ("**", "arn:aws:iam::1:role/a", False),
        ("arn:aws:s3:::b", "arn:aws:s3:::B", False),
        ("short", "short", False),
    ],
)
def test_arn_patterns_look_at_each_field(pattern: str, value: str, matches: bool) -> None:
    tokens = static(tokenize(pattern, variables=False, wildcards=True))
    assert tokens is not None
    assert arn_of(tokens)(value) is matches


def resource_matches(
    *patterns: str, value: str, negated: bool = False, variables: bool = True, **context: str
) -> bool:
    test = resources(patterns, negated=negated, variables=variables)
    found = {key.replace("_", ":"): (one,) for key, one in context.items()}
    return test is None or test(value, found.get)


def test_resources_know_case_and_cross_colons() -> None:
    assert resource_matches("arn:aws:s3:::b/*", value="arn:aws:s3:::b/x")
    assert not resource_matches("arn:aws:s3:::b/*", value="arn:aws:s3:::B/x")
    assert resource_matches("arn:aws:kms:*:key/1", value="arn:aws:kms:us-east-1:1:key/1")
    assert resource_matches("x", "arn:aws:s3:::b", value="arn:aws:s3:::b")


def test_only_a_wildcard_means_the_absence_of_a_resource() -> None:
    assert resource_matches("*", value="*")
    assert not resource_matches("arn:aws:s3:::*", value="*")
    assert resource_matches("arn:aws:s3:::*", value="*", negated=True)


def test_not_resource_leaves_out_what_it_names() -> None:
    assert not resource_matches("a*", "b*", value="bc", negated=True)
    assert resource_matches("a*", "b*", value="c", negated=True)
    assert not resource_matches("*", value="c", negated=True)


def test_variables_in_resources() -> None:
    home = "arn:aws:s3:::b/${aws:username}/*"
    assert resource_matches(home, value="arn:aws:s3:::b/al/x", aws_username="al")
    assert not resource_matches(home, value="arn:aws:s3:::b/bo/x", aws_username="al")
    assert not resource_matches(home, value="arn:aws:s3:::b/bo/x", aws_username="*")
    assert resource_matches(home, value="arn:aws:s3:::b/*/x", aws_username="*")
    assert not resource_matches(home, value=home.replace("*", "x"), variables=True)
    assert resource_matches(home, value=home.replace("*", "x"), variables=False)


def test_an_unresolved_variable_spoils_its_own_pattern_only() -> None:
    assert resource_matches("a/${k:none}", "a/*", value="a/b")
    assert not resource_matches("a/${k:none}", value="a/b")


def test_an_unresolved_variable_spoils_a_whole_not_resource() -> None:
    assert not resource_matches("a/${k:none}", "c", value="b", negated=True)
    assert resource_matches("a/${k:user}", "c", value="b", negated=True, k_user="u")
    assert not resource_matches("a/${k:user}", "c", value="a/u", negated=True, k_user="u")
