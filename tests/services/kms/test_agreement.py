# SPDX-License-Identifier: Apache-2.0
"""DeriveSharedSecret: both sides come to one secret; foreign curves and no keys are refused."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stockade.app import Stockade
from stockade.crypto import keypairs
from tests.services.kms.test_pool import material

CURVES = {
    "ECC_NIST_P256": ec.SECP256R1(),
    "ECC_NIST_P384": ec.SECP384R1(),
    "ECC_NIST_P521": ec.SECP521R1(),
}


@pytest.fixture
def kms(aws: boto3.Session) -> Any:
    return aws.client("kms")


def create(kms: Any, spec: str = "ECC_NIST_P256", usage: str = "KEY_AGREEMENT") -> Any:
    return kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]


def derive(kms: Any, key: Any, public: bytes, **more: Any) -> Any:
    return kms.derive_shared_secret(
        KeyId=key["KeyId"], KeyAgreementAlgorithm="ECDH", PublicKey=public, **more
    )


def spki(public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> bytes:
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("spec", sorted(CURVES))
def test_both_sides_have_one_secret(stockade: Stockade, kms: Any, spec: str) -> None:
    key, other = create(kms, spec), ec.generate_private_key(CURVES[spec])
    assert key["KeyAgreementAlgorithms"] == ["ECDH"]
    answer = derive(kms, key, spki(other.public_key()))
    mine = keypairs.load_private(material(stockade, key["KeyId"]))
    assert isinstance(mine, ec.EllipticCurvePrivateKey)
    assert answer["SharedSecret"] == other.exchange(ec.ECDH(), mine.public_key())
    assert answer["KeyId"] == key["Arn"]
    assert answer["KeyAgreementAlgorithm"] == "ECDH"
    assert answer["KeyOrigin"] == "AWS_KMS"


@pytest.mark.parametrize("bad", [b"InvalidPublicKey", b"\x30", bytes(100)])
def test_what_is_no_public_key_is_refused(kms: Any, bad: bytes) -> None:
    with pytest.raises(kms.exceptions.ClientError) as caught:
        derive(kms, create(kms), bad)
    assert caught.value.response["Error"] == {"Code": "ValidationException", "Message": ""}


def test_a_key_that_is_no_curve_is_refused(kms: Any) -> None:
    public = spki(rsa.generate_private_key(65537, 2048).public_key())
    with pytest.raises(kms.exceptions.ClientError, match="ValidationException"):
        derive(kms, create(kms), public)


def test_another_curve_is_refused(kms: Any) -> None:
    public = spki(ec.generate_private_key(ec.SECP256K1()).public_key())
    with pytest.raises(kms.exceptions.ClientError) as caught:
        derive(kms, create(kms), public)
    assert caught.value.response["Error"] == {"Code": "ValidationException", "Message": ""}


def test_a_key_for_signing_agrees_on_nothing(kms: Any) -> None:
    key = create(kms, usage="SIGN_VERIFY")
    public = spki(ec.generate_private_key(ec.SECP256R1()).public_key())
    text = f"{key['Arn']} key usage is SIGN_VERIFY which is not valid for DeriveSharedSecret."
    with pytest.raises(kms.exceptions.InvalidKeyUsageException) as caught:
        derive(kms, key, public)
    assert caught.value.response["Error"]["Message"] == text


def test_a_dry_run_and_a_disabled_key(kms: Any) -> None:
    key = create(kms)
    public = spki(ec.generate_private_key(ec.SECP256R1()).public_key())
    with pytest.raises(kms.exceptions.DryRunOperationException):
        derive(kms, key, public, DryRun=True)
    with pytest.raises(kms.exceptions.ClientError, match="ValidationException"):
        derive(kms, key, b"InvalidPublicKey", DryRun=True)
    kms.disable_key(KeyId=key["KeyId"])
    with pytest.raises(kms.exceptions.DisabledException):
        derive(kms, key, public)


def test_rsa_keys_cannot_be_made_for_agreement(kms: Any) -> None:
    text = "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048"
    with pytest.raises(kms.exceptions.ClientError, match=text):
        create(kms, "RSA_2048")
