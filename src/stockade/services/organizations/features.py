# SPDX-License-Identifier: Apache-2.0
"""From consolidated billing to all features: every invited account consents, then the owner.

EnableAllFeatures asks each account that was invited; one that was created needs no asking. Once
all have accepted, a last handshake waits for the management account, and its acceptance is the
change. There is no way back.
"""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.organizations import view
from stockade.services.organizations.access import management
from stockade.services.organizations.errors import (
    ConstraintViolationException,
    HandshakeConstraintViolationException,
)
from stockade.services.organizations.offering import offer, offered
from stockade.services.organizations.resources import (
    ACCOUNTS,
    HANDSHAKES,
    ORGANIZATIONS,
    Handshake,
    Organization,
)
from stockade.services.organizations.service import organizations

CONSENT_PERIOD = timedelta(days=90)


@organizations.operation(access=management("organizations:EnableAllFeatures"), writes=True)
def enable_all_features(ctx: Context, organization: Organization) -> Output:
    """Ask all invited accounts to consent to all features."""
    if organization.feature_set == "ALL":
        raise HandshakeConstraintViolationException(
            "ORGANIZATION_ALREADY_HAS_ALL_FEATURES",
            "The organization already has all features enabled.",
        )
    if pending(ctx, organization):
        raise HandshakeConstraintViolationException(
            "ORGANIZATION_IS_ALREADY_PENDING_ALL_FEATURES_MIGRATION",
            "The organization is already pending all features migration.",
        )
    change = offer(ctx, organization, "ENABLE_ALL_FEATURES", CONSENT_PERIOD, state="REQUESTED")
    for account in ctx.unit.list(ACCOUNTS, organization.scope):
        invited = account.joined_method == "INVITED" and account.closed is None
        if invited and account.id != organization.management_account:
            offer(
                ctx,
                organization,
                "ENABLE_ALL_FEATURES",
                CONSENT_PERIOD,
                account=account.id,
                parent=change.id,
            )
    ask_owner(ctx, organization, change)
    return {"Handshake": view.handshake(change)}


def pending(ctx: Context, organization: Organization) -> bool:
    """Return whether the accounts are being asked."""
    return any(
        each.action != "INVITE" and each.ended is None for each in offered(ctx, organization)
    )


def ask_owner(ctx: Context, organization: Organization, change: Handshake) -> None:
    """Ask the management account for the last word, once all others have given theirs."""
    parts = ctx.unit.find(HANDSHAKES, organization.scope, "parent", change.id)
    if any(part.state != "ACCEPTED" for part in parts):
        return
    offer(
        ctx,
        organization,
        "APPROVE_ALL_FEATURES",
        CONSENT_PERIOD,
        account=organization.management_account,
        parent=change.id,
    )


def enable(ctx: Context, organization: Organization, approval: Handshake) -> None:
    """Enable all features."""
    change = ctx.unit.get(HANDSHAKES, organization.scope, approval.parent)
    if change is not None:
        ended = replace(change, state="ACCEPTED", ended=ctx.now)
        ctx.unit.put(HANDSHAKES, organization.scope, ended)
    ctx.unit.put(ORGANIZATIONS, organization.scope, replace(organization, feature_set="ALL"))


def must_have_all(organization: Organization) -> None:
    """Refuse what an organization for consolidated billing cannot do."""
    if organization.feature_set != "ALL":
        raise ConstraintViolationException(
            "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE",
            "The request failed because the organization does not have all features enabled. "
            "Please enable all features in your organization and then retry.",
        )
