# SPDX-License-Identifier: Apache-2.0
"""Handshakes as they begin, whatever they are about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from stockade.core.context import Context
from stockade.services.organizations import identifiers, lookup
from stockade.services.organizations.resources import (
    HANDSHAKES,
    Handshake,
    HandshakeState,
    Organization,
)


def offer(
    ctx: Context,
    organization: Organization,
    action: Literal["INVITE", "ENABLE_ALL_FEATURES", "APPROVE_ALL_FEATURES"],
    period: timedelta,
    *,
    state: HandshakeState = "OPEN",
    account: str = "",
    email: str = "",
    notes: str = "",
    parent: str = "",
    tags: Mapping[str, str] | None = None,
) -> Handshake:
    """Store a handshake that lapses after a period."""
    owner = lookup.find_account(ctx.unit, organization, organization.management_account)
    assert owner is not None, "the management account stays as long as the organization"
    id_ = identifiers.handshake_id(ctx.random)
    handshake = Handshake(
        id=id_,
        arn=organization.arn_of("handshake", action.lower(), id_),
        organization_id=organization.id,
        management_account=organization.management_account,
        action=action,
        state=state,
        requested=ctx.now,
        expires=ctx.now + period,
        account=account,
        email=email,
        notes=notes,
        parent=parent,
        tags=dict(tags or {}),
        feature_set=organization.feature_set,
        management_email=owner.email,
        management_name=owner.name,
    )
    ctx.unit.put(HANDSHAKES, organization.scope, handshake)
    return handshake


def offered(ctx: Context, organization: Organization) -> list[Handshake]:
    """Return the handshakes of an organization, those too that lately came to an end."""
    return ctx.unit.list(HANDSHAKES, organization.scope)
