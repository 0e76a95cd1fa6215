# SPDX-License-Identifier: Apache-2.0
"""GetSessionToken and GetFederationToken: who gets what, what it opens, and when it ends."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.services.iam.helpers import (
    ACCOUNT,
    ADMINISTRATOR,
    allow,
    deny,
    policy,
    refused,
    trust,
    user,
    with_key,
)
from tests.services.sts.joined import join
from tests.services.sts.records import record_of

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade
    from stockade.testing.plugin import TestClock

ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
DEVICE = f"arn:aws:iam::{ACCOUNT}:mfa/alice"
BOB = f"arn:aws:sts::{ACCOUNT}:federated-user/bob"
INVALID = ("InvalidClientTokenId", 403)


def own_session(stockade: Stockade, who: boto3.Session, **more: Any) -> boto3.Session:
    return with_key(stockade, who.client("sts").get_session_token(**more)["Credentials"])


def bob(stockade: Stockade, who: boto3.Session, **more: Any) -> boto3.Session:
    answer = who.client("sts").get_federation_token(Name="bob", **more)
    return with_key(stockade, answer["Credentials"])


def test_a_user_gets_its_own_permissions(stockade: Stockade, aws: boto3.Session) -> None:
    alice = user(stockade, aws, "alice", allow("kms:ListKeys"))
    answer = alice.client("sts").get_session_token()["Credentials"]
    assert answer["Expiration"] == stockade.clock.now() + timedelta(hours=12)
    own = with_key(stockade, answer)
    own.client("kms").list_keys()
    assert refused(own.client("kms").create_key)[0] == "AccessDeniedException"
    identity = own.client("sts").get_caller_identity()
    assert identity["Arn"] == ALICE
    assert identity["UserId"] == aws.client("iam").get_user(UserName="alice")["User"]["UserId"]


def test_it_needs_no_permission_but_can_be_denied(stockade: Stockade, aws: boto3.Session) -> None:
    alice = user(stockade, aws, "alice", deny("sts:GetSessionToken"))
    assert refused(alice.client("sts").get_session_token)[0] == "AccessDenied"
    aws.client("iam").delete_user_policy(UserName="alice", PolicyName="inline")
    alice.client("sts").get_session_token()


def test_a_session_of_a_user_opens_neither_iam_nor_sts(
    stockade: Stockade, aws: boto3.Session
) -> None:
    alice = user(stockade, aws, "alice", allow("*"))
    own = own_session(stockade, alice)
    assert refused(own.client("iam").list_users)[:2] == INVALID
    sts = own.client("sts")
    assert refused(sts.get_session_token) == (
        "AccessDenied",
        403,
        "Cannot call GetSessionToken with session credentials",
    )
    told = refused(sts.get_federation_token, Name="bob")
    assert told[2] == "Cannot call GetFederationToken with session credentials"
    assert refused(sts.get_access_key_info, AccessKeyId="A" * 20)[0] == "AccessDenied"
    assert refused(sts.decode_authorization_message, EncodedMessage="x")[0] == "AccessDenied"
    role = aws.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=trust(ALICE))
    sts.assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="me")


def test_with_a_second_factor_it_opens_iam(
    stockade: Stockade, aws: boto3.Session, clock: TestClock
) -> None:
    with_mfa = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    alice = user(stockade, aws, "alice", allow("iam:ListUsers", Condition=with_mfa))
    unique = aws.client("iam").get_user(UserName="alice")["User"]["UserId"]
    join(stockade).devices[unique, DEVICE] = {"123456"}
    assert refused(alice.client("iam").list_users)[0] == "AccessDenied"
    sts = alice.client("sts")
    wrong = refused(sts.get_session_token, SerialNumber=DEVICE, TokenCode="654321")
    assert wrong[0] == "AccessDenied"
    own = own_session(stockade, alice, SerialNumber=DEVICE, TokenCode="123456")
    answer = own.client("iam").list_users()
    identity = record_of(stockade, answer)["userIdentity"]
    assert identity["type"] == "IAMUser"
    assert identity["userName"] == "alice"
    assert identity["sessionContext"]["attributes"]["mfaAuthenticated"] == "true"


def test_a_session_of_a_user_ends_with_the_user(stockade: Stockade, aws: boto3.Session) -> None:
    iam = aws.client("iam")
    alice = user(stockade, aws, "alice")
    own = own_session(stockade, alice).client("sts")
    own.get_caller_identity()
    for key in iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"])
    own.get_caller_identity()
    iam.delete_user(UserName="alice")
    assert refused(own.get_caller_identity)[:2] == INVALID
    iam.create_user(UserName="alice")
    assert refused(own.get_caller_identity)[:2] == INVALID


def test_sessions_of_a_user_are_revoked_by_the_time_of_their_issue(
    stockade: Stockade, aws: boto3.Session, clock: TestClock
) -> None:
    alice = user(stockade, aws, "alice", allow("kms:ListKeys"))
    old = own_session(stockade, alice).client("kms")
    clock.advance(seconds=60)
    revoked = deny("*", Condition={"DateLessThan": {"aws:TokenIssueTime": clock.now.isoformat()}})
    aws.client("iam").put_user_policy(
        UserName="alice", PolicyName="AWSRevokeOlderSessions", PolicyDocument=policy(revoked)
    )
    assert refused(old.list_keys)[0] == "AccessDeniedException"
    alice.client("kms").list_keys()
    own_session(stockade, alice).client("kms").list_keys()


def test_a_root_gets_an_hour(stockade: Stockade, aws: boto3.Session) -> None:
    answer = aws.client("sts").get_session_token(DurationSeconds=129600)["Credentials"]
    assert answer["Expiration"] == stockade.clock.now() + timedelta(hours=1)
    own = with_key(stockade, answer)
    own.client("kms").list_keys()
    assert own.client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    federated = aws.client("sts").get_federation_token(Name="bob", DurationSeconds=7200)
    assert federated["Credentials"]["Expiration"] == stockade.clock.now() + timedelta(hours=1)


def test_a_federated_user_may_what_both_allow(stockade: Stockade, aws: boto3.Session) -> None:
    may = allow(["kms:ListKeys", "kms:ListAliases", "sts:GetFederationToken"])
    alice = user(stockade, aws, "alice", may)
    passed = policy(allow(["kms:ListKeys", "kms:CreateKey"]))
    answer = alice.client("sts").get_federation_token(Name="bob", Policy=passed)
    assert answer["FederatedUser"] == {"FederatedUserId": f"{ACCOUNT}:bob", "Arn": BOB}
    assert 0 < answer["PackedPolicySize"] <= 100
    kms = with_key(stockade, answer["Credentials"]).client("kms")
    kms.list_keys()
    assert refused(kms.create_key)[0] == "AccessDeniedException"
    assert refused(kms.list_aliases)[0] == "AccessDeniedException"
    nothing = bob(stockade, alice).client("kms")
    assert refused(nothing.list_keys)[0] == "AccessDeniedException"


def test_managed_policies_hold_a_federated_user(stockade: Stockade, aws: boto3.Session) -> None:
    alice = user(stockade, aws, "alice", allow("*"))
    kms = bob(stockade, alice, PolicyArns=[{"arn": ADMINISTRATOR}]).client("kms")
    kms.list_keys()
    kms = bob(stockade, aws, PolicyArns=[{"arn": ADMINISTRATOR}]).client("kms")
    kms.list_keys()


def test_a_resource_may_name_the_federated_user(stockade: Stockade, aws: boto3.Session) -> None:
    alice = user(stockade, aws, "alice", allow("sts:GetFederationToken"))
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    all_ = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    his = all_ | {"Principal": {"AWS": BOB}, "Action": "kms:DescribeKey"}
    key = aws.client("kms").create_key(Policy=policy(all_, his))["KeyMetadata"]["KeyId"]
    kms = bob(stockade, alice).client("kms")
    kms.describe_key(KeyId=key)
    assert refused(kms.get_key_policy, KeyId=key, PolicyName="default")[0] == (
        "AccessDeniedException"
    )


def test_a_federated_user_opens_neither_iam_nor_sts(stockade: Stockade, aws: boto3.Session) -> None:
    alice = user(stockade, aws, "alice", allow("*"))
    his = bob(stockade, alice, Policy=policy(allow("*")))
    assert refused(his.client("iam").list_users)[:2] == INVALID
    sts = his.client("sts")
    answer = sts.get_caller_identity()
    assert answer["Arn"] == BOB
    assert answer["UserId"] == f"{ACCOUNT}:bob"
    role = aws.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=trust(ACCOUNT))
    arn = role["Role"]["Arn"]
    assert refused(sts.assume_role, RoleArn=arn, RoleSessionName="me")[0] == "AccessDenied"
    assert refused(sts.get_session_token)[0] == "AccessDenied"
    identity = record_of(stockade, answer)["userIdentity"]
    assert identity["type"] == "FederatedUser"
    assert identity["principalId"] == f"{ACCOUNT}:bob"
    issuer = identity["sessionContext"]["sessionIssuer"]
    assert issuer["type"] == "IAMUser"
    assert issuer["arn"] == ALICE
    assert issuer["userName"] == "alice"


def test_federation_is_a_permission_on_the_federated_user(
    stockade: Stockade, aws: boto3.Session
) -> None:
    his = f"arn:aws:sts::{ACCOUNT}:federated-user/bob"
    alice = user(stockade, aws, "alice", allow("sts:GetFederationToken", his))
    sts = alice.client("sts")
    sts.get_federation_token(Name="bob")
    assert refused(sts.get_federation_token, Name="eve")[0] == "AccessDenied"
    tags = [{"Key": "team", "Value": "red"}]
    assert "sts:TagSession" in refused(sts.get_federation_token, Name="bob", Tags=tags)[2]


def test_tags_of_a_federated_user_count(stockade: Stockade, aws: boto3.Session) -> None:
    red = {"StringEquals": {"aws:PrincipalTag/team": "red"}}
    alice = user(stockade, aws, "alice", allow("sts:*"), allow("kms:ListKeys", Condition=red))
    aws.client("iam").tag_user(UserName="alice", Tags=[{"Key": "Team", "Value": "blue"}])
    passed = policy(allow("*"))
    assert refused(bob(stockade, alice, Policy=passed).client("kms").list_keys)[0] == (
        "AccessDeniedException"
    )
    tags = [{"Key": "team", "Value": "red"}]
    bob(stockade, alice, Policy=passed, Tags=tags).client("kms").list_keys()


def test_a_federated_user_ends_with_the_user_who_asked(
    stockade: Stockade, aws: boto3.Session
) -> None:
    alice = user(stockade, aws, "alice", allow("sts:GetFederationToken"))
    sts = bob(stockade, alice).client("sts")
    sts.get_caller_identity()
    iam = aws.client("iam")
    for key in iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="alice", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="alice", PolicyName="inline")
    iam.delete_user(UserName="alice")
    assert refused(sts.get_caller_identity)[:2] == INVALID


@pytest.mark.parametrize("name", ["a", "a" * 33, "a b"])
def test_names_of_federated_users_are_as_awss(
    stockade: Stockade, aws: boto3.Session, name: str
) -> None:
    from botocore.config import Config

    sts = aws.client("sts", config=Config(parameter_validation=False))
    assert refused(sts.get_federation_token, Name=name)[0] == "ValidationError"


def test_no_record_has_a_secret(stockade: Stockade, aws: boto3.Session) -> None:
    for answer in (
        aws.client("sts").get_session_token(),
        aws.client("sts").get_federation_token(Name="bob"),
    ):
        record = record_of(stockade, answer)
        shown = record["responseElements"]["credentials"]
        assert shown["accessKeyId"] == answer["Credentials"]["AccessKeyId"]
        assert answer["Credentials"]["SecretAccessKey"] not in json.dumps(record)
        assert record["readOnly"] is True
