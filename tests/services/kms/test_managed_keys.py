# SPDX-License-Identifier: Apache-2.0
"""Keys that AWS manages for an account, and keys that services own for nobody to see."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from stockade.app import Stockade
from stockade.core.context import Context
from stockade.core.identity import Caller
from stockade.core.ports import ManagedKeys, OwnedKeys
from stockade.crypto.aead import Tampered
from stockade.services.kms.managed_keys import NAMES
from stockade.services.kms.owned_keys import OWNED_KEYS
from stockade.store.unit import Unit
from stockade.testing.plugin import TestClock
from stockade.testing.transport import session

ACCOUNT = "000000000000"
EBS = "alias/aws/ebs"


@pytest.fixture
def kms(aws: boto3.Session) -> Any:
    return aws.client("kms")


def refusal(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error: Any = caught.value.response["Error"]
    return error["Code"], error["Message"]


def someone(stockade: Stockade, aws: boto3.Session, policy: dict[str, Any] | None) -> Any:
    """Return KMS as a user with one policy, or with none."""
    iam = aws.client("iam")
    iam.create_user(UserName="someone")
    if policy is not None:
        text = json.dumps({"Version": "2012-10-17", "Statement": policy})
        iam.put_user_policy(UserName="someone", PolicyName="p", PolicyDocument=text)
    made = iam.create_access_key(UserName="someone")["AccessKey"]
    return session(
        stockade, access_key_id=made["AccessKeyId"], secret_access_key=made["SecretAccessKey"]
    ).client("kms")


def context(stockade: Stockade, unit: Unit, region: str = "us-east-1") -> Context:
    """Return the context of a service's call."""
    return Context(
        now=stockade.clock.now(),
        request_id="",
        region=region,
        caller=Caller.nobody(),
        unit=unit,
        record=stockade.journal.append,
        random=stockade.gateway._random,
        nonce=stockade.gateway._nonces.piece,
        vault=stockade.vault,
        ports=stockade.gateway._ports,
    )


def predefined(kms: Any) -> dict[str, str | None]:
    pages = kms.get_paginator("list_aliases").paginate()
    return {
        each["AliasName"]: each.get("TargetKeyId")
        for page in pages
        for each in page["Aliases"]
        if each["AliasName"].startswith("alias/aws/")
    }


@pytest.mark.fact("kms-18")
def test_describing_a_predefined_alias_makes_its_key(kms: Any, clock: TestClock) -> None:
    assert predefined(kms) == dict.fromkeys(NAMES)
    assert kms.list_keys()["Keys"] == []
    made = kms.describe_key(KeyId=EBS)["KeyMetadata"]
    assert made["KeyManager"] == "AWS"
    assert (made["KeyState"], made["Origin"]) == ("Enabled", "AWS_KMS")
    assert made["Description"] == (
        "Default key that protects my EBS volumes when no other key is defined"
    )
    assert made["CreationDate"] == clock.now
    assert kms.describe_key(KeyId=EBS)["KeyMetadata"] == made
    assert kms.describe_key(KeyId=made["Arn"])["KeyMetadata"] == made
    assert predefined(kms) == {**dict.fromkeys(NAMES), EBS: made["KeyId"]}
    assert [key["KeyId"] for key in kms.list_keys()["Keys"]] == [made["KeyId"]]
    (alias,) = kms.list_aliases(KeyId=made["KeyId"])["Aliases"]
    assert alias["AliasName"] == EBS
    alias_arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:{EBS}"
    assert kms.describe_key(KeyId=alias_arn)["KeyMetadata"] == made


def test_other_names_of_aws_make_nothing(kms: Any) -> None:
    assert refusal(kms.describe_key, KeyId="alias/aws/none")[0] == "NotFoundException"
    assert refusal(kms.encrypt, KeyId=EBS, Plaintext=b"x")[0] == "NotFoundException"
    foreign = "arn:aws:kms:us-east-1:111111111111:alias/aws/ebs"
    with pytest.raises(ClientError):
        kms.describe_key(KeyId=foreign)
    assert kms.list_keys()["Keys"] == []


def test_who_may_not_describe_makes_nothing(
    stockade: Stockade, aws: boto3.Session, kms: Any
) -> None:
    nobody = someone(stockade, aws, None)
    assert refusal(nobody.describe_key, KeyId=EBS)[0] == "AccessDeniedException"
    assert kms.list_keys()["Keys"] == []


