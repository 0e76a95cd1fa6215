# SPDX-License-Identifier: Apache-2.0
"""What IAM does for Organizations below its API: accounts, and the role that manages a new one."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.ids import unique_id
from stockade.services.iam.accounts import ACCOUNTS, Account
from stockade.services.iam.lookup import ACCOUNT
from stockade.services.iam.resources import ROLES, Role, root_arn, scope_of, whole_second
from stockade.store.unit import Unit

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
NO_MAIL = "stockade.invalid"
"""The domain of the address of an account that was given none."""


class Owner(msgspec.Struct, frozen=True):
    """Whom an account belongs to."""

    name: str
    email: str


class OrganizationAccounts:
    """The accounts of this deployment; with `every_number` each 12 digits are one (dev)."""

    def __init__(self, *, every_number: bool = False) -> None:
        self._every_number = every_number

    def find_owner(self, unit: Unit, account_id: str) -> Owner | None:
        """Return name and e-mail address of an account, or None where there is no such account."""
        row = unit.get(ACCOUNTS, scope_of(account_id), account_id)
        exists = row is not None or (self._every_number and ACCOUNT.fullmatch(account_id))
        if not exists or (row is not None and row.closed is not None):
            return None
        name, email = (row.name, row.email) if row is not None else ("", "")
        return Owner(name or account_id, email or f"{account_id}@{NO_MAIL}")

    def find_by_email(self, unit: Unit, email: str) -> str | None:
        """Return the account that an e-mail address belongs to."""
        found = unit.find_anywhere(ACCOUNTS, "email", email.lower())
        if found:
            return found[0][1].account_id
        account_id, _, domain = email.partition("@")
        known = domain == NO_MAIL and self.find_owner(unit, account_id) is not None
        return account_id if known else None

    def is_free(self, unit: Unit, account_id: str) -> bool:
        """Return whether no account was ever made under a number."""
        return unit.get(ACCOUNTS, scope_of(account_id), account_id) is None

    def create_account(self, ctx: Context, account_id: str, name: str, email: str) -> None:
        """Make an account with its root, which has no credentials yet."""
        account = Account(
            account_id=account_id, name=name, email=email, created=whole_second(ctx.now)
        )
        ctx.unit.put(ACCOUNTS, scope_of(account_id), account)

    def create_administrator_role(
        self, ctx: Context, account_id: str, role_name: str, trusted_account: str
    ) -> None:
        """Make a role of all permissions that another account may assume."""
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": root_arn(trusted_account)},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
        role = Role(
            account=account_id,
            name=role_name,
            unique_id=unique_id("AROA", account_id, ctx.random),
            created=whole_second(ctx.now),
            trust_policy=msgspec.json.encode(trust).decode(),
            attached=(ADMINISTRATOR,),
        )
        ctx.unit.put(ROLES, scope_of(account_id), role)

    def close_account(self, ctx: Context, account_id: str) -> None:
        """Have none of an account's credentials hold any more."""
        scope = scope_of(account_id)
        row = ctx.unit.get(ACCOUNTS, scope, account_id)
        if row is None:
            row = Account(account_id=account_id, created=whole_second(ctx.now))
        ctx.unit.put(ACCOUNTS, scope, replace(row, closed=ctx.now))
