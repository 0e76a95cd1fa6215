# SPDX-License-Identifier: Apache-2.0
"""Grants, table by table: constraints, narrowing, what CreateGrant refuses, its condition keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from stockade.app import Stockade
from stockade.testing.transport import session
from tests.services.kms.grantees import Somebody, a_user
from tests.services.kms.test_encrypting import refusal
from tests.services.kms.test_grants import IT, ROOT, give, may
from tests.services.test_authorization import ACCOUNT, allow, denial, policy

BUCKET = f"arn:aws:s3:us-east-1:{ACCOUNT}:bucket"


@pytest.fixture(scope="module")
def stockade() -> Iterator[Stockade]:
    """One deployment for all: every test has a key of its own."""
    app = Stockade.in_memory(account=ACCOUNT)
    yield app
    app.close()


@pytest.fixture(scope="module")
def aws(stockade: Stockade) -> boto3.Session:
    return session(stockade)


@pytest.fixture(scope="module")
def kms(aws: boto3.Session) -> Any:
    return aws.client("kms")


@pytest.fixture(scope="module")
def alice(stockade: Stockade, aws: boto3.Session) -> Somebody:
    return a_user(stockade, aws, "alice")


@pytest.fixture(scope="module")
def bob(stockade: Stockade, aws: boto3.Session) -> Somebody:
    return a_user(stockade, aws, "bob")


@pytest.fixture
def key(kms: Any) -> str:
    return str(kms.create_key()["KeyMetadata"]["Arn"])


@pytest.mark.parametrize(
    ("constraints", "context", "allowed"),
    [
        ({"EncryptionContextEquals": IT}, IT, True),
        ({"EncryptionContextEquals": IT}, {"department": "IT"}, True),
        ({"EncryptionContextEquals": IT}, {"Department": "it"}, False),
        ({"EncryptionContextEquals": IT}, {**IT, "Purpose": "Test"}, False),
        ({"EncryptionContextEquals": IT}, {}, False),
        ({"EncryptionContextEquals": {}}, {}, True),
        ({"EncryptionContextEquals": {}}, IT, False),
        ({"EncryptionContextSubset": IT}, IT, True),
        ({"EncryptionContextSubset": IT}, {**IT, "Purpose": "Test"}, True),
        ({"EncryptionContextSubset": IT}, {"Purpose": "Test"}, False),
        ({"EncryptionContextSubset": {**IT, "a": "1"}}, IT, False),
        ({"EncryptionContextSubset": IT, "EncryptionContextEquals": {**IT, "a": "1"}}, IT, False),
        ({"SourceArn": f"arn:aws:s3:us-east-1:{ACCOUNT}:bucket"}, {}, False),
    ],
)
def test_constraints(
    kms: Any,
    key: str,
    alice: Somebody,
    constraints: dict[str, Any],
    context: dict[str, str],
    *,
    allowed: bool,
) -> None:
    give(kms, key, alice.arn, "Encrypt", Constraints=constraints)
    assert may(alice.kms, key, **context) is allowed


@pytest.mark.parametrize(
    ("parent", "child", "allowed"),
    [
        ({}, {"Operations": ["Encrypt"]}, True),
        ({}, {"Operations": ["Encrypt", "CreateGrant"]}, True),
        ({}, {"Operations": ["Encrypt", "DescribeKey"]}, False),
        ({}, {"Constraints": {"EncryptionContextSubset": IT}}, True),
        ({"EncryptionContextSubset": IT}, {}, False),
        ({"EncryptionContextSubset": IT}, {"Constraints": {"EncryptionContextSubset": IT}}, True),
        (
            {"EncryptionContextSubset": IT},
            {"Constraints": {"EncryptionContextSubset": {**IT, "a": "1"}}},
            True,
        ),
        ({"EncryptionContextSubset": IT}, {"Constraints": {"EncryptionContextEquals": IT}}, True),
        (
            {"EncryptionContextSubset": {**IT, "a": "1"}},
            {"Constraints": {"EncryptionContextSubset": IT}},
            False,
        ),
        ({"EncryptionContextEquals": IT}, {"Constraints": {"EncryptionContextEquals": IT}}, True),
        ({"EncryptionContextEquals": IT}, {"Constraints": {"EncryptionContextSubset": IT}}, False),
        ({"EncryptionContextEquals": IT}, {}, False),
        ({}, {"Constraints": {"SourceArn": f"arn:aws:s3:us-east-1:{ACCOUNT}:b"}}, True),
    ],
)
def test_a_grant_makes_only_grants_that_are_no_wider(
    kms: Any,
    key: str,
    alice: Somebody,
    bob: Somebody,
    parent: dict[str, Any],
    child: dict[str, Any],
    *,
    allowed: bool,
) -> None:
    give(kms, key, alice.arn, "Encrypt", "CreateGrant", Constraints=parent)
    wanted = {"KeyId": key, "GranteePrincipal": bob.arn, "Operations": ["Encrypt"], **child}
    if allowed:
        assert alice.kms.create_grant(**wanted)["GrantId"]
    else:
        assert denial(alice.kms.create_grant, **wanted).endswith(
            "because no identity-based policy allows the kms:CreateGrant action"
        )


@pytest.mark.parametrize(
    ("members", "code", "text"),
    [
        (
            {"GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:user/nobody"},
            "InvalidArnException",
            f"ARN does not refer to a valid principal: arn:aws:iam::{ACCOUNT}:user/nobody",
        ),
        (
            {"RetiringPrincipal": f"arn:aws:iam::{ACCOUNT}:group/admins"},
            "InvalidArnException",
            f"ARN does not refer to a valid principal: arn:aws:iam::{ACCOUNT}:group/admins",
        ),
        (
            {"GranteePrincipal": "sns.amazonaws.com"},
            "InvalidArnException",
            "ARN does not refer to a valid principal: sns.amazonaws.com",
        ),
        (
            {"GranteePrincipal": "AROA00000000000000100:future"},
            "InvalidArnException",
            "GranteePrincipal does not refer to a valid principal.",
        ),
        (
            {"GranteePrincipal": f"arn:aws:sts::{ACCOUNT}:assumed-role/nobody/me"},
            "InvalidArnException",
            f"ARN does not refer to a valid principal: arn:aws:sts::{ACCOUNT}:assumed-role/nobody",
        ),
        (
            {"GranteePrincipal": f"arn:aws:sts::{ACCOUNT}:assumed-role/path/nobody/me"},
            "InvalidArnException",
            f"ARN is not valid: arn:aws:sts::{ACCOUNT}:assumed-role/path/nobody/me",
        ),
        ({"GranteePrincipal": ACCOUNT}, "InvalidArnException", "ARN does not refer"),
        (
            {"Operations": ["CreateGrant"]},
            "ValidationException",
            "Grants must not contain only the CreateGrant operation.",
        ),
        ({"Operations": []}, "ValidationException", "1 validation error detected"),
        ({"Operations": ["Encrypt", "Sign"]}, "ValidationException", "Operations [Sign] are not"),
        ({"GranteePrincipal": None}, "ValidationException", "You must specify either Grantee"),
        (
            {"GranteeServicePrincipal": "ebs.amazonaws.com"},
            "ValidationException",
            "You can specify either GranteePrincipal or GranteeServicePrincipal, but not both.",
        ),
        (
            {"GranteePrincipal": None, "GranteeServicePrincipal": "ebs.amazonaws.com"},
            "ValidationException",
            "When you specify a GranteeServicePrincipal, you must also specify a SourceArn",
        ),
        (
            {
                "GranteePrincipal": None,
                "GranteeServicePrincipal": "ebs.amazonaws.com",
                "Constraints": {"SourceArn": BUCKET},
            },
            "ValidationException",
            "When you specify a GranteeServicePrincipal, you must also specify either",
        ),
        (
            {"Constraints": {"EncryptionContextEquals": {str(n): "x" for n in range(9)}}},
            "ValidationException",
            "A grant constraint can include up to 8 encryption context pairs.",
        ),
        (
            {"Constraints": {"EncryptionContextSubset": {"a": "x" * 384}}},
            "ValidationException",
            "The encryption context value in a grant constraint cannot exceed 384 characters.",
        ),
        ({"KeyId": "alias/a"}, "InvalidArnException", "Key Aliases are not supported"),
        ({"GrantTokens": ["none"]}, "InvalidGrantTokenException", ""),
        ({"DryRun": True}, "DryRunOperationException", "The request would have succeeded"),
    ],
)
def test_what_create_grant_refuses(
    kms: Any, key: str, members: dict[str, Any], code: str, text: str
) -> None:
    wanted = {"KeyId": key, "GranteePrincipal": ROOT, "Operations": ["Encrypt"], **members}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    found = refusal(kms.create_grant, **wanted)
    assert found[0] == code
    assert found[1].startswith(text)
    assert kms.list_grants(KeyId=key)["Grants"] == []


@pytest.mark.parametrize(
    ("spec", "usage", "asked", "kind", "valid"),
    [
        ("HMAC_256", "GENERATE_VERIFY_MAC", "Encrypt", "a symmetric", "GenerateMac, VerifyMac"),
        ("ECC_NIST_P256", "SIGN_VERIFY", "Decrypt", "an asymmetric", "GetPublicKey, Sign, Verify"),
        (
            "ECC_NIST_P256",
            "KEY_AGREEMENT",
            "Sign",
            "an asymmetric",
            "GetPublicKey, DeriveSharedSecret",
        ),
    ],
)
def test_grants_of_what_a_key_is_not_for(
    kms: Any, spec: str, usage: str, asked: str, kind: str, valid: str
) -> None:
    key = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"]
    wanted = {"KeyId": key, "GranteePrincipal": ROOT}
    code, text, _ = refusal(kms.create_grant, Operations=["DescribeKey", asked], **wanted)
    assert code == "ValidationException"
    assert text == (
        f"Operations [{asked}] are not supported when creating a grant for {kind} KMS key with "
        f"key usage {usage}. Valid operations are [CreateGrant, RetireGrant, DescribeKey, {valid}]"
    )
    bound = {"Constraints": {"EncryptionContextEquals": IT}}
    text = "EncryptionContext is supported only when creating a grant for a symmetric encryption "
    assert refusal(kms.create_grant, Operations=["DescribeKey"], **bound, **wanted)[:2] == (
        "ValidationException",
        f"{text}KMS key.",
    )


def test_grants_of_nobody_are_not_listed(kms: Any, key: str) -> None:
    gone = f"arn:aws:sts::{ACCOUNT}:assumed-role/gone/me"
    refused = ("InvalidArnException", f"ARN does not refer to a valid principal: {gone}")
    assert refusal(kms.list_grants, KeyId=key, GranteePrincipal=gone)[:2] == refused
    assert refusal(kms.list_retirable_grants, RetiringPrincipal=gone)[:2] == refused


CONDITIONS: dict[str, tuple[str, Any, dict[str, Any] | None]] = {
    "kms:GranteePrincipal": ("StringEquals", ROOT, {"GranteePrincipal": "alice"}),
    "kms:RetiringPrincipal": ("StringEquals", ROOT, {"RetiringPrincipal": "alice"}),
    "kms:GrantOperations": (
        "ForAllValues:StringEquals",
        ["Encrypt", "Decrypt"],
        {"Operations": ["Encrypt", "DescribeKey"]},
    ),
    "kms:GrantConstraintType": (
        "StringEquals",
        "EncryptionContextEquals",
        {"Constraints": {"EncryptionContextSubset": IT}},
    ),
    "kms:EncryptionContext:Department": ("StringEquals", "IT", {"Constraints": {}}),
    "kms:EncryptionContextKeys": (
        "ForAnyValue:StringEquals",
        "Department",
        {"Constraints": {"EncryptionContextEquals": {"a": "1"}}},
    ),
    "kms:GrantIsForAWSResource": ("Bool", "false", None),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_condition_keys_of_create_grant(
    stockade: Stockade, aws: boto3.Session, key: str, alice: Somebody, name: str
) -> None:
    operator, value, otherwise = CONDITIONS[name]
    document = policy(allow("kms:CreateGrant", Condition={operator: {name: value}}))
    maker = a_user(stockade, aws, name.replace(":", "."), document)
    wanted: dict[str, Any] = {
        "KeyId": key,
        "GranteePrincipal": ROOT,
        "RetiringPrincipal": ROOT,
        "Operations": ["Encrypt"],
        "Constraints": {"EncryptionContextEquals": IT},
    }
    maker.kms.create_grant(**wanted)
    if otherwise is not None:
        other = {member: alice.arn if one == "alice" else one for member, one in otherwise.items()}
        denial(maker.kms.create_grant, **{**wanted, **other})


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("kms:GranteeServicePrincipal", {"GranteeServicePrincipal": "ebs.amazonaws.com"}),
        ("kms:RetiringServicePrincipal", {"RetiringServicePrincipal": "ebs.amazonaws.com"}),
        ("kms:GrantConstraintSourceArn", {"Constraints": {"SourceArn": BUCKET}}),
    ],
)
def test_condition_keys_of_grants_to_services(
    stockade: Stockade, aws: boto3.Session, key: str, name: str, members: dict[str, Any]
) -> None:
    document = policy(allow("kms:CreateGrant", Condition={"Null": {name: "false"}}))
    maker = a_user(stockade, aws, name.replace(":", "."), document)
    whole = {
        "KeyId": key,
        "Operations": ["Encrypt"],
        "GranteeServicePrincipal": "ebs.amazonaws.com",
        "RetiringServicePrincipal": "ebs.amazonaws.com",
        "Constraints": {"SourceArn": BUCKET},
    }
    maker.kms.create_grant(**whole)
    without = {member: value for member, value in whole.items() if member not in members}
    denial(maker.kms.create_grant, **without)
