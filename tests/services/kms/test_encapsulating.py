# SPDX-License-Identifier: Apache-2.0
"""Encapsulate and Decapsulate: three sizes, other implementations, implicit rejection."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from Crypto.PublicKey import MLKEM
from cryptography.hazmat.primitives.asymmetric import mlkem
from cryptography.hazmat.primitives.serialization import load_der_public_key

from stockade.app import Stockade
from stockade.crypto import keypairs
from tests.services.kms.test_pool import material

CIPHERTEXT_SIZES = {"ML_KEM_512": 768, "ML_KEM_768": 1088, "ML_KEM_1024": 1568}


@pytest.fixture
def kms(aws: boto3.Session) -> Any:
    return aws.client("kms")


def create(kms: Any, spec: str = "ML_KEM_768") -> Any:
    return kms.create_key(KeySpec=spec, KeyUsage="ENCAPSULATE_DECAPSULATE")["KeyMetadata"]


def encapsulate(kms: Any, key: Any, **more: Any) -> Any:
    return kms.encapsulate(KeyId=key["KeyId"], EncapsulationAlgorithm="ML_KEM", **more)


def decapsulate(kms: Any, key: Any, ciphertext: bytes, **more: Any) -> Any:
    return kms.decapsulate(
        KeyId=key["KeyId"],
        SharedSecretCiphertextBlob=ciphertext,
        EncapsulationAlgorithm="ML_KEM",
        **more,
    )


@pytest.mark.parametrize("spec", sorted(CIPHERTEXT_SIZES))
def test_what_was_encapsulated_comes_back(kms: Any, spec: str) -> None:
    key = create(kms, spec)
    assert key["EncapsulationAlgorithms"] == ["ML_KEM"]
    made = encapsulate(kms, key)
    assert len(made["SharedSecret"]) == 32
    assert len(made["SharedSecretCiphertextBlob"]) == CIPHERTEXT_SIZES[spec]
    back = decapsulate(kms, key, made["SharedSecretCiphertextBlob"])
    assert back["SharedSecret"] == made["SharedSecret"]
    for answer in (made, back):
        assert (answer["KeyId"], answer["EncapsulationAlgorithm"]) == (key["Arn"], "ML_KEM")
    assert encapsulate(kms, key)["SharedSecret"] != made["SharedSecret"]


@pytest.mark.parametrize("spec", sorted(CIPHERTEXT_SIZES))
def test_a_changed_ciphertext_gives_another_secret_and_no_error(kms: Any, spec: str) -> None:
    key = create(kms, spec)
    made = encapsulate(kms, key)
    changed = bytearray(made["SharedSecretCiphertextBlob"])
    changed[0] ^= 1
    first = decapsulate(kms, key, bytes(changed))["SharedSecret"]
    assert len(first) == 32
    assert first != made["SharedSecret"]
    assert decapsulate(kms, key, bytes(changed))["SharedSecret"] == first


@pytest.mark.parametrize("spec", sorted(CIPHERTEXT_SIZES))
@pytest.mark.parametrize("off", [-1, 1])
def test_a_ciphertext_of_another_length_is_refused(kms: Any, spec: str, off: int) -> None:
    key = create(kms, spec)
    with pytest.raises(kms.exceptions.InvalidCiphertextException):
        decapsulate(kms, key, bytes(CIPHERTEXT_SIZES[spec] + off))


def test_another_implementation_encapsulates_for_our_key(stockade: Stockade, kms: Any) -> None:
    key = create(kms)
    private = keypairs.load_private(material(stockade, key["KeyId"]))
    other = MLKEM.import_key(keypairs.public_der(private))
    secret, ciphertext = other._encaps()
    assert decapsulate(kms, key, ciphertext)["SharedSecret"] == secret


def test_another_implementation_reads_what_we_encapsulate(stockade: Stockade, kms: Any) -> None:
    key = create(kms)
    private = MLKEM.import_key(material(stockade, key["KeyId"]))
    made = encapsulate(kms, key)
    secret = private._decaps(made["SharedSecretCiphertextBlob"])
    assert secret == made["SharedSecret"]


def test_the_public_key_of_a_data_key_pair_is_for_others(kms: Any) -> None:
    wrapping = kms.create_key()["KeyMetadata"]["KeyId"]
    pair = kms.generate_data_key_pair(KeyId=wrapping, KeyPairSpec="ML_KEM_768")
    public = load_der_public_key(pair["PublicKey"])
    assert isinstance(public, mlkem.MLKEM768PublicKey)


@pytest.mark.parametrize("operation", ["Encapsulate", "Decapsulate"])
def test_what_is_refused(kms: Any, operation: str) -> None:
    def call(key: Any, **more: Any) -> Any:
        if operation == "Encapsulate":
            return encapsulate(kms, key, **more)
        return decapsulate(kms, key, bytes(1088), **more)

    plain = kms.create_key()["KeyMetadata"]
    text = f"{plain['Arn']} key usage is ENCRYPT_DECRYPT which is not valid for {operation}."
    with pytest.raises(kms.exceptions.InvalidKeyUsageException) as caught:
        call(plain)
    assert caught.value.response["Error"]["Message"] == text
    key = create(kms)
    with pytest.raises(kms.exceptions.DryRunOperationException):
        call(key, DryRun=True)
    kms.schedule_key_deletion(KeyId=key["KeyId"])
    with pytest.raises(kms.exceptions.KMSInvalidStateException):
        call(key)
