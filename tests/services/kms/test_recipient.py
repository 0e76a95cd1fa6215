# SPDX-License-Identifier: Apache-2.0
"""Recipient through boto3: an attested enclave alone can read the answer."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from asn1crypto.cms import ContentInfo
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from stockade.app import Stockade
from stockade.config import Settings, SettingsError, attestation_roots
from stockade.testing.plugin import TestClock
from stockade.testing.transport import session
from tests.services.kms.enclave import PCRS, Enclave, spki
from tests.services.kms.test_encrypting import refusal
from tests.services.test_authorization import allow, denial, policy, user

ENCLAVE = Enclave()
ACCOUNT = "000000000000"


@pytest.fixture
def deployment(tmp_path: Path) -> Settings:
    roots = tmp_path / "roots.pem"
    roots.write_bytes(Enclave().root.pem + ENCLAVE.root.pem)
    return Settings(mode="dev", attestation_roots=roots)


@pytest.fixture
def kms(aws: boto3.Session) -> Any:
    return aws.client("kms")


@pytest.fixture
def key_id(kms: Any) -> str:
    return str(kms.create_key()["KeyMetadata"]["KeyId"])


def opened(answer: dict[str, Any], enclave: Enclave = ENCLAVE) -> bytes:
    """Return what an answer has for an enclave, as the enclave reads it."""
    data = ContentInfo.load(answer["CiphertextForRecipient"], strict=True)["content"]
    (recipient,) = data["recipient_infos"]
    content = data["encrypted_content_info"]
    iv = content["content_encryption_algorithm"]["parameters"].native
    key = enclave.opened_key(recipient.chosen["encrypted_key"].native)
    decryptor = Cipher(AES256(key), CBC(iv)).decryptor()
    padded = decryptor.update(content["encrypted_content"].native) + decryptor.finalize()
    unpadder = PKCS7(128).unpadder()
    return unpadder.update(padded) + unpadder.finalize()


def members(answer: dict[str, Any]) -> set[str]:
    return answer.keys() - {"ResponseMetadata"}


def test_decrypt_for_an_enclave(kms: Any, key_id: str, clock: TestClock) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"attack at dawn")["CiphertextBlob"]
    answer = kms.decrypt(CiphertextBlob=blob, Recipient=ENCLAVE.recipient(clock.now))
    assert members(answer) == {"KeyId", "EncryptionAlgorithm", "CiphertextForRecipient"}
    assert opened(answer) == b"attack at dawn"


def test_data_key_for_an_enclave(kms: Any, key_id: str, clock: TestClock) -> None:
    recipient = ENCLAVE.recipient(clock.now)
    answer = kms.generate_data_key(KeyId=key_id, KeySpec="AES_256", Recipient=recipient)
    assert members(answer) == {"KeyId", "CiphertextBlob", "CiphertextForRecipient"}
    assert opened(answer) == kms.decrypt(CiphertextBlob=answer["CiphertextBlob"])["Plaintext"]


def test_random_bytes_for_an_enclave(kms: Any, clock: TestClock) -> None:
    recipient = ENCLAVE.recipient(clock.now)
    answer = kms.generate_random(NumberOfBytes=1024, Recipient=recipient)
    assert members(answer) == {"CiphertextForRecipient"}
    again = kms.generate_random(NumberOfBytes=1024, Recipient=recipient)
    assert len(opened(answer)) == 1024
    assert opened(answer) != opened(again)


def test_dry_run_reads_the_document_too(kms: Any, key_id: str, clock: TestClock) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    recipient = ENCLAVE.recipient(clock.now)
    arguments = {"CiphertextBlob": blob, "DryRun": True}
    code = refusal(kms.decrypt, **arguments, Recipient=recipient)[0]
    assert code == "DryRunOperationException"
    clock.advance(seconds=301)
    assert refusal(kms.decrypt, **arguments, Recipient=recipient)[0] == "ValidationException"


def test_larger_keys_are_taken(kms: Any, key_id: str, clock: TestClock) -> None:
    enclave = Enclave()
    enclave.root, enclave.zone, enclave.signer = ENCLAVE.root, ENCLAVE.zone, ENCLAVE.signer
    enclave.rsa = rsa.generate_private_key(65_537, 3_072)
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    answer = kms.decrypt(CiphertextBlob=blob, Recipient=enclave.recipient(clock.now))
    assert opened(answer, enclave) == b"x"


def test_documents_that_prove_nothing(kms: Any, clock: TestClock) -> None:
    small = spki(rsa.generate_private_key(65_537, 1_024).public_key())
    curve = spki(ec.generate_private_key(ec.SECP256R1()).public_key())
    no_key = "The attestation document has no RSA public key of at least 2048 bits."
    for recipient, message in (
        (
            Enclave().recipient(clock.now),
            "The attestation document does not lead to a root certificate that is trusted.",
        ),
        (
            ENCLAVE.recipient(clock.now - timedelta(seconds=301)),
            "The attestation document has expired.",
        ),
        (ENCLAVE.recipient(clock.now, public_key=None), no_key),
        (ENCLAVE.recipient(clock.now, public_key=b"x"), no_key),
        (ENCLAVE.recipient(clock.now, public_key=small), no_key),
        (ENCLAVE.recipient(clock.now, public_key=curve), no_key),
        ({}, "Recipient must have an AttestationDocument and a KeyEncryptionAlgorithm."),
    ):
        expected = ("ValidationException", message, 400)
        assert refusal(kms.generate_random, NumberOfBytes=1, Recipient=recipient) == expected


def test_aws_root_is_the_default() -> None:
    app = Stockade.in_memory()
    try:
        kms = session(app).client("kms")
        recipient = ENCLAVE.recipient(app.clock.now())
        message = refusal(kms.generate_random, NumberOfBytes=1, Recipient=recipient)[1]
        assert message.endswith("root certificate that is trusted.")
    finally:
        app.close()


def test_roots_that_cannot_be_read_are_a_problem_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "none.pem"
    for content in (None, b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(SettingsError, match="attestation roots"):
            Stockade.open(Settings(mode="dev", attestation_roots=path), lambda: "")


def test_roots_are_named_by_the_environment() -> None:
    assert attestation_roots({}) is None
    assert attestation_roots({"STOCKADE_ATTESTATION_ROOTS": "/r.pem"}) == Path("/r.pem")


def attested_policy(**condition: str) -> str:
    named = {f"kms:RecipientAttestation:{name}": value for name, value in condition.items()}
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    everything_else = ["kms:Encrypt", "kms:DescribeKey", "kms:PutKeyPolicy"]
    return policy(
        allow(everything_else, Principal=root),
        allow(
            ["kms:Decrypt", "kms:GenerateDataKey"],
            Principal=root,
            Condition={"StringEqualsIgnoreCase": named},
        ),
    )


def test_image_and_registers_open_a_key(kms: Any, key_id: str, clock: TestClock) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    image = PCRS[0].hex()
    tpm = {"pcrs": None, "nitrotpm_pcrs": PCRS}
    allowed: tuple[tuple[dict[str, str], dict[str, Any]], ...] = (
        ({"ImageSha384": image}, {}),
        ({"ImageSha384": image.upper(), "PCR0": image, "PCR4": "04" * 48}, {}),
        ({"NitroTPMPCR4": "04" * 48}, tpm),
    )
    for condition, changes in allowed:
        kms.put_key_policy(KeyId=key_id, Policy=attested_policy(**condition))
        recipient = ENCLAVE.recipient(clock.now, **changes)
        assert opened(kms.decrypt(CiphertextBlob=blob, Recipient=recipient)) == b"x"
        assert "kms:Decrypt" in denial(kms.decrypt, KeyId=key_id, CiphertextBlob=blob)
    refused: tuple[tuple[dict[str, str], dict[str, Any]], ...] = (
        ({"ImageSha384": image}, {"pcrs": {0: bytes(48)}}),
        ({"ImageSha384": image}, tpm),
        ({"PCR0": image}, tpm),
        ({"NitroTPMPCR0": image}, {}),
        ({"PCR8": "00" * 48}, {}),
    )
    for condition, changes in refused:
        kms.put_key_policy(KeyId=key_id, Policy=attested_policy(**condition))
        recipient = ENCLAVE.recipient(clock.now, **changes)
        assert denial(kms.decrypt, CiphertextBlob=blob, Recipient=recipient)


def test_a_bad_document_is_heard_of_before_a_denial(
    stockade: Stockade, aws: boto3.Session, kms: Any, key_id: str, clock: TestClock
) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    nobody = user(stockade, aws, "nobody").client("kms")
    late = ENCLAVE.recipient(clock.now - timedelta(minutes=6))
    code = refusal(nobody.decrypt, CiphertextBlob=blob, Recipient=late)[0]
    assert code == "ValidationException"
    good = ENCLAVE.recipient(clock.now)
    assert denial(nobody.decrypt, CiphertextBlob=blob, Recipient=good)


def record_of(aws: boto3.Session, name: str) -> dict[str, Any]:
    """Return the record of the last call of an operation."""
    attribute = {"AttributeKey": "EventName", "AttributeValue": name}
    (event,) = aws.client("cloudtrail").lookup_events(LookupAttributes=[attribute])["Events"]
    record: dict[str, Any] = json.loads(event["CloudTrailEvent"])
    return record


def test_record_says_whose_enclave_it_was(
    aws: boto3.Session, kms: Any, key_id: str, clock: TestClock
) -> None:
    recipient = ENCLAVE.recipient(clock.now)
    kms.generate_data_key(KeyId=key_id, KeySpec="AES_256", Recipient=recipient)
    record = record_of(aws, "GenerateDataKey")
    assert record["additionalEventData"] == {
        "recipient": {
            "attestationDocumentModuleId": "i-1234567890abcdef0-enc0123456789abcdef",
            "attestationDocumentEnclaveImageDigest": PCRS[0].hex(),
            "attestationDocumentEnclavePCR1": PCRS[1].hex(),
            "attestationDocumentEnclavePCR2": PCRS[2].hex(),
            "attestationDocumentEnclavePCR4": PCRS[4].hex(),
        }
    }
    assert "ocument" not in json.dumps(record["requestParameters"])


def test_record_of_an_instance_and_of_a_denial(
    stockade: Stockade, aws: boto3.Session, clock: TestClock
) -> None:
    registers = {index: bytes([index]) * 48 for index in range(24)}
    recipient = ENCLAVE.recipient(clock.now, pcrs=None, nitrotpm_pcrs=registers)
    nobody = user(stockade, aws, "nobody").client("kms")
    denial(nobody.generate_random, NumberOfBytes=1, Recipient=recipient)
    noted = record_of(aws, "GenerateRandom")["additionalEventData"]
    assert set(noted["recipient"]) == {"attestationDocumentModuleId"} | {
        f"attestationDocumentNitroTPMPCR{index}" for index in (4, 7, 8, 9, 16, 23)
    }
    assert noted["decision"]["action"] == "kms:GenerateRandom"
