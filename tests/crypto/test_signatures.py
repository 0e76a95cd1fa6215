# SPDX-License-Identifier: Apache-2.0
"""Signatures, HMACs and OAEP against Wycheproof's vectors and those of RFC 8032."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from Crypto.Hash import SHA512
from Crypto.Signature import eddsa
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from stockade.crypto import macs, oaep, signatures
from stockade.crypto.keypairs import load_private

FOLDER = (
    Path(os.environ.get("STOCKADE_VECTORS", Path(__file__).parents[2] / "../shared/vectors"))
    / "wycheproof"
)
SIGNED = (
    ("ecdsa_secp256r1_sha256_test", "ECDSA_SHA_256"),
    ("ecdsa_secp384r1_sha384_test", "ECDSA_SHA_384"),
    ("ecdsa_secp521r1_sha512_test", "ECDSA_SHA_512"),
    ("ecdsa_secp256k1_sha256_test", "ECDSA_SHA_256"),
    ("ed25519_test", "ED25519_SHA_512"),
    ("mldsa_44_verify_test", "ML_DSA_SHAKE_256"),
    ("mldsa_65_verify_test", "ML_DSA_SHAKE_256"),
    ("mldsa_87_verify_test", "ML_DSA_SHAKE_256"),
    ("rsa_signature_2048_sha256_test", "RSASSA_PKCS1_V1_5_SHA_256"),
    ("rsa_signature_2048_sha384_test", "RSASSA_PKCS1_V1_5_SHA_384"),
    ("rsa_signature_2048_sha512_test", "RSASSA_PKCS1_V1_5_SHA_512"),
    ("rsa_pss_2048_sha256_mgf1_32_test", "RSASSA_PSS_SHA_256"),
    ("rsa_pss_2048_sha384_mgf1_48_test", "RSASSA_PSS_SHA_384"),
    ("rsa_pss_4096_sha512_mgf1_64_test", "RSASSA_PSS_SHA_512"),
)
OPENED = (
    ("rsa_oaep_2048_sha1_mgf1sha1_test", "RSAES_OAEP_SHA_1"),
    ("rsa_oaep_2048_sha256_mgf1sha256_test", "RSAES_OAEP_SHA_256"),
    ("rsa_oaep_3072_sha256_mgf1sha256_test", "RSAES_OAEP_SHA_256"),
    ("rsa_oaep_4096_sha256_mgf1sha256_test", "RSAES_OAEP_SHA_256"),
)
needs_vectors = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="no Wycheproof vectors (set STOCKADE_VECTORS)"
)


def vectors(name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield group and test of a file of vectors."""
    for group in json.loads((FOLDER / f"{name}.json").read_text())["testGroups"]:
        for test in group["tests"]:
            yield group, test


@needs_vectors
@pytest.mark.parametrize(("name", "algorithm"), SIGNED)
def test_signatures_hold_where_they_have_to(name: str, algorithm: str) -> None:
    counted = 0
    for group, test in vectors(name):
        if test.get("ctx"):
            continue  # KMS has no context for ML-DSA
        try:
            public: Any = load_der_public_key(bytes.fromhex(group["publicKeyDer"]))
        except (KeyError, ValueError):
            assert test["result"] == "invalid"  # a public key that is none
            continue
        message, signature = bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])
        valid = signatures.verify(public, algorithm, message, "RAW", signature)
        assert valid == (test["result"] == "valid") or test["result"] == "acceptable", test
        if algorithm.startswith(("ECDSA", "RSASSA")):
            digest = hashlib.new(f"sha{algorithm[-3:]}", message).digest()
            assert signatures.verify(public, algorithm, digest, "DIGEST", signature) == valid
        counted += 1
    assert counted > 50


@needs_vectors
@pytest.mark.parametrize("bits", [224, 256, 384, 512])
def test_macs_hold_where_they_have_to(bits: int) -> None:
    for group, test in vectors(f"hmac_sha{bits}_test"):
        key, message = bytes.fromhex(test["key"]), bytes.fromhex(test["msg"])
        mac = bytes.fromhex(test["tag"])
        whole = group["tagSize"] == bits
        valid = macs.verify(key, f"HMAC_SHA_{bits}", message, mac)
        assert valid == (whole and test["result"] == "valid"), test


@needs_vectors
@pytest.mark.parametrize(("name", "algorithm"), OPENED)
def test_blocks_open_where_they_have_to(name: str, algorithm: str) -> None:
    for group, test in vectors(name):
        if test["label"]:
            continue  # KMS has no label
        private = load_private(bytes.fromhex(group["privateKeyPkcs8"]))
        assert isinstance(private, rsa.RSAPrivateKey)
        try:
            opened = oaep.decrypt(private, algorithm, bytes.fromhex(test["ct"]))
        except oaep.NotOpened:
            assert test["result"] == "invalid", test
        else:
            assert opened == bytes.fromhex(test["msg"])
            assert test["result"] != "invalid", test


def test_prehash_is_that_of_rfc_8032() -> None:
    """Section 7.3 signs `abc`: what comes as a digest here is hashed, so it stands for that."""
    private = ed25519.Ed25519PrivateKey.from_private_bytes(
        bytes.fromhex("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42")
    )
    expected = (
        "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41"
        "31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
    )
    signature = signatures.sign(private, "ED25519_PH_SHA_512", b"abc", "DIGEST")
    assert signature.hex() == expected
    public = private.public_key()
    assert signatures.verify(public, "ED25519_PH_SHA_512", b"abc", "DIGEST", signature)
    assert not signatures.verify(public, "ED25519_PH_SHA_512", b"abd", "DIGEST", signature)
    assert not signatures.verify(public, "ED25519_SHA_512", b"abc", "RAW", signature)


def test_digest_with_the_prehash_is_hashed_twice() -> None:
    private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    digest = hashlib.sha512(b"message").digest()
    signature = signatures.sign(private, "ED25519_PH_SHA_512", digest, "DIGEST")
    verifier = eddsa.new(
        eddsa.import_public_key(private.public_key().public_bytes_raw()), "rfc8032"
    )
    verifier.verify(SHA512.new(digest), signature)
    with pytest.raises(ValueError, match="not authentic"):
        verifier.verify(SHA512.new(b"message"), signature)
