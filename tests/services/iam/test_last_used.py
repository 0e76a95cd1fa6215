# SPDX-License-Identifier: Apache-2.0
"""Dates of last use of keys, roles and services: what the audit trail saw."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.services.iam.helpers import (
    ACCOUNT,
    account,
    allow,
    policy,
    refused,
    trust,
    user,
    with_key,
)

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/reader"


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    return aws.client("iam")


def key_of(iam: Any, name: str) -> str:
    return str(iam.list_access_keys(UserName=name)["AccessKeyMetadata"][0]["AccessKeyId"])


def test_a_key_tells_its_last_use(stockade: Stockade, aws: boto3.Session, iam: Any) -> None:
    alice = user(stockade, aws, "alice", allow("kms:ListKeys"))
    key = key_of(iam, "alice")
    unused = iam.get_access_key_last_used(AccessKeyId=key)
    assert unused["UserName"] == "alice"
    assert unused["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}
    alice.client("kms", region_name="eu-central-1").list_keys()
    used = iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]
    assert (used["ServiceName"], used["Region"]) == ("kms", "eu-central-1")
    assert used["LastUsedDate"] == stockade.clock.now().replace(microsecond=0)
    stockade.travel(stockade.clock.now() + timedelta(hours=1))
    refused(alice.client("iam").list_users)
    denied = iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]
    assert (denied["ServiceName"], denied["Region"]) == ("iam", "us-east-1")
    assert denied["LastUsedDate"] - used["LastUsedDate"] == timedelta(hours=1)


def test_whoever_cannot_sign_with_a_key_does_not_use_it(
    stockade: Stockade, aws: boto3.Session, iam: Any
) -> None:
    user(stockade, aws, "alice")
    key = key_of(iam, "alice")
    thief = with_key(stockade, {"AccessKeyId": key, "SecretAccessKey": "guessed"})
    assert refused(thief.client("iam").list_users)[0] == "SignatureDoesNotMatch"
    used = iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]
    assert used["ServiceName"] == "N/A"


def test_a_key_of_nobody_is_answered_like_one_of_a_stranger(
    stockade: Stockade, aws: boto3.Session, iam: Any
) -> None:
    other = account(stockade, "111122223333").client("iam")
    theirs = other.create_access_key()["AccessKey"]["AccessKeyId"]
    alice = user(stockade, aws, "alice").client("iam")
    mine = key_of(iam, "alice")

    def text(caller: str, key: str) -> tuple[str, int, str]:
        action = "iam:GetAccessKeyLastUsed"
        resource = f"access key {key}"
        told = f"User: {caller} is not authorized to perform {action} on resource: {resource}"
        return "AccessDenied", 403, told

    for key in (theirs, "AKIAIOSFODNN7EXAMPLE", mine):
        assert refused(alice.get_access_key_last_used, AccessKeyId=key) == text(ALICE, key)
    root = f"arn:aws:iam::{ACCOUNT}:root"
    for key in (theirs, "AKIAIOSFODNN7EXAMPLE"):
        assert refused(iam.get_access_key_last_used, AccessKeyId=key) == text(root, key)


def test_a_role_tells_its_last_use(stockade: Stockade, aws: boto3.Session, iam: Any) -> None:
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust(ACCOUNT))
    sts = user(stockade, aws, "alice", allow("sts:AssumeRole")).client("sts")
    key = sts.assume_role(RoleArn=ROLE, RoleSessionName="session")["Credentials"]
    assert iam.get_role(RoleName="reader")["Role"]["RoleLastUsed"] == {}
    with_key(stockade, key).client("sts", region_name="us-west-2").get_caller_identity()
    used = iam.get_role(RoleName="reader")["Role"]["RoleLastUsed"]
    assert used["LastUsedDate"] == stockade.clock.now().replace(microsecond=0)
    iam.delete_role(RoleName="reader")
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust(ACCOUNT))
    assert iam.get_role(RoleName="reader")["Role"]["RoleLastUsed"] == {}


def report(iam: Any, arn: str, **more: str) -> dict[str, dict[str, Any]]:
    """Return the services of a report by their namespace."""
    job = iam.generate_service_last_accessed_details(Arn=arn, **more)["JobId"]
    answer = iam.get_service_last_accessed_details(JobId=job)
    assert (answer["JobStatus"], answer["IsTruncated"]) == ("COMPLETED", False)
    return {each["ServiceNamespace"]: each for each in answer["ServicesLastAccessed"]}


def test_a_report_tells_which_services_a_user_used(
    stockade: Stockade, aws: boto3.Session, iam: Any
) -> None:
    alice = user(stockade, aws, "alice", allow(["kms:*", "iam:List*"]))
    alice.client("kms", region_name="eu-central-1").list_keys()
    alice.client("kms", region_name="eu-central-1").list_aliases()
    services = report(iam, ALICE, Granularity="ACTION_LEVEL")
    assert list(services) == ["iam", "kms"]
    kms = services["kms"]
    assert kms["ServiceName"] == "AWS Key Management Service"
    assert (kms["LastAuthenticatedEntity"], kms["LastAuthenticatedRegion"]) == (
        ALICE,
        "eu-central-1",
    )
    assert [each["ActionName"] for each in kms["TrackedActionsLastAccessed"]] == [
        "ListAliases",
        "ListKeys",
    ]
    assert services["iam"]["TotalAuthenticatedEntities"] == 0
    assert "LastAuthenticated" not in services["iam"]


def test_a_report_is_as_of_its_moment_and_kept_for_a_week(
    stockade: Stockade, aws: boto3.Session, iam: Any
) -> None:
    alice = user(stockade, aws, "alice", allow("kms:*"))
    job = iam.generate_service_last_accessed_details(Arn=ALICE)["JobId"]
    stockade.travel(stockade.clock.now() + timedelta(minutes=1))
    alice.client("kms").list_keys()
    (kms,) = iam.get_service_last_accessed_details(JobId=job)["ServicesLastAccessed"]
    assert kms["TotalAuthenticatedEntities"] == 0
    stockade.travel(stockade.clock.now() + timedelta(days=7))
    assert refused(iam.get_service_last_accessed_details, JobId=job)[:2] == ("NoSuchEntity", 404)


def test_reports_on_groups_and_policies_count_everybody(
    stockade: Stockade, aws: boto3.Session, iam: Any
) -> None:
    arn = iam.create_policy(PolicyName="keys", PolicyDocument=policy(allow("kms:*")))["Policy"][
        "Arn"
    ]
    group = iam.create_group(GroupName="devs")["Group"]["Arn"]
    iam.attach_group_policy(GroupName="devs", PolicyArn=arn)
    for name in ("alice", "bob"):
        caller = user(stockade, aws, name)
        iam.add_user_to_group(GroupName="devs", UserName=name)
        iam.attach_user_policy(UserName=name, PolicyArn=arn)
        if name == "bob":
            caller.client("kms").list_keys()
    for subject in (group, arn):
        assert report(iam, subject)["kms"]["TotalAuthenticatedEntities"] == 1
        job = iam.generate_service_last_accessed_details(Arn=subject)["JobId"]
        people = iam.get_service_last_accessed_details_with_entities(
            JobId=job, ServiceNamespace="kms"
        )["EntityDetailsList"]
        used = {each["EntityInfo"]["Name"]: "LastAuthenticated" in each for each in people}
        assert used == {"alice": False, "bob": True}


def test_policies_that_grant_a_service_are_named(iam: Any) -> None:
    iam.create_user(UserName="alice")
    iam.create_group(GroupName="devs")
    iam.add_user_to_group(GroupName="devs", UserName="alice")
    power = "arn:aws:iam::aws:policy/PowerUserAccess"
    iam.attach_user_policy(UserName="alice", PolicyArn=power)
    iam.put_group_policy(
        GroupName="devs", PolicyName="people", PolicyDocument=policy(allow("iam:List*"))
    )
    answer = iam.list_policies_granting_service_access(
        Arn=ALICE, ServiceNamespaces=["kms", "iam", "organizations"]
    )["PoliciesGrantingServiceAccess"]
    managed = {"PolicyName": "PowerUserAccess", "PolicyType": "MANAGED", "PolicyArn": power}
    inline = {
        "PolicyName": "people",
        "PolicyType": "INLINE",
        "EntityType": "GROUP",
        "EntityName": "devs",
    }
    assert {each["ServiceNamespace"]: each["Policies"] for each in answer} == {
        "kms": [managed],
        "iam": [managed, inline],
        "organizations": [managed],
    }
    asked = {"Arn": f"{ALICE}x", "ServiceNamespaces": ["kms"]}
    call = iam.list_policies_granting_service_access
    assert refused(call, **asked)[:2] == ("NoSuchEntity", 404)
    asked["Arn"] = "arn:aws:iam::aws:policy/PowerUserAccess"
    assert refused(call, **asked)[:2] == ("InvalidInput", 400)
