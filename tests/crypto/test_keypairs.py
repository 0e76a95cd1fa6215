# SPDX-License-Identifier: Apache-2.0
"""Key pairs: every spec of KMS is made, read again, and its public half is the same."""

from __future__ import annotations

import pytest
from Crypto.PublicKey import MLKEM
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa

from stockade.crypto import keypairs

QUICK = sorted(set(keypairs.GENERATORS) - {"RSA_3072", "RSA_4096"})


@pytest.mark.parametrize("spec", QUICK)
def test_a_pair_is_the_same_after_its_der(spec: str) -> None:
    der = keypairs.generate(spec)
    private = keypairs.load_private(der)
    assert keypairs.private_der(private) == der
    again = keypairs.load_private(der)
    assert keypairs.public_der(again) == keypairs.public_der(private)


@pytest.mark.parametrize("spec", QUICK)
def test_two_pairs_are_two(spec: str) -> None:
    assert keypairs.generate(spec) != keypairs.generate(spec)


@pytest.mark.parametrize("spec", sorted(set(QUICK) - {"ML_KEM_512"}))
def test_others_read_the_public_key(spec: str) -> None:
    public = keypairs.public_der(keypairs.load_private(keypairs.generate(spec)))
    serialization.load_der_public_key(public)


def test_the_smallest_ml_kem_is_kept_as_its_seed() -> None:
    private = keypairs.load_private(keypairs.generate("ML_KEM_512"))
    assert isinstance(private, MLKEM.MLKEMKey)
    assert len(private.seed) == 64
    assert len(private.ek) == 800


def test_a_key_of_another_kind_is_refused() -> None:
    der = dsa.generate_private_key(1024).private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(ValueError, match="none of KMS's"):
        keypairs.load_private(der)
