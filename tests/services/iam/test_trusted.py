# SPDX-License-Identifier: Apache-2.0
"""Trust policies mean who was there when they were put, and not who takes a name later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.services.iam.helpers import ACCOUNT, OTHER, account, allow, refused, trust, user

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/vault"
ASSUME = {"RoleArn": ROLE, "RoleSessionName": "session"}


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    return aws.client("iam")


def principals(iam: Any) -> Any:
    """Return whom the role trusts, as every answer shows it."""
    (listed,) = iam.list_roles()["Roles"]
    shown = iam.get_role(RoleName="vault")["Role"]
    assert listed["AssumeRolePolicyDocument"] == shown["AssumeRolePolicyDocument"]
    details = iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"][0]
    assert details["AssumeRolePolicyDocument"] == shown["AssumeRolePolicyDocument"]
    return shown["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"]


def drop(iam: Any, name: str) -> None:
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)


def test_who_takes_a_name_is_not_trusted(stockade: Stockade, aws: boto3.Session, iam: Any) -> None:
    alice = user(stockade, aws, "alice")
    first = iam.get_user(UserName="alice")["User"]["UserId"]
    root = f"arn:aws:iam::{ACCOUNT}:root"
    iam.create_role(RoleName="vault", AssumeRolePolicyDocument=trust([ALICE, root]))
    alice.client("sts").assume_role(**ASSUME)
    assert principals(iam) == [ALICE, root]
    drop(iam, "alice")
    assert principals(iam) == [first, root]
    impostor = user(stockade, aws, "alice")
    assert principals(iam) == [first, root]
    assert refused(impostor.client("sts").assume_role, **ASSUME)[0] == "AccessDenied"
    iam.update_assume_role_policy(RoleName="vault", PolicyDocument=trust(ALICE))
    assert principals(iam) == ALICE
    impostor.client("sts").assume_role(**ASSUME)


def test_an_id_cannot_be_put_for_a_name(stockade: Stockade, aws: boto3.Session, iam: Any) -> None:
    user(stockade, aws, "alice")
    iam.create_role(RoleName="vault", AssumeRolePolicyDocument=trust(ALICE))
    drop(iam, "alice")
    call = iam.update_assume_role_policy
    code, _, text = refused(call, RoleName="vault", PolicyDocument=trust(principals(iam)))
    assert code == "MalformedPolicyDocument"
    assert text.startswith("Invalid principal in policy")


def test_who_is_renamed_stays_trusted(stockade: Stockade, aws: boto3.Session, iam: Any) -> None:
    other = account(stockade, OTHER)
    bob = user(stockade, other, "bob", allow("sts:AssumeRole")).client("sts")
    old = f"arn:aws:iam::{OTHER}:user/bob"
    iam.create_role(RoleName="vault", AssumeRolePolicyDocument=trust(old))
    bob.assume_role(**ASSUME)
    other.client("iam").update_user(UserName="bob", NewUserName="robert", NewPath="/eng/")
    assert principals(iam) == f"arn:aws:iam::{OTHER}:user/eng/robert"
    bob.assume_role(**ASSUME)
    impostor = user(stockade, other, "bob", allow("sts:AssumeRole")).client("sts")
    assert refused(impostor.assume_role, **ASSUME)[0] == "AccessDenied"


def test_a_role_made_anew_is_not_trusted(iam: Any) -> None:
    inner = f"arn:aws:iam::{ACCOUNT}:role/inner"
    made = iam.create_role(RoleName="inner", AssumeRolePolicyDocument=trust(ACCOUNT))["Role"]
    iam.create_role(RoleName="vault", AssumeRolePolicyDocument=trust(inner))
    iam.delete_role(RoleName="inner")
    assert principals(iam) == made["RoleId"]
