# SPDX-License-Identifier: Apache-2.0
"""How an account comes into an organization, and how it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from stockade.core.context import Context
from stockade.services.organizations import events, lookup
from stockade.services.organizations.managed import default_policies
from stockade.services.organizations.requires import Accounts
from stockade.services.organizations.resources import (
    ACCOUNTS,
    PLACES,
    Account,
    Organization,
    Place,
    scope_of,
)


def join(
    ctx: Context,
    organization: Organization,
    account_id: str,
    method: Literal["INVITED", "CREATED"],
    tags: Mapping[str, str] | None = None,
) -> Account:
    """Put an account under the root, with the policies that every new account has."""
    owner = ctx.port(Accounts).find_owner(ctx.unit, account_id)
    assert owner is not None, "who joins is an account of this deployment"
    root = lookup.root_of(ctx.unit, organization)
    account = Account(
        id=account_id,
        name=owner.name,
        arn=organization.arn_of("account", account_id),
        parent=root.id,
        policies=default_policies(root.policy_types),
        tags=dict(tags or {}),
        email=owner.email,
        joined_method=method,
        joined=ctx.now,
    )
    ctx.unit.put(ACCOUNTS, organization.scope, account)
    place = Place(
        account=account_id,
        organization_id=organization.id,
        management_account=organization.management_account,
    )
    ctx.unit.put(PLACES, scope_of(account_id), place)
    events.joined(ctx, organization, account_id, method)
    return account


def leave(
    ctx: Context,
    organization: Organization,
    account: Account,
    method: Literal["LEFT", "REMOVED"],
) -> None:
    """Take an account out; it stands alone from then on."""
    ctx.unit.delete(ACCOUNTS, organization.scope, account.id)
    ctx.unit.delete(PLACES, scope_of(account.id), account.id)
    events.departed(ctx, organization, account.id, method)
