# SPDX-License-Identifier: Apache-2.0
"""What happens when something is due: handshakes lapse, closed accounts leave for good."""

from __future__ import annotations

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.services.organizations import events, lookup
from stockade.services.organizations.resources import (
    ACCOUNTS,
    HANDSHAKES,
    PLACES,
    Account,
    Handshake,
    scope_of,
)
from stockade.services.organizations.service import organizations


@organizations.reconciles(HANDSHAKES)
def lapse(ctx: Context, handshake: Handshake) -> Handshake | None:
    """Return a handshake that nobody answered as expired, or None once it is not shown any more."""
    if handshake.ended is not None:
        return None
    return replace(handshake, state="EXPIRED", ended=ctx.now)


@organizations.reconciles(ACCOUNTS)
def forget(ctx: Context, account: Account) -> None:
    """Have an account that was closed 90 days ago leave its organization; it stays closed."""
    organization = lookup.organization_of(ctx.unit, account.id)
    ctx.unit.delete(PLACES, scope_of(account.id), account.id)
    if organization is not None:
        events.departed(ctx, organization, account.id, "CLEANED_UP")
