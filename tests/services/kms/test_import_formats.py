# SPDX-License-Identifier: Apache-2.0
"""Imported material has to match the key's spec, whatever the kind of key (kms-20)."""

from __future__ import annotations

import hashlib
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from stockade.app import Stockade
from stockade.services.kms import envelope, import_formats, specs
from stockade.services.kms.errors import InvalidCiphertextException
from stockade.services.kms.resources import MATERIALS
from stockade.store.resources import Scope
from tests.services.kms.imports import OAEP, RSA_AES, bring, in_memory, parameters

SCOPE = Scope("000000000000", "us-east-1")
USAGE = {"hmac": "GENERATE_VERIFY_MAC", "rsa": "SIGN_VERIFY", "ecc": "SIGN_VERIFY"}
HMAC_RANGES = {
    "HMAC_224": (28, 64),
    "HMAC_256": (32, 64),
    "HMAC_384": (48, 128),
    "HMAC_512": (64, 128),
}


_one_store = pytest.fixture(in_memory, name="stockade")


@pytest.fixture
def kms(aws: boto3.Session) -> Any:
    return aws.client("kms")


@pytest.fixture(scope="module")
def private_keys() -> dict[str, Any]:
    """One private key of each spec that has them."""
    return {
        **{f"RSA_{bits}": rsa.generate_private_key(65_537, bits) for bits in (2048, 3072, 4096)},
        "ECC_NIST_P256": ec.generate_private_key(ec.SECP256R1()),
        "ECC_NIST_P384": ec.generate_private_key(ec.SECP384R1()),
        "ECC_NIST_P521": ec.generate_private_key(ec.SECP521R1()),
        "ECC_SECG_P256K1": ec.generate_private_key(ec.SECP256K1()),
        "ECC_NIST_EDWARDS25519": ed25519.Ed25519PrivateKey.generate(),
    }


