# SPDX-License-Identifier: Apache-2.0
"""Key policies mean who was there when they were put, and not who takes a name later."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.services.iam.helpers import (
    ACCOUNT,
    OTHER,
    account,
    allow,
    policy,
    refused,
    trust,
    user,
    with_key,
)

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    return aws.client("iam")


@pytest.fixture
def kms(aws: boto3.Session) -> Any:
    return aws.client("kms")


def key_policy(*names: str) -> str:
    """Return the policy of a key that its account looks after and others encrypt with."""
    return policy(
        allow("kms:*", Principal={"AWS": ROOT}),
        allow("kms:Encrypt", Principal={"AWS": names[0] if len(names) == 1 else list(names)}),
    )


def named(kms: Any, key: str) -> Any:
    """Return whom the second statement of a key's policy names."""
    document = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    return document["Statement"][1]["Principal"]["AWS"]


def drop(iam: Any, name: str) -> None:
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)


def test_who_takes_a_name_does_not_get_its_rights(
    stockade: Stockade, aws: boto3.Session, iam: Any, kms: Any
) -> None:
    alice = user(stockade, aws, "alice").client("kms")
    first = iam.get_user(UserName="alice")["User"]["UserId"]
    document = key_policy(ALICE, ROOT)
    key = kms.create_key(Policy=document)["KeyMetadata"]["Arn"]
    assert alice.encrypt(KeyId=key, Plaintext=b"x")
    assert kms.get_key_policy(KeyId=key)["Policy"] == document
    drop(iam, "alice")
    assert named(kms, key) == [first, ROOT]
    impostor = user(stockade, aws, "alice").client("kms")
    assert named(kms, key) == [first, ROOT]
    code, _, text = refused(impostor.encrypt, KeyId=key, Plaintext=b"x")
    assert code == "AccessDeniedException"
    assert text.endswith("no identity-based policy allows the kms:Encrypt action")
    kms.put_key_policy(KeyId=key, Policy=key_policy(ALICE))
    assert named(kms, key) == ALICE
    assert impostor.encrypt(KeyId=key, Plaintext=b"x")


def test_an_id_cannot_be_put_for_a_name(
    stockade: Stockade, aws: boto3.Session, iam: Any, kms: Any
) -> None:
    user(stockade, aws, "alice")
    key = kms.create_key(Policy=key_policy(ALICE))["KeyMetadata"]["Arn"]
    drop(iam, "alice")
    shown = kms.get_key_policy(KeyId=key)["Policy"]
    assert refused(kms.put_key_policy, KeyId=key, Policy=shown) == (
        "MalformedPolicyDocumentException",
        400,
        "Policy contains a statement with one or more invalid principals.",
    )


def test_who_is_renamed_keeps_its_rights(stockade: Stockade, kms: Any) -> None:
    """Across accounts too, and who takes the old name has none."""
    other = account(stockade, OTHER)
    bob = user(stockade, other, "bob", allow("kms:Encrypt")).client("kms")
    old = f"arn:aws:iam::{OTHER}:user/bob"
    key = kms.create_key(Policy=key_policy(old))["KeyMetadata"]["Arn"]
    aside = kms.create_key(Policy=key_policy(ROOT))["KeyMetadata"]["Arn"]
    other.client("iam").update_user(UserName="bob", NewUserName="robert", NewPath="/eng/")
    assert named(kms, key) == f"arn:aws:iam::{OTHER}:user/eng/robert"
    assert named(kms, aside) == ROOT
    assert bob.encrypt(KeyId=key, Plaintext=b"x")
    impostor = user(stockade, other, "bob", allow("kms:Encrypt")).client("kms")
    assert refused(impostor.encrypt, KeyId=key, Plaintext=b"x")[0] == "AccessDeniedException"


def test_a_role_made_anew_has_no_rights(stockade: Stockade, aws: boto3.Session, kms: Any) -> None:
    iam = aws.client("iam")
    arn = f"arn:aws:iam::{ACCOUNT}:role/app"
    caller = user(stockade, aws, "caller", allow("sts:AssumeRole")).client("sts")

    def app() -> Any:
        made = caller.assume_role(RoleArn=arn, RoleSessionName="one")["Credentials"]
        return with_key(stockade, made).client("kms")

    first = iam.create_role(RoleName="app", AssumeRolePolicyDocument=trust(ACCOUNT))["Role"]
    key = kms.create_key(Policy=key_policy(arn))["KeyMetadata"]["Arn"]
    assert app().encrypt(KeyId=key, Plaintext=b"x")
    iam.delete_role(RoleName="app")
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=trust(ACCOUNT))
    assert named(kms, key) == first["RoleId"]
    assert refused(app().encrypt, KeyId=key, Plaintext=b"x")[0] == "AccessDeniedException"


def test_a_denial_by_name_is_not_handed_on(
    stockade: Stockade, aws: boto3.Session, iam: Any, kms: Any
) -> None:
    user(stockade, aws, "alice")
    denying = policy(
        allow("kms:*", Principal={"AWS": ROOT}),
        {**allow("kms:Encrypt", Principal={"AWS": ALICE}), "Effect": "Deny"},
    )
    key = kms.create_key(Policy=denying)["KeyMetadata"]["Arn"]
    drop(iam, "alice")
    another = user(stockade, aws, "alice", allow("kms:Encrypt")).client("kms")
    assert another.encrypt(KeyId=key, Plaintext=b"x")
