# SPDX-License-Identifier: Apache-2.0
"""What KMS does by itself, told to the audit trail as AWS's tells it."""

from __future__ import annotations

from stockade.core.context import Context, ServiceEvent
from stockade.services.kms.resources import Key


def tell(ctx: Context, key: Key, name: str, **details: str) -> None:
    """Have the trail of the key's account tell of something that was done to a key."""
    ctx.service_events.append(
        ServiceEvent(
            source="kms.amazonaws.com",
            name=name,
            account=key.account,
            region=key.region,
            arn=key.arn,
            kind="AWS::KMS::Key",
            details={**details, "keyId": key.key_id},
        )
    )
