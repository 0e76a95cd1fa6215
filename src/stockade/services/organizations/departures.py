# SPDX-License-Identifier: Apache-2.0
"""How accounts go: they leave, are removed, or are closed."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.organizations import events, lookup, naming
from stockade.services.organizations.access import management, member
from stockade.services.organizations.errors import (
    AccountAlreadyClosedException,
    ConstraintViolationException,
    MasterCannotLeaveOrganizationException,
)
from stockade.services.organizations.features import must_have_all
from stockade.services.organizations.joining import leave
from stockade.services.organizations.requires import Accounts
from stockade.services.organizations.resources import ACCOUNTS, Account, Organization
from stockade.services.organizations.service import organizations

WAIT_PERIOD = timedelta(days=4)
"""How long an account stays in the organization that it was created in."""
CLOSE_WINDOW = timedelta(days=30)
CLOSE_QUOTA = 250
CLOSE_SHARE = 5
"""In any 30 days 250 accounts may be closed, or every fifth where that is more."""


@organizations.operation(
    access=management("organizations:RemoveAccountFromOrganization", naming.account), writes=True
)
def remove_account_from_organization(
    ctx: Context, organization: Organization, account: Account, *, account_id: str
) -> Output:
    """Remove an account; no policy of the organization holds it any more."""
    del account_id
    _may_go(ctx, organization, account)
    leave(ctx, organization, account, "REMOVED")
    return {}


@organizations.operation(access=member("organizations:LeaveOrganization"), writes=True)
def leave_organization(ctx: Context, organization: Organization) -> Output:
    """Have the caller's account leave its organization."""
    account = lookup.find_account(ctx.unit, organization, ctx.account)
    assert account is not None, "a place names an account of its organization"
    _may_go(ctx, organization, account)
    leave(ctx, organization, account, "LEFT")
    return {}


@organizations.operation(
    access=management("organizations:CloseAccount", naming.account), writes=True
)
def close_account(
    ctx: Context, organization: Organization, account: Account, *, account_id: str
) -> Output:
    """Close an account: its credentials end at once, and after 90 days it is gone."""
    must_have_all(organization)
    if account_id == organization.management_account:
        raise ConstraintViolationException(
            "CANNOT_CLOSE_MANAGEMENT_ACCOUNT", "You can't close the management account."
        )
    if account.closed is not None:
        raise AccountAlreadyClosedException
    _must_be_within_quota(ctx, organization)
    ctx.port(Accounts).close_account(ctx, account_id)
    ctx.unit.put(ACCOUNTS, organization.scope, replace(account, closed=ctx.now, services={}))
    events.close_account_result(ctx, organization, account_id)
    return {}


def _may_go(ctx: Context, organization: Organization, account: Account) -> None:
    if account.id == organization.management_account:
        raise MasterCannotLeaveOrganizationException
    if account.closed is not None:
        raise ConstraintViolationException(
            "ACCOUNT_CANNOT_LEAVE_ORGANIZATION",
            "You can't remove a suspended account from your organization.",
        )
    if account.services:
        raise ConstraintViolationException(
            "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG",
            "You can't remove an account that is registered as a delegated administrator for a "
            "service integrated with your organization.",
        )
    if account.joined_method == "CREATED" and ctx.now < account.joined + WAIT_PERIOD:
        raise ConstraintViolationException(
            "WAIT_PERIOD_ACTIVE",
            "This operation requires a wait period.  Try again later.",
        )


def _must_be_within_quota(ctx: Context, organization: Organization) -> None:
    accounts = ctx.unit.list(ACCOUNTS, organization.scope)
    since = ctx.now - CLOSE_WINDOW
    lately = sum(1 for each in accounts if each.closed is not None and each.closed > since)
    if lately >= max(CLOSE_QUOTA, len(accounts) // CLOSE_SHARE):
        raise ConstraintViolationException(
            "CLOSE_ACCOUNT_QUOTA_EXCEEDED",
            "You have exceeded close account quota for the past 30 days.",
        )
