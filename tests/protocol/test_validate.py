# SPDX-License-Identifier: Apache-2.0
"""The model's constraints, in the words that are on record of AWS."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.model import DenormalizedStructureBuilder, ServiceModel
from hypothesis import given
from hypothesis import strategies as st

from stockade.protocol.catalogue import Catalogue, ServiceEntry
from stockade.protocol.malformed import ValidationFailure
from stockade.protocol.validate import Validator

_CATALOGUE = Catalogue(
    [
        ServiceEntry("kms", "kms", "TrentService"),
        ServiceEntry("iam", "iam", None),
        ServiceEntry("sts", "sts", None),
    ]
)
_FAILED = "failed to satisfy constraint: Member must"


def validator(service: str, name: str) -> Validator:
    home = _CATALOGUE.service(service)
    assert home is not None
    operation = home.operation(name)
    assert operation is not None
    return Validator(operation.input_shape, service)


def told(service: str, name: str, params: dict[str, Any]) -> str:
    with pytest.raises(ValidationFailure) as refused:
        validator(service, name).check(params)
    assert refused.value.on("json") == ("ValidationException", 400)
    assert refused.value.on("query") == ("ValidationError", 400)
    return refused.value.message


def shaped(**members: dict[str, Any]) -> Any:
    return DenormalizedStructureBuilder().with_members(members).build_model()


@pytest.mark.parametrize(
    ("name", "params", "rest"),
    [
        # Recorded from AWS by LocalStack's snapshot tests.
        (
            "GenerateRandom",
            {"NumberOfBytes": 0},
            f"Value '0' at 'numberOfBytes' {_FAILED} have value greater than or equal to 1",
        ),
        (
            "GenerateRandom",
            {"NumberOfBytes": 1025},
            f"Value '1025' at 'numberOfBytes' {_FAILED} have value less than or equal to 1024",
        ),
        (
            "Encrypt",
            {"KeyId": "k", "Plaintext": b"x" * 4097},
            f"Value at 'plaintext' {_FAILED} have length less than or equal to 4096",
        ),
        # Recorded in reports of users.
        (
            "Decrypt",
            {"CiphertextBlob": b""},
            f"Value at 'ciphertextBlob' {_FAILED} have length greater than or equal to 1",
        ),
        (
            "DescribeKey",
            {"KeyId": ""},
            f"Value '' at 'keyId' {_FAILED} have length greater than or equal to 1",
        ),
        ("DescribeKey", {}, f"Value null at 'keyId' {_FAILED} not be null"),
        (
            "CreateAlias",
            {"AliasName": "alias/my-alias!", "TargetKeyId": "k"},
            (
                f"Value 'alias/my-alias!' at 'aliasName' {_FAILED} satisfy regular expression "
                "pattern: ^[a-zA-Z0-9:/_-]+$"
            ),
        ),
        # In the same manner.
        ("Encrypt", {"KeyId": "k"}, f"Value at 'plaintext' {_FAILED} not be null"),
        (
            "Encrypt",
            {"KeyId": "k", "Plaintext": b"x", "GrantTokens": ["", "t"]},
            (
                f"Value '[, t]' at 'grantTokens' {_FAILED} satisfy constraint: "
                "[Member must have length less than or equal to 8192, "
                "Member must have length greater than or equal to 1]"
            ),
        ),
        (
            "Encrypt",
            {"KeyId": "k", "Plaintext": b"x", "GrantTokens": ["t"] * 11},
            (
                f"Value '[{', '.join('t' * 11)}]' at 'grantTokens' "
                f"{_FAILED} have length less than or equal to 10"
            ),
        ),
        (
            "Encrypt",
            {"KeyId": "k", "Plaintext": b"x", "EncryptionContext": {"a": None, "b": "c"}},
            (
                "Value '{a=null, b=c}' at 'encryptionContext' failed to satisfy constraint: "
                "Map value must satisfy constraint: [Member must not be null]"
            ),
        ),
    ],
)
def test_kms_words(name: str, params: dict[str, Any], rest: str) -> None:
    assert told("kms", name, params) == f"1 validation error detected: {rest}"


def test_an_unknown_enum_value_is_told_with_the_set() -> None:
    message = told("kms", "GenerateMac", {"Message": b"m", "KeyId": "k", "MacAlgorithm": "INVALID"})
    start, _, values = message.partition("[")
    assert start == (
        "1 validation error detected: Value 'INVALID' at 'macAlgorithm' failed to satisfy "
        "constraint: Member must satisfy enum value set: "
    )
    assert set(values.rstrip("]").split(", ")) >= {"HMAC_SHA_224", "HMAC_SHA_512"}


def test_several_errors_are_joined_and_counted() -> None:
    params = {"KeyId": "k", "Tags": [{"TagKey": "a", "TagValue": "b"}, {"TagKey": ""}]}
    assert told("kms", "TagResource", params) == (
        "2 validation errors detected: "
        f"Value '' at 'tags.2.member.tagKey' {_FAILED} have length greater than or equal to 1; "
        f"Value null at 'tags.2.member.tagValue' {_FAILED} not be null"
    )
    params = {"KeyId": "k", "Tags": [{}] * 60}
    assert told("kms", "TagResource", params).startswith("10 validation errors detected: ")


_ROLE_ARN = r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+"


@pytest.mark.parametrize(
    ("member", "value", "words"),
    [
        ("RoleArn", None, ["null|not be null"]),
        (
            "RoleArn",
            "",
            [
                f"''|satisfy regular expression pattern: {_ROLE_ARN}",
                "''|have length greater than or equal to 20",
            ],
        ),
        ("RoleArn", "not-an-arn", ["'not-an-arn'|have length greater than or equal to 20"]),
        ("RoleArn", "é" * 2048, []),
        ("RoleArn", "é" * 2049, [f"'{'é' * 2049}'|have length less than or equal to 2048"]),
        (
            "RoleArn",
            "😀" * 2048,
            [f"'{'😀' * 2048}'|satisfy regular expression pattern: {_ROLE_ARN}"],
        ),
        (
            "RoleArn",
            "😀" * 2049,
            [
                f"'{'😀' * 2049}'|satisfy regular expression pattern: {_ROLE_ARN}",
                f"'{'😀' * 2049}'|have length less than or equal to 2048",
            ],
        ),
        ("RoleArn", "é" * 1025, ["2050"]),
        ("RoleSessionName", None, ["null|not be null"]),
        ("RoleSessionName", "a", ["'a'|have length greater than or equal to 2"]),
        (
            "RoleSessionName",
            "bad/name",
            [r"'bad/name'|satisfy regular expression pattern: [\w+=,.@-]*"],
        ),
        ("RoleSessionName", "b" * 64, []),
        ("DurationSeconds", 899, ["'899'|have value greater than or equal to 900"]),
        ("DurationSeconds", 43201, ["'43201'|have value less than or equal to 43200"]),
        ("DurationSeconds", 43200, []),
    ],
)
def test_sts_words_measured_on_aws(member: str, value: Any, words: list[str]) -> None:
    params = {"RoleArn": "x" * 20, "RoleSessionName": "session", member: value}
    if words == ["2050"]:  # decomposed, so that there are 2,050 characters
        params[member] = "e\u0301" * 1025
        words = [f"'{params[member]}'|have length less than or equal to 2048"]
    params = {name: item for name, item in params.items() if item is not None}
    place = f"{member[0].lower()}{member[1:]}"
    if not words:
        assert validator("sts", "AssumeRole").check(params) is params
        return
    noun = "validation error" if len(words) == 1 else "validation errors"
    parts = [
        f"Value {shown} at '{place}' {_FAILED} {rule}"
        for shown, rule in (word.split("|", 1) for word in words)
    ]
    assert told("sts", "AssumeRole", params) == f"{len(words)} {noun} detected: {'; '.join(parts)}"


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        (
            "CreateUser",
            {},
            f"1 validation error detected: Value at 'userName' {_FAILED} not be null",
        ),
        (
            "CreateUser",
            {"UserName": "bad/name"},
            (
                "The specified value for userName is invalid. It must contain only alphanumeric "
                "characters and/or the following: +=,.@_-"
            ),
        ),
        (
            "CreateUser",
            {"UserName": "alice", "Path": "bad"},
            (
                "The specified value for path is invalid. It must begin and end with / and contain "
                "only alphanumeric characters and/or / characters."
            ),
        ),
        (
            "CreateUser",
            {"UserName": "a" * 65},
            (
                "1 validation error detected: Value at 'userName' "
                f"{_FAILED} have length less than or equal to 64"
            ),
        ),
        (
            "CreateUser",
            {"UserName": "alice", "Tags": [{"Key": "a", "Value": "b"}, {"Key": "k", "Value": "—"}]},
            (
                "1 validation error detected: Value at 'tags.2.member.value' "
                rf"{_FAILED} satisfy regular expression pattern: [\p{{L}}\p{{Z}}\p{{N}}_.:/=+\-@]*"
            ),
        ),
    ],
)
def test_iam_words(name: str, params: dict[str, Any], message: str) -> None:
    assert told("iam", name, params) == message


def test_iam_accepts_letters_of_every_script_in_tags() -> None:
    tags = [{"Key": "Straße_1:/=+-@", "Value": "日本 語٣"}, {"Key": "k", "Value": ""}]
    validator("iam", "CreateUser").check({"UserName": "alice", "Tags": tags})


def test_secrets_are_never_repeated() -> None:
    shape = shaped(
        Secret={"type": "string", "min": 10, "sensitive": True},
        Secrets={"type": "list", "member": {"type": "string", "min": 10, "sensitive": True}},
        ByName={
            "type": "map",
            "key": {"type": "string"},
            "value": {"type": "string", "min": 10, "sensitive": True},
        },
        Nested={"type": "list", "max": 0, "member": {"type": "structure", "members": {}}},
        Blob={"type": "blob", "min": 10},
    )
    message = Validator(shape, "other").explain(
        {
            "Secret": "hunter2",
            "Secrets": ["hunter2"],
            "ByName": {"a": "hunter2"},
            "Nested": [{"Secret": "hunter2"}],
            "Blob": b"hunter2",
        }
    )
    assert "hunter2" not in message
    assert message.startswith("5 validation errors detected: Value at 'secret' failed")
    assert "Value 'java.nio.HeapByteBuffer[pos=0 lim=7 cap=7]' at 'blob'" in message


def test_an_empty_list_is_shown_and_structures_are_not() -> None:
    def rules(minimum: int, maximum: int) -> Any:
        member = {"type": "structure", "members": {"A": {"type": "string"}}}
        return shaped(Items={"type": "list", "min": minimum, "max": maximum, "member": member})

    assert "Value '[]' at 'items'" in Validator(rules(1, 9), "x").explain({"Items": []})
    assert "Value at 'items'" in Validator(rules(0, 1), "x").explain({"Items": [{}, {"A": "b"}]})


def test_nested_members_of_maps_and_lists_have_paths() -> None:
    inner = {"type": "structure", "members": {"Size": {"type": "float", "max": 2}}}
    shape = shaped(
        ByName={"type": "map", "key": {"type": "string", "max": 1}, "value": inner},
        Lists={"type": "list", "member": {"type": "list", "member": inner}},
    )
    message = Validator(shape, "x").explain(
        {"ByName": {"ab": {"Size": 2.5}}, "Lists": [[{"Size": 3.0}], [None]]}
    )
    assert message == (
        "4 validation errors detected: "
        "Value at 'byName' failed to satisfy constraint: Map keys must satisfy constraint: "
        "[Member must have length less than or equal to 1]; "
        f"Value '2.5' at 'byName.ab.member.size' {_FAILED} have value less than or equal to 2.0; "
        f"Value '3.0' at 'lists.1.member.1.member.size' {_FAILED} have value less than or equal "
        f"to 2.0; Value null at 'lists.2.member.1.member' {_FAILED} not be null"
    )


def test_a_pattern_is_not_matched_against_what_is_far_too_long() -> None:
    shape = shaped(Name={"type": "string", "max": 3, "pattern": "(a|a)+b"})
    assert Validator(shape, "x").explain({"Name": "a" * 9000}) == (
        f"1 validation error detected: Value '{'a' * 9000}' at 'name' {_FAILED} have length less "
        "than or equal to 3"
    )


def test_recursive_structures_are_checked_all_the_way_down() -> None:
    model = ServiceModel(
        {
            "metadata": {},
            "operations": {},
            "shapes": {
                "Node": {
                    "type": "structure",
                    "required": ["Name"],
                    "members": {
                        "Name": {"shape": "Name"},
                        "Next": {"shape": "Node"},
                        "More": {"shape": "Nodes"},
                    },
                },
                "Nodes": {"type": "list", "member": {"shape": "Node"}},
                "Name": {"type": "string", "max": 1},
            },
        },
        "x",
    )
    checked = Validator(model.shape_for("Node"), "x")
    good = {"Name": "a", "Next": {"Name": "b", "More": [{"Name": "c"}]}}
    assert checked.check(good) is good
    bad = {"Name": "a", "Next": {"Name": "b", "More": [{"Name": "c", "Next": {}}]}}
    with pytest.raises(ValidationFailure, match=r"'next\.more\.1\.member\.next\.name'"):
        checked.check(bad)


_SHAPE = shaped(
    Text={"type": "string", "min": 1, "max": 3, "pattern": "[ab]*"},
    Kind={"type": "string", "enum": ["a", "b"]},
    Number={"type": "integer", "min": 0, "max": 5},
    Blob={"type": "blob", "min": 1},
    Items={"type": "list", "max": 2, "member": {"type": "string", "min": 1, "pattern": "a+"}},
    Pairs={
        "type": "map",
        "key": {"type": "string", "max": 1},
        "value": {"type": "list", "member": {"type": "string", "enum": ["a"]}},
    },
)
_WORD = st.text("abc", max_size=4)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "Text": _WORD,
            "Kind": _WORD,
            "Number": st.integers(-3, 8),
            "Blob": st.binary(max_size=2),
            "Items": st.lists(st.none() | _WORD, max_size=3),
            "Pairs": st.dictionaries(_WORD, st.none() | st.lists(st.none() | _WORD, max_size=2)),
        },
    ),
    st.sampled_from(["other", "kms", "iam", "sts"]),
)
def test_the_quick_test_and_the_explanation_agree(params: dict[str, Any], service: str) -> None:
    checked = Validator(_SHAPE, service)
    explanation = checked.explain(params)
    if explanation:
        with pytest.raises(ValidationFailure) as refused:
            checked.check(params)
        assert refused.value.message == explanation
    else:
        assert checked.check(params) is params
