# SPDX-License-Identifier: Apache-2.0
"""AssumeRole: who may, for how long, with what limits, and when a session ends."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.core.ids import account_of, system_random
from stockade.services.iam.credentials import IamDirectory
from stockade.services.sts.errors import PackedPolicyTooLarge
from stockade.services.sts.packing import packed_percentage
from tests.services.iam.helpers import (
    ACCOUNT,
    ADMINISTRATOR,
    OTHER,
    account,
    allow,
    deny,
    policy,
    refused,
    trust,
    user,
    with_key,
)

if TYPE_CHECKING:
    from stockade.app import Stockade
    from stockade.testing.plugin import TestClock

ROLE = f"arn:aws:iam::{ACCOUNT}:role/reader"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"

CHAINED = (
    "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
    "chaining."
)


def denied(caller: str, action: str = "sts:AssumeRole", role: str = ROLE) -> tuple[str, int, str]:
    text = f"User: {caller} is not authorized to perform: {action} on resource: {role}"
    return "AccessDenied", 403, text


class World:
    """Alice, who has no permissions, and a role that trusts her."""

    def __init__(self, stockade: Stockade, aws: boto3.Session) -> None:
        self.stockade = stockade
        self.iam = aws.client("iam")
        self.alice = user(stockade, aws, "alice")
        self.sts = self.alice.client("sts")
        self.iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust(ALICE))

    def may(self, *statements: dict[str, Any]) -> None:
        self.iam.put_role_policy(
            RoleName="reader", PolicyName="inline", PolicyDocument=policy(*statements)
        )

    def trusts(self, document: str) -> None:
        self.iam.update_assume_role_policy(RoleName="reader", PolicyDocument=document)

    def assume(self, **more: Any) -> Any:
        return self.sts.assume_role(**({"RoleArn": ROLE, "RoleSessionName": "me"} | more))

    def refuses(self, **more: Any) -> tuple[str, int, str]:
        arguments = {"RoleArn": ROLE, "RoleSessionName": "me"} | more
        return refused(self.sts.assume_role, **arguments)

    def become(self, **more: Any) -> boto3.Session:
        return with_key(self.stockade, self.assume(**more)["Credentials"])


@pytest.fixture
def world(stockade: Stockade, aws: boto3.Session) -> World:
    return World(stockade, aws)


def test_a_session_is_shown_in_full(world: World, stockade: Stockade) -> None:
    answer = world.assume()
    credentials, assumed = answer["Credentials"], answer["AssumedRoleUser"]
    role = world.iam.get_role(RoleName="reader")["Role"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    assert account_of(credentials["AccessKeyId"]) == ACCOUNT
    assert credentials["Expiration"] == stockade.clock.now() + timedelta(hours=1)
    assert assumed == {
        "AssumedRoleId": f"{role['RoleId']}:me",
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/me",
    }
    assert "PackedPolicySize" not in answer
    identity = with_key(stockade, credentials).client("sts").get_caller_identity()
    assert identity["Arn"] == assumed["Arn"]
    assert identity["UserId"] == assumed["AssumedRoleId"]


def test_a_session_has_the_permissions_of_the_role(world: World) -> None:
    iam = world.become().client("iam")
    code, _, text = refused(iam.list_users)
    assert code == "AccessDenied"
    assert text.startswith(f"User: arn:aws:sts::{ACCOUNT}:assumed-role/reader/me is not authorized")
    world.may(allow("iam:ListUsers"))
    iam.list_users()
    world.iam.delete_role_policy(RoleName="reader", PolicyName="inline")
    assert refused(iam.list_users)[0] == "AccessDenied"
    world.iam.attach_role_policy(RoleName="reader", PolicyArn=ADMINISTRATOR)
    iam.list_users()


def test_in_the_account_naming_the_caller_suffices(world: World) -> None:
    world.assume()
    world.trusts(trust(f"arn:aws:iam::{OTHER}:root"))
    assert world.refuses() == denied(ALICE)


def test_naming_the_account_delegates_to_it(world: World) -> None:
    world.trusts(trust(ACCOUNT))
    assert world.refuses() == denied(ALICE)
    world.iam.put_user_policy(
        UserName="alice", PolicyName="p", PolicyDocument=policy(allow("sts:AssumeRole", ROLE))
    )
    world.assume()


def test_a_deny_of_the_callers_own_policies_wins(world: World) -> None:
    world.iam.put_user_policy(
        UserName="alice", PolicyName="p", PolicyDocument=policy(deny("sts:*"))
    )
    assert world.refuses()[:2] == ("AccessDenied", 403)


def test_across_accounts_both_sides_have_to_agree(stockade: Stockade, world: World) -> None:
    there = account(stockade, OTHER)
    eve = f"arn:aws:iam::{OTHER}:user/eve"
    sts = user(stockade, there, "eve").client("sts")
    world.trusts(trust(eve))
    request = {"RoleArn": ROLE, "RoleSessionName": "me"}
    assert refused(sts.assume_role, **request) == denied(eve)
    may = policy(allow("sts:AssumeRole", ROLE))
    there.client("iam").put_user_policy(UserName="eve", PolicyName="p", PolicyDocument=may)
    session = with_key(stockade, sts.assume_role(**request)["Credentials"])
    assert session.client("sts").get_caller_identity()["Account"] == ACCOUNT
    world.trusts(trust(ALICE))
    assert refused(sts.assume_role, **request) == denied(eve)


def test_a_role_that_does_not_exist_answers_like_one_that_does_not_trust(world: World) -> None:
    for name in ("nothing", "Reader", "path/reader"):
        absent = f"arn:aws:iam::{ACCOUNT}:role/{name}"
        assert world.refuses(RoleArn=absent) == denied(ALICE, role=absent)
    for wrong in (ALICE, "arn:aws:sts::1:role/reader", "x" * 30):
        assert world.refuses(RoleArn=wrong)[:2] == ("ValidationError", 400)


def test_a_root_becomes_nobody(world: World, aws: boto3.Session) -> None:
    world.trusts(trust(ACCOUNT))
    assert refused(aws.client("sts").assume_role, RoleArn=ROLE, RoleSessionName="me") == (
        "AccessDenied",
        403,
        "Roles may not be assumed by root accounts.",
    )


def test_the_external_id_and_the_session_name_are_conditions(world: World) -> None:
    named = {"StringEquals": {"sts:ExternalId": "abc", "sts:RoleSessionName": "${aws:username}"}}
    world.trusts(trust(ALICE, Condition=named))
    assert world.refuses() == denied(ALICE)
    assert world.refuses(ExternalId="abd", RoleSessionName="alice") == denied(ALICE)
    assert world.refuses(ExternalId="abc", RoleSessionName="bob") == denied(ALICE)
    world.assume(ExternalId="abc", RoleSessionName="alice")


def test_a_session_lasts_as_long_as_asked_and_no_longer(
    world: World, stockade: Stockade, clock: TestClock
) -> None:
    sts = world.become(DurationSeconds=900).client("sts")
    clock.advance(seconds=899)
    sts.get_caller_identity()
    clock.advance(seconds=1)
    assert refused(sts.get_caller_identity) == (
        "ExpiredToken",
        403,
        "The security token included in the request is expired",
    )


def test_the_role_bounds_the_length_of_its_sessions(world: World) -> None:
    assert world.refuses(DurationSeconds=3601) == (
        "ValidationError",
        400,
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )
    world.iam.update_role(RoleName="reader", MaxSessionDuration=43200)
    world.assume(DurationSeconds=43200)


def test_a_session_that_becomes_another_role_has_an_hour(world: World) -> None:
    reader = f"arn:aws:iam::{ACCOUNT}:role/reader"
    world.iam.create_role(
        RoleName="second", AssumeRolePolicyDocument=trust(reader), MaxSessionDuration=43200
    )
    sts = world.become().client("sts")
    second = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/second", "RoleSessionName": "chained"}
    assert refused(sts.assume_role, **second, DurationSeconds=3601) == (
        "ValidationError",
        400,
        CHAINED,
    )
    chained = sts.assume_role(**second, DurationSeconds=3600)
    assert chained["AssumedRoleUser"]["Arn"].endswith(":assumed-role/second/chained")


def test_session_policies_limit_and_do_not_grant(world: World) -> None:
    world.may(allow(["iam:ListUsers", "iam:ListRoles"]))
    limited = world.become(Policy=policy(allow(["iam:ListUsers", "iam:GetUser"]))).client("iam")
    limited.list_users()
    assert refused(limited.get_user, UserName="alice")[0] == "AccessDenied"
    assert "no session policy allows the iam:ListRoles action" in refused(limited.list_roles)[2]


def test_managed_policies_serve_as_session_policies(world: World) -> None:
    world.may(allow("iam:*"))
    named = world.iam.create_policy(
        PolicyName="users", PolicyDocument=policy(allow("iam:ListUsers"))
    )["Policy"]["Arn"]
    limited = world.become(PolicyArns=[{"arn": named}]).client("iam")
    limited.list_users()
    assert refused(limited.list_roles)[0] == "AccessDenied"
    changed = policy(allow("iam:ListRoles"))
    world.iam.create_policy_version(PolicyArn=named, PolicyDocument=changed, SetAsDefault=True)
    limited.list_roles()
    absent = f"arn:aws:iam::{ACCOUNT}:policy/absent"
    assert world.refuses(PolicyArns=[{"arn": absent}])[0] == "ValidationError"


def test_a_session_policy_is_checked(world: World) -> None:
    assert world.refuses(Policy="{")[:2] == ("MalformedPolicyDocument", 400)
    long = policy(allow("s3:*", ["arn:aws:s3:::" + "a" * 2048]))
    assert world.refuses(Policy=long)[:2] == ("ValidationError", 400)
    eleven = [{"arn": ADMINISTRATOR}] * 11
    assert world.refuses(PolicyArns=eleven)[:2] == ("ValidationError", 400)
    size = world.assume(Policy=policy(allow("s3:*")))["PackedPolicySize"]
    assert 0 < size <= 100


def test_session_tags_need_trust_and_count_in_decisions(world: World) -> None:
    tags = [{"Key": "team", "Value": "red"}]
    assert world.refuses(Tags=tags) == denied(ALICE, "sts:TagSession")
    red = {"StringEquals": {"aws:RequestTag/team": "red"}}
    world.trusts(
        policy(
            *json.loads(trust(ALICE))["Statement"],
            *json.loads(trust(ALICE, "sts:TagSession", Condition=red))["Statement"],
        )
    )
    own = f"arn:aws:iam::{ACCOUNT}:user/${{aws:PrincipalTag/team}}"
    world.may(allow("iam:GetUser", own))
    world.iam.create_user(UserName="red")
    world.iam.tag_role(RoleName="reader", Tags=[{"Key": "Team", "Value": "blue"}])
    iam = world.become(Tags=tags).client("iam")
    iam.get_user(UserName="red")
    assert world.refuses(Tags=[{"Key": "team", "Value": "blue"}])[0] == "AccessDenied"
    twice = [*tags, {"Key": "TEAM", "Value": "red"}]
    assert world.refuses(Tags=twice)[0] in ("AccessDenied", "InvalidParameterValue")


def test_a_token_belongs_to_its_key_id_and_cannot_be_changed(
    world: World, stockade: Stockade
) -> None:
    one, other = world.assume()["Credentials"], world.assume()["Credentials"]
    token = one["SessionToken"]
    changed = token[:40] + ("A" if token[40] != "A" else "B") + token[41:]
    for wrong in (other["SessionToken"], changed, token[:-4], "x", "?", "A" * 20_000):
        sts = with_key(stockade, one | {"SessionToken": wrong}).client("sts")
        assert refused(sts.get_caller_identity)[:2] == ("InvalidClientTokenId", 403)
    sts = with_key(stockade, {k: v for k, v in one.items() if k != "SessionToken"}).client("sts")
    assert refused(sts.get_caller_identity)[0] == "InvalidClientTokenId"


def test_a_warm_session_needs_no_database(world: World, stockade: Stockade) -> None:
    world.may(allow("iam:ListUsers"))
    credentials = world.assume(Policy=policy(allow("iam:*")))["Credentials"]
    named = credentials["AccessKeyId"], credentials["SessionToken"], stockade.clock.now()
    with_key(stockade, credentials).client("iam").list_users()
    with stockade.store.read(memory_only=True) as unit:
        found = IamDirectory(stockade.vault, known_account=ACCOUNT).find_credential(unit, *named)
    assert found.secret == credentials["SecretAccessKey"]
    assert len(found.caller.identity) == 1
    assert found.caller.session is not None
    assert credentials["SecretAccessKey"] not in repr(found)


def test_the_largest_session_has_a_token_that_fits_into_a_head(world: World) -> None:
    both = ["sts:AssumeRole", "sts:TagSession"]
    world.trusts(trust(ALICE, both))
    arns = [f"arn:aws:s3:::{'a' * 36}{number:02d}" for number in range(30)]
    tags = [{"Key": f"key-{number}", "Value": "v" * 200} for number in range(50)]
    credentials = world.assume(Policy=policy(allow("s3:*", arns)), Tags=tags)["Credentials"]
    assert len(credentials["SessionToken"]) < 4096
    with_key(world.stockade, credentials).client("sts").get_caller_identity()


def test_a_token_tells_nothing(world: World) -> None:
    credentials = world.assume()["Credentials"]
    assert credentials["SecretAccessKey"] not in credentials["SessionToken"]
    assert "reader" not in credentials["SessionToken"]


def test_a_session_ends_with_its_role_even_if_another_takes_the_name(world: World) -> None:
    world.may(allow("*"))
    sts = world.become().client("sts")
    sts.get_caller_identity()
    world.iam.delete_role_policy(RoleName="reader", PolicyName="inline")
    world.iam.delete_role(RoleName="reader")
    assert refused(sts.get_caller_identity)[0] == "InvalidClientTokenId"
    world.iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust(ALICE))
    world.may(allow("*"))
    assert refused(sts.get_caller_identity)[0] == "InvalidClientTokenId"
    world.become().client("iam").list_users()


def test_sessions_can_be_revoked_by_the_time_of_their_issue(
    world: World, stockade: Stockade, clock: TestClock
) -> None:
    world.may(allow("iam:ListUsers"))
    old = world.become().client("iam")
    clock.advance(seconds=60)
    before = {"DateLessThan": {"aws:TokenIssueTime": clock.now.isoformat()}}
    world.may(allow("iam:ListUsers"), deny("*", Condition=before))
    assert refused(old.list_users)[0] == "AccessDenied"
    world.become().client("iam").list_users()


def test_a_session_is_recorded_with_its_issuer(world: World, aws: boto3.Session) -> None:
    world.become().client("sts").get_caller_identity()
    events = aws.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "Username", "AttributeValue": "me"}]
    )["Events"]
    (record,) = [json.loads(each["CloudTrailEvent"]) for each in events]
    role = world.iam.get_role(RoleName="reader")["Role"]
    identity = record["userIdentity"]
    assert identity["type"] == "AssumedRole"
    assert identity["principalId"] == f"{role['RoleId']}:me"
    assert identity["sessionContext"]["sessionIssuer"] == {
        "type": "Role",
        "principalId": role["RoleId"],
        "arn": role["Arn"],
        "accountId": ACCOUNT,
        "userName": "reader",
    }
    assert identity["sessionContext"]["attributes"]["mfaAuthenticated"] == "false"


def test_the_record_of_assuming_has_no_secret(world: World, aws: boto3.Session) -> None:
    credentials = world.assume()["Credentials"]
    events = aws.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "AssumeRole"}]
    )["Events"]
    (record,) = [json.loads(each["CloudTrailEvent"]) for each in events]
    assert record["responseElements"]["credentials"]["accessKeyId"] == credentials["AccessKeyId"]
    assert record["resources"][0]["type"] == "AWS::IAM::Role"
    assert credentials["SecretAccessKey"] not in events[0]["CloudTrailEvent"]


@given(st.text("abc", max_size=2048), st.dictionaries(st.text("ab"), st.text("ab"), max_size=9))
def test_what_fits_is_a_percentage(text: str, tags: dict[str, str]) -> None:
    assert 0 < packed_percentage(text, (), tags) <= 100


def test_what_does_not_fit_is_refused() -> None:
    tags = {f"{number}": system_random(128).hex() for number in range(50)}
    with pytest.raises(
        PackedPolicyTooLarge, match=r"Packed policy consumes \d+% of allotted space"
    ):
        packed_percentage("", (), tags)
