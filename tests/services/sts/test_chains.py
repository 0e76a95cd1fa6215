# SPDX-License-Identifier: Apache-2.0
"""What a role's session hands on: source identity, transitive tags, a second factor or none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.services.iam.helpers import ACCOUNT, allow, policy, refused, trust, user, with_key
from tests.services.sts.joined import Joined, join
from tests.services.sts.records import record_of

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade
    from stockade.testing.plugin import TestClock

ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
FIRST = f"arn:aws:iam::{ACCOUNT}:role/first"
SECOND = f"arn:aws:iam::{ACCOUNT}:role/second"
DEVICE = f"arn:aws:iam::{ACCOUNT}:mfa/alice"
CONFLICT = (
    "One of the specified transitive tag keys can't be set because it conflicts with a "
    "transitive tag key from the calling session."
)
ALL = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]


class World:
    """Alice, a role that she may have, and one that this role may have."""

    def __init__(self, stockade: Stockade, aws: boto3.Session) -> None:
        self.stockade = stockade
        self.joined: Joined = join(stockade)
        self.iam = aws.client("iam")
        self.alice = user(stockade, aws, "alice")
        self.iam.create_role(RoleName="first", AssumeRolePolicyDocument=trust(ALICE, ALL))
        self.iam.create_role(RoleName="second", AssumeRolePolicyDocument=trust(FIRST, ALL))

    def trusts(self, name: str, document: str) -> None:
        self.iam.update_assume_role_policy(RoleName=name, PolicyDocument=document)

    def may(self, name: str, *statements: dict[str, Any]) -> None:
        self.iam.put_role_policy(
            RoleName=name, PolicyName="inline", PolicyDocument=policy(*statements)
        )

    def first(self, **more: Any) -> boto3.Session:
        return self.become(self.alice, FIRST, **more)

    def become(self, who: boto3.Session, role: str, **more: Any) -> boto3.Session:
        return with_key(self.stockade, self.assume(who, role, **more)["Credentials"])

    def assume(self, who: boto3.Session, role: str, **more: Any) -> Any:
        return who.client("sts").assume_role(RoleArn=role, RoleSessionName="me", **more)

    def refuses(self, who: boto3.Session, role: str, **more: Any) -> tuple[str, int, str]:
        return refused(who.client("sts").assume_role, RoleArn=role, RoleSessionName="me", **more)


@pytest.fixture
def world(stockade: Stockade, aws: boto3.Session) -> World:
    return World(stockade, aws)


def test_a_source_identity_needs_its_own_permission(world: World) -> None:
    world.trusts("first", trust(ALICE))
    assert world.refuses(world.alice, FIRST, SourceIdentity="alice")[2] == (
        f"User: {ALICE} is not authorized to perform: sts:SetSourceIdentity on resource: {FIRST}"
    )
    named = {"StringEquals": {"sts:SourceIdentity": "${aws:username}"}}
    world.trusts("first", trust(ALICE, ALL, Condition=named))
    assert world.refuses(world.alice, FIRST, SourceIdentity="bob")[0] == "AccessDenied"
    assert world.assume(world.alice, FIRST, SourceIdentity="alice")["SourceIdentity"] == "alice"
    assert world.refuses(world.alice, FIRST, SourceIdentity="aws:alice")[0] in (
        "ValidationError",
        "AccessDenied",
    )


def test_a_source_identity_goes_down_the_chain_and_is_not_changed(world: World) -> None:
    first = world.first(SourceIdentity="alice")
    assert world.refuses(first, SECOND, SourceIdentity="bob") == (
        "ValidationError",
        400,
        "The source identity is already set for this assume role session",
    )
    answer = world.assume(first, SECOND)
    assert answer["SourceIdentity"] == "alice"
    called = with_key(world.stockade, answer["Credentials"]).client("sts").get_caller_identity()
    identity = record_of(world.stockade, called)["userIdentity"]
    assert identity["sessionContext"]["sourceIdentity"] == "alice"
    world.trusts("second", trust(FIRST))
    assert "sts:SetSourceIdentity" in world.refuses(first, SECOND)[2]


def test_the_source_identity_is_a_condition_of_every_request(world: World) -> None:
    alices = {"StringEquals": {"aws:SourceIdentity": "alice"}}
    world.may("second", allow("iam:ListUsers", Condition=alices))
    world.become(world.first(SourceIdentity="alice"), SECOND).client("iam").list_users()
    nobodys = world.become(world.first(), SECOND).client("iam")
    assert refused(nobodys.list_users)[0] == "AccessDenied"


def test_transitive_tags_go_down_the_chain_and_are_not_changed(world: World) -> None:
    tags = [{"Key": "Team", "Value": "red"}, {"Key": "own", "Value": "x"}]
    first = world.first(Tags=tags, TransitiveTagKeys=["team"])
    world.may(
        "second", allow("iam:GetUser", f"arn:aws:iam::{ACCOUNT}:user/${{aws:PrincipalTag/team}}")
    )
    world.iam.create_user(UserName="red")
    world.become(first, SECOND).client("iam").get_user(UserName="red")
    again = [{"Key": "TEAM", "Value": "blue"}]
    assert world.refuses(first, SECOND, Tags=again) == (
        "InvalidParameterValue",
        400,
        CONFLICT,
    )
    world.assume(first, SECOND, Tags=[{"Key": "own", "Value": "y"}])
    third = f"arn:aws:iam::{ACCOUNT}:role/third"
    red = {"StringEquals": {"aws:RequestTag/Team": "red"}}
    world.iam.create_role(
        RoleName="third", AssumeRolePolicyDocument=trust(SECOND, ALL, Condition=red)
    )
    world.assume(world.become(first, SECOND), third)
    world.trusts("second", trust(FIRST))
    assert "sts:TagSession" in world.refuses(first, SECOND)[2]


def test_tags_contradict_nothing(world: World) -> None:
    team = {"Key": "team", "Value": "red"}
    twice = [team, {"Key": "TEAM", "Value": "x"}]
    assert world.refuses(world.alice, FIRST, Tags=twice) == (
        "InvalidParameterValue",
        400,
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    )
    absent = world.refuses(world.alice, FIRST, Tags=[team], TransitiveTagKeys=["other"])
    assert absent[0] == "InvalidParameterValue"
    reserved = [{"Key": "aws:x", "Value": "y"}]
    assert world.refuses(world.alice, FIRST, Tags=reserved)[0] == "ValidationError"


def test_transitive_keys_are_a_condition(world: World) -> None:
    only = {"ForAllValues:StringEquals": {"sts:TransitiveTagKeys": ["team"]}}
    world.trusts("first", trust(ALICE, ALL, Condition=only))
    tags = [{"Key": "team", "Value": "red"}, {"Key": "own", "Value": "x"}]
    world.first(Tags=tags, TransitiveTagKeys=["team"])
    assert (
        world.refuses(world.alice, FIRST, Tags=tags, TransitiveTagKeys=["own"])[0] == "AccessDenied"
    )


def device(world: World, *codes: str) -> None:
    alice = world.iam.get_user(UserName="alice")["User"]["UserId"]
    world.joined.devices[alice, DEVICE] = set(codes)


WITH_MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def test_a_role_may_ask_for_a_second_factor(world: World) -> None:
    device(world, "123456")
    world.trusts("first", trust(ALICE, ALL, Condition=WITH_MFA))
    assert world.refuses(world.alice, FIRST)[0] == "AccessDenied"
    wrong = world.refuses(world.alice, FIRST, SerialNumber=DEVICE, TokenCode="000000")
    assert wrong == (
        "AccessDenied",
        403,
        "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
    )
    assert world.refuses(world.alice, FIRST, SerialNumber=DEVICE)[2] == (
        "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass "
        "code."
    )
    answer = world.assume(world.alice, FIRST, SerialNumber=DEVICE, TokenCode="123456")
    called = with_key(world.stockade, answer["Credentials"]).client("sts").get_caller_identity()
    identity = record_of(world.stockade, called)["userIdentity"]
    assert identity["sessionContext"]["attributes"]["mfaAuthenticated"] == "true"
    again = world.refuses(world.alice, FIRST, SerialNumber=DEVICE, TokenCode="123456")
    assert again[0] == "AccessDenied"


def test_the_age_of_the_second_factor_counts(world: World, clock: TestClock) -> None:
    device(world, "111111", "222222")
    fresh = {"NumericLessThan": {"aws:MultiFactorAuthAge": "300"}}
    world.trusts("first", trust(ALICE, ALL, Condition=fresh))
    world.may("first", allow("iam:ListUsers", Condition=fresh))
    iam = world.first(SerialNumber=DEVICE, TokenCode="111111").client("iam")
    iam.list_users()
    clock.advance(seconds=301)
    assert refused(iam.list_users)[0] == "AccessDenied"
    shown = world.alice.client("sts").get_session_token(SerialNumber=DEVICE, TokenCode="222222")
    own = with_key(world.stockade, shown["Credentials"])
    world.assume(own, FIRST)
    clock.advance(seconds=301)
    assert world.refuses(own, FIRST)[0] == "AccessDenied"


def test_a_role_hands_no_second_factor_on(world: World) -> None:
    device(world, "123456")
    world.trusts("second", trust(FIRST, ALL))
    world.may("first", allow("iam:ListUsers", Condition=WITH_MFA))
    world.may("second", allow("iam:ListUsers", Condition=WITH_MFA))
    first = world.first(SerialNumber=DEVICE, TokenCode="123456")
    first.client("iam").list_users()
    second = world.become(first, SECOND).client("iam")
    assert refused(second.list_users)[0] == "AccessDenied"
    without = {"Bool": {"aws:MultiFactorAuthPresent": "false"}}
    world.may("second", allow("iam:ListUsers", Condition=without))
    second.list_users()


def test_provided_contexts_are_refused_by_name(world: World) -> None:
    given = [{"ProviderArn": f"arn:aws:iam::{ACCOUNT}:x", "ContextAssertion": "a" * 8}]
    told = world.refuses(world.alice, FIRST, ProvidedContexts=given)
    assert told[0] == "ValidationError"
    assert "ProvidedContexts" in told[2]


def test_the_trust_policy_may_name_a_session_and_not_the_role(world: World) -> None:
    named = f"arn:aws:sts::{ACCOUNT}:assumed-role/first/me"
    world.trusts("second", trust(named, ALL))
    world.assume(world.first(), SECOND)
    sts = world.alice.client("sts")
    other = sts.assume_role(RoleArn=FIRST, RoleSessionName="other")["Credentials"]
    assert world.refuses(with_key(world.stockade, other), SECOND)[0] == "AccessDenied"


def test_the_record_tells_what_was_asked(world: World) -> None:
    tags = [{"Key": "team", "Value": "red"}]
    answer = world.assume(
        world.alice, FIRST, Tags=tags, TransitiveTagKeys=["team"], SourceIdentity="alice"
    )
    record = record_of(world.stockade, answer)
    asked = record["requestParameters"]
    assert asked["sourceIdentity"] == "alice"
    assert asked["transitiveTagKeys"] == ["team"]
    assert record["responseElements"]["sourceIdentity"] == "alice"
    assert answer["Credentials"]["SecretAccessKey"] not in json.dumps(record)
