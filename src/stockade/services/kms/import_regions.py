# SPDX-License-Identifier: Apache-2.0
"""Imported material of multi-Region keys: the same in every Region, imported in each (kms-29).

New material comes into the primary key first. Once every replica has it too it can be rotated, in
all Regions at once; until then it waits for them. What one replica loses, the others keep.
"""

from __future__ import annotations

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.services.kms import materials
from stockade.services.kms.resources import KEYS, MATERIALS, Key, Material
from stockade.store.resources import Scope


def primary_of(ctx: Context, key: Key) -> Key:
    """Return the key that says which materials there are: itself unless it is a replica."""
    if key.multi_region is None or not key.is_replica:
        return key
    scope = Scope(key.account, key.multi_region.primary)
    return ctx.unit.get(KEYS, scope, key.key_id) or key


def replicas_of(ctx: Context, key: Key) -> list[Key]:
    """Return the replicas of a primary key; none for every other key."""
    if key.multi_region is None or key.is_replica:
        return []
    scopes = [Scope(key.account, region) for region in key.multi_region.replicas]
    rows = [ctx.unit.get(KEYS, scope, key.key_id) for scope in scopes]
    return [row for row in rows if row is not None]


def is_awaited(ctx: Context, key: Key) -> bool:
    """Tell whether a replica still lacks the material that waits for its rotation."""
    return any(
        not is_there(ctx, replica, key.pending_material_id) for replica in replicas_of(ctx, key)
    )


def is_there(ctx: Context, key: Key, material_id: str) -> bool:
    """Tell whether a key has the secret of a material in its Region."""
    row = ctx.unit.get(MATERIALS, key.scope, material_id)
    return row is not None and row.sealed is not None


def known(ctx: Context, key: Key) -> list[Material]:
    """Return the materials of a key as its Region has them, the first one first.

    A replica knows every material of its primary, whether or not it has the secret, under the
    primary's description.
    """
    leader = primary_of(ctx, key)
    rows = materials.every(ctx, leader)
    return rows if leader == key else [_here(ctx, key, row) for row in rows]


def _here(ctx: Context, replica: Key, row: Material) -> Material:
    own = ctx.unit.get(MATERIALS, replica.scope, row.material_id)
    if own is None:
        return replace(row, sealed=None, valid_to=None)
    return replace(row, sealed=own.sealed, valid_to=own.valid_to)


def rotated(ctx: Context, primary: Key, replica: Key, row: Material) -> Key:
    """Return a replica after the rotation of its primary key to the material of `row`."""
    own = ctx.unit.get(MATERIALS, replica.scope, row.material_id)
    if own is not None:
        dated = replace(own, rotated=row.rotated, rotation_type=row.rotation_type)
        ctx.unit.put(MATERIALS, replica.scope, dated)
    return replace(replica, material_id=primary.material_id, pending_material_id="")


def forgotten(ctx: Context, replica: Key, material_id: str) -> Key:
    """Return a replica after its primary key lost material that waited for its rotation."""
    ctx.unit.delete(MATERIALS, replica.scope, material_id)
    return replace(replica, pending_material_id="")
