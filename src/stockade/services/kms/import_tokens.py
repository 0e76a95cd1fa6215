# SPDX-License-Identifier: Apache-2.0
"""Import tokens: what GetParametersForImport hands out and ImportKeyMaterial wants back.

A token carries its wrapping private key, the algorithm and its end, sealed by the vault for one
key; so nothing has to be stored between the two calls, a token for another key or of another
deployment does not open, and one that was changed by a bit does not either (kms-20).
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from stockade.core.context import Context
from stockade.core.ports import Transactions
from stockade.crypto.aead import Tampered
from stockade.services.kms.errors import ExpiredImportTokenException, InvalidImportTokenException
from stockade.services.kms.resources import Key
from stockade.store.resources import Scope
from stockade.store.vault import Sealed

LIFETIME = timedelta(hours=24)

_SHORTEST = 1 + 16 + 12 + 16
"""Version, domain key id, nonce and tag of a box without content."""


class ImportToken(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a token."""

    algorithm: str
    valid_to: datetime
    private_key: bytes
    """The wrapping key as PKCS#8."""

    def __repr__(self) -> str:
        return f"ImportToken({self.algorithm}, {self.valid_to})"

    def wrapping_key(self) -> rsa.RSAPrivateKey:
        """Return the private key that opens what came with the token."""
        key = serialization.load_der_private_key(self.private_key, password=None)
        assert isinstance(key, rsa.RSAPrivateKey), "wrapping keys are RSA keys"
        return key


def issue(ctx: Context, key: Key, algorithm: str, wrapping: rsa.RSAPrivateKey) -> bytes:
    """Return a token for a key, good for 24 hours."""
    private_key = wrapping.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    token = ImportToken(algorithm=algorithm, valid_to=ctx.now + LIFETIME, private_key=private_key)
    _prepare(ctx, key.scope)
    return ctx.seal(key.scope, _place(key), msgspec.msgpack.encode(token)).box


def read(ctx: Context, key: Key, token: bytes) -> ImportToken:
    """Return the content of a token that was issued for a key and still holds."""
    if len(token) < _SHORTEST:
        raise InvalidImportTokenException
    try:
        content = ctx.unseal(key.scope, _place(key), Sealed(token))
    except Tampered:
        raise InvalidImportTokenException from None
    opened = msgspec.msgpack.decode(content, type=ImportToken)
    if opened.valid_to <= ctx.now:
        raise ExpiredImportTokenException
    return opened


def _prepare(ctx: Context, scope: Scope) -> None:
    """Have the vault make the key that it seals with, if this is the scope's first secret."""
    if not ctx.vault.is_ready(ctx.unit, scope):
        ctx.port(Transactions).change(ctx, lambda ctx: ctx.vault.prepare(ctx.unit, scope))


def _place(key: Key) -> str:
    return f"kms/import-token/{key.key_id}"
