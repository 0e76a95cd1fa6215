# SPDX-License-Identifier: Apache-2.0
"""Concurrent changes of one user: none is lost, and no quota is passed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.services.iam.helpers import ACCOUNT, allow, policy

if TYPE_CHECKING:
    import boto3

THREADS = 20
SMALL = policy(allow("s3:*"))
ALICE = {"UserName": "alice"}


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    iam = aws.client("iam")
    iam.create_user(**ALICE)
    return iam


def at_once(calls: Sequence[Callable[[], Any]]) -> list[str]:
    """Make calls at one moment, a thread for each, and return their error codes."""
    gate = Barrier(len(calls))

    def make(call: Callable[[], Any]) -> str:
        gate.wait(30)
        try:
            call()
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(make, calls))


def arn(number: int) -> str:
    return f"arn:aws:iam::{ACCOUNT}:policy/p{number}"


def test_no_change_of_a_user_is_lost(iam: Any) -> None:
    for number in range(5):
        iam.create_policy(PolicyName=f"p{number}", PolicyDocument=SMALL)
        iam.create_policy(PolicyName=f"q{number}", PolicyDocument=SMALL)
        iam.attach_user_policy(**ALICE, PolicyArn=arn(number).replace("/p", "/q"))
        iam.create_group(GroupName=f"g{number}")
    calls: list[Callable[[], Any]] = []
    for number in range(5):
        group, tag = f"g{number}", {"Key": f"t{number}", "Value": ""}
        inline = {"PolicyName": f"i{number}", "PolicyDocument": SMALL}
        old = arn(number).replace("/p", "/q")
        calls += [
            partial(iam.attach_user_policy, **ALICE, PolicyArn=arn(number)),
            partial(iam.detach_user_policy, **ALICE, PolicyArn=old),
            partial(iam.put_user_policy, **ALICE, **inline),
            partial(iam.tag_user, **ALICE, Tags=[tag]),
            partial(iam.add_user_to_group, **ALICE, GroupName=group),
        ]
    assert at_once(calls) == [""] * 25
    attached = iam.list_attached_user_policies(**ALICE)["AttachedPolicies"]
    assert [each["PolicyName"] for each in attached] == [f"p{number}" for number in range(5)]
    inline = iam.list_user_policies(**ALICE)["PolicyNames"]
    assert inline == [f"i{number}" for number in range(5)]
    tags = iam.list_user_tags(**ALICE)["Tags"]
    assert [each["Key"] for each in tags] == [f"t{number}" for number in range(5)]
    assert len(iam.list_groups_for_user(**ALICE)["Groups"]) == 5


def test_no_quota_is_passed(iam: Any) -> None:
    for number in range(THREADS):
        iam.create_policy(PolicyName=f"p{number}", PolicyDocument=SMALL)
    attaching = [
        partial(iam.attach_user_policy, **ALICE, PolicyArn=arn(number)) for number in range(THREADS)
    ]
    assert sorted(at_once(attaching)) == [""] * 10 + ["LimitExceeded"] * (THREADS - 10)
    making = partial(iam.create_access_key, **ALICE)
    assert sorted(at_once([making] * THREADS)) == [""] * 2 + ["LimitExceeded"] * (THREADS - 2)
    adding = partial(iam.create_policy_version, PolicyArn=arn(0), PolicyDocument=SMALL)
    assert sorted(at_once([adding] * THREADS)) == [""] * 4 + ["LimitExceeded"] * (THREADS - 4)


def test_a_name_is_given_once(iam: Any) -> None:
    making = partial(iam.create_user, UserName="bob")
    assert sorted(at_once([making] * THREADS)) == [""] + ["EntityAlreadyExists"] * (THREADS - 1)
