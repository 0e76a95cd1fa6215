# SPDX-License-Identifier: Apache-2.0
"""Account aliases: one an account, and no two accounts of a deployment share one."""

from __future__ import annotations

import msgspec

from stockade.core.access import on_everything
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.iam.errors import EntityAlreadyExists, InvalidInput, NoSuchEntity
from stockade.services.iam.lookup import ACCOUNT
from stockade.services.iam.paging import PAGE, listed
from stockade.services.iam.service import iam
from stockade.store.resources import Collection


class AccountAlias(msgspec.Struct, frozen=True, kw_only=True):
    """The alias of an account."""

    name: str


ALIASES: Collection[AccountAlias] = Collection(
    AccountAlias,
    service="iam",
    kind="account-alias",
    id=lambda alias: alias.name,
    indexes={"name": lambda alias: alias.name},
)


@iam.operation(access=on_everything("iam:CreateAccountAlias"), writes=True)
def create_account_alias(ctx: Context, *, account_alias: str) -> Output:
    """Give the account an alias; it takes the place of another one."""
    if ACCOUNT.fullmatch(account_alias):
        raise InvalidInput("An account alias cannot be a 12-digit number.")
    if ctx.unit.find_anywhere(ALIASES, "name", account_alias):
        raise EntityAlreadyExists(f"The account alias {account_alias} already exists.")
    for old in ctx.unit.list(ALIASES, ctx.global_scope):
        ctx.unit.delete(ALIASES, ctx.global_scope, old.name)
    ctx.unit.put(ALIASES, ctx.global_scope, AccountAlias(name=account_alias))
    return {}


@iam.operation(access=on_everything("iam:ListAccountAliases"))
def list_account_aliases(
    ctx: Context, *, max_items: int = PAGE, marker: str | None = None
) -> Output:
    """Return the account's alias, if it has one."""

    def aliases(after: str, count: int) -> list[AccountAlias]:
        return ctx.unit.list(ALIASES, ctx.global_scope, after=after, limit=count)

    return listed("AccountAliases", aliases, _name, _name, max_items, marker)


@iam.operation(access=on_everything("iam:DeleteAccountAlias"), writes=True)
def delete_account_alias(ctx: Context, *, account_alias: str) -> Output:
    """Take the account's alias away."""
    if not ctx.unit.delete(ALIASES, ctx.global_scope, account_alias):
        raise NoSuchEntity(f"The account alias {account_alias} cannot be found.")
    return {}


def _name(alias: AccountAlias) -> str:
    return alias.name
