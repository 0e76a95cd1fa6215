# SPDX-License-Identifier: Apache-2.0
"""Encapsulate and Decapsulate: a shared secret by ML-KEM, safe from quantum computers.

A ciphertext of the wrong length is refused; every other one gives 32 bytes, which are the right
ones only where key and ciphertext belong together (implicit rejection, as AWS documents it).
"""

from __future__ import annotations

from collections.abc import Sequence

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.crypto import encapsulation
from stockade.services.kms import pairs
from stockade.services.kms.access import key_named
from stockade.services.kms.errors import InvalidCiphertextException
from stockade.services.kms.ready import ready
from stockade.services.kms.resources import Key
from stockade.services.kms.service import kms

USAGE = "ENCAPSULATE_DECAPSULATE"


@kms.operation(access=key_named("kms:Encapsulate"))
def encapsulate(
    ctx: Context,
    key: Key,
    *,
    key_id: str,
    encapsulation_algorithm: str,
    grant_tokens: Sequence[str] = (),
    dry_run: bool = False,
) -> Output:
    """Make a shared secret for the holder of a key, and its encapsulated form."""
    del key_id
    ready(ctx, key, USAGE, "Encapsulate", encapsulation_algorithm, grant_tokens, dry_run=dry_run)
    secret, ciphertext = encapsulation.encapsulate(_private(ctx, key))
    return {
        "KeyId": key.arn,
        "SharedSecret": secret,
        "SharedSecretCiphertextBlob": ciphertext,
        "EncapsulationAlgorithm": encapsulation_algorithm,
    }


@kms.operation(access=key_named("kms:Decapsulate"))
def decapsulate(
    ctx: Context,
    key: Key,
    *,
    key_id: str,
    shared_secret_ciphertext_blob: bytes,
    encapsulation_algorithm: str,
    grant_tokens: Sequence[str] = (),
    dry_run: bool = False,
) -> Output:
    """Return the shared secret of an encapsulated form."""
    del key_id
    ready(ctx, key, USAGE, "Decapsulate", encapsulation_algorithm, grant_tokens, dry_run=dry_run)
    try:
        secret = encapsulation.decapsulate(_private(ctx, key), shared_secret_ciphertext_blob)
    except encapsulation.WrongLength:
        raise InvalidCiphertextException from None
    return {
        "KeyId": key.arn,
        "SharedSecret": secret,
        "EncapsulationAlgorithm": encapsulation_algorithm,
    }


def _private(ctx: Context, key: Key) -> encapsulation.PrivateKey:
    private = pairs.private_key(ctx, key)
    assert isinstance(private, encapsulation.PrivateKey), "only ML-KEM has this usage"
    return private
