# SPDX-License-Identifier: Apache-2.0
"""Handshakes: sent, shown to both sides, accepted, declined or canceled.

An invitation lapses after 15 days. Who was asked accepts or declines, who asked cancels; a
handshake that came to its end is shown for 30 days.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from stockade.core.access import Demand, Resolver, Touched
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.organizations import lookup, naming, view
from stockade.services.organizations.access import management, reading
from stockade.services.organizations.creation import must_have_room
from stockade.services.organizations.errors import (
    DuplicateHandshakeException,
    HandshakeAlreadyInStateException,
    HandshakeConstraintViolationException,
    InvalidHandshakeTransitionException,
    InvalidInputException,
    not_yours,
)
from stockade.services.organizations.features import ask_owner, enable, pending
from stockade.services.organizations.joining import join
from stockade.services.organizations.offering import offer, offered
from stockade.services.organizations.paging import PAGE, among, listed
from stockade.services.organizations.requires import Accounts
from stockade.services.organizations.resources import (
    HANDSHAKES,
    Handshake,
    HandshakeState,
    Organization,
)
from stockade.services.organizations.service import organizations
from stockade.services.organizations.tags import Tags, merged

INVITATION_PERIOD = timedelta(days=15)
_ACCOUNT = re.compile(r"[0-9]{12}")


def _handshake(action: str) -> Resolver:
    """Return the resolver of an operation on a handshake, for accounts of no organization too."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        named = naming.find_handshake(ctx, params["HandshakeId"])
        return Touched(
            demands=(Demand(action=action, arn=named.arn, account=ctx.account),),
            resources=(named.resource,),
            absent=named.absent,
        )

    return resolve


def _anybody(action: str) -> Resolver:
    """Return the resolver of an operation on what an account received."""

    def resolve(ctx: Context, _params: Mapping[str, Any]) -> Touched:
        return Touched(demands=(Demand(action=action, account=ctx.account),))

    return resolve


@organizations.operation(
    access=management("organizations:InviteAccountToOrganization"), writes=True
)
def invite_account_to_organization(
    ctx: Context,
    organization: Organization,
    *,
    target: Mapping[str, str],
    notes: str = "",
    tags: Tags = (),
) -> Output:
    """Invite an account, named by its number or its owner's e-mail address."""
    account, email = _invited(ctx, target)
    must_have_room(ctx, organization)
    if pending(ctx, organization):
        raise HandshakeConstraintViolationException(
            "INVITE_DISABLED_DURING_ENABLE_ALL_FEATURES",
            "You can't invite accounts while the organization is enabling all features.",
        )
    if account and lookup.find_account(ctx.unit, organization, account) is not None:
        _already_in()
    if any(_same(each, account, email) for each in offered(ctx, organization)):
        raise DuplicateHandshakeException
    handshake = offer(
        ctx,
        organization,
        "INVITE",
        INVITATION_PERIOD,
        account=account,
        email=email,
        notes=notes,
        tags=merged({}, tags),
    )
    return {"Handshake": view.handshake(handshake)}


@organizations.operation(access=_handshake("organizations:DescribeHandshake"))
def describe_handshake(_ctx: Context, handshake: Handshake, *, handshake_id: str) -> Output:
    """Return a handshake that the caller's account sent or received."""
    del handshake_id
    return {"Handshake": view.handshake(handshake)}


@organizations.operation(access=_handshake("organizations:AcceptHandshake"), writes=True)
def accept_handshake(ctx: Context, handshake: Handshake, *, handshake_id: str) -> Output:
    """Accept what the caller's account was asked."""
    del handshake_id
    _must_be_receiver(ctx, handshake)
    accepted = _ended(ctx, handshake, "ACCEPTED")
    organization = lookup.organization_of(ctx.unit, handshake.management_account)
    assert organization is not None, "an organization takes its handshakes with it"
    if handshake.action == "INVITE":
        _join(ctx, organization, handshake)
    elif handshake.action == "APPROVE_ALL_FEATURES":
        enable(ctx, organization, handshake)
    else:
        change = ctx.unit.get(HANDSHAKES, handshake.scope, handshake.parent)
        if change is not None:
            ask_owner(ctx, organization, change)
    return {"Handshake": view.handshake(accepted)}


@organizations.operation(access=_handshake("organizations:DeclineHandshake"), writes=True)
def decline_handshake(ctx: Context, handshake: Handshake, *, handshake_id: str) -> Output:
    """Decline what the caller's account was asked."""
    del handshake_id
    _must_be_receiver(ctx, handshake)
    declined = _ended(ctx, handshake, "DECLINED")
    change = ctx.unit.get(HANDSHAKES, handshake.scope, handshake.parent)
    if change is not None and change.ended is None:
        _ended(ctx, change, "DECLINED")
    return {"Handshake": view.handshake(declined)}


