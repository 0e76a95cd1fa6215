# SPDX-License-Identifier: Apache-2.0
"""Keys, their states, aliases, tags, rotation and deletion through boto3."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from stockade.app import Stockade
from stockade.services.kms.resources import MATERIALS
from stockade.store.resources import Scope
from stockade.testing.plugin import TestClock

ACCOUNT = "000000000000"
SCOPE = Scope(ACCOUNT, "us-east-1")


@pytest.fixture
def kms(aws: boto3.Session) -> Any:
    return aws.client("kms")


@pytest.fixture
def key_id(kms: Any) -> str:
    return str(kms.create_key()["KeyMetadata"]["KeyId"])


def arn(key_id: str) -> str:
    return f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{key_id}"


def refusal(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error: Any = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.fact("kms-10")
@pytest.mark.fact("kms-11")
def test_create_and_describe(kms: Any, clock: TestClock) -> None:
    made = kms.create_key(Description="for tests", Tags=[{"TagKey": "team", "TagValue": "blue"}])[
        "KeyMetadata"
    ]
    assert made["Arn"] == arn(made["KeyId"])
    assert made["AWSAccountId"] == ACCOUNT
    assert made["CreationDate"] == clock.now
    assert made["Enabled"] is True
    assert made["KeyState"] == "Enabled"
    assert made["KeySpec"] == made["CustomerMasterKeySpec"] == "SYMMETRIC_DEFAULT"
    assert made["EncryptionAlgorithms"] == ["SYMMETRIC_DEFAULT"]
    assert made["Origin"] == "AWS_KMS"
    assert made["KeyManager"] == "CUSTOMER"
    for name in (made["KeyId"], made["Arn"]):
        assert kms.describe_key(KeyId=name)["KeyMetadata"] == made
    tags = kms.list_resource_tags(KeyId=made["KeyId"])["Tags"]
    assert tags == [{"TagKey": "team", "TagValue": "blue"}]


@pytest.mark.fact("kms-10")
def test_old_name_of_the_spec_is_taken(kms: Any) -> None:
    made = kms.create_key(CustomerMasterKeySpec="SYMMETRIC_DEFAULT")["KeyMetadata"]
    assert made["KeySpec"] == "SYMMETRIC_DEFAULT"


def test_usage_and_spec_go_together(kms: Any) -> None:
    assert refusal(kms.create_key, KeySpec="HMAC_256") == (
        "ValidationException",
        "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
    )
    assert refusal(kms.create_key, KeyUsage="SIGN_VERIFY") == (
        "ValidationException",
        "KeyUsage SIGN_VERIFY is not compatible with KeySpec SYMMETRIC_DEFAULT",
    )


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("fake", "NotFoundException", "Invalid keyId 'fake'"),
        (
            "12345678-1234-1234-1234-123456789012",
            "NotFoundException",
            f"Key '{arn('12345678-1234-1234-1234-123456789012')}' does not exist",
        ),
        (
            "arn:aws:kms:eu-west-1:000000000000:key/12345678-1234-1234-1234-123456789012",
            "NotFoundException",
            "Invalid arn eu-west-1",
        ),
        (
            "alias/none",
            "NotFoundException",
            f"Alias arn:aws:kms:us-east-1:{ACCOUNT}:alias/none is not found.",
        ),
    ],
)
def test_unknown_names(kms: Any, name: str, code: str, message: str) -> None:
    assert refusal(kms.describe_key, KeyId=name) == (code, message)
    assert refusal(kms.encrypt, KeyId=name, Plaintext=b"x") == (code, message)


def test_lists_page_through_everything_once(kms: Any) -> None:
    made = sorted(kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(7))
    for size in (1, 2, 3, 7, 100):
        pages = kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": size})
        assert [key["KeyId"] for page in pages for key in page["Keys"]] == made
    assert refusal(kms.list_keys, Marker="!")[0] == "InvalidMarkerException"


@pytest.mark.fact("kms-4")
def test_disabled_key_does_nothing(kms: Any, key_id: str) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    kms.disable_key(KeyId=key_id)
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Disabled"
    expected = ("DisabledException", f"{arn(key_id)} is disabled.")
    for call, arguments in (
        (kms.encrypt, {"KeyId": key_id, "Plaintext": b"x"}),
        (kms.decrypt, {"CiphertextBlob": blob}),
        (kms.re_encrypt, {"CiphertextBlob": blob, "DestinationKeyId": key_id}),
        (kms.generate_data_key, {"KeyId": key_id, "KeySpec": "AES_256"}),
        (kms.generate_data_key_without_plaintext, {"KeyId": key_id, "KeySpec": "AES_256"}),
        (kms.enable_key_rotation, {"KeyId": key_id}),
        (kms.disable_key_rotation, {"KeyId": key_id}),
    ):
        assert refusal(call, **arguments) == expected
    kms.enable_key(KeyId=key_id)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_key_pending_deletion(kms: Any, key_id: str) -> None:
    kms.create_alias(AliasName="alias/doomed", TargetKeyId=key_id)
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    kms.schedule_key_deletion(KeyId=key_id)
    expected = ("KMSInvalidStateException", f"{arn(key_id)} is pending deletion.")
    tag = {"TagKey": "a", "TagValue": "b"}
    for call, arguments in (
        (kms.encrypt, {"KeyId": key_id, "Plaintext": b"x"}),
        (kms.decrypt, {"CiphertextBlob": blob}),
        (kms.generate_data_key, {"KeyId": key_id, "KeySpec": "AES_256"}),
        (kms.create_alias, {"AliasName": "alias/x", "TargetKeyId": key_id}),
        (kms.update_alias, {"AliasName": "alias/doomed", "TargetKeyId": key_id}),
        (kms.tag_resource, {"KeyId": key_id, "Tags": [tag]}),
        (kms.untag_resource, {"KeyId": key_id, "TagKeys": ["a"]}),
        (kms.update_key_description, {"KeyId": key_id, "Description": "x"}),
        (kms.enable_key, {"KeyId": key_id}),
        (kms.disable_key, {"KeyId": key_id}),
        (kms.enable_key_rotation, {"KeyId": key_id}),
        (kms.schedule_key_deletion, {"KeyId": key_id}),
    ):
        assert refusal(call, **arguments) == expected
    assert kms.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]
    assert kms.list_resource_tags(KeyId=key_id)["Tags"] == []
    assert kms.cancel_key_deletion(KeyId=key_id)["KeyId"] == arn(key_id)
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Disabled"
    assert refusal(kms.cancel_key_deletion, KeyId=key_id) == (
        "KMSInvalidStateException",
        f"{arn(key_id)} is not pending deletion.",
    )


def test_deletion_happens_when_the_window_ends(
    kms: Any, key_id: str, clock: TestClock, stockade: Stockade
) -> None:
    kms.create_alias(AliasName="alias/doomed", TargetKeyId=key_id)
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    answer = kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    assert answer["DeletionDate"] == clock.now + timedelta(days=7)
    assert (answer["KeyState"], answer["PendingWindowInDays"]) == ("PendingDeletion", 7)
    clock.advance(days=7, seconds=-1)
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    clock.advance(seconds=1)
    assert refusal(kms.describe_key, KeyId=key_id)[0] == "NotFoundException"
    assert refusal(kms.describe_key, KeyId="alias/doomed")[0] == "NotFoundException"
    assert refusal(kms.decrypt, CiphertextBlob=blob)[0] == "AccessDeniedException"
    with stockade.store.read() as unit:
        assert unit.list(MATERIALS, SCOPE) == []


def test_deletion_window_is_7_to_30_days(kms: Any, key_id: str, clock: TestClock) -> None:
    for days in (6, 31):
        call = refusal(kms.schedule_key_deletion, KeyId=key_id, PendingWindowInDays=days)
        assert call[0] == "ValidationException"
    answer = kms.schedule_key_deletion(KeyId=key_id)
    assert answer["DeletionDate"] == clock.now + timedelta(days=30)


@pytest.mark.fact("kms-24")
def test_alias_can_be_moved(kms: Any, key_id: str) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/app", TargetKeyId=key_id)
    assert kms.encrypt(KeyId="alias/app", Plaintext=b"x")["KeyId"] == arn(key_id)
    assert (
        kms.describe_key(KeyId=f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/app")["KeyMetadata"]["KeyId"]
        == key_id
    )
    old = kms.encrypt(KeyId="alias/app", Plaintext=b"old")["CiphertextBlob"]
    kms.update_alias(AliasName="alias/app", TargetKeyId=other)
    assert kms.encrypt(KeyId="alias/app", Plaintext=b"x")["KeyId"] == arn(other)
    assert kms.decrypt(CiphertextBlob=old)["Plaintext"] == b"old"
    kms.delete_alias(AliasName="alias/app")
    assert all(
        alias["AliasName"].startswith("alias/aws/") for alias in kms.list_aliases()["Aliases"]
    )
    assert kms.describe_key(KeyId=other)


def test_alias_names(kms: Any, key_id: str, clock: TestClock) -> None:
    kms.create_alias(AliasName="alias/a", TargetKeyId=key_id)
    assert refusal(kms.create_alias, AliasName="alias/a", TargetKeyId=key_id) == (
        "AlreadyExistsException",
        f"An alias with the name arn:aws:kms:us-east-1:{ACCOUNT}:alias/a already exists",
    )
    code, message = refusal(kms.create_alias, AliasName="plain", TargetKeyId=key_id)
    assert code == "ValidationException"
    assert message.startswith('Alias must start with the prefix "alias/". Please see ')
    assert refusal(kms.create_alias, AliasName="alias/aws/s3", TargetKeyId=key_id)[0] == (
        "NotAuthorizedException"
    )
    assert refusal(kms.create_alias, AliasName="alias/b", TargetKeyId="alias/a")[0] == (
        "InvalidArnException"
    )
    assert refusal(kms.delete_alias, AliasName="alias/none") == (
        "NotFoundException",
        f"Alias arn:aws:kms:us-east-1:{ACCOUNT}:alias/none is not found.",
    )
    assert kms.list_aliases(KeyId=key_id)["Aliases"] == [
        {
            "AliasName": "alias/a",
            "AliasArn": f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/a",
            "TargetKeyId": key_id,
            "CreationDate": clock.now,
            "LastUpdatedDate": clock.now,
        }
    ]


def test_tags(kms: Any, key_id: str) -> None:
    def tag(name: str, value: str) -> dict[str, str]:
        return {"TagKey": name, "TagValue": value}

    kms.tag_resource(KeyId=key_id, Tags=[tag("b", "1"), tag("a", "1")])
    kms.tag_resource(KeyId=key_id, Tags=[tag("b", "2")])
    pages = kms.get_paginator("list_resource_tags").paginate(
        KeyId=key_id, PaginationConfig={"PageSize": 1}
    )
    assert [one for page in pages for one in page["Tags"]] == [tag("a", "1"), tag("b", "2")]
    kms.untag_resource(KeyId=key_id, TagKeys=["a", "absent"])
    assert kms.list_resource_tags(KeyId=key_id)["Tags"] == [tag("b", "2")]
    call = kms.tag_resource
    assert refusal(call, KeyId=key_id, Tags=[tag("a", "1"), tag("a", "2")]) == (
        "TagException",
        "Duplicate tag keys",
    )
    assert refusal(call, KeyId=key_id, Tags=[tag("aws:x", "1")]) == (
        "TagException",
        "Tags beginning with aws: are reserved",
    )
    many = [tag(str(number), "") for number in range(51)]
    assert refusal(call, KeyId=key_id, Tags=many) == ("TagException", "Too many tags")


@pytest.mark.fact("kms-23")
def test_rotation_really_happens(kms: Any, key_id: str, clock: TestClock) -> None:
    assert kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"] is False
    kms.enable_key_rotation(KeyId=key_id)
    status = kms.get_key_rotation_status(KeyId=key_id)
    assert status["KeyRotationEnabled"] is True
    assert status["RotationPeriodInDays"] == 365
    assert status["NextRotationDate"] == clock.now + timedelta(days=365)
    blobs, materials = [], []
    for year in range(4):
        made = kms.encrypt(KeyId=key_id, Plaintext=str(year).encode())
        blobs.append(made["CiphertextBlob"])
        materials.append(kms.decrypt(CiphertextBlob=blobs[-1])["KeyMaterialId"])
        clock.advance(days=365)
    assert len(set(materials)) == 4
    assert [kms.decrypt(CiphertextBlob=blob)["Plaintext"] for blob in blobs] == [
        b"0",
        b"1",
        b"2",
        b"3",
    ]
    kms.disable_key_rotation(KeyId=key_id)
    current = kms.describe_key(KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"]
    clock.advance(days=3650)
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"] == current


def test_rotation_period_is_90_to_2560_days(
    aws: boto3.Session, kms: Any, key_id: str, clock: TestClock
) -> None:
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    status = kms.get_key_rotation_status(KeyId=key_id)
    assert status["NextRotationDate"] == clock.now + timedelta(days=90)
    unchecked = aws.client("kms", config=Config(parameter_validation=False))
    for days in (89, 2561):
        call = unchecked.enable_key_rotation
        code, message = refusal(call, KeyId=key_id, RotationPeriodInDays=days)
        assert code == "ValidationException"
        assert "'rotationPeriodInDays' failed to satisfy constraint" in message


def test_disabled_key_rotates_once_when_enabled(kms: Any, key_id: str, clock: TestClock) -> None:
    kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    before = kms.describe_key(KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"]
    kms.disable_key(KeyId=key_id)
    clock.advance(days=400)
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"] == before
    kms.enable_key(KeyId=key_id)
    clock.advance(seconds=1)
    after = kms.describe_key(KeyId=key_id)["KeyMetadata"]["CurrentKeyMaterialId"]
    assert after != before
    status = kms.get_key_rotation_status(KeyId=key_id)
    assert status["NextRotationDate"] > clock.now + timedelta(days=89)


@pytest.mark.fact("kms-26")
def test_default_policy(kms: Any, key_id: str) -> None:
    answer = kms.get_key_policy(KeyId=key_id)
    assert answer["PolicyName"] == "default"
    assert json.loads(answer["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [
            {
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }
    assert kms.list_key_policies(KeyId=key_id)["PolicyNames"] == ["default"]


@pytest.mark.fact("kms-27")
def test_policy_that_locks_out_is_refused(kms: Any, key_id: str) -> None:
    locked = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": "*"},
                    "Action": "kms:Encrypt",
                    "Resource": "*",
                }
            ],
        }
    )
    put = kms.put_key_policy
    expected = (
        "MalformedPolicyDocumentException",
        "The new key policy will not allow you to update the key policy in the future.",
    )
    assert refusal(put, KeyId=key_id, PolicyName="default", Policy=locked) == expected
    assert refusal(kms.create_key, Policy=locked) == expected
    before = kms.get_key_policy(KeyId=key_id)["Policy"]
    kms.put_key_policy(KeyId=key_id, Policy=locked, BypassPolicyLockoutSafetyCheck=True)
    assert before != locked
    assert refusal(kms.get_key_policy, KeyId=key_id)[0] == "AccessDeniedException"
    assert kms.encrypt(KeyId=key_id, Plaintext=b"x")["KeyId"] == arn(key_id)


def test_policy_has_to_be_well_formed(kms: Any, key_id: str) -> None:
    put = kms.put_key_policy
    for text in ("{", "[]", '{"Version": "2012-10-17"}', '{"Statement": [{"Effect": "Maybe"}]}'):
        code, message = refusal(put, KeyId=key_id, PolicyName="default", Policy=text)
        assert code == "MalformedPolicyDocumentException"
        assert message
    long = json.dumps({"Version": "2012-10-17", "Id": "x" * 33_000, "Statement": []})
    code, _ = refusal(put, KeyId=key_id, PolicyName="default", Policy=long)
    assert code == "LimitExceededException"
    code, message = refusal(kms.get_key_policy, KeyId=key_id, PolicyName="other")
    assert (code, message) == ("NotFoundException", "No such policy exists")


@pytest.mark.fact("kms-2")
@pytest.mark.fact("kms-13")
def test_material_is_not_stored_in_clear(kms: Any, key_id: str, stockade: Stockade) -> None:
    del key_id
    with stockade.store.read() as unit:
        (material,) = unit.list(MATERIALS, SCOPE)
        assert material.sealed is not None
        secret = stockade.vault.open(unit, SCOPE, material.place, material.sealed)
        assert len(secret) == 32
        assert secret not in bytes(material.sealed.box)
