# SPDX-License-Identifier: Apache-2.0
"""What happens when a key is due: its rotation, or the end of its waiting period.

Both are idempotent: a crash before the store commits means that it is done again from the start.
"""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from stockade.core.context import Context, ServiceEvent
from stockade.services.kms import materials, multi_region
from stockade.services.kms.resources import ALIASES, KEYS, Key, Rotation
from stockade.services.kms.service import kms


@kms.reconciles(KEYS)
def keep(ctx: Context, key: Key) -> Key | None:
    """Return the key as it is from now on, or None once it is deleted."""
    if key.state == "PendingDeletion":
        _delete(ctx, key)
        _tell(ctx, key, "DeleteKey")
        return None
    if key.ready is not None and key.ready <= ctx.now:
        return multi_region.make_ready(ctx, key)
    rotated = _rotate(ctx, key)
    multi_region.synchronize(ctx, rotated)
    _tell(ctx, key, "RotateKey")
    return rotated


def _rotate(ctx: Context, key: Key) -> Key:
    """Give the key new material; the old one decrypts for ever.

    A key that was disabled over its date rotates once when it is enabled, then every period.
    """
    assert key.rotation is not None, "an enabled key is due for rotation only"
    period = timedelta(days=key.rotation.period_days)
    following = key.rotation.next_date + period
    rotation = Rotation(
        period_days=key.rotation.period_days,
        next_date=following if following > ctx.now else ctx.now + period,
    )
    material = materials.generate(ctx, key.scope, key.key_id)
    return replace(key, material_id=material.material_id, rotation=rotation)


def _delete(ctx: Context, key: Key) -> None:
    """Wipe the material and take the aliases with it; nothing brings the key back."""
    materials.wipe(ctx, key)
    multi_region.forget(ctx, key)
    for alias in ctx.unit.find(ALIASES, key.scope, "key", key.key_id):
        ctx.unit.delete(ALIASES, key.scope, alias.name)


def _tell(ctx: Context, key: Key, name: str) -> None:
    """Have the audit trail tell of it, as AWS's does."""
    ctx.service_events.append(
        ServiceEvent(
            source="kms.amazonaws.com",
            name=name,
            account=key.account,
            region=key.region,
            arn=key.arn,
            kind="AWS::KMS::Key",
            details={"keyId": key.key_id},
        )
    )
