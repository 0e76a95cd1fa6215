# SPDX-License-Identifier: Apache-2.0
"""Rotation: scheduled or asked for here, carried out in reconcile.py and rotating.py (kms-23).

Symmetric keys alone rotate: automatically with material that KMS makes itself, on demand with
imported material, too. Of others AWS says that they do not rotate, and lets that be asked and
switched off.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.kms import import_regions, multi_region
from stockade.services.kms.access import key_named, own_key_named
from stockade.services.kms.errors import (
    ConflictException,
    KMSInvalidStateException,
    LimitExceededException,
    UnsupportedOperationException,
    ValidationException,
)
from stockade.services.kms.lifecycle import (
    ROTATION,
    ROTATION_STATUS,
    must_allow,
    must_have_origin,
)
from stockade.services.kms.paging import listed
from stockade.services.kms.resources import KEYS, Key, Material, Origin, Rotation
from stockade.services.kms.service import kms
from stockade.services.kms.specs import SYMMETRIC

DEFAULT_PERIOD = 365
ON_DEMAND_LIMIT = 25
SOON = timedelta(minutes=20)
"""How close an automatic rotation keeps one on demand away."""
AUTOMATIC: tuple[Origin, ...] = ("AWS_KMS",)
_PENDING_EVERYWHERE = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
ON_DEMAND: tuple[Origin, ...] = ("AWS_KMS", "EXTERNAL")


@kms.operation(access=own_key_named("kms:EnableKeyRotation"), writes=True)
def enable_key_rotation(
    ctx: Context, key: Key, *, key_id: str, rotation_period_in_days: int | None = None
) -> Output:
    """Have the key's material replaced every 90 to 2,560 days, the first time a period from now."""
    del key_id
    _must_rotate(key, AUTOMATIC)
    must_allow(key, ROTATION)
    _must_lead(key, "EnableKeyRotation")
    days = rotation_period_in_days or (DEFAULT_PERIOD if key.rotation is None else None)
    if days is not None and (key.rotation is None or key.rotation.period_days != days):
        rotation = Rotation(period_days=days, next_date=ctx.now + timedelta(days=days))
        _put(ctx, replace(key, rotation=rotation))
    return {}


@kms.operation(access=own_key_named("kms:DisableKeyRotation"), writes=True)
def disable_key_rotation(ctx: Context, key: Key, *, key_id: str) -> Output:
    """Stop replacing the key's material; what it has still decrypts."""
    del key_id
    if not _never_rotates(key):
        must_have_origin(key, *AUTOMATIC)
    must_allow(key, ROTATION)
    _must_lead(key, "DisableKeyRotation")
    _put(ctx, replace(key, rotation=None))
    return {}


@kms.operation(access=own_key_named("kms:RotateKeyOnDemand"), writes=True)
def rotate_key_on_demand(ctx: Context, key: Key, *, key_id: str) -> Output:
    """Have the key's material replaced now; it is done a moment later, as in AWS."""
    del key_id
    _must_rotate(key, ON_DEMAND)
    must_allow(key, ROTATION)
    _must_lead(key, "RotateKeyOnDemand")
    if key.on_demand_since is not None:  # asked for twice, done once
        return {"KeyId": key.arn}
    if key.origin == "EXTERNAL":
        _must_have_pending(ctx, key)
    _must_have_time(ctx, key)
    if key.on_demand_rotations >= ON_DEMAND_LIMIT:
        raise LimitExceededException(
            "The on-demand rotations limit has been reached for the given keyId. "
            f"No more on-demand rotations can be performed for this key: {key.arn}"
        )
    asked = replace(key, on_demand_since=ctx.now, on_demand_rotations=key.on_demand_rotations + 1)
    ctx.unit.put(KEYS, key.scope, asked)
    return {"KeyId": key.arn}


@kms.operation(access=key_named("kms:GetKeyRotationStatus", alias_allowed=False))
def get_key_rotation_status(_ctx: Context, key: Key, *, key_id: str) -> Output:
    """Return whether the key rotates, how often, when next, and since when on demand."""
    del key_id
    must_allow(key, ROTATION_STATUS)
    if not _never_rotates(key):
        must_have_origin(key, *ON_DEMAND)
    enabled = key.rotation is not None and key.state != "PendingDeletion"
    status: dict[str, object] = {"KeyId": key.arn, "KeyRotationEnabled": enabled}
    if key.rotation is not None and enabled:
        status["RotationPeriodInDays"] = key.rotation.period_days
        status["NextRotationDate"] = key.rotation.next_date
    if key.on_demand_since is not None:
        status["OnDemandRotationStartDate"] = key.on_demand_since
    return status


