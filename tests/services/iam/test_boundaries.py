# SPDX-License-Identifier: Apache-2.0
"""Permissions boundaries: how far rights reach, who has one, and the key that demands one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.services.iam.helpers import (
    ACCOUNT,
    ADMINISTRATOR,
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

BOUNDS = f"arn:aws:iam::{ACCOUNT}:policy/bounds"
NONE = f"arn:aws:iam::{ACCOUNT}:policy/none"
SHOWN = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": BOUNDS}


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    iam = aws.client("iam")
    iam.create_policy(PolicyName="bounds", PolicyDocument=policy(allow("iam:Get*")))
    return iam


def test_a_boundary_is_put_shown_and_taken_away(iam: Any) -> None:
    made = iam.create_user(UserName="alice", PermissionsBoundary=BOUNDS)["User"]
    assert made["PermissionsBoundary"] == SHOWN
    assert iam.get_user(UserName="alice")["User"] == made
    assert "PermissionsBoundary" not in iam.list_users()["Users"][0]
    role = iam.create_role(
        RoleName="reader",
        AssumeRolePolicyDocument=trust(ACCOUNT),
        PermissionsBoundary=BOUNDS,
    )["Role"]
    assert role["PermissionsBoundary"] == SHOWN
    for who in ({"UserName": "alice"}, {"RoleName": "reader"}):
        kind = next(iter(who)).removesuffix("Name").lower()
        drop = getattr(iam, f"delete_{kind}_permissions_boundary")
        put = getattr(iam, f"put_{kind}_permissions_boundary")
        drop(**who)
        assert refused(drop, **who)[:2] == ("NoSuchEntity", 404)
        put(**who, PermissionsBoundary=ADMINISTRATOR)
        shown = getattr(iam, f"get_{kind}")(**who)[kind.title()]["PermissionsBoundary"]
        assert shown["PermissionsBoundaryArn"] == ADMINISTRATOR


@pytest.mark.parametrize(
    ("arn", "answer"),
    [
        (
            f"arn:aws:iam::{ACCOUNT}:not_a_policy/invalid",
            ("InvalidInput", 400, f"ARN arn:aws:iam::{ACCOUNT}:not_a_policy/invalid is not valid."),
        ),
        (
            NONE,
            (
                "NoSuchEntity",
                404,
                f"Scope ARN: {NONE} does not exist or is not attachable.",
            ),
        ),
    ],
)
def test_what_is_no_policy_is_no_boundary(iam: Any, arn: str, answer: Any) -> None:
    iam.create_user(UserName="alice")
    assert refused(iam.create_user, UserName="bob", PermissionsBoundary=arn) == answer
    bound = {"UserName": "alice", "PermissionsBoundary": arn}
    assert refused(iam.put_user_permissions_boundary, **bound) == answer


def test_a_boundary_bounds_a_user(stockade: Stockade, aws: boto3.Session, iam: Any) -> None:
    alice = user(stockade, aws, "alice", allow("iam:*")).client("iam")
    alice.list_users()
    iam.put_user_permissions_boundary(UserName="alice", PermissionsBoundary=BOUNDS)
    alice.get_user()
    text = refused(alice.list_users)[2]
    assert "because no permissions boundary allows the iam:ListUsers action" in text
    iam.create_policy_version(
        PolicyArn=BOUNDS, PolicyDocument=policy(allow("iam:List*")), SetAsDefault=True
    )
    alice.list_users()
    assert refused(alice.get_user)[0] == "AccessDenied"
    iam.delete_user_permissions_boundary(UserName="alice")
    alice.get_user()


def test_a_boundary_bounds_the_sessions_of_a_role(
    stockade: Stockade, aws: boto3.Session, iam: Any
) -> None:
    iam.create_role(RoleName="admin", AssumeRolePolicyDocument=trust(ACCOUNT))
    iam.attach_role_policy(RoleName="admin", PolicyArn=ADMINISTRATOR)
    role = f"arn:aws:iam::{ACCOUNT}:role/admin"
    sts = user(stockade, aws, "alice", allow("sts:AssumeRole")).client("sts")
    key = sts.assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
    session = with_key(stockade, key).client("iam")
    session.list_users()
    iam.put_role_permissions_boundary(RoleName="admin", PermissionsBoundary=BOUNDS)
    session.get_role(RoleName="admin")
    assert refused(session.list_users)[0] == "AccessDenied"
    iam.delete_role_permissions_boundary(RoleName="admin")
    session.list_users()


def test_a_delegate_can_be_held_to_a_boundary(
    stockade: Stockade, aws: boto3.Session, iam: Any
) -> None:
    within = {"StringEquals": {"iam:PermissionsBoundary": BOUNDS}}
    actions = ["iam:CreateUser", "iam:AttachUserPolicy", "iam:PutUserPermissionsBoundary"]
    delegate = user(stockade, aws, "delegate", allow(actions, Condition=within)).client("iam")
    iam.create_user(UserName="free")
    assert refused(delegate.create_user, UserName="bob")[0] == "AccessDenied"
    assert (
        refused(delegate.create_user, UserName="bob", PermissionsBoundary=ADMINISTRATOR)[0]
        == "AccessDenied"
    )
    delegate.create_user(UserName="bob", PermissionsBoundary=BOUNDS)
    delegate.attach_user_policy(UserName="bob", PolicyArn=ADMINISTRATOR)
    attach_free = {"UserName": "free", "PolicyArn": ADMINISTRATOR}
    assert refused(delegate.attach_user_policy, **attach_free)[0] == "AccessDenied"
    delegate.put_user_permissions_boundary(UserName="free", PermissionsBoundary=BOUNDS)
    delegate.attach_user_policy(**attach_free)
    away = {"UserName": "bob", "PermissionsBoundary": ADMINISTRATOR}
    assert refused(delegate.put_user_permissions_boundary, **away)[0] == "AccessDenied"


def test_a_policy_tells_whom_it_bounds(iam: Any) -> None:
    iam.create_user(UserName="alice", PermissionsBoundary=BOUNDS)
    iam.create_user(UserName="bob")
    iam.attach_user_policy(UserName="bob", PolicyArn=BOUNDS)

    def users(**filters: str) -> list[str]:
        found = iam.list_entities_for_policy(PolicyArn=BOUNDS, **filters)["PolicyUsers"]
        return [each["UserName"] for each in found]

    def policies(**filters: str) -> list[str]:
        return [each["PolicyName"] for each in iam.list_policies(**filters)["Policies"]]

    assert users() == ["alice", "bob"]
    assert users(PolicyUsageFilter="PermissionsBoundary") == ["alice"]
    assert users(PolicyUsageFilter="PermissionsPolicy") == ["bob"]
    shown = iam.get_policy(PolicyArn=BOUNDS)["Policy"]
    assert (shown["AttachmentCount"], shown["PermissionsBoundaryUsageCount"]) == (1, 1)
    assert policies(PolicyUsageFilter="PermissionsBoundary") == ["bounds"]
    iam.detach_user_policy(UserName="bob", PolicyArn=BOUNDS)
    assert policies(PolicyUsageFilter="PermissionsPolicy") == []
    assert refused(iam.delete_policy, PolicyArn=BOUNDS) == (
        "DeleteConflict",
        409,
        "Cannot delete a policy attached to entities.",
    )
    iam.delete_user(UserName="alice")
    iam.delete_policy(PolicyArn=BOUNDS)
