# SPDX-License-Identifier: Apache-2.0
"""Users and role sessions for tests of grants."""

from __future__ import annotations

import json
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
    """Make a user in the account of `admin`."""
    mine = user(stockade, admin, name, document)
    arn = admin.client("iam").get_user(UserName=name)["User"]["Arn"]
    return Somebody(arn, mine.client("kms"))


def a_role(admin: boto3.Session, name: str, taker: str = "taker") -> str:
    """Make a role that the user `taker` may take, and return its ARN."""
    account = admin.client("sts").get_caller_identity()["Account"]
    trusted = {"AWS": f"arn:aws:iam::{account}:user/{taker}"}
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": trusted}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = admin.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)
    return str(made["Role"]["Arn"])


def a_taker(stockade: Stockade, admin: boto3.Session) -> boto3.Session:
    """Make the user that takes roles."""
    return user(stockade, admin, "taker", policy(allow("sts:AssumeRole")))


def a_session(
    stockade: Stockade, taker: boto3.Session, role_arn: str, name: str, document: str = ""
) -> Somebody:
    """Take a role; `document` is the session's policy."""
    limits = {"Policy": document} if document else {}
    taken = taker.client("sts").assume_role(RoleArn=role_arn, RoleSessionName=name, **limits)
    found = taken["Credentials"]
    mine = session(
        stockade,
        access_key_id=found["AccessKeyId"],
        secret_access_key=found["SecretAccessKey"],
        session_token=found["SessionToken"],
    )
    return Somebody(taken["AssumedRoleUser"]["Arn"], mine.client("kms"))