@kms.operation(access=own_key_named("kms:ListKeyRotations"))
def list_key_rotations(
    ctx: Context,
    key: Key,
    *,
    key_id: str,
    include_key_material: str = "ROTATIONS_ONLY",
    limit: int = 100,
    marker: str | None = None,
) -> Output:
    """Return the rotations of a key, or all its materials, the oldest first."""
    del key_id
    everything = include_key_material == "ALL_KEY_MATERIAL"
    if everything and _never_rotates(key):
        raise ValidationException(
            "Input parameter includeKeyMaterial can only be used with symmetric keys."
        )
    if _never_rotates(key):
        return {"Rotations": [], "Truncated": False}
    must_have_origin(key, *ON_DEMAND)
    rows = [row for row in import_regions.known(ctx, key) if everything or row.rotated is not None]

    def after(place: str, count: int) -> list[Material]:
        return [row for row in rows if _place(row) > place][:count]

    leader = import_regions.primary_of(ctx, key)
    awaited = import_regions.is_awaited(ctx, leader)
    waiting = _PENDING_EVERYWHERE if awaited else "PENDING_ROTATION"

    def show(row: Material) -> dict[str, Any]:
        return _entry(key, row, _state(leader, row, waiting))

    return listed("Rotations", after, _place, show, limit, marker)


def _must_have_pending(ctx: Context, key: Key) -> None:
    """Refuse a key without material to rotate to, in every one of its Regions."""
    if not key.pending_material_id:
        raise KMSInvalidStateException(
            f"No available key material pending rotation for the key: {key.arn}."
        )
    if import_regions.is_awaited(ctx, key):
        raise KMSInvalidStateException(
            "Cannot perform key material rotation: Key material has not been imported for replicas "
            "of the Multi-Region key."
        )


def _place(row: Material) -> str:
    return f"{row.number:06d}"


def _entry(key: Key, row: Material, state: str) -> dict[str, Any]:
    """Return a material as `RotationsListEntry`."""
    entry: dict[str, Any] = {
        "KeyId": key.arn,
        "KeyMaterialId": row.material_id,
        "KeyMaterialState": state,
    }
    if row.rotated is not None:
        entry |= {"RotationDate": row.rotated, "RotationType": row.rotation_type}
    if key.origin == "EXTERNAL":
        entry |= _imported(row)
    return entry


def _imported(row: Material) -> dict[str, Any]:
    """Return what only imported material has; AWS shows expired material as it was (recorded)."""
    gone = row.sealed is None and row.valid_to is None
    shown: dict[str, Any] = {
        "ImportState": "PENDING_IMPORT" if gone else "IMPORTED",
    }
    if row.description:
        shown["KeyMaterialDescription"] = row.description
    if row.valid_to is not None:
        shown |= {"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": row.valid_to}
    elif not gone:
        shown["ExpirationModel"] = "KEY_MATERIAL_DOES_NOT_EXPIRE"
    return shown


def _state(key: Key, row: Material, waiting: str) -> str:
    if row.material_id == key.material_id:
        return "CURRENT"
    return waiting if row.material_id == key.pending_material_id else "NON_CURRENT"


def _never_rotates(key: Key) -> bool:
    return key.key_spec != SYMMETRIC


def _must_rotate(key: Key, origins: tuple[Origin, ...]) -> None:
    """Refuse a key that is not symmetric, or of an origin that does not rotate so."""
    if _never_rotates(key):
        raise UnsupportedOperationException
    must_have_origin(key, *origins)


def _must_have_time(ctx: Context, key: Key) -> None:
    """Refuse a rotation on demand while another one is due."""
    if key.rotation is not None and key.rotation.next_date - ctx.now <= SOON:
        raise ConflictException(
            f"A rotation of the key {key.arn} is in progress or scheduled to begin within the next "
            "20 minutes."
        )


def _must_lead(key: Key, operation: str) -> None:
    """Refuse a replica: it rotates with its primary."""
    if key.is_replica:
        raise UnsupportedOperationException(
            f"{key.arn} is a multi-region replica key which is not valid for {operation}."
        )


def _put(ctx: Context, key: Key) -> None:
    """Store a key whose rotation changed, in all its Regions."""
    ctx.unit.put(KEYS, key.scope, key)
    multi_region.synchronize(ctx, key)
