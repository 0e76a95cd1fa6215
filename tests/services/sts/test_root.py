# SPDX-License-Identifier: Apache-2.0
"""AssumeRoot: from the management account, to a member's root, for one task and no more."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from stockade.core.ports import Membership
from tests.services.iam.helpers import (
    ACCOUNT,
    OTHER,
    account,
    allow,
    policy,
    refused,
    user,
    with_key,
)
from tests.services.sts.joined import join
from tests.services.sts.records import record_of

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

AUDIT = {"arn": "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"}
DELETE = {"arn": "arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials"}
UNLOCK = {"arn": "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"}
MEMBER = f"arn:aws:iam::{OTHER}:root"
LONE = "222233334444"


def member(of: str) -> Membership:
    return Membership(
        organization_id="o-a1b2c3d4e5",
        management_account=of,
        path="o-a1b2c3d4e5/r-ab12/",
        service_control=(),
        resource_control=(),
    )


@pytest.fixture
def alice(stockade: Stockade, aws: boto3.Session) -> boto3.Session:
    """A user of the management account who may take the root of any member."""
    joined = join(stockade)
    joined.members = {ACCOUNT: member(ACCOUNT), OTHER: member(ACCOUNT)}
    iam = aws.client("iam")
    iam.enable_organizations_root_credentials_management()
    iam.enable_organizations_root_sessions()
    return user(stockade, aws, "alice", allow("sts:AssumeRoot", "arn:aws:iam::*:root"))


def root(stockade: Stockade, who: boto3.Session, task: Any = None, **more: Any) -> boto3.Session:
    answer = who.client("sts").assume_root(
        TargetPrincipal=OTHER, TaskPolicyArn=task or AUDIT, **more
    )
    return with_key(stockade, answer["Credentials"])


def test_a_members_root_does_its_task_and_nothing_else(
    stockade: Stockade, alice: boto3.Session
) -> None:
    there = account(stockade, OTHER).client("iam")
    there.create_user(UserName="bob")
    iam = root(stockade, alice).client("iam")
    iam.list_access_keys()
    assert refused(iam.list_access_keys, UserName="bob")[0] == "AccessDenied"
    assert refused(iam.list_users)[0] == "AccessDenied"
    assert refused(iam.create_access_key)[0] == "AccessDenied"


def test_a_resource_that_names_the_root_does_not_widen_the_task(
    stockade: Stockade, alice: boto3.Session
) -> None:
    kms = account(stockade, OTHER).client("kms")
    statement = {"Effect": "Allow", "Principal": {"AWS": MEMBER}, "Action": "kms:*"}
    key = kms.create_key(Policy=policy(statement | {"Resource": "*"}))["KeyMetadata"]["KeyId"]
    his = root(stockade, alice).client("kms")
    assert refused(his.describe_key, KeyId=key)[0] == "AccessDeniedException"


def test_credentials_of_a_root_can_be_taken_away(stockade: Stockade, alice: boto3.Session) -> None:
    there = account(stockade, OTHER).client("iam")
    key = there.create_access_key()["AccessKey"]
    iam = root(stockade, alice, DELETE).client("iam")
    iam.delete_access_key(AccessKeyId=key["AccessKeyId"])
    assert there.list_access_keys()["AccessKeyMetadata"] == []


def test_it_lasts_a_quarter_of_an_hour(stockade: Stockade, alice: boto3.Session) -> None:
    sts = alice.client("sts")
    answer = sts.assume_root(TargetPrincipal=MEMBER, TaskPolicyArn=AUDIT)
    ends = stockade.clock.now() + timedelta(minutes=15)
    assert answer["Credentials"]["Expiration"] == ends
    told = refused(sts.assume_root, TargetPrincipal=OTHER, TaskPolicyArn=AUDIT, DurationSeconds=901)
    assert told[0] == "ValidationError"


def test_a_task_needs_its_feature(
    stockade: Stockade, alice: boto3.Session, aws: boto3.Session
) -> None:
    iam, sts = aws.client("iam"), alice.client("sts")
    iam.disable_organizations_root_sessions()
    assert root(stockade, alice, AUDIT).client("iam").list_access_keys()
    told = refused(sts.assume_root, TargetPrincipal=OTHER, TaskPolicyArn=UNLOCK)
    mine = f"User: arn:aws:iam::{ACCOUNT}:user/alice is not authorized to perform: sts:AssumeRoot"
    assert told == ("AccessDenied", 403, f"{mine} on resource: {MEMBER}")
    iam.disable_organizations_root_credentials_management()
    iam.enable_organizations_root_sessions()
    assert refused(sts.assume_root, TargetPrincipal=OTHER, TaskPolicyArn=AUDIT) == told
    assert sts.assume_root(TargetPrincipal=OTHER, TaskPolicyArn=UNLOCK)["Credentials"]
    unknown = {"arn": f"{UNLOCK['arn']}s"}
    told = refused(sts.assume_root, TargetPrincipal=OTHER, TaskPolicyArn=unknown)
    assert told[0] == "ValidationError"


def test_members_of_others_and_the_lone_are_like_those_that_may_not_be_touched(
    stockade: Stockade, alice: boto3.Session, aws: boto3.Session
) -> None:
    sts = alice.client("sts")
    mine = f"User: arn:aws:iam::{ACCOUNT}:user/alice is not authorized to perform: sts:AssumeRoot"
    for target in (LONE, ACCOUNT):
        told = refused(sts.assume_root, TargetPrincipal=target, TaskPolicyArn=AUDIT)
        text = f"{mine} on resource: arn:aws:iam::{target}:root"
        assert told == ("AccessDenied", 403, text)
    asked = {"TargetPrincipal": OTHER, "TaskPolicyArn": AUDIT}
    assert refused(aws.client("sts").assume_root, **asked)[0] == "AccessDenied"
    inside = user(stockade, account(stockade, OTHER), "eve", allow("*")).client("sts")
    assert refused(inside.assume_root, **asked)[0] == "AccessDenied"


def test_the_task_is_one_of_awss_and_a_condition(
    stockade: Stockade, alice: boto3.Session, aws: boto3.Session
) -> None:
    sts = alice.client("sts")
    administrator = {"arn": "arn:aws:iam::aws:policy/AdministratorAccess"}
    told = refused(sts.assume_root, TargetPrincipal=OTHER, TaskPolicyArn=administrator)
    assert told[0] == "ValidationError"
    only = {"StringEquals": {"sts:TaskPolicyArn": AUDIT["arn"]}}
    aws.client("iam").put_user_policy(
        UserName="alice",
        PolicyName="inline",
        PolicyDocument=policy(allow("sts:AssumeRoot", Condition=only)),
    )
    root(stockade, alice)
    assert refused(sts.assume_root, TargetPrincipal=OTHER, TaskPolicyArn=DELETE)[0] == (
        "AccessDenied"
    )


@pytest.mark.parametrize(
    "task", ["IAMCreateRootUserPassword", "S3UnlockBucketPolicy", "SQSUnlockQueuePolicy"]
)
def test_every_task_holds(stockade: Stockade, alice: boto3.Session, task: str) -> None:
    named = {"arn": f"arn:aws:iam::aws:policy/root-task/{task}"}
    assert refused(root(stockade, alice, named).client("iam").list_users)[0] == "AccessDenied"


def test_the_record_says_that_the_root_was_assumed(
    stockade: Stockade, alice: boto3.Session
) -> None:
    answer = root(stockade, alice).client("sts").get_caller_identity()
    assert (answer["Arn"], answer["UserId"]) == (MEMBER, OTHER)
    identity = record_of(stockade, answer)["userIdentity"]
    assert identity["type"] == "Root"
    assert identity["sessionContext"]["assumedRoot"] == "true"
