# SPDX-License-Identifier: Apache-2.0
"""Automatic rotation: switched on and off here, carried out in reconcile.py (kms-23)."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.kms import multi_region
from stockade.services.kms.access import key_named, own_key_named
from stockade.services.kms.lifecycle import ROTATION, ROTATION_STATUS, must_allow
from stockade.services.kms.resources import KEYS, Key, Rotation
from stockade.services.kms.service import kms

DEFAULT_PERIOD = 365


@kms.operation(access=own_key_named("kms:EnableKeyRotation"), writes=True)
def enable_key_rotation(
    ctx: Context, key: Key, *, key_id: str, rotation_period_in_days: int = DEFAULT_PERIOD
) -> Output:
    """Have the key's material replaced every 90 to 2,560 days, the first time a period from now."""
    del key_id
    must_allow(key, ROTATION)
    _must_lead(key)
    if key.rotation is None or key.rotation.period_days != rotation_period_in_days:
        rotation = Rotation(
            period_days=rotation_period_in_days,
            next_date=ctx.now + timedelta(days=rotation_period_in_days),
        )
        _put(ctx, replace(key, rotation=rotation))
    return {}


@kms.operation(access=own_key_named("kms:DisableKeyRotation"), writes=True)
def disable_key_rotation(ctx: Context, key: Key, *, key_id: str) -> Output:
    """Stop replacing the key's material; what it has still decrypts."""
    del key_id
    must_allow(key, ROTATION)
    _must_lead(key)
    _put(ctx, replace(key, rotation=None))
    return {}


@kms.operation(access=key_named("kms:GetKeyRotationStatus", alias_allowed=False))
def get_key_rotation_status(_ctx: Context, key: Key, *, key_id: str) -> Output:
    """Return whether the key rotates, how often, and when next."""
    del key_id
    must_allow(key, ROTATION_STATUS)
    status: dict[str, object] = {"KeyId": key.arn, "KeyRotationEnabled": key.rotation is not None}
    if key.rotation is not None:
        status["RotationPeriodInDays"] = key.rotation.period_days
        if key.state == "Enabled":
            status["NextRotationDate"] = key.rotation.next_date
    return status


def _must_lead(key: Key) -> None:
    """Refuse a replica: it rotates with its primary."""
    if key.is_replica:
        multi_region.must_be_primary(key)


def _put(ctx: Context, key: Key) -> None:
    """Store a key whose rotation changed, in all its Regions."""
    ctx.unit.put(KEYS, key.scope, key)
    multi_region.synchronize(ctx, key)