@organizations.operation(access=_handshake("organizations:CancelHandshake"), writes=True)
def cancel_handshake(ctx: Context, handshake: Handshake, *, handshake_id: str) -> Output:
    """Take back what the caller's account asked, and all that is part of it."""
    del handshake_id
    if handshake.management_account != ctx.account:
        raise not_yours()
    canceled = _ended(ctx, handshake, "CANCELED")
    for part in ctx.unit.find(HANDSHAKES, handshake.scope, "parent", handshake.id):
        if part.ended is None:
            _ended(ctx, part, "CANCELED")
    return {"Handshake": view.handshake(canceled)}


@organizations.operation(access=_anybody("organizations:ListHandshakesForAccount"))
def list_handshakes_for_account(
    ctx: Context,
    *,
    filter: Mapping[str, str] | None = None,  # noqa: A002  the member's name
    max_results: int = PAGE,
    next_token: str | None = None,
) -> Output:
    """Return what the caller's account was asked lately."""
    received = ctx.unit.find_anywhere(HANDSHAKES, "account", ctx.account)
    return _listed([each for _, each in received], filter, max_results, next_token)


@organizations.operation(access=reading("organizations:ListHandshakesForOrganization"))
def list_handshakes_for_organization(
    ctx: Context,
    organization: Organization,
    *,
    filter: Mapping[str, str] | None = None,  # noqa: A002  the member's name
    max_results: int = PAGE,
    next_token: str | None = None,
) -> Output:
    """Return what the organization asked lately."""
    return _listed(offered(ctx, organization), filter, max_results, next_token)


def _listed(
    handshakes: list[Handshake],
    wanted: Mapping[str, str] | None,
    max_results: int,
    next_token: str | None,
) -> Output:
    if wanted is not None and len(wanted) > 1:
        raise InvalidInputException(
            "MAX_LIMIT_EXCEEDED_FILTER",
            "You can specify only one filter parameter for the operation.",
        )
    action, parent = (wanted or {}).get("ActionType"), (wanted or {}).get("ParentHandshakeId")
    shown = [
        each
        for each in handshakes
        if action in (None, each.action) and parent in (None, each.parent)
    ]
    by_id = among(shown, lambda each: each.id)
    return listed(
        "Handshakes", by_id, lambda each: each.id, view.handshake, max_results, next_token
    )


def _invited(ctx: Context, target: Mapping[str, str]) -> tuple[str, str]:
    """Return the account that a target stands for, and the address if it was named by that.

    Whether there is such an account is not told: nobody answers where there is none.
    """
    id_ = target["Id"]
    if target["Type"] == "EMAIL":
        return ctx.port(Accounts).find_by_email(ctx.unit, id_) or "", id_
    if target["Type"] != "ACCOUNT":
        raise InvalidInputException(
            "INVALID_PARTY_TYPE_TARGET",
            "You specified the wrong type of entity (account, organization, or email) as a party.",
        )
    if _ACCOUNT.fullmatch(id_) is None:
        raise InvalidInputException(
            "INVALID_PATTERN", "You provided a value that does not match the required pattern."
        )
    return id_, ""


def _same(handshake: Handshake, account: str, email: str) -> bool:
    """Return whether an invitation of the same account or address is open."""
    if handshake.action != "INVITE" or handshake.ended is not None:
        return False
    return handshake.account == account if account else handshake.email == email


def _join(ctx: Context, organization: Organization, handshake: Handshake) -> None:
    if lookup.organization_of(ctx.unit, ctx.account) is not None:
        _already_in()
    must_have_room(ctx, organization)
    join(ctx, organization, ctx.account, "INVITED", handshake.tags)


def _already_in() -> None:
    raise HandshakeConstraintViolationException(
        "ALREADY_IN_AN_ORGANIZATION", "The account is already a member of an organization."
    )


def _must_be_receiver(ctx: Context, handshake: Handshake) -> None:
    if handshake.account != ctx.account:
        raise not_yours()


def _ended(ctx: Context, handshake: Handshake, state: HandshakeState) -> Handshake:
    """Bring a handshake to its end."""
    if handshake.state == state:
        raise HandshakeAlreadyInStateException
    if handshake.ended is not None or handshake.expires <= ctx.now:
        raise InvalidHandshakeTransitionException
    ended = replace(handshake, state=state, ended=ctx.now)
    ctx.unit.put(HANDSHAKES, handshake.scope, ended)
    return ended
