# SPDX-License-Identifier: Apache-2.0
"""What allowed a call: in its caller's record, told by `stockade explain`, shown to nobody else."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from stockade.app import Stockade
from stockade.cli.explain import NO_PERMISSION, NOT_KEPT, story
from stockade.core.audit import as_delivered
from stockade.testing.transport import session
from tests.services.sts.records import record_of
from tests.services.test_authorization import ACCOUNT, OTHER, allow, policy, user
from tests.services.test_control_policies import Places, place

ENABLED = ["resource-based policy", ["", "Enable IAM User Permissions"]]
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture
def key(aws: boto3.Session) -> str:
    return str(aws.client("kms").create_key()["KeyMetadata"]["Arn"])


def told(stockade: Stockade, answer: Any) -> list[str]:
    """Return what `stockade explain` tells of what allowed a call."""
    lines = list(story(record_of(stockade, answer)))
    return lines[lines.index("") + 1 :]


def test_every_layer_that_had_to_allow_is_told(
    stockade: Stockade, aws: boto3.Session, key: str
) -> None:
    alice = user(stockade, aws, "alice", policy(allow("kms:List*"), allow("kms:Encrypt", key)))
    answer = alice.client("kms").encrypt(KeyId=key, Plaintext=b"x")
    assert record_of(stockade, answer)["allowedBy"] == [
        ["kms:Encrypt", key, [ENABLED, ["identity-based policy", ["inline", 1]]]]
    ]
    assert told(stockade, answer) == [
        f"kms:Encrypt on {key} was allowed by",
        "  resource-based policy: statement 'Enable IAM User Permissions'",
        "  identity-based policy: statement 2 of inline",
    ]


def test_managed_policies_boundaries_and_sessions_are_named(
    stockade: Stockade, aws: boto3.Session
) -> None:
    iam = aws.client("iam")
    boundary = iam.create_policy(PolicyName="edge", PolicyDocument=policy(allow("kms:*", Sid="E")))
    trust = policy({**allow("sts:AssumeRole"), "Principal": {"AWS": ACCOUNT}})
    trust = trust.replace('"Resource": "*", ', "")
    edge = boundary["Policy"]["Arn"]
    role = iam.create_role(
        RoleName="app", AssumeRolePolicyDocument=trust, PermissionsBoundary=edge
    )["Role"]["Arn"]
    iam.attach_role_policy(RoleName="app", PolicyArn=ADMINISTRATOR)
    caller = user(stockade, aws, "caller", policy(allow("sts:AssumeRole")))
    made = caller.client("sts").assume_role(
        RoleArn=role, RoleSessionName="one", Policy=policy(allow("kms:ListKeys"))
    )
    assert told(stockade, made) == [
        f"sts:AssumeRole on {role} was allowed by",
        "  resource-based policy: statement 1",
        "  identity-based policy: statement 1 of inline",
    ]
    worker = session(
        stockade,
        access_key_id=made["Credentials"]["AccessKeyId"],
        secret_access_key=made["Credentials"]["SecretAccessKey"],
        session_token=made["Credentials"]["SessionToken"],
    )
    assert told(stockade, worker.client("kms").list_keys()) == [
        "kms:ListKeys on * was allowed by",
        f"  identity-based policy: statement 1 of {ADMINISTRATOR}",
        f"  permissions boundary: statement 'E' of {edge}",
        "  session policy: statement 1",
    ]


def test_every_action_of_a_call_is_told(stockade: Stockade, aws: boto3.Session, key: str) -> None:
    kms = aws.client("kms")
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    answer = kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key)
    assert record_of(stockade, answer)["allowedBy"] == [
        ["kms:ReEncryptFrom", key, [ENABLED]],
        ["kms:ReEncryptTo", key, [ENABLED]],
    ]


def test_the_root_needs_no_policy(stockade: Stockade, aws: boto3.Session) -> None:
    """And a change is told in the record that is part of it."""
    made = aws.client("iam").create_user(UserName="new")
    arn = f"arn:aws:iam::{ACCOUNT}:user/new"
    assert told(stockade, made) == [f"iam:CreateUser on {arn} was allowed by", "  account root"]


def test_what_everybody_may_is_told(stockade: Stockade, aws: boto3.Session) -> None:
    answer = aws.client("sts").get_caller_identity()
    assert told(stockade, answer) == [NO_PERMISSION]


def test_the_levels_of_an_organization_are_told(stockade: Stockade, aws: boto3.Session) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    stockade.gateway._ports.organization = Places(**{f"a{ACCOUNT}": place()})
    answer = aws.client("kms").describe_key(KeyId=key)
    assert told(stockade, answer)[1:] == [
        "  resource control policy at the organization's root: statement 1",
        "  resource control policy 1 below the organization's root: statement 1",
        "  service control policy at the organization's root: statement 1",
        "  service control policy 1 below the organization's root: statement 1",
        "  resource-based policy: statement 'Enable IAM User Permissions'",
    ]


def test_a_call_that_failed_later_was_allowed(
    stockade: Stockade, aws: boto3.Session, key: str
) -> None:
    kms = aws.client("kms")
    kms.disable_key(KeyId=key)
    with pytest.raises(ClientError) as failed:
        kms.encrypt(KeyId=key, Plaintext=b"x")
    assert told(stockade, failed.value.response) == [
        "but not by a policy:",
        f"kms:Encrypt on {key} was allowed by",
        "  resource-based policy: statement 'Enable IAM User Permissions'",
    ]


def test_another_accounts_policies_are_not_told(stockade: Stockade, aws: boto3.Session) -> None:
    """Nor is the owner's record told who in the caller's account let the call pass."""
    document = policy(
        allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        allow("kms:Encrypt", Principal={"AWS": f"arn:aws:iam::{OTHER}:root"}, Sid="Theirs"),
    )
    key = aws.client("kms").create_key(Policy=document)["KeyMetadata"]["Arn"]
    root = session(stockade, access_key_id=OTHER)
    carol = user(stockade, root, "carol", policy(allow("kms:Encrypt")))
    answer = carol.client("kms").encrypt(KeyId=key, Plaintext=b"x")
    assert told(stockade, answer)[1:] == [
        "  resource-based policy",
        "  identity-based policy: statement 1 of inline",
    ]
    stockade.ship_audit()
    with stockade.store.read() as unit:
        request_id = answer["ResponseMetadata"]["RequestId"]
        owners, callers = map(json.loads, stockade.journal.by_request_id(unit, request_id))
    assert (owners["recipientAccountId"], callers["recipientAccountId"]) == (ACCOUNT, OTHER)
    assert "allowedBy" in callers
    assert "allowedBy" not in owners


def test_lookups_show_records_as_aws_writes_them(aws: boto3.Session, key: str) -> None:
    trail = aws.client("cloudtrail")
    aws.client("kms").encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"allowedBy": "me"})
    for name in ("Encrypt", "CreateKey"):
        wanted = [{"AttributeKey": "EventName", "AttributeValue": name}]
        (event,) = trail.lookup_events(LookupAttributes=wanted)["Events"]
        record = json.loads(event["CloudTrailEvent"])
        assert "allowedBy" not in record
        assert list(record)[-1] == "eventCategory"
    assert record["responseElements"]["keyMetadata"]["arn"] == key


def test_a_record_without_it_is_delivered_and_told_as_it_is() -> None:
    record = b'{"requestParameters":{"a":1,"allowedBy":[]},"eventCategory":"Management"}'
    assert as_delivered(record) is record
    assert as_delivered(record[:-1] + b',"allowedBy":[]}') == record
    old = {
        "eventTime": "2026-01-01T00:00:00Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "ListKeys",
        "awsRegion": "us-east-1",
    }
    assert list(story(old))[-1] == NOT_KEPT
