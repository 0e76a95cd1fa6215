# SPDX-License-Identifier: Apache-2.0
"""Imported material as a key keeps it: several, each with its end; which one has to be there.

Everything but material that waits for its rotation belongs to the key for good. While one of those
is gone, be it deleted or expired, the key is PendingImport, and only the same bytes bring it back
(kms-20, kms-24).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.services.kms import envelope, import_regions, materials
from stockade.services.kms.errors import (
    IncorrectKeyMaterialException,
    KMSInvalidStateException,
    UnsupportedOperationException,
)
from stockade.services.kms.resources import (
    KEYS,
    MATERIALS,
    ExpirationModel,
    Key,
    KeyState,
    Material,
    material_place,
)
from stockade.services.kms.specs import SYMMETRIC
from stockade.services.kms.telling import tell

_ELSEWHERE: frozenset[KeyState] = frozenset({"PendingDeletion", "PendingReplicaDeletion"})
"""States that coming and going material does not change."""


def add(
    ctx: Context,
    key: Key,
    secret: bytes,
    *,
    new: bool | None,
    named: str | None,
    description: str | None,
    valid_to: datetime | None,
) -> tuple[Key, Material]:
    """Return the key and the row of material that comes in, for the first time or again."""
    rows = materials.every(ctx, key)
    material_id = envelope.material_id(secret, key.key_id)
    known = next((row for row in rows if row.material_id == material_id), None)
    if key.is_replica:
        key, row = _as_in_primary(ctx, key, material_id)
    elif new if new is not None else not rows:
        row = _first_time(ctx, key, rows, known, material_id)
        if rows:
            key = replace(key, pending_material_id=material_id)
        else:
            key = replace(key, material_id=material_id)
    else:
        row = _again(known, named, key.material_id)
    row = replace(
        row,
        sealed=ctx.seal(key.scope, material_place(material_id), secret),
        description=row.description if description is None else description,
        valid_to=valid_to,
    )
    ctx.unit.put(MATERIALS, key.scope, row)
    if key.state == "Disabled" and material_id != key.pending_material_id:
        key = replace(key, state="Enabled")  # recorded so
    return summed_up(ctx, key), row


def lose(ctx: Context, key: Key, row: Material) -> Key:
    """Return the key without the secret of one of its materials."""
    if row.material_id == key.pending_material_id:
        for replica in import_regions.replicas_of(ctx, key):
            left = import_regions.forgotten(ctx, replica, row.material_id)
            ctx.unit.put(KEYS, replica.scope, summed_up(ctx, left))
        ctx.unit.delete(MATERIALS, key.scope, row.material_id)
        return summed_up(ctx, replace(key, pending_material_id=""))
    ctx.unit.put(MATERIALS, key.scope, replace(row, sealed=None, valid_to=None))
    return summed_up(ctx, key)


def expire(ctx: Context, key: Key) -> Key:
    """Return the key without the secrets whose end has come, each one told to the trail.

    The rows keep their end: AWS goes on showing them, and rotates to one that waited for it.
    """
    for row in materials.every(ctx, key):
        if row.sealed is not None and row.valid_to is not None and row.valid_to <= ctx.now:
            ctx.unit.put(MATERIALS, key.scope, replace(row, sealed=None))
            tell(ctx, key, "DeleteExpiredKeyMaterial", keyMaterialId=row.material_id)
    return summed_up(ctx, key)


def summed_up(ctx: Context, key: Key) -> Key:
    """Return the key with the state, the expiration model and the end that its materials make."""
    there = [row for row in materials.every(ctx, key) if row.sealed is not None]
    lasting = [row for row in there if row.material_id != key.pending_material_id]
    state = key.state
    if state not in _ELSEWHERE:
        state = usable_state(ctx, key, "Enabled" if state == "PendingImport" else state)
    return replace(
        key,
        state=state,
        expiration_model=_model(lasting),
        valid_to=_end(lasting),
        expires=_end(there),
    )


def usable_state(ctx: Context, key: Key, state: KeyState) -> KeyState:
    """Return a state, or PendingImport where the key lacks material that belongs to it."""
    if key.origin != "EXTERNAL":
        return state
    leader = import_regions.primary_of(ctx, key)
    lasting = [
        row.material_id
        for row in materials.every(ctx, leader)
        if row.material_id != leader.pending_material_id
    ]
    complete = lasting and all(import_regions.is_there(ctx, key, each) for each in lasting)
    return state if complete else "PendingImport"


def _as_in_primary(ctx: Context, key: Key, material_id: str) -> tuple[Key, Material]:
    """Return a replica and the row of material that its primary key has, too."""
    primary = import_regions.primary_of(ctx, key)
    row = ctx.unit.get(MATERIALS, primary.scope, material_id)
    if row is None and primary.material_id and not primary.pending_material_id:
        raise IncorrectKeyMaterialException(
            f"Imported key material does not have the expected identifier ({primary.material_id})."
        )
    if row is None:
        raise IncorrectKeyMaterialException(
            f"The key material (id: {material_id}) is not associated with the multi-Region primary "
            f"key {primary.arn}."
        )
    key = replace(
        key,
        material_id=primary.material_id,
        pending_material_id=primary.pending_material_id,
    )
    return key, replace(row, created=ctx.now)


def _first_time(
    ctx: Context, key: Key, rows: Sequence[Material], known: Material | None, material_id: str
) -> Material:
    """Return the row of material that the key does not have, or refuse it."""
    if known is not None:
        raise IncorrectKeyMaterialException(
            f"Key material (id: {material_id}) being imported as NEW_KEY_MATERIAL is already "
            f"associated with KMS key {key.arn}."
        )
    if rows and key.key_spec != SYMMETRIC:
        raise UnsupportedOperationException(f"{key.arn} cannot have more than one key material.")
    if key.pending_material_id:
        raise KMSInvalidStateException(
            f"New key material (id: {material_id}) cannot be imported into KMS key {key.arn}, "
            f"because another key material (id: {key.pending_material_id}) is pending rotation."
        )
    number = rows[-1].number + 1 if rows else 0
    return Material(
        material_id=material_id, key_id=key.key_id, created=ctx.now, sealed=None, number=number
    )


def _again(known: Material | None, named: str | None, current: str) -> Material:
    """Return the row of material that the key has or had, or refuse what is not the same."""
    if known is None or (named is not None and known.material_id != named):
        raise IncorrectKeyMaterialException(
            f"Imported key material does not have the expected identifier ({named or current})."
        )
    return known


def _model(rows: Sequence[Material]) -> ExpirationModel | None:
    if not rows:
        return None
    return "KEY_MATERIAL_DOES_NOT_EXPIRE" if _end(rows) is None else "KEY_MATERIAL_EXPIRES"


def _end(rows: Sequence[Material]) -> datetime | None:
    return min((row.valid_to for row in rows if row.valid_to is not None), default=None)
