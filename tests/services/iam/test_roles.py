# SPDX-License-Identifier: Apache-2.0
"""Roles and their trust policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.services.iam.helpers import ACCOUNT, ADMINISTRATOR, allow, policy, refused, trust

if TYPE_CHECKING:
    import boto3

TRUST = trust(ACCOUNT)


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    return aws.client("iam")


def test_a_role_is_shown_as_it_was_made(iam: Any) -> None:
    made = iam.create_role(
        RoleName="reader",
        Path="/eng/",
        AssumeRolePolicyDocument=TRUST,
        Description="who reads",
        MaxSessionDuration=7200,
        Tags=[{"Key": "team", "Value": "red"}],
    )["Role"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/eng/reader"
    assert made["RoleId"].startswith("AROA")
    assert made["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"AWS": ACCOUNT}
    told = {"MaxSessionDuration": 7200, "Description": "who reads"}
    assert iam.get_role(RoleName="READER")["Role"] == made | told | {"RoleLastUsed": {}}
    (listed,) = iam.list_roles(PathPrefix="/eng/")["Roles"]
    assert listed == {key: value for key, value in (made | told).items() if key != "Tags"}
    assert iam.list_roles(PathPrefix="/ops/")["Roles"] == []


def test_a_role_name_is_unique_whatever_its_case(iam: Any) -> None:
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=TRUST)
    again = refused(iam.create_role, RoleName="Reader", AssumeRolePolicyDocument=TRUST)
    assert again == ("EntityAlreadyExists", 409, "Role with name Reader already exists.")
    assert refused(iam.get_role, RoleName="writer") == (
        "NoSuchEntity",
        404,
        "The role with name writer cannot be found.",
    )


def test_a_role_is_changed(iam: Any) -> None:
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=TRUST)
    iam.update_role(RoleName="reader", Description="a", MaxSessionDuration=43200)
    iam.update_role(RoleName="reader")
    role = iam.get_role(RoleName="reader")["Role"]
    assert (role["Description"], role["MaxSessionDuration"]) == ("a", 43200)
    changed = iam.update_role_description(RoleName="reader", Description="b")["Role"]
    assert changed["Description"] == "b"
    open_to_all = trust("*")
    iam.update_assume_role_policy(RoleName="reader", PolicyDocument=open_to_all)
    shown = iam.get_role(RoleName="reader")["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"] == {"AWS": "*"}


@pytest.mark.parametrize(
    "principal",
    [
        f"arn:aws:iam::{ACCOUNT}:user/nobody",
        f"arn:aws:iam::{ACCOUNT}:role/nothing",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/nothing/session",
        "arn:aws:iam::111122223333:user/eng/nobody",
    ],
)
def test_a_trust_policy_names_who_exists(iam: Any, principal: str) -> None:
    told = refused(iam.create_role, RoleName="reader", AssumeRolePolicyDocument=trust(principal))
    assert told == (
        "MalformedPolicyDocument",
        400,
        f'Invalid principal in policy: "AWS":"{principal}"',
    )


def test_a_trust_policy_may_name_users_roles_sessions_accounts_and_services(iam: Any) -> None:
    iam.create_user(UserName="alice", Path="/eng/")
    iam.create_role(RoleName="first", AssumeRolePolicyDocument=TRUST)
    named = [
        f"arn:aws:iam::{ACCOUNT}:user/eng/alice",
        f"arn:aws:iam::{ACCOUNT}:role/first",
        f"arn:aws:sts::{ACCOUNT}:assumed-role/first/anybody",
        "arn:aws:iam::111122223333:root",
        "111122223333",
    ]
    service = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    iam.create_role(RoleName="second", AssumeRolePolicyDocument=trust(named))
    iam.create_role(RoleName="third", AssumeRolePolicyDocument=policy(service))


def test_a_trust_policy_is_neither_malformed_nor_too_long(iam: Any) -> None:
    with_resource = policy(allow("sts:AssumeRole") | {"Principal": {"AWS": ACCOUNT}})
    told = refused(iam.create_role, RoleName="r", AssumeRolePolicyDocument=with_resource)
    assert told == ("MalformedPolicyDocument", 400, "Has prohibited field Resource")
    long = trust(ACCOUNT, Sid="a" * 2_048)
    told = refused(iam.create_role, RoleName="r", AssumeRolePolicyDocument=long)
    assert told == ("LimitExceeded", 409, "Cannot exceed quota for ACLSizePerRole: 2048")


def test_a_role_goes_after_its_policies(iam: Any) -> None:
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=TRUST)
    iam.attach_role_policy(RoleName="reader", PolicyArn=ADMINISTRATOR)
    iam.put_role_policy(
        RoleName="reader", PolicyName="inline", PolicyDocument=policy(allow("s3:*"))
    )
    assert refused(iam.delete_role, RoleName="reader") == (
        "DeleteConflict",
        409,
        "Cannot delete entity, must detach all policies first.",
    )
    iam.detach_role_policy(RoleName="reader", PolicyArn=ADMINISTRATOR)
    assert refused(iam.delete_role, RoleName="reader")[2] == (
        "Cannot delete entity, must delete policies first."
    )
    iam.delete_role_policy(RoleName="reader", PolicyName="inline")
    iam.delete_role(RoleName="reader")
    assert refused(iam.get_role, RoleName="reader")[0] == "NoSuchEntity"
