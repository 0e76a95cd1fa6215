# SPDX-License-Identifier: Apache-2.0
"""Backing keys: made, sealed, opened for the moment of use; no operation returns one (kms-2)."""

from __future__ import annotations

from stockade.core.context import Context
from stockade.services.kms import envelope
from stockade.services.kms.resources import MATERIALS, Key, Material, material_place
from stockade.store.resources import Scope


def generate(ctx: Context, scope: Scope, key_id: str) -> Material:
    """Make a backing key, store it sealed, and return its row."""
    secret = ctx.random(32)
    material_id = envelope.material_id(secret, key_id)
    material = Material(
        material_id=material_id,
        key_id=key_id,
        created=ctx.now,
        sealed=ctx.seal(scope, material_place(material_id), secret),
    )
    ctx.unit.put(MATERIALS, scope, material)
    return material


def current(ctx: Context, key: Key) -> bytes:
    """Return the backing key that a key encrypts with."""
    secret = opened(ctx, key, key.material_id)
    assert secret is not None, "a key always has its current material"
    return secret


def opened(ctx: Context, key: Key, material_id: str) -> bytes | None:
    """Return a backing key of `key`, or None where the key has no such material."""
    scope = Scope(key.account, key.region)

    def build() -> bytes | None:
        material = ctx.unit.get(MATERIALS, scope, material_id)
        if material is None or material.key_id != key.key_id:
            return None
        return ctx.unseal(scope, material.place, material.sealed)

    return ctx.unit.derive(("kms-material", scope, key.key_id, material_id), build)


def wipe(ctx: Context, key: Key) -> None:
    """Delete every backing key of a key; the store overwrites what it deletes."""
    scope = Scope(key.account, key.region)
    for material in ctx.unit.find(MATERIALS, scope, "key", key.key_id):
        ctx.unit.delete(MATERIALS, scope, material.material_id)
