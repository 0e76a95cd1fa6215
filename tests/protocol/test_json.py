# SPDX-License-Identifier: Apache-2.0
"""The JSON wire: the bodies that AWS reads, and those that it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.protocol.catalogue import Catalogue, ServiceEntry, WireOperation
from stockade.protocol.errors import AwsError
from stockade.protocol.http import HttpRequest
from stockade.protocol.json import JSON_1_1
from stockade.protocol.malformed import SerializationFailure, ValidationFailure
from stockade.protocol.validate import Validator

_CATALOGUE = Catalogue([ServiceEntry("kms", "kms", "TrentService")])


def operation(name: str) -> WireOperation:
    home = _CATALOGUE.service("kms")
    assert home is not None
    found = home.operation(name)
    assert found is not None
    return found


def read(name: str, body: Any) -> dict[str, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    http = HttpRequest(method="POST", raw_path=b"/", body=raw)
    return JSON_1_1.read(http, operation(name))


def refusal(name: str, body: Any) -> SerializationFailure:
    with pytest.raises(SerializationFailure) as refused:
        read(name, body)
    assert refused.value.on("json") == ("SerializationException", 400)
    return refused.value


def outcome(name: str, body: Any) -> dict[str, Any] | AwsError:
    """Return params or refusal; any other exception fails the test."""
    try:
        return read(name, body)
    except AwsError as refused:
        return refused


def test_a_request_is_read() -> None:
    body = {
        "KeyId": "alias/a",
        "Plaintext": "aGVsbG8=",
        "EncryptionContext": {"a": "ü", "b": ""},
        "GrantTokens": ["t"],
        "DryRun": True,
        "Unknown": {"ignored": [1]},
        "EncryptionAlgorithm": None,
    }
    assert read("Encrypt", body) == {
        "KeyId": "alias/a",
        "Plaintext": b"hello",
        "EncryptionContext": {"a": "ü", "b": ""},
        "GrantTokens": ["t"],
        "DryRun": True,
    }


@pytest.mark.parametrize("body", [b"", b"{}", b" { } "])
def test_no_input_may_be_an_empty_body_or_an_empty_object(body: bytes) -> None:
    assert read("ListKeys", body) == {}
    assert read("GenerateRandom", body) == {}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"null",
        b'"x"',
        b"1",
        b'{"Limit": 1,}',
        b"\xff",
        b'{"Marker": "\xff"}',
        b'{"Marker": "\\ud800"}',
        b'{"Marker": "a"} x',
        b'{"Limit": NaN}',
        b'{"Limit": 1e999}',
        b'{"Limit": ' + b"9" * 5000 + b"}",
        b'{"Limit": "\\"", "Unknown": ' + b"9" * 4400 + b"}",
        b'{"Unknown": "\\"", "More": ' + b"9" * 4000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' * 400 + b"1" + b"}" * 400,
        b'{"a":' + b"[" * 900 + b"]" * 900 + b"}",
        b'\xef\xbb\xbf{"Limit": 1}',
    ],
)
def test_a_body_that_cannot_be_read_is_refused_without_a_message(body: bytes) -> None:
    result = outcome("ListKeys", body)
    # What is deep but not too deep, or large but not too large, is unknown and thus ignored.
    assert result == {} or (isinstance(result, SerializationFailure) and not result.message)


def test_a_list_in_place_of_the_object_is_refused_in_other_words() -> None:
    assert refusal("ListKeys", b"[]").message == "Start of list found where not expected"


@pytest.mark.parametrize(
    "body",
    [
        b'{"Limit": 1, "Limit": 2}',
        b'{"Limit": 1, "L\\u0069mit": 1}',
        b'{"Limit": 1, "Unknown": {"a": "\\"", "a": ""}}',
        b'{"Limit": 1, "Unknown": [{"a": 1, "a": "\\""}]}',
        b'{"Marker": "\\"", "Marker": "a"}',
        b'{"": 1, "": 2}',
    ],
)
def test_a_key_given_twice_is_refused(body: bytes) -> None:
    assert refusal("ListKeys", body).hint == "a key is given twice"


_KEYS = st.text(max_size=4) | st.sampled_from(['"', '\\"', "\\", "a", "\u2028"])
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(_KEYS, _JSON, max_size=4), st.booleans())
def test_no_document_with_different_keys_is_taken_for_one_with_equal_ones(
    document: dict[str, Any], ascii_only: bool
) -> None:
    body = json.dumps({"Unknown": document}, ensure_ascii=ascii_only).encode()
    assert read("ListKeys", body) == {}


@given(st.dictionaries(_KEYS, _JSON, min_size=1, max_size=4), st.data())
def test_every_document_with_equal_keys_is_refused(
    document: dict[str, Any], data: st.DataObject
) -> None:
    again = data.draw(st.sampled_from(sorted(document)))
    twice = json.dumps(document)[:-1] + f", {json.dumps(again)}: {json.dumps(data.draw(_JSON))}}}"
    assert refusal("ListKeys", f'{{"Unknown": {twice}}}'.encode()).hint == "a key is given twice"


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("ListKeys", {"Limit": "1"}, "STRING_VALUE can not be converted to an Integer"),
        ("ListKeys", {"Limit": True}, "TRUE_VALUE can not be converted to an Integer"),
        ("ListKeys", {"Limit": False}, "FALSE_VALUE can not be converted to an Integer"),
        ("ListKeys", {"Limit": [1]}, "Start of list found where not expected"),
        ("ListKeys", {"Limit": {}}, "Start of structure or map found where not expected."),
        ("ListKeys", {"Marker": 1}, "NUMBER_VALUE can not be converted to a String"),
        ("ListKeys", {"Marker": 1.5}, "NUMBER_VALUE can not be converted to a String"),
        ("ListKeys", {"Marker": True}, "TRUE_VALUE can not be converted to a String"),
        ("Encrypt", {"GrantTokens": [1]}, "NUMBER_VALUE can not be converted to a String"),
        ("Encrypt", {"GrantTokens": "x"}, "Expected list or null"),
        ("Encrypt", {"GrantTokens": {}}, "Start of structure or map found where not expected."),
        ("Encrypt", {"EncryptionContext": "x"}, "Expected map or null"),
        ("Encrypt", {"EncryptionContext": []}, "Start of list found where not expected"),
        (
            "Encrypt",
            {"EncryptionContext": {"a": 1}},
            "NUMBER_VALUE can not be converted to a String",
        ),
        ("Encrypt", {"Plaintext": 1}, "NUMBER_VALUE can not be converted to a Blob"),
        ("Encrypt", {"DryRun": 1}, "NUMBER_VALUE can not be converted to a Boolean"),
        ("Encrypt", {"DryRun": "abc"}, "STRING_VALUE can not be converted to an Boolean"),
        ("CreateGrant", {"Constraints": "x"}, "Expected null"),
        ("CreateGrant", {"Constraints": []}, "Start of list found where not expected"),
        (
            "ImportKeyMaterial",
            {"ValidTo": "2026-01-01T00:00:00Z"},
            "STRING_VALUE can not be converted to milliseconds since epoch",
        ),
    ],
)
def test_a_wrong_type_is_told_before_validation_in_the_words_of_aws(
    name: str, body: Any, message: str
) -> None:
    assert refusal(name, body).message == message


@pytest.mark.parametrize("text", ["abc", "a===", "????", "aGVsbG8", "aGVs\nbG8=", "ü", "aGVsbG8=="])
def test_a_blob_that_is_not_base64_is_refused_without_repeating_it(text: str) -> None:
    refused = refusal("Encrypt", {"KeyId": "k", "Plaintext": text})
    assert (refused.message, refused.hint) == ("", "a blob is not Base64")


@pytest.mark.parametrize(("text", "value"), [("true", True), ("YES", True), ("0", False)])
def test_a_text_that_names_a_boolean_is_one(text: str, value: bool) -> None:
    body = {"KeyId": "k", "Plaintext": "aGVsbG8=", "DryRun": text}
    assert read("Encrypt", body)["DryRun"] is value


def test_a_fraction_given_for_an_integer_is_cut_off() -> None:
    assert read("ListKeys", {"Limit": 7.9}) == {"Limit": 7}


@pytest.mark.parametrize("seconds", [10**18, -(10**18), 10**400])
def test_a_moment_outside_the_calendar_is_refused(seconds: int) -> None:
    body = b'{"ValidTo": %d}' % seconds
    assert refusal("ImportKeyMaterial", body).message == ""


def test_a_number_beyond_a_bounded_integer_is_told_by_validation() -> None:
    with pytest.raises(ValidationFailure, match="Value '99999999999' at 'limit'"):
        read("ListKeys", {"Limit": 99999999999})
    assert refusal("ListKeys", {"Limit": 2**63}).message == ""


@given(st.binary(max_size=200))
def test_any_bytes_give_params_or_an_aws_error(body: bytes) -> None:
    result = outcome("Encrypt", body)
    assert isinstance(result, dict) or result.on("json")[1] == 400


_MEMBERS = [
    "KeyId",
    "Plaintext",
    "EncryptionContext",
    "GrantTokens",
    "Tags",
    "Limit",
    "Constraints",
]


@given(
    st.sampled_from(["Encrypt", "CreateKey", "CreateGrant", "ImportKeyMaterial", "ListKeys"]),
    st.dictionaries(st.sampled_from(_MEMBERS), _JSON, max_size=5),
)
def test_any_json_gives_params_or_an_aws_error_that_says_why(
    name: str, document: dict[str, Any]
) -> None:
    result = outcome(name, document)
    if isinstance(result, dict):
        assert Validator(operation(name).input_shape, "kms").explain(result) == ""
    else:
        assert result.message or result.hint
