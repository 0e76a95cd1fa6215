# SPDX-License-Identifier: Apache-2.0
"""Credentials for single services: names, API keys, secrets shown once."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from stockade.services.iam.resources import scope_of
from stockade.services.iam.service_credentials import SERVICE_CREDENTIALS
from tests.services.iam.helpers import ACCOUNT, allow, below, refused, user

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

GIT, BEDROCK = "codecommit.amazonaws.com", "bedrock.amazonaws.com"


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    iam = aws.client("iam")
    iam.create_user(UserName="alice")
    return iam


def create(iam: Any, service: str = GIT, **more: Any) -> Any:
    made = iam.create_service_specific_credential(UserName="alice", ServiceName=service, **more)
    return made["ServiceSpecificCredential"]


def named(credential: Any, who: str = "alice") -> dict[str, str]:
    return {
        "UserName": who,
        "ServiceSpecificCredentialId": credential["ServiceSpecificCredentialId"],
    }


def test_a_name_and_a_password(stockade: Stockade, iam: Any) -> None:
    made = create(iam, GIT.upper())
    assert made["ServiceName"] == GIT
    assert made["ServiceUserName"] == f"alice-at-{ACCOUNT}"
    assert len(made["ServicePassword"]) == 60
    assert made["ServiceSpecificCredentialId"].startswith("ACCA")
    second = create(iam, CredentialAgeDays=1)
    assert second["ServiceUserName"] == f"alice+1-at-{ACCOUNT}"
    assert second["ExpirationDate"] - second["CreateDate"] == timedelta(days=1)
    assert refused(create, iam=iam) == (
        "LimitExceeded",
        409,
        "Cannot exceed quota for ContextSpecificCredentialsPerUserPerContext: 2",
    )
    with below(stockade) as ctx:
        kept = ctx.unit.list(SERVICE_CREDENTIALS, scope_of(ACCOUNT))
    assert made["ServicePassword"] not in repr(kept)
    assert all(made["ServicePassword"].encode() not in each.digest for each in kept)


def test_an_api_key_wraps_its_alias(iam: Any) -> None:
    made = create(iam, BEDROCK)
    prefix, wrapped = made["ServiceCredentialSecret"][:4], made["ServiceCredentialSecret"][4:]
    alias, _, secret = base64.b64decode(wrapped).decode().partition(":")
    assert (prefix, alias) == ("ABSK", made["ServiceCredentialAlias"])
    assert len(secret) == 60


def test_a_reset_changes_the_secret_alone(stockade: Stockade, iam: Any) -> None:
    made = create(iam)
    iam.update_service_specific_credential(**named(made), Status="Inactive")
    answer = iam.reset_service_specific_credential(**named(made))
    reset = answer["ServiceSpecificCredential"]
    assert reset["ServicePassword"] != made["ServicePassword"]
    expected = {**made, "Status": "Inactive", "ServicePassword": reset["ServicePassword"]}
    assert reset == expected
    record = stockade.find_record(answer["ResponseMetadata"]["RequestId"]) or b""
    assert made["ServiceSpecificCredentialId"].encode() in record
    assert reset["ServicePassword"].encode() not in record
    wrong = refused(iam.update_service_specific_credential, **named(made), Status="Expired")
    assert wrong[2] == "Operation does not support status Expired"


def test_lists_are_of_one_user_or_of_all_and_show_no_secret(stockade: Stockade, iam: Any) -> None:
    made = [create(iam), create(iam, BEDROCK)]
    iam.update_user(UserName="alice", NewUserName="alicia")
    listed = iam.list_service_specific_credentials(UserName="alicia")
    found = listed["ServiceSpecificCredentials"]
    assert {each["UserName"] for each in found} == {"alicia"}
    assert len(found) == len(made)
    assert not any("ServicePassword" in each or "Secret" in str(each) for each in found)
    of_git = iam.list_service_specific_credentials(UserName="alicia", ServiceName=GIT)
    assert [each["ServiceUserName"] for each in of_git["ServiceSpecificCredentials"]] == [
        f"alice-at-{ACCOUNT}"
    ]
    every = iam.list_service_specific_credentials(AllUsers=True, MaxItems=1)
    assert every["IsTruncated"] is True
    both = refused(iam.list_service_specific_credentials, AllUsers=True, UserName="alicia")
    assert both[0] == "ValidationError"


def test_services_and_owners(iam: Any) -> None:
    unknown = "No such service sqs.amazonaws.com is supported for Service Specific Credentials"
    assert refused(create, iam=iam, service="sqs.amazonaws.com") == ("NoSuchEntity", 404, unknown)
    assert refused(create, iam=iam, service="a b")[2] == "ServiceName must match [a-zA-Z0-9.-]*"
    iam.create_user(UserName="bob")
    made = create(iam)
    identifier = made["ServiceSpecificCredentialId"]
    assert refused(iam.delete_service_specific_credential, **named(made, "bob")) == (
        "ValidationError",
        400,
        f"User bob does not have a service specific credential with id {identifier}",
    )
    conflict = "Cannot delete entity, must remove referenced objects first."
    assert refused(iam.delete_user, UserName="alice")[2] == conflict
    iam.delete_service_specific_credential(**named(made))
    assert refused(iam.delete_service_specific_credential, **named(made)) == (
        "NoSuchEntity",
        404,
        f"No such credential {identifier} exists",
    )


def test_policies_may_ask_for_the_service_and_the_age(
    stockade: Stockade, aws: boto3.Session, iam: Any
) -> None:
    short = allow(
        "iam:*ServiceSpecificCredential",
        Condition={
            "StringEquals": {"iam:ServiceSpecificCredentialServiceName": GIT},
            "NumericLessThanEqualsIfExists": {"iam:ServiceSpecificCredentialAgeDays": "30"},
        },
    )
    mine = user(stockade, aws, "carol", short).client("iam")
    made = create(mine, CredentialAgeDays=30)
    assert refused(create, iam=mine, CredentialAgeDays=31)[0] == "AccessDenied"
    assert refused(create, iam=mine, service=BEDROCK)[0] == "AccessDenied"
    mine.reset_service_specific_credential(**named(made))
    other = create(iam, BEDROCK)
    assert refused(mine.reset_service_specific_credential, **named(other))[0] == "AccessDenied"
