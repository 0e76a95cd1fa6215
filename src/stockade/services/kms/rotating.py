# SPDX-License-Identifier: Apache-2.0
"""A rotation as it is carried out: new current material, and the old one decrypts for ever.

A key of AWS_KMS origin gets fresh material; one with imported material takes the one that waits
for it. The automatic schedule goes its own way, whatever is done on demand (kms-23, kms-24).
"""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.services.kms import import_regions, imported, materials, multi_region
from stockade.services.kms.resources import KEYS, MATERIALS, Key, Material, Rotation, RotationType
from stockade.services.kms.telling import tell


def on_demand(ctx: Context, key: Key) -> Key:
    """Return the key after the rotation that RotateKeyOnDemand asked for, if it did."""
    if key.on_demand_since is None:
        return key
    return _rotated(ctx, replace(key, on_demand_since=None), "ON_DEMAND")


def automatic(ctx: Context, key: Key) -> Key:
    """Return the key after the rotation that its schedule asks for, if it does.

    A key that was disabled over its date rotates once when it is enabled, then every period.
    """
    if key.rotation is None or key.is_replica or key.rotation.next_date > ctx.now:
        return key
    period = timedelta(days=key.rotation.period_days)
    following = key.rotation.next_date + period
    rotation = Rotation(
        period_days=key.rotation.period_days,
        next_date=following if following > ctx.now else ctx.now + period,
    )
    return _rotated(ctx, replace(key, rotation=rotation), "AUTOMATIC")


def _rotated(ctx: Context, key: Key, kind: RotationType) -> Key:
    row = _waiting(ctx, key) if key.origin == "EXTERNAL" else _fresh(ctx, key)
    if row is None:  # it was deleted before its turn came
        return key
    row = replace(row, rotated=ctx.now, rotation_type=kind)
    ctx.unit.put(MATERIALS, key.scope, row)
    tell(
        ctx,
        key,
        "RotateKey",
        rotationType=kind,
        keyOrigin=key.origin,
        previousKeyMaterialId=key.material_id,
        currentKeyMaterialId=row.material_id,
    )
    key = replace(key, material_id=row.material_id, pending_material_id="")
    if key.origin == "EXTERNAL":
        return _everywhere(ctx, key, row)
    multi_region.synchronize(ctx, key)
    return key


def _everywhere(ctx: Context, key: Key, row: Material) -> Key:
    """Return a key with imported material after its rotation, its replicas rotated with it."""
    ctx.unit.put(KEYS, key.scope, key)  # what replicas look at
    for replica in import_regions.replicas_of(ctx, key):
        changed = import_regions.rotated(ctx, key, replica, row)
        ctx.unit.put(KEYS, replica.scope, imported.summed_up(ctx, changed))
    return imported.summed_up(ctx, key)


def _waiting(ctx: Context, key: Key) -> Material | None:
    """Return imported material that waits for its rotation."""
    if not key.pending_material_id:
        return None
    return ctx.unit.get(MATERIALS, key.scope, key.pending_material_id)


def _fresh(ctx: Context, key: Key) -> Material:
    """Return new material, numbered after the last."""
    last = materials.every(ctx, key)[-1]
    return replace(materials.generate(ctx, key.scope, key.key_id), number=last.number + 1)