def test_aliases_page_through_everything_once(kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    for name in ("alias/a", "alias/aws-like", "alias/z"):
        kms.create_alias(AliasName=name, TargetKeyId=key)
    kms.describe_key(KeyId=EBS)
    expected = sorted([*NAMES, "alias/a", "alias/aws-like", "alias/z"])
    for size in (1, 2, 5, 100):
        pages = kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": size})
        found = [each["AliasName"] for page in pages for each in page["Aliases"]]
        assert found == expected


@pytest.mark.fact("kms-18")
def test_nobody_may_edit_it(kms: Any, stockade: Stockade, aws: boto3.Session) -> None:
    key = kms.describe_key(KeyId=EBS)["KeyMetadata"]["KeyId"]
    admin = someone(stockade, aws, {"Effect": "Allow", "Action": "kms:*", "Resource": "*"})
    edits: list[tuple[str, dict[str, Any]]] = [
        ("DisableKey", {}),
        ("EnableKey", {}),
        ("ScheduleKeyDeletion", {}),
        ("PutKeyPolicy", {"Policy": "{}"}),
        ("EnableKeyRotation", {}),
        ("DisableKeyRotation", {}),
        ("RotateKeyOnDemand", {}),
        ("UpdateKeyDescription", {"Description": "mine"}),
        ("TagResource", {"Tags": [{"TagKey": "a", "TagValue": "b"}]}),
        ("Encrypt", {"Plaintext": b"x"}),
        ("GenerateDataKey", {"KeySpec": "AES_256"}),
    ]
    for who, name in ((admin, "user/someone"), (kms, "root")):
        for action, members in edits:
            call = getattr(who, "".join(f"_{c.lower()}" if c.isupper() else c for c in action)[1:])
            code, text = refusal(call, KeyId=key, **members)
            assert code == "AccessDeniedException"
            assert f"{name} is not authorized to perform: kms:{action}" in text
            assert text.endswith(f"because no resource-based policy allows the kms:{action} action")
    for call in (kms.create_alias, kms.update_alias):
        code, _ = refusal(call, AliasName=EBS, TargetKeyId=key)
        assert code in ("NotAuthorizedException", "AccessDeniedException")
    with pytest.raises(ClientError):
        kms.delete_alias(AliasName=EBS)
    with pytest.raises(ClientError, match="AccessDeniedException"):
        kms.create_alias(AliasName="alias/mine", TargetKeyId=key)


@pytest.mark.fact("kms-18")
def test_its_policy_is_as_aws_publishes_it(kms: Any) -> None:
    key = kms.describe_key(KeyId=EBS)["KeyMetadata"]["KeyId"]
    policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    assert policy == {
        "Version": "2012-10-17",
        "Id": "auto-ebs-2",
        "Statement": [
            {
                "Sid": "Allow access through EBS for all principals in the account that are "
                "authorized to use EBS",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": [
                    "kms:Encrypt",
                    "kms:Decrypt",
                    "kms:ReEncrypt*",
                    "kms:GenerateDataKey*",
                    "kms:CreateGrant",
                    "kms:DescribeKey",
                ],
                "Resource": "*",
                "Condition": {
                    "StringEquals": {
                        "kms:CallerAccount": ACCOUNT,
                        "kms:ViaService": "ec2.us-east-1.amazonaws.com",
                    }
                },
            },
            {
                "Sid": "Allow direct access to key metadata to the account",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"],
                "Resource": "*",
            },
        ],
    }


@pytest.mark.fact("kms-22")
def test_it_rotates_every_year(kms: Any, clock: TestClock) -> None:
    key = kms.describe_key(KeyId=EBS)["KeyMetadata"]["KeyId"]
    status = kms.get_key_rotation_status(KeyId=key)
    assert status["KeyRotationEnabled"] is True
    assert status["RotationPeriodInDays"] == 365
    assert status["NextRotationDate"] == clock.now + timedelta(days=365)
    clock.advance(days=365 * 10)
    rotations = kms.list_key_rotations(KeyId=key)["Rotations"]
    assert [each["RotationType"] for each in rotations] == ["AUTOMATIC"] * 10