def pkcs8(private: Any) -> bytes:
    return bytes(private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def external(kms: Any, spec: str, usage: str = "SIGN_VERIFY") -> str:
    made = kms.create_key(Origin="EXTERNAL", KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
    assert made["KeyState"] == "PendingImport"
    return str(made["KeyId"])


@pytest.mark.fact("kms-20")
@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P256", "ECC_NIST_EDWARDS25519"])
def test_a_private_key_comes_in(
    kms: Any, stockade: Stockade, private_keys: dict[str, Any], spec: str
) -> None:
    key = external(kms, spec)
    answer = bring(kms, key, pkcs8(private_keys[spec]), RSA_AES)
    assert "KeyMaterialId" not in answer, "symmetric keys alone show it"
    shown = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (shown["KeyState"], shown["Enabled"]) == ("Enabled", True)
    assert shown["ExpirationModel"] == "KEY_MATERIAL_DOES_NOT_EXPIRE"
    assert "CurrentKeyMaterialId" not in shown
    with stockade.store.read() as unit:
        (row,) = unit.find(MATERIALS, SCOPE, "key", key)
        assert row.sealed is not None
        stored: Any = load_der_private_key(
            stockade.vault.open(unit, SCOPE, row.place, row.sealed), password=None
        )
    assert stored.public_key() == private_keys[spec].public_key()


@pytest.mark.fact("kms-20")
def test_a_deleted_private_key_comes_back_identical_only(
    kms: Any, private_keys: dict[str, Any]
) -> None:
    key = external(kms, "ECC_NIST_P256")
    bring(kms, key, pkcs8(private_keys["ECC_NIST_P256"]), RSA_AES)
    answer = kms.delete_imported_key_material(KeyId=key)
    assert "KeyMaterialId" not in answer
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"
    other = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(ClientError, match="IncorrectKeyMaterialException"):
        bring(kms, key, pkcs8(other), RSA_AES)
    bring(kms, key, pkcs8(private_keys["ECC_NIST_P256"]), OAEP)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_several_materials_are_for_symmetric_keys(kms: Any) -> None:
    key = external(kms, "HMAC_256", "GENERATE_VERIFY_MAC")
    bring(kms, key, bytes(32))
    for options in (
        {"ImportType": "NEW_KEY_MATERIAL"},
        {"ImportType": "EXISTING_KEY_MATERIAL"},
        {"KeyMaterialDescription": "x"},
        {"KeyMaterialId": "a" * 64},
    ):
        (member,) = options
        text = f"Input parameter {member[0].lower()}{member[1:]} cannot be used with HMAC_256 "
        with pytest.raises(ClientError, match=f"{text}imported keys"):
            bring(kms, key, bytes(32), **options)
    with pytest.raises(ClientError, match=r"does not have the expected identifier \([0-9a-f]{64}"):
        bring(kms, key, bytes(33))
    with pytest.raises(ClientError, match="can only be used with symmetric keys"):
        kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    assert kms.list_key_rotations(KeyId=key)["Rotations"] == []


@given(material=st.binary(min_size=28, max_size=128), more=st.integers(1, 100))
def test_material_that_hmac_takes_for_the_same_is_not_the_same(material: bytes, more: int) -> None:
    """HMAC pads its keys with zeros, and takes a long key and its hash for the same."""
    ids = {
        envelope.material_id(each, "key")
        for each in (material, material + bytes(more), hashlib.sha256(material).digest())
    }
    assert len(ids) == 3


@pytest.mark.fact("kms-20")
def test_rsa_material_is_too_long_for_rsa_alone(kms: Any, private_keys: dict[str, Any]) -> None:
    key = external(kms, "RSA_2048", "ENCRYPT_DECRYPT")
    for algorithm in (OAEP, "RSAES_OAEP_SHA_1"):
        text = f"{algorithm} and wrapping key spec RSA_4096 cannot be used to import a RSA_2048 key"
        with pytest.raises(ClientError, match=text):
            parameters(kms, key, algorithm, "RSA_4096")
    bring(kms, key, pkcs8(private_keys["RSA_2048"]), "RSA_AES_KEY_WRAP_SHA_1")


@pytest.mark.fact("kms-20")
@pytest.mark.parametrize("spec", ["ECC_NIST_P521", "ECC_NIST_EDWARDS25519"])
def test_some_want_a_longer_wrapping_key(kms: Any, private_keys: dict[str, Any], spec: str) -> None:
    key = external(kms, spec)
    with pytest.raises(ClientError, match=f"cannot be used to import a {spec} key"):
        parameters(kms, key, OAEP, "RSA_2048")
    bring(kms, key, pkcs8(private_keys[spec]), OAEP, "RSA_3072")
    bring(kms, key, pkcs8(private_keys[spec]), RSA_AES, "RSA_2048")


def test_a_secret_key_goes_under_rsa_itself(kms: Any) -> None:
    for spec, usage in (
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
        ("HMAC_256", "GENERATE_VERIFY_MAC"),
    ):
        key = external(kms, spec, usage)
        with pytest.raises(ClientError, match=f"RSA_2048 cannot be used to import a {spec} key"):
            parameters(kms, key, RSA_AES)


@pytest.mark.parametrize(
    ("spec", "usage"),
    [
        ("ML_DSA_44", "SIGN_VERIFY"),
        ("ML_KEM_768", "ENCAPSULATE_DECAPSULATE"),
        ("SM2", "SIGN_VERIFY"),
    ],
)
def test_what_cannot_be_imported(kms: Any, spec: str, usage: str) -> None:
    with pytest.raises(ClientError, match=f"KeySpec {spec} is not supported for Origin EXTERNAL"):
        external(kms, spec, usage)


@pytest.mark.fact("kms-20")
def test_every_spec_takes_its_own_private_key_alone(private_keys: dict[str, Any]) -> None:
    for spec, private in private_keys.items():
        assert import_formats.secret_of(spec, pkcs8(private)) == pkcs8(private)
        for other in ("RSA_2048", "ECC_NIST_P384", "ECC_NIST_P256", "ECC_NIST_EDWARDS25519"):
            if other != spec:
                with pytest.raises(InvalidCiphertextException):
                    import_formats.secret_of(spec, pkcs8(private_keys[other]))
    families = {specs.SPECS[spec].family for spec in private_keys}
    assert families | {"symmetric", "hmac"} == import_formats.IMPORTABLE


def test_private_keys_in_other_forms_are_refused(private_keys: dict[str, Any]) -> None:
    for spec in ("RSA_2048", "ECC_NIST_P256"):
        private = private_keys[spec]
        der, old = Encoding.DER, PrivateFormat.TraditionalOpenSSL
        for material in (
            private.private_bytes(der, old, NoEncryption()),
            private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            private.private_bytes(der, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
            pkcs8(private) + b"\0",
            pkcs8(private)[:-1],
            b"",
        ):
            with pytest.raises(InvalidCiphertextException):
                import_formats.secret_of(spec, material)
    for stranger in (
        ec.generate_private_key(ec.BrainpoolP256R1()),
        ed448.Ed448PrivateKey.generate(),
        x25519.X25519PrivateKey.generate(),
        dsa.generate_private_key(1024),
        rsa.generate_private_key(65_537, 1024),
    ):
        with pytest.raises(InvalidCiphertextException):
            import_formats.secret_of("ECC_NIST_P256", pkcs8(stranger))


@pytest.mark.fact("kms-20")
@pytest.mark.parametrize("spec", HMAC_RANGES)
def test_hmac_material_has_a_range_of_lengths(spec: str) -> None:
    least, most = HMAC_RANGES[spec]
    for size in range(200):
        if least <= size <= most:
            assert import_formats.secret_of(spec, bytes(size)) == bytes(size)
        else:
            with pytest.raises(InvalidCiphertextException):
                import_formats.secret_of(spec, bytes(size))


@given(material=st.binary(max_size=200), spec=st.sampled_from(["RSA_2048", "ECC_NIST_P256"]))
def test_bytes_are_no_private_key(material: bytes, spec: str) -> None:
    with pytest.raises(InvalidCiphertextException):
        import_formats.secret_of(spec, material)


@given(data=st.data())
def test_a_damaged_private_key_is_refused_or_another_encoding(data: st.DataObject) -> None:
    good = pkcs8(ec.derive_private_key(0x1234567890, ec.SECP256R1()))
    place = data.draw(st.integers(0, len(good) - 1))
    damaged = (
        good[:place] + bytes([good[place] ^ data.draw(st.integers(1, 255))]) + good[place + 1 :]
    )
    try:
        secret = import_formats.secret_of("ECC_NIST_P256", damaged)
    except InvalidCiphertextException:
        return
    load_der_private_key(secret, password=None)
