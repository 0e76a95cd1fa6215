# SPDX-License-Identifier: Apache-2.0
"""Data key pairs of every spec: private and public half, encrypted under the key, and refusals."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives import serialization
from msgspec.structs import replace

from stockade.app import Stockade
from stockade.crypto import keypairs
from stockade.services.kms.resources import KEYS
from stockade.store.resources import Scope

SPECS = (
    "RSA_2048",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "ECC_NIST_EDWARDS25519",
    "ML_KEM_512",
    "ML_KEM_768",
    "ML_KEM_1024",
)


@pytest.fixture
def kms(aws: boto3.Session) -> Any:
    return aws.client("kms")


@pytest.fixture
def key(kms: Any) -> Any:
    return kms.create_key()["KeyMetadata"]


@pytest.mark.parametrize("spec", SPECS)
def test_the_halves_belong_together(kms: Any, key: Any, spec: str) -> None:
    made = kms.generate_data_key_pair(KeyId=key["KeyId"], KeyPairSpec=spec)
    private = keypairs.load_private(made["PrivateKeyPlaintext"])
    assert keypairs.public_der(private) == made["PublicKey"]
    opened = kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"])
    assert opened["Plaintext"] == made["PrivateKeyPlaintext"]
    assert opened["KeyMaterialId"] == made["KeyMaterialId"] == key["CurrentKeyMaterialId"]
    assert (made["KeyId"], made["KeyPairSpec"]) == (key["Arn"], spec)


def test_without_plaintext_there_is_none(kms: Any, key: Any) -> None:
    made = kms.generate_data_key_pair_without_plaintext(
        KeyId=key["KeyId"], KeyPairSpec="ECC_NIST_P256"
    )
    assert made.keys() - {"ResponseMetadata"} == {
        "KeyId",
        "KeyMaterialId",
        "KeyPairSpec",
        "PrivateKeyCiphertextBlob",
        "PublicKey",
    }
    opened = kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"])["Plaintext"]
    assert keypairs.public_der(keypairs.load_private(opened)) == made["PublicKey"]


def test_others_read_both_halves(kms: Any, key: Any) -> None:
    made = kms.generate_data_key_pair(KeyId=key["KeyId"], KeyPairSpec="RSA_2048")
    private = serialization.load_der_private_key(made["PrivateKeyPlaintext"], None)
    public = serialization.load_der_public_key(made["PublicKey"])
    assert private.public_key() == public


def test_the_private_key_is_bound_to_its_encryption_context(kms: Any, key: Any) -> None:
    made = kms.generate_data_key_pair(
        KeyId=key["KeyId"], KeyPairSpec="ECC_NIST_P256", EncryptionContext={"for": "tests"}
    )
    blob = made["PrivateKeyCiphertextBlob"]
    with pytest.raises(kms.exceptions.InvalidCiphertextException):
        kms.decrypt(CiphertextBlob=blob)
    opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext={"for": "tests"})
    assert opened["Plaintext"] == made["PrivateKeyPlaintext"]


@pytest.mark.parametrize(
    "operation", ["generate_data_key_pair", "generate_data_key_pair_without_plaintext"]
)
def test_what_is_refused(kms: Any, key: Any, operation: str) -> None:
    call, arguments = getattr(kms, operation), {"KeyPairSpec": "ECC_NIST_P256"}
    with pytest.raises(kms.exceptions.DryRunOperationException):
        call(KeyId=key["KeyId"], DryRun=True, **arguments)
    with pytest.raises(kms.exceptions.UnsupportedOperationException, match="extra `sm2`"):
        call(KeyId=key["KeyId"], KeyPairSpec="SM2")
    mac = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]
    name = kms.meta.method_to_api_mapping[operation]
    text = f"{mac['Arn']} key usage is GENERATE_VERIFY_MAC which is not valid for {name}."
    with pytest.raises(kms.exceptions.InvalidKeyUsageException) as caught:
        call(KeyId=mac["KeyId"], **arguments)
    assert caught.value.response["Error"]["Message"] == text
    rsa = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]
    with pytest.raises(kms.exceptions.InvalidKeyUsageException) as caught:
        call(KeyId=rsa["KeyId"], DryRun=True, **arguments)
    text = "You cannot generate a data key pair with an asymmetric CMK"
    assert caught.value.response["Error"]["Message"] == text
    kms.disable_key(KeyId=key["KeyId"])
    with pytest.raises(kms.exceptions.DisabledException):
        call(KeyId=key["KeyId"], **arguments)


def test_a_key_in_a_custom_key_store_encrypts_no_pair(
    stockade: Stockade, kms: Any, key: Any
) -> None:
    scope = Scope(key["AWSAccountId"], "us-east-1")
    with stockade.store.write() as unit:
        stored = unit.get(KEYS, scope, key["KeyId"])
        assert stored is not None
        elsewhere = replace(stored, origin="AWS_CLOUDHSM", custom_key_store_id="cks-1")
        unit.put(KEYS, scope, elsewhere)
    with pytest.raises(kms.exceptions.UnsupportedOperationException, match="AWS_CLOUDHSM"):
        kms.generate_data_key_pair(KeyId=key["KeyId"], KeyPairSpec="ECC_NIST_P256")
