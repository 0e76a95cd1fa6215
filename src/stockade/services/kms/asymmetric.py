# SPDX-License-Identifier: Apache-2.0
"""How an RSA key encrypts and decrypts: RSAES-OAEP, in bare RSA blocks (kms-16).

A block names no key, so Decrypt has to be told which (kms-9 is of symmetric keys alone), and there
is nothing in it that an encryption context could be bound to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from stockade.core.context import Context
from stockade.crypto import oaep
from stockade.services.kms import pairs
from stockade.services.kms.errors import InvalidCiphertextException, ValidationException
from stockade.services.kms.event_loop import must_be_quick
from stockade.services.kms.resources import Key

QUICK_TO_DECRYPT: frozenset[str] = frozenset()
"""No RSA key is; with all of them it is to encrypt."""


def check(key: Key, algorithm: str, plaintext: bytes, context: Mapping[str, str]) -> None:
    """Refuse what a key cannot encrypt."""
    _no_context(context)
    largest = oaep.largest_plaintext(int(key.key_spec.removeprefix("RSA_")), algorithm)
    if len(plaintext) > largest:
        raise ValidationException(
            f"Algorithm {algorithm} and key spec {key.key_spec} cannot encrypt data larger "
            f"than {largest} bytes."
        )


def seal(
    ctx: Context, key: Key, algorithm: str, plaintext: bytes, context: Mapping[str, str]
) -> bytes:
    """Return the ciphertext of a plaintext."""
    check(key, algorithm, plaintext, context)
    return oaep.encrypt(_private(ctx, key).public_key(), algorithm, plaintext)


def open_block(
    ctx: Context, key: Key, algorithm: str, ciphertext: bytes, context: Mapping[str, str]
) -> bytes:
    """Return the plaintext of a ciphertext that the public key of `key` has to have made."""
    _no_context(context)
    must_be_quick(ctx, key, QUICK_TO_DECRYPT)
    try:
        return oaep.decrypt(_private(ctx, key), algorithm, ciphertext)
    except oaep.NotOpened:
        raise InvalidCiphertextException from None


def _private(ctx: Context, key: Key) -> RSAPrivateKey:
    return cast("RSAPrivateKey", pairs.private_key(ctx, key))


def _no_context(context: Mapping[str, str]) -> None:
    if context:
        raise ValidationException(
            "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs."
        )
