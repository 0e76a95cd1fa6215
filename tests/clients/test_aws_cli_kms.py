# SPDX-License-Identifier: Apache-2.0
"""The stock AWS CLI uses KMS unchanged, with nothing but AWS_ENDPOINT_URL and credentials."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.clients import Clients

pytestmark = pytest.mark.slow


def encrypt(clients: Clients, key: str, plaintext: bytes, *options: str) -> Path:
    source = clients.file("plaintext", plaintext)
    answer = clients.aws(
        "kms", "encrypt", "--key-id", key, "--plaintext", f"fileb://{source}", *options
    )
    return clients.file("ciphertext", base64.b64decode(answer["CiphertextBlob"]))


def decrypt(clients: Clients, blob: Path, *options: str) -> bytes:
    answer = clients.aws("kms", "decrypt", "--ciphertext-blob", f"fileb://{blob}", *options)
    return base64.b64decode(answer["Plaintext"])


@pytest.mark.fact("kms-8")
@pytest.mark.fact("kms-9")
def test_encrypts_and_decrypts_without_being_told_the_key(clients: Clients, key: str) -> None:
    blob = encrypt(clients, key, b"attack at dawn")
    assert b"attack" not in blob.read_bytes()
    assert decrypt(clients, blob) == b"attack at dawn"


def test_a_key_answers_to_its_id_arn_alias_and_alias_arn(clients: Clients, key: str) -> None:
    alias = f"alias/clients/{key[-12:]}"
    alias_arn = key.rpartition(":")[0] + f":{alias}"
    clients.aws("kms", "create-alias", "--alias-name", alias, "--target-key-id", key)
    for name in (key, key.rpartition("/")[2], alias, alias_arn):
        blob = encrypt(clients, name, b"by any name")
        assert decrypt(clients, blob, "--key-id", name) == b"by any name"
        described = clients.aws("kms", "describe-key", "--key-id", name)["KeyMetadata"]
        assert described["Arn"] == key
    listed = clients.aws("kms", "list-aliases", "--key-id", key)["Aliases"]
    assert [each["AliasArn"] for each in listed] == [alias_arn]


def test_the_encryption_context_must_be_the_same(clients: Clients, key: str) -> None:
    blob = encrypt(clients, key, b"bound", "--encryption-context", "tenant=a,purpose=x")
    assert decrypt(clients, blob, "--encryption-context", "purpose=x,tenant=a") == b"bound"
    said = clients.refused(
        "kms", "decrypt", "--ciphertext-blob", f"fileb://{blob}", "--encryption-context", "tenant=b"
    )
    assert "InvalidCiphertextException" in said


def test_describe_key_shows_what_create_key_was_given(clients: Clients) -> None:
    made = clients.aws("kms", "create-key", "--description", "for the ledger")["KeyMetadata"]
    described = clients.aws("kms", "describe-key", "--key-id", made["KeyId"])["KeyMetadata"]
    assert described["Description"] == "for the ledger"
    assert (described["KeyState"], described["Enabled"]) == ("Enabled", True)
    assert (described["KeySpec"], described["KeyUsage"]) == ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
    assert (described["KeyManager"], described["Origin"]) == ("CUSTOMER", "AWS_KMS")


def test_list_keys_pages(clients: Clients) -> None:
    made = {clients.aws("kms", "create-key")["KeyMetadata"]["Arn"] for _ in range(3)}
    first = clients.aws("kms", "list-keys", "--max-items", "2", "--page-size", "1")
    assert len(first["Keys"]) == 2
    rest = clients.aws("kms", "list-keys", "--starting-token", first["NextToken"])
    arns = [each["KeyArn"] for each in first["Keys"] + rest["Keys"]]
    assert made <= set(arns)
    assert len(arns) == len(set(arns))


def test_a_data_key_opens_only_by_decrypt(clients: Clients, key: str) -> None:
    made = clients.aws("kms", "generate-data-key", "--key-id", key, "--key-spec", "AES_256")
    wrapped = clients.file("wrapped", base64.b64decode(made["CiphertextBlob"]))
    plain = base64.b64decode(made["Plaintext"])
    assert len(plain) == 32
    assert decrypt(clients, wrapped) == plain
    bare = clients.aws(
        "kms", "generate-data-key-without-plaintext", "--key-id", key, "--key-spec", "AES_128"
    )
    assert "Plaintext" not in bare
    blob = clients.file("bare", base64.b64decode(bare["CiphertextBlob"]))
    assert len(decrypt(clients, blob)) == 16


def test_a_data_key_is_as_long_as_aws_makes_it(clients: Clients, key: str, enforced: None) -> None:
    made = clients.aws("kms", "generate-data-key", "--key-id", key, "--key-spec", "AES_256")
    assert len(base64.b64decode(made["CiphertextBlob"])) == 184


def test_re_encrypt_moves_a_secret_to_another_key(clients: Clients, key: str) -> None:
    other = clients.aws("kms", "create-key")["KeyMetadata"]["Arn"]
    blob = encrypt(clients, key, b"moving")
    moved = clients.aws(
        "kms", "re-encrypt", "--ciphertext-blob", f"fileb://{blob}", "--destination-key-id", other
    )
    assert (moved["SourceKeyId"], moved["KeyId"]) == (key, other)
    target = clients.file("moved", base64.b64decode(moved["CiphertextBlob"]))
    assert decrypt(clients, target, "--key-id", other) == b"moving"


def test_tags_come_and_go(clients: Clients, key: str) -> None:
    tags = ["TagKey=team,TagValue=ledger", "TagKey=stage,TagValue=prod"]
    clients.aws("kms", "tag-resource", "--key-id", key, "--tags", *tags)
    clients.aws("kms", "untag-resource", "--key-id", key, "--tag-keys", "stage")
    listed = clients.aws("kms", "list-resource-tags", "--key-id", key)["Tags"]
    assert listed == [{"TagKey": "team", "TagValue": "ledger"}]


@pytest.mark.fact("kms-26")
def test_the_default_key_policy_is_aws_s(clients: Clients, key: str) -> None:
    policy = json.loads(clients.aws("kms", "get-key-policy", "--key-id", key)["Policy"])
    statement = policy["Statement"][0]
    account = key.split(":")[4]
    assert policy["Id"] == "key-default-1"
    assert statement["Sid"] == "Enable IAM User Permissions"
    assert statement["Principal"] == {"AWS": f"arn:aws:iam::{account}:root"}
    assert (statement["Effect"], statement["Action"], statement["Resource"]) == (
        "Allow",
        "kms:*",
        "*",
    )


def test_a_key_policy_is_kept_as_it_was_put(clients: Clients, key: str) -> None:
    account = key.split(":")[4]
    principal = {"AWS": f"arn:aws:iam::{account}:root"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement | {"Sid": "ours"}]}
    file = clients.file("policy.json", json.dumps(policy).encode())
    put = ["--policy-name", "default", "--policy", f"file://{file}"]
    clients.aws("kms", "put-key-policy", "--key-id", key, *put)
    kept = clients.aws("kms", "get-key-policy", "--key-id", key, "--policy-name", "default")
    assert json.loads(kept["Policy"]) == policy
    assert clients.aws("kms", "list-key-policies", "--key-id", key)["PolicyNames"] == ["default"]


@pytest.mark.fact("kms-25")
def test_nobody_locks_himself_out(clients: Clients, key: str, enforced: None) -> None:
    nobody = {"AWS": f"arn:aws:iam::{key.split(':')[4]}:user/nobody-of-this-name"}
    statement = {"Effect": "Allow", "Principal": nobody, "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    said = clients.refused("kms", "put-key-policy", "--key-id", key, "--policy", policy)
    assert "MalformedPolicyDocumentException" in said


def test_deletion_is_scheduled_and_cancelled(clients: Clients, key: str) -> None:
    blob = encrypt(clients, key, b"still here")
    named = ["--key-id", key]
    gone = clients.aws("kms", "schedule-key-deletion", *named, "--pending-window-in-days", "7")
    assert gone["KeyState"] == "PendingDeletion"
    opened = ["kms", "decrypt", "--ciphertext-blob", f"fileb://{blob}"]
    assert "KMSInvalidStateException" in clients.refused(*opened)
    clients.aws("kms", "cancel-key-deletion", *named)
    state = clients.aws("kms", "describe-key", *named)["KeyMetadata"]["KeyState"]
    assert state == "Disabled"
    clients.aws("kms", "enable-key", *named)
    assert decrypt(clients, blob) == b"still here"


def test_a_disabled_key_refuses_at_once(clients: Clients, key: str) -> None:
    blob = encrypt(clients, key, b"locked")
    clients.aws("kms", "disable-key", "--key-id", key)
    said = clients.refused("kms", "decrypt", "--ciphertext-blob", f"fileb://{blob}")
    assert "(DisabledException)" in said
    assert f"{key} is disabled." in said


def test_rotation_is_switched_on_and_off(clients: Clients, key: str) -> None:
    named = ["--key-id", key]
    clients.aws("kms", "enable-key-rotation", *named, "--rotation-period-in-days", "180")
    status = clients.aws("kms", "get-key-rotation-status", *named)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, 180)
    clients.aws("kms", "disable-key-rotation", *named)
    status = clients.aws("kms", "get-key-rotation-status", *named)
    assert status["KeyRotationEnabled"] is False


def test_an_unknown_key_is_not_found(clients: Clients, key: str) -> None:
    absent = key[:-12] + "0123456789ab"
    said = clients.refused("kms", "describe-key", "--key-id", absent)
    assert "(NotFoundException)" in said
    assert absent in said
