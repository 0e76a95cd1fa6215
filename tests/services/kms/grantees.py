# SPDX-License-Identifier: Apache-2.0
"""Users, roles and their sessions for tests of grants."""

from __future__ import annotations

from typing import Any, NamedTuple

import boto3

from stockade.app import Stockade
from stockade.testing.transport import session
from tests.services.test_authorization import allow, policy, user


class Somebody(NamedTuple):
    """A principal and its KMS client."""

    arn: str
    kms: Any


def a_user(stockade: Stockade, admin: boto3.Session, name: str, document: str = "") -> Somebody:
    """Make a user, in the account of `admin`."""
    mine = user(stockade, admin, name, document)
    arn = admin.client("iam").get_user(UserName=name)["User"]["Arn"]
    return Somebody(arn, mine.client("kms"))


def a_role(admin: boto3.Session, name: str) -> str:
    """Make a role that its own account may take, and return its ARN."""
    account = admin.client("sts").get_caller_identity()["Account"]
    trust = policy(allow("sts:AssumeRole", Principal={"AWS": account}))
    for statement in ('"Resource": "*", ', ', "Resource": "*"'):
        trust = trust.replace(statement, "")
    made = admin.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    return str(made["Role"]["Arn"])


def a_session(
    stockade: Stockade, admin: boto3.Session, role_arn: str, name: str, document: str = ""
) -> Somebody:
    """Take a role; `document` is the session's policy."""
    iam, sts = admin.client("iam"), admin.client("sts")
    if "taker" not in [one["UserName"] for one in iam.list_users()["Users"]]:
        user(stockade, admin, "taker", policy(allow("sts:AssumeRole")))
    key = iam.create_access_key(UserName="taker")["AccessKey"]
    taker = session(
        stockade,
        access_key_id=key["AccessKeyId"],
        secret_access_key=key["SecretAccessKey"],
    )
    limits = {"Policy": document} if document else {}
    taken = taker.client("sts").assume_role(RoleArn=role_arn, RoleSessionName=name, **limits)
    iam.delete_access_key(UserName="taker", AccessKeyId=key["AccessKeyId"])
    del sts
    found = taken["Credentials"]
    mine = session(
        stockade,
        access_key_id=found["AccessKeyId"],
        secret_access_key=found["SecretAccessKey"],
        session_token=found["SessionToken"],
    )
    return Somebody(taken["AssumedRoleUser"]["Arn"], mine.client("kms"))
