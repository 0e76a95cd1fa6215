# SPDX-License-Identifier: Apache-2.0
"""When a key was used last, and for what: what the audit trail says (kms-5).

Nothing is written for it. A use is a cryptographic operation that succeeded, whoever asked for it,
as the trail of the key's owner has it. The trail reaches back ninety days: a key that is older may
have been used before the day that `TrackingStartDate` names.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.core.ports import AuditLog
from stockade.services.kms.access import own_key_named
from stockade.services.kms.resources import Key
from stockade.services.kms.service import kms
from stockade.store import entries
from stockade.store.entries import Entry
from stockade.store.resources import from_micros

TRACKED = timedelta(days=90)
"""How far back the audit trail reaches."""
OPERATIONS = (
    "Decrypt",
    "DeriveSharedSecret",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateMac",
    "ReEncrypt",
    "Sign",
    "Verify",
    "VerifyMac",
    "Encapsulate",
    "Decapsulate",
)
"""What counts as a use: the model's KeyLastUsageTrackingOperation."""


@kms.operation(access=own_key_named("kms:GetKeyLastUsage"))
def get_key_last_usage(ctx: Context, key: Key, *, key_id: str) -> Output:
    """Return the last cryptographic operation that succeeded with a key."""
    del key_id
    start = max(key.created, ctx.now - TRACKED)
    entry = _last_use(ctx, key, start)
    return {
        "KeyId": key.arn,
        "KeyLastUsage": {} if entry is None else _usage(entry),
        "TrackingStartDate": start,
        "KeyCreationDate": key.created,
    }


def _usage(entry: Entry) -> dict[str, object]:
    return {
        "Operation": entry.event_name,
        "Timestamp": from_micros(entry.micros),
        "CloudTrailEventId": entry.event_id,
        "KmsRequestId": entry.request_id,
    }


def _last_use(ctx: Context, key: Key, start: datetime) -> Entry | None:
    """Return the newest record of a use in the trail of the key's owner.

    The trail reads in a unit of its own, so this one lets go of its connection first.
    """
    ctx.unit.rest()
    found, _ = ctx.port(AuditLog).lookup_audit(
        key.account,
        key.region,
        start=start.replace(microsecond=0),
        end=ctx.now.replace(microsecond=999_999),
        any_of=[entries.call_of(key.arn, operation) for operation in OPERATIONS],
        before=None,
        limit=1,
    )
    return entries.parse(found[0]) if found else None
