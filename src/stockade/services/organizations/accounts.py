# SPDX-License-Identifier: Apache-2.0
"""The accounts of an organization: shown, listed, moved."""

from __future__ import annotations

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.organizations import lookup, naming, view
from stockade.services.organizations.access import management, reading
from stockade.services.organizations.errors import (
    AccountNotFoundException,
    DuplicateAccountException,
)
from stockade.services.organizations.paging import PAGE, Fetch, listed
from stockade.services.organizations.resources import ACCOUNTS, Account, Node, Organization
from stockade.services.organizations.service import organizations


@organizations.operation(access=reading("organizations:DescribeAccount", naming.account))
def describe_account(
    ctx: Context, organization: Organization, account: Account, *, account_id: str
) -> Output:
    """Return an account of the organization."""
    del account_id
    return {"Account": view.account(account, lookup.path_of(ctx.unit, organization, account))}


@organizations.operation(access=reading("organizations:ListAccounts"))
def list_accounts(
    ctx: Context,
    organization: Organization,
    *,
    max_results: int = PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the accounts of the organization, closed ones too."""

    def accounts(after: str, count: int) -> list[Account]:
        return ctx.unit.list(ACCOUNTS, organization.scope, after=after, limit=count)

    return _listed(ctx, organization, accounts, max_results, next_token)


@organizations.operation(access=reading("organizations:ListAccountsForParent", naming.parent))
def list_accounts_for_parent(
    ctx: Context,
    organization: Organization,
    parent: Node,
    *,
    parent_id: str,
    max_results: int = PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the accounts right under the root or a unit."""
    del parent

    def accounts(after: str, count: int) -> list[Account]:
        return ctx.unit.find(
            ACCOUNTS, organization.scope, "parent", parent_id, after=after, limit=count
        )

    return _listed(ctx, organization, accounts, max_results, next_token)


@organizations.operation(
    access=management(
        "organizations:MoveAccount", naming.account, naming.source, naming.destination
    ),
    writes=True,
)
def move_account(
    ctx: Context,
    organization: Organization,
    account: Account,
    source: Node,
    destination: Node,
    *,
    account_id: str,
    source_parent_id: str,
    destination_parent_id: str,
) -> Output:
    """Move an account from the root or a unit to another; what holds there holds at once."""
    del account_id, source_parent_id, destination_parent_id
    if account.parent != source.id:
        raise AccountNotFoundException  # there, says AWS
    if account.parent == destination.id:
        raise DuplicateAccountException
    ctx.unit.put(ACCOUNTS, organization.scope, replace(account, parent=destination.id))
    return {}


def _listed(
    ctx: Context,
    organization: Organization,
    fetch: Fetch[Account],
    max_results: int,
    next_token: str | None,
) -> Output:
    def show(account: Account) -> dict[str, object]:
        return view.account(account, lookup.path_of(ctx.unit, organization, account))

    return listed("Accounts", fetch, lambda account: account.id, show, max_results, next_token)
