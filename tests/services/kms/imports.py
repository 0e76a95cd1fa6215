# SPDX-License-Identifier: Apache-2.0
"""How a client imports key material: wraps it as AWS's documentation says, and sends it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from stockade.app import Stockade
from stockade.core.clock import ManualClock

OAEP = "RSAES_OAEP_SHA_256"
RSA_AES = "RSA_AES_KEY_WRAP_SHA_256"


def in_memory() -> Iterator[Stockade]:
    """Yield a deployment on one store, for tests of what stores have nothing to do with."""
    app = Stockade.in_memory(clock=ManualClock.today())
    yield app
    app.close()


def parameters(kms: Any, key: str, algorithm: str = OAEP, spec: str = "RSA_2048") -> Any:
    """Return what GetParametersForImport answers."""
    return kms.get_parameters_for_import(
        KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec=spec
    )


def wrapped(public_key: bytes, material: bytes, algorithm: str = OAEP) -> bytes:
    """Return material wrapped under a public key."""
    public = load_der_public_key(public_key)
    assert isinstance(public, rsa.RSAPublicKey)
    hash_ = hashes.SHA1() if algorithm.endswith("_1") else hashes.SHA256()
    oaep = padding.OAEP(padding.MGF1(hash_), hash_, label=None)
    if algorithm.startswith("RSAES"):
        return public.encrypt(material, oaep)
    aes = os.urandom(32)
    return public.encrypt(aes, oaep) + keywrap.aes_key_wrap_with_padding(aes, material)


def bring(
    kms: Any,
    key: str,
    material: bytes,
    algorithm: str = OAEP,
    spec: str = "RSA_2048",
    **options: Any,
) -> Any:
    """Import material, for ever unless told otherwise, and return the answer."""
    got = parameters(kms, key, algorithm, spec)
    return kms.import_key_material(
        **ready(got, material, algorithm, **options),
    )


def ready(got: Mapping[str, Any], material: bytes, algorithm: str = OAEP, **options: Any) -> Any:
    """Return the members of an ImportKeyMaterial for the parameters got."""
    if "ValidTo" not in options:
        options.setdefault("ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE")
    return {
        "KeyId": got["KeyId"],
        "ImportToken": got["ImportToken"],
        "EncryptedKeyMaterial": wrapped(got["PublicKey"], material, algorithm),
        **options,
    }
