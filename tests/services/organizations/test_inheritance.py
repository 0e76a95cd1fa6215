# SPDX-License-Identifier: Apache-2.0
"""The inheritance operators of management policies, by AWS's examples and by properties."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.services.organizations.inheritance import effective

ALLOWED = "@@operators_allowed_for_child_policies"


def color(**operators: Any) -> dict[str, Any]:
    """Return a tag policy about the values of one tag."""
    return {"tags": {"color": {"tag_value": {f"@@{name}": v for name, v in operators.items()}}}}


def colors(*levels: dict[str, Any]) -> Any:
    """Return the values that are in force below policies of one level each."""
    return effective([[level] for level in levels])["tags"]["color"]["tag_value"]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([color(assign=["red"])], ["red"]),
        ([color(assign=["red"]), color(assign=["blue"])], ["blue"]),
        ([color(assign=["red"]), color(append=["blue"])], ["red", "blue"]),
        ([color(assign=["red"]), color(append=["red", "blue"])], ["red", "blue"]),
        ([color(assign=["red", "blue"]), color(remove=["red"])], ["blue"]),
        ([color(append=["red"])], ["red"]),
        ([color(assign="red"), color(append="blue")], ["red", "blue"]),
        ([color(assign=["red"]), color(assign=["x"]), color(append=["y"])], ["x", "y"]),
    ],
)
def test_operators(levels: list[dict[str, Any]], expected: list[str]) -> None:
    assert colors(*levels) == expected


def test_what_is_above_may_forbid_operators_below() -> None:
    top = color(assign=["red"], operators_allowed_for_child_policies=["@@append"])
    assert colors(top, color(assign=["blue"])) == ["red"]
    assert colors(top, color(append=["blue"])) == ["red", "blue"]
    assert colors(top, color(remove=["red"], append=["blue"])) == ["red", "blue"]
    none = color(assign=["red"], operators_allowed_for_child_policies=["@@none"])
    assert colors(none, color(append=["blue"]), color(assign=["green"])) == ["red"]


def test_nobody_below_allows_more_than_those_above() -> None:
    top = color(assign=["red"], operators_allowed_for_child_policies=["@@append"])
    middle = color(operators_allowed_for_child_policies=["@@all"])
    assert colors(top, middle, color(assign=["blue"])) == ["red"]
    assert colors(top, middle, color(append=["blue"])) == ["red", "blue"]


def test_what_is_forbidden_holds_for_all_that_is_inside() -> None:
    top = {"tags": {ALLOWED: ["@@none"], "color": {"tag_value": {"@@assign": ["red"]}}}}
    assert effective([[top], [color(assign=["blue"])]]) == {
        "tags": {"color": {"tag_value": ["red"]}}
    }
    other = {"tags": {"size": {"tag_value": {"@@assign": ["big"]}}}}
    assert effective([[top], [other]]) == {"tags": {"color": {"tag_value": ["red"]}}}


def test_policies_of_one_node_add_up() -> None:
    other = {"tags": {"size": {"tag_value": {"@@assign": ["big"]}}}}
    locked = color(assign=["red"], operators_allowed_for_child_policies=["@@none"])
    assert effective([[locked, color(append=["blue"]), other]]) == {
        "tags": {"color": {"tag_value": ["red", "blue"]}, "size": {"tag_value": ["big"]}}
    }


def test_nothing_is_in_force_where_nothing_is_said() -> None:
    assert effective([]) == {}
    assert effective([[{"tags": {"color": {}}}]]) == {}


VALUES = st.lists(st.sampled_from("abcd"), max_size=4)
SETTING = {"@@assign": VALUES, "@@append": VALUES, "@@remove": VALUES}
LOCK = {ALLOWED: st.lists(st.sampled_from(["@@assign", "@@append", "@@all", "@@none"]))}
PLAIN = st.fixed_dictionaries({}, optional=SETTING)
OPERATORS = st.fixed_dictionaries({}, optional=SETTING | LOCK)
DOCUMENTS = st.recursive(
    OPERATORS, lambda inner: st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)
)


@given(st.lists(st.lists(DOCUMENTS, max_size=3), max_size=4))
def test_no_operator_is_left_in_what_is_in_force(levels: list[list[dict[str, Any]]]) -> None:
    assert "@@" not in str(effective(levels))


@given(st.dictionaries(st.sampled_from("xyz"), PLAIN), st.lists(DOCUMENTS, max_size=3))
def test_what_is_locked_at_the_top_is_not_changed(
    top: dict[str, Any], below: list[dict[str, Any]]
) -> None:
    locked = {**top, ALLOWED: ["@@none"]}
    assert effective([[locked], *([each] for each in below)]) == effective([[top]])