@pytest.mark.fact("kms-18")
@pytest.mark.parametrize("unit", ["read", "write"])
def test_a_service_gets_its_key_on_first_use(stockade: Stockade, kms: Any, unit: str) -> None:
    begin: Callable[[], Any] = getattr(stockade.store, unit)
    with begin() as opened:
        ctx = context(stockade, opened)
        keys = ctx.port(ManagedKeys)
        first = keys.managed_key(ctx, ACCOUNT, "us-east-1", "s3")
        assert keys.managed_key(ctx, ACCOUNT, "us-east-1", "s3") == first
        other = keys.managed_key(ctx, ACCOUNT, "eu-west-1", "s3")
    assert kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["Arn"] == first
    assert other.startswith(f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/")


@pytest.mark.fact("kms-18")
def test_everybody_may_use_it_through_the_service(
    stockade: Stockade, aws: boto3.Session, kms: Any
) -> None:
    """Who has no right in KMS at all encrypts through the service, and through no other one."""
    iam = aws.client("iam")
    user = iam.create_user(UserName="plain")["User"]
    arn = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["Arn"]
    members = {"KeyId": arn, "Plaintext": b"x"}
    with stockade.store.read() as unit:
        ctx = context(stockade, unit)
        ctx.caller = caller_of(stockade, aws, user["UserName"], unit)
        blob = ctx.call("kms", "Encrypt", members, by="s3.amazonaws.com")["CiphertextBlob"]
        opened = ctx.call("kms", "Decrypt", {"CiphertextBlob": blob}, by="s3.amazonaws.com")
        assert opened["Plaintext"] == b"x"
        with pytest.raises(Exception, match="not authorized to perform: kms:Encrypt"):
            ctx.call("kms", "Encrypt", members, by="ssm.amazonaws.com")


def caller_of(stockade: Stockade, aws: boto3.Session, name: str, unit: Unit) -> Caller:
    from stockade.core.ports import Credentials

    made = aws.client("iam").create_access_key(UserName=name)["AccessKey"]
    finder = stockade.gateway._ports.find(Credentials)
    found = finder.find_credential(unit, made["AccessKeyId"], None, stockade.clock.now())
    return found.caller


@pytest.mark.fact("kms-17")
@pytest.mark.parametrize("unit", ["read", "write"])
def test_a_services_own_key(stockade: Stockade, kms: Any, unit: str) -> None:
    begin: Callable[[], Any] = getattr(stockade.store, unit)
    with begin() as opened:
        ctx = context(stockade, opened)
        keys = ctx.port(OwnedKeys)
        sealed = keys.seal_owned(ctx, "sqs", b"message", {"queue": "q"})
        assert b"message" not in sealed
        assert keys.open_owned(ctx, "sqs", sealed, {"queue": "q"}) == b"message"
        for service, blob, said in (
            ("sqs", sealed, {"queue": "other"}),
            ("sqs", sealed[:-1] + bytes([sealed[-1] ^ 1]), {"queue": "q"}),
            ("sqs", b"short", {"queue": "q"}),
            ("sns", sealed, {"queue": "q"}),
        ):
            with pytest.raises(Tampered):
                keys.open_owned(ctx, service, blob, said)
        elsewhere = context(stockade, opened, "eu-west-1")
        with pytest.raises(Tampered):
            keys.open_owned(elsewhere, "sqs", sealed, {"queue": "q"})
    with stockade.store.read() as opened:
        (scope,) = opened.scopes(OWNED_KEYS)
        (key,) = opened.list(OWNED_KEYS, scope)
    assert kms.list_keys()["Keys"] == []
    assert set(predefined(kms).values()) == {None}
    for name in (key.key_id, f"arn:aws:kms:us-east-1:{scope.account}:key/{key.key_id}"):
        with pytest.raises(ClientError):
            kms.describe_key(KeyId=name)
    code, _ = refusal(kms.decrypt, CiphertextBlob=sealed, EncryptionContext={"queue": "q"})
    assert code == "AccessDeniedException"


@pytest.mark.fact("kms-17")
def test_its_use_leaves_no_record_in_the_account(stockade: Stockade, aws: boto3.Session) -> None:
    with stockade.store.read() as unit:
        ctx = context(stockade, unit)
        ctx.port(OwnedKeys).seal_owned(ctx, "sqs", b"x", {})
    assert aws.client("cloudtrail").lookup_events()["Events"] == []
