# SPDX-License-Identifier: Apache-2.0
"""Readers and writers of shapes, where the services of the other tests have no such member."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec
import pytest
from botocore.model import ServiceModel

from stockade.protocol.malformed import SerializationFailure
from stockade.protocol.shapes import JsonReaders, JsonWriters
from stockade.protocol.xml import XmlWriters

_MODEL = ServiceModel(
    {
        "metadata": {},
        "operations": {},
        "shapes": {
            "Node": {
                "type": "structure",
                "members": {
                    "Long": {"shape": "Long"},
                    "Integer": {"shape": "Integer"},
                    "Bounded": {"shape": "Bounded"},
                    "Float": {"shape": "Float"},
                    "Renamed": {"shape": "Text", "locationName": "wire-name"},
                    "Iso": {"shape": "Moment", "timestampFormat": "iso8601"},
                    "Http": {"shape": "Moment", "timestampFormat": "rfc822"},
                    "Epoch": {"shape": "Moment"},
                    "Next": {"shape": "Node"},
                    "Nodes": {"shape": "Nodes"},
                    "Flat": {"shape": "FlatTexts"},
                    "FlatMap": {"shape": "FlatMap"},
                    "Document": {"shape": "Document"},
                },
            },
            "Long": {"type": "long"},
            "Integer": {"type": "integer"},
            "Bounded": {"type": "integer", "min": 1, "max": 10},
            "Float": {"type": "double"},
            "Text": {"type": "string"},
            "Moment": {"type": "timestamp"},
            "Nodes": {"type": "list", "member": {"shape": "Node"}},
            "FlatTexts": {
                "type": "list",
                "flattened": True,
                "member": {"shape": "Text", "locationName": "Item"},
            },
            "FlatMap": {
                "type": "map",
                "flattened": True,
                "key": {"shape": "Text", "locationName": "K"},
                "value": {"shape": "Text"},
            },
            "Document": {"type": "structure", "members": {}, "document": True},
        },
    },
    "x",
)
_NODE = _MODEL.shape_for("Node")
_MOMENT = datetime(2014, 4, 29, 18, 30, 38, tzinfo=UTC)


def read(value: Any) -> Any:
    return JsonReaders().reader(_NODE)(value)


def written(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(JsonWriters().writer(_NODE)(value)))


def xml(value: Any) -> str:
    parts: list[str] = []
    XmlWriters().members(_NODE)(value, parts)
    return "".join(parts)


def test_members_go_by_the_name_of_the_wire() -> None:
    assert read({"wire-name": "a", "Renamed": "ignored"}) == {"Renamed": "a"}
    assert written({"Renamed": "a"}) == {"wire-name": "a"}
    assert xml({"Renamed": "a"}) == "<wire-name>a</wire-name>"


def test_recursion_ends_with_the_value() -> None:
    value = {"Next": {"Nodes": [{"Next": {"Long": 1}}, {}]}}
    assert read(value) == value
    assert written(value) == value
    assert xml(value) == (
        "<Next><Nodes><member><Next><Long>1</Long></Next></member><member></member></Nodes></Next>"
    )


@pytest.mark.parametrize(
    ("member", "value"),
    [("Long", 2**63 - 1), ("Long", -(2**63)), ("Integer", 2**31 - 1), ("Integer", -(2**31))],
)
def test_whole_numbers_keep_their_range(member: str, value: int) -> None:
    assert read({member: value}) == {member: value}
    beyond = value + 1 if value > 0 else value - 1
    with pytest.raises(SerializationFailure):
        read({member: beyond})


def test_what_the_model_bounds_is_left_to_validation() -> None:
    assert read({"Bounded": 2**40}) == {"Bounded": 2**40}


@pytest.mark.parametrize("member", ["Long", "Float"])
def test_a_word_is_no_number(member: str) -> None:
    target = "a Long" if member == "Long" else "a Double"
    with pytest.raises(
        SerializationFailure, match=f"^STRING_VALUE can not be converted to {target}"
    ):
        read({member: "nan"})


def test_floats_may_be_what_json_has_no_number_for() -> None:
    assert read({"Float": 3}) == {"Float": 3.0}
    assert math.isnan(read({"Float": "NaN"})["Float"])
    assert read({"Float": "-Infinity"}) == {"Float": -math.inf}
    with pytest.raises(SerializationFailure):
        read({"Float": 10**400})
    for value, text in ((math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")):
        assert written({"Float": value}) == {"Float": text}
        assert xml({"Float": value}) == f"<Float>{text}</Float>"
    for wrong in ("1", True, None):
        with pytest.raises(TypeError):
            written({"Float": wrong})
        with pytest.raises(TypeError):
            xml({"Float": wrong})


def test_moments_have_the_format_of_their_member() -> None:
    value = {"Iso": _MOMENT, "Http": _MOMENT, "Epoch": _MOMENT}
    json = {
        "Iso": "2014-04-29T18:30:38Z",
        "Http": "Tue, 29 Apr 2014 18:30:38 GMT",
        "Epoch": 1398796238,
    }
    assert written(value) == json
    assert read(json) == value
    assert "<Epoch>2014-04-29T18:30:38Z</Epoch>" in xml(value)
    for member, wrong in (("Iso", "now"), ("Http", "now"), ("Iso", 1), ("Epoch", True)):
        with pytest.raises(SerializationFailure):
            read({member: wrong})


def test_documents_pass_as_they_are() -> None:
    for value in ("text", 1, [1, {"a": None}], {"a": {"b": [True]}}):
        assert read({"Document": value}) == {"Document": value}
        assert written({"Document": value}) == {"Document": value}


def test_flattened_members_have_no_element_around_them() -> None:
    assert xml({"Flat": ["a", "b"]}) == "<Item>a</Item><Item>b</Item>"
    assert xml({"FlatMap": {"a": "b"}}) == "<FlatMap><K>a</K><value>b</value></FlatMap>"


def test_an_enum_of_texts_is_a_text() -> None:
    class State(StrEnum):
        ENABLED = "Enabled"

    assert written({"Renamed": State.ENABLED}) == {"wire-name": "Enabled"}
    assert xml({"Renamed": State.ENABLED}) == "<wire-name>Enabled</wire-name>"


def test_nulls_in_lists_are_kept_for_validation_to_refuse() -> None:
    assert read({"Nodes": [None, {}], "Next": None}) == {"Nodes": [None, {}]}
