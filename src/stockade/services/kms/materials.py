# SPDX-License-Identifier: Apache-2.0
"""Backing keys: made, sealed, opened for the moment of use; no operation returns one (kms-2)."""

from __future__ import annotations

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.services.kms import envelope
from stockade.services.kms.resources import MATERIALS, Key, Material, material_place
from stockade.store.resources import Scope


def generate(ctx: Context, scope: Scope, key_id: str) -> Material:
    """Make a symmetric backing key, store it sealed, and return its row."""
    return keep(ctx, scope, key_id, ctx.random(32))


def keep(ctx: Context, scope: Scope, key_id: str, secret: bytes) -> Material:
    """Store a backing key sealed, and return its row."""
    material_id = envelope.material_id(secret, key_id)
    material = Material(
        material_id=material_id,
        key_id=key_id,
        created=ctx.now,
        sealed=ctx.seal(scope, material_place(material_id), secret),
    )
    ctx.unit.put(MATERIALS, scope, material)
    return material


def copy_missing(ctx: Context, source: Key, target: Key) -> None:
    """Give a key's row in another Region the backing keys that it lacks, sealed for its Region."""
    for material in ctx.unit.find(MATERIALS, source.scope, "key", source.key_id):
        known = ctx.unit.get(MATERIALS, target.scope, material.material_id)
        if known is None and material.sealed is not None:
            secret = ctx.unseal(source.scope, material.place, material.sealed)
            sealed = ctx.seal(target.scope, material.place, secret)
            ctx.unit.put(MATERIALS, target.scope, replace(material, sealed=sealed))


def current(ctx: Context, key: Key) -> bytes:
    """Return the backing key that a key encrypts with."""
    secret = opened(ctx, key, key.material_id)
    assert secret is not None, "a key always has its current material"
    return secret


def opened(ctx: Context, key: Key, material_id: str) -> bytes | None:
    """Return a backing key of `key`, or None where the key has no such material."""

    def build() -> bytes | None:
        material = ctx.unit.get(MATERIALS, key.scope, material_id)
        if material is None or material.key_id != key.key_id or material.sealed is None:
            return None
        return ctx.unseal(key.scope, material.place, material.sealed)

    return ctx.unit.derive(("kms-material", key.scope, key.key_id, material_id), build)


def every(ctx: Context, key: Key) -> list[Material]:
    """Return the rows of a key's backing keys, the first one first."""
    rows = ctx.unit.find(MATERIALS, key.scope, "key", key.key_id)
    return sorted(rows, key=lambda row: row.number)


def wipe(ctx: Context, key: Key) -> None:
    """Delete every backing key of a key; the store overwrites what it deletes."""
    for material in ctx.unit.find(MATERIALS, key.scope, "key", key.key_id):
        ctx.unit.delete(MATERIALS, key.scope, material.material_id)
