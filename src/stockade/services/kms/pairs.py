# SPDX-License-Identifier: Apache-2.0
"""The private key of an asymmetric KMS key, ready for use, and its public half.

Both are remembered until the key's material changes: to read them takes as long as to use them.
"""

from __future__ import annotations

from stockade.core.context import Context
from stockade.crypto import keypairs
from stockade.services.kms import materials
from stockade.services.kms.resources import Key


def private_key(ctx: Context, key: Key) -> keypairs.PrivateKey:
    """Return the private key of an asymmetric key."""

    def build() -> keypairs.PrivateKey:
        return keypairs.load_private(materials.current(ctx, key))

    return ctx.unit.derive(("kms-private-key", key.scope, key.key_id, key.material_id), build)


def public_key(ctx: Context, key: Key) -> bytes:
    """Return the public key of an asymmetric key as SubjectPublicKeyInfo in DER."""

    def build() -> bytes:
        return keypairs.public_der(private_key(ctx, key))

    return ctx.unit.derive(("kms-public-key", key.scope, key.key_id, key.material_id), build)
