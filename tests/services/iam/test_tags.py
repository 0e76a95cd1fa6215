# SPDX-License-Identifier: Apache-2.0
"""Tags of users, roles, managed policies and profiles, and what policies can do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.services.iam.helpers import ACCOUNT, allow, policy, refused, trust, user

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

NAMED = {
    "user": {"UserName": "alice"},
    "role": {"RoleName": "reader"},
    "policy": {"PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/readers"},
    "instance_profile": {"InstanceProfileName": "servers"},
}


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    iam = aws.client("iam")
    iam.create_user(UserName="alice")
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust(ACCOUNT))
    iam.create_policy(PolicyName="readers", PolicyDocument=policy(allow("s3:*")))
    iam.create_instance_profile(InstanceProfileName="servers")
    return iam


def tag(key: str, value: str = "") -> dict[str, str]:
    return {"Key": key, "Value": value}


def calls(iam: Any, kind: str) -> list[Any]:
    """Return the calls that put, take off and list the tags of a kind."""
    return [getattr(iam, name) for name in (f"tag_{kind}", f"untag_{kind}", f"list_{kind}_tags")]


@pytest.mark.parametrize("kind", ["user", "role"])
def test_tags_of_who_signs_are_one_whatever_their_case(iam: Any, kind: str) -> None:
    put, take, listed = calls(iam, kind)
    put(**NAMED[kind], Tags=[tag("b", "1"), tag("a", "2"), tag("c", "3")])
    put(**NAMED[kind], Tags=[tag("B", "4")])
    take(**NAMED[kind], TagKeys=["C", "absent"])
    assert listed(**NAMED[kind])["Tags"] == [tag("B", "4"), tag("a", "2")]


@pytest.mark.parametrize("kind", ["policy", "instance_profile"])
def test_tags_of_others_are_told_apart_by_their_case(iam: Any, kind: str) -> None:
    put, take, listed = calls(iam, kind)
    put(**NAMED[kind], Tags=[tag("a", "1"), tag("A", "2"), tag("c", "3")])
    take(**NAMED[kind], TagKeys=["C", "c"])
    assert listed(**NAMED[kind])["Tags"] == [tag("A", "2"), tag("a", "1")]
    assert refused(put, **NAMED[kind], Tags=[tag("a"), tag("a")]) == (
        "InvalidInput",
        400,
        "Duplicate tag keys found.",
    )


@pytest.mark.parametrize("kind", NAMED)
def test_tags_are_listed_in_pages(iam: Any, kind: str) -> None:
    put, _, listed = calls(iam, kind)
    put(**NAMED[kind], Tags=[tag("b"), tag("a")])
    first = listed(**NAMED[kind], MaxItems=1)
    assert (first["Tags"], first["IsTruncated"]) == ([tag("a")], True)
    rest = listed(**NAMED[kind], MaxItems=1, Marker=first["Marker"])
    assert (rest["Tags"], rest["IsTruncated"]) == ([tag("b")], False)


def test_tags_are_refused_when_repeated_reserved_or_too_many(iam: Any) -> None:
    named = NAMED["user"]
    assert refused(iam.tag_user, **named, Tags=[tag("a"), tag("A")]) == (
        "InvalidInput",
        400,
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    )
    assert refused(iam.tag_user, **named, Tags=[tag("aws:a")])[0] == "InvalidInput"
    iam.tag_user(**named, Tags=[tag(f"t{number}") for number in range(50)])
    assert refused(iam.tag_user, **named, Tags=[tag("more")])[:2] == ("LimitExceeded", 409)


def test_tags_at_creation_need_the_permission_to_tag(
    stockade: Stockade, aws: boto3.Session
) -> None:
    maker = user(stockade, aws, "maker", allow("iam:CreateUser")).client("iam")
    maker.create_user(UserName="plain")
    code, _, text = refused(maker.create_user, UserName="tagged", Tags=[tag("a")])
    assert code == "AccessDenied"
    assert f"iam:TagUser on resource: arn:aws:iam::{ACCOUNT}:user/tagged" in text


def test_policies_see_tags_of_resource_request_and_principal(
    stockade: Stockade, aws: boto3.Session, iam: Any
) -> None:
    same_team = {"StringEquals": {"iam:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    only_team = {
        "StringEquals": {"aws:RequestTag/team": "red"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]},
    }
    lead = user(
        stockade,
        aws,
        "lead",
        allow("iam:GetUser", Condition=same_team),
        allow("iam:TagUser", Condition=only_team),
    ).client("iam")
    assert refused(lead.get_user, UserName="alice")[0] == "AccessDenied"
    iam.tag_user(UserName="lead", Tags=[tag("Team", "red")])
    lead.tag_user(UserName="alice", Tags=[tag("team", "red")])
    lead.get_user(UserName="alice")
    code, _, _ = refused(lead.tag_user, UserName="alice", Tags=[tag("team", "red"), tag("x")])
    assert code == "AccessDenied"
    iam.tag_user(UserName="lead", Tags=[tag("team", "blue")])
    assert refused(lead.get_user, UserName="alice")[0] == "AccessDenied"
