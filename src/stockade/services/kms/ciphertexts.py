# SPDX-License-Identifier: Apache-2.0
"""The two ways to encrypt: symmetric keys make blobs, RSA keys make bare blocks.

Which of them an operation means, its EncryptionAlgorithm says; it has been held against the key.
"""

from __future__ import annotations

from collections.abc import Mapping

from stockade.core.context import Context
from stockade.services.kms import asymmetric, symmetric
from stockade.services.kms.errors import InvalidCiphertextException
from stockade.services.kms.resources import Key
from stockade.services.kms.specs import SYMMETRIC


def must_be_sealable(
    key: Key, algorithm: str, plaintext: bytes, context: Mapping[str, str]
) -> None:
    """Refuse a plaintext that is too large for the key, or a context that it cannot bind."""
    if algorithm != SYMMETRIC:
        asymmetric.check(key, algorithm, plaintext, context)


def must_be_of(key: Key, algorithm: str) -> None:
    """Refuse to look for a blob under a key that makes none: so AWS does before all else."""
    if algorithm == SYMMETRIC and key.key_spec != SYMMETRIC and key.key_usage == "ENCRYPT_DECRYPT":
        raise InvalidCiphertextException


def seal(
    ctx: Context, key: Key, algorithm: str, plaintext: bytes, context: Mapping[str, str]
) -> bytes:
    """Return the ciphertext of a plaintext."""
    if algorithm == SYMMETRIC:
        return symmetric.seal(ctx, key, plaintext, context)
    return asymmetric.seal(ctx, key, algorithm, plaintext, context)


def unseal(
    ctx: Context,
    key: Key,
    algorithm: str,
    ciphertext: bytes,
    context: Mapping[str, str],
    *,
    named: str | None,
) -> tuple[bytes, str]:
    """Return plaintext and KeyMaterialId of a ciphertext that `key` has to have made."""
    if algorithm == SYMMETRIC:
        return symmetric.open_blob(ctx, key, ciphertext, context, named=named)
    plaintext = asymmetric.open_block(ctx, key, algorithm, ciphertext, context)
    return plaintext, key.material_id
