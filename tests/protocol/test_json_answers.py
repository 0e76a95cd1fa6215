# SPDX-License-Identifier: Apache-2.0
"""The JSON wire: answers and errors, and what is refused as a bug of ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest

from stockade.protocol.catalogue import Catalogue, ServiceEntry, WireOperation
from stockade.protocol.errors import AwsError
from stockade.protocol.json import JSON_1_0, JSON_1_1
from stockade.protocol.malformed import SerializationFailure, ValidationFailure
from stockade.protocol.refusals import AccessDenied, MissingAuthenticationToken

_CATALOGUE = Catalogue(
    [
        ServiceEntry("kms", "kms", "TrentService"),
        ServiceEntry("secretsmanager", "secretsmanager", "secretsmanager"),
    ]
)


def operation(name: str, service: str = "kms") -> WireOperation:
    home = _CATALOGUE.service(service)
    assert home is not None
    found = home.operation(name)
    assert found is not None
    return found


def test_an_answer_is_written() -> None:
    output = {"CiphertextBlob": b"\x00\xff", "KeyId": "arn:k", "EncryptionAlgorithm": "A"}
    response = JSON_1_1.render(operation("Encrypt"), output, "an-id")
    assert response.status == 200
    assert response.headers == [
        (b"x-amzn-requestid", b"an-id"),
        (b"content-type", b"application/x-amz-json-1.1"),
    ]
    assert json.loads(response.body) == {
        "CiphertextBlob": "AP8=",
        "KeyId": "arn:k",
        "EncryptionAlgorithm": "A",
    }


def test_the_answer_speaks_the_version_of_the_request() -> None:
    response = JSON_1_0.render(operation("ListKeys"), {}, "an-id")
    assert dict(response.headers)[b"content-type"] == b"application/x-amz-json-1.0"


def test_an_operation_without_output_answers_with_an_empty_body() -> None:
    assert JSON_1_1.render(operation("DisableKey"), {}, "an-id").body == b""
    with pytest.raises(TypeError, match="has no member KeyId"):
        JSON_1_1.render(operation("DisableKey"), {"KeyId": "k"}, "an-id")


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "1767225600"),
        (datetime(2026, 1, 1, 0, 0, 0, 123000, tzinfo=UTC), "1767225600.123"),
        (datetime(1960, 1, 1, tzinfo=UTC), "-315619200"),
    ],
)
def test_moments_are_seconds_with_a_fraction_where_there_is_one(
    moment: datetime, number: str
) -> None:
    response = JSON_1_1.render(operation("ScheduleKeyDeletion"), {"DeletionDate": moment}, "an-id")
    assert response.body == f'{{"DeletionDate":{number}}}'.encode()


_SECRET = "c2VjcmV0"


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("Encrypt", {"Secret": _SECRET}),
        ("Encrypt", {"KeyId": _SECRET.encode()}),
        ("Encrypt", {"KeyId": None}),
        ("Encrypt", {"CiphertextBlob": _SECRET}),
        ("Encrypt", [_SECRET]),
        ("ListKeys", {"Keys": {"KeyId": _SECRET}}),
        ("ListKeys", {"Keys": [{"Secret": _SECRET}]}),
        ("ListKeys", {"Keys": [_SECRET]}),
        ("ListKeys", {"Truncated": 1}),
        ("DescribeKey", {"KeyMetadata": {"KeyId": "k", "Enabled": _SECRET}}),
        ("DescribeKey", {"KeyMetadata": {"KeyId": "k", "CreationDate": 1.0}}),
        ("DescribeKey", {"KeyMetadata": {"KeyId": "k", "CreationDate": datetime(2026, 1, 1)}}),  # noqa: DTZ001
        ("DescribeKey", {"KeyMetadata": {"KeyId": "k", "PendingDeletionWindowInDays": True}}),
        ("ListGrants", {"Grants": [{"Constraints": {"EncryptionContextEquals": [_SECRET]}}]}),
        ("ListGrants", {"Grants": [{"Constraints": {"EncryptionContextEquals": {"a": 1}}}]}),
        ("ListGrants", {"Grants": [{"Constraints": {"EncryptionContextEquals": {1: "a"}}}]}),
    ],
)
def test_output_that_the_model_does_not_have_is_a_bug_and_tells_no_value(
    name: str, output: Any
) -> None:
    with pytest.raises(TypeError) as bug:
        JSON_1_1.render(operation(name), output, "an-id")
    assert _SECRET not in str(bug.value)


def test_views_and_tuples_are_written_like_dicts_and_lists() -> None:
    output = MappingProxyType({"Keys": (MappingProxyType({"KeyId": "k"}),), "Truncated": False})
    response = JSON_1_1.render(operation("ListKeys"), output, "an-id")
    assert response.body == b'{"Keys":[{"KeyId":"k"}],"Truncated":false}'


class _Refused(AwsError):
    code = "NotFoundException"
    template = "Key '{arn}' does not exist"


class _Broken(AwsError):
    code = "KMSInternalException"
    status = 500
    template = "The request was rejected because an internal exception occurred."


def error(fault: AwsError, name: str | None = "Encrypt", service: str = "kms") -> tuple[int, Any]:
    response = JSON_1_1.render_error(fault, "an-id", operation(name, service) if name else None)
    assert (b"x-amzn-requestid", b"an-id") in response.headers
    return response.status, json.loads(response.body)


def test_an_error_has_its_code_and_message() -> None:
    body = {"__type": "NotFoundException", "message": "Key 'ü\"' does not exist"}
    assert error(_Refused(arn='ü"')) == (400, body)
    assert error(_Refused(arn='ü"'), None) == (400, body)


def test_an_empty_message_is_left_out_as_recorded() -> None:
    class Invalid(AwsError):
        code = "InvalidCiphertextException"

    assert error(Invalid()) == (400, {"__type": "InvalidCiphertextException"})


def test_the_message_is_spelled_as_the_model_spells_it() -> None:
    assert error(SerializationFailure("no"))[1] == {
        "__type": "SerializationException",
        "Message": "no",
    }
    assert error(ValidationFailure("no"))[1] == {"__type": "ValidationException", "message": "no"}

    class Missing(AwsError):
        code = "ResourceNotFoundException"

    assert error(Missing("no"), "GetSecretValue", "secretsmanager")[1] == {
        "__type": "ResourceNotFoundException",
        "Message": "no",
    }


def test_further_members_of_an_error_are_written_by_the_model() -> None:
    class Drift(AwsError):
        code = "DryRunOperationException"

    with pytest.raises(TypeError, match="has no member Secret"):
        error(Drift("x", members={"Secret": 1}))
    Drift.code = "NotModelled"
    with pytest.raises(TypeError, match="has no error NotModelled"):
        error(Drift("x", members={"Reason": 1}))
    assert error(Drift("x", members={"Reason": 1}), None)[1] == {
        "__type": "NotModelled",
        "message": "x",
    }


def test_the_code_depends_on_the_family() -> None:
    assert error(AccessDenied("no")) == (400, {"__type": "AccessDeniedException", "message": "no"})
    assert error(MissingAuthenticationToken())[1] == {
        "__type": "MissingAuthenticationTokenException",
        "message": "Missing Authentication Token",
    }


def test_a_failure_of_ours_tells_no_details() -> None:
    assert error(_Broken())[1]["message"] == _Broken.template
    status, body = error(_Broken("psycopg: password=hunter2 refused"))
    assert status == 500
    assert "hunter2" not in body["message"]
    assert error(_Broken(hint="hunter2"))[1]["message"] == _Broken.template
