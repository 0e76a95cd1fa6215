# SPDX-License-Identifier: Apache-2.0
"""What Organizations asks of IAM: accounts, and the role by which a new one is managed."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from stockade.core.context import Context
from stockade.store.unit import Unit


class Owner(Protocol):
    """Whom an account belongs to."""

    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str: ...


@runtime_checkable
class Accounts(Protocol):
    """The accounts of this deployment."""

    def find_owner(self, unit: Unit, account_id: str) -> Owner | None:
        """Return name and e-mail address of an account, or None where there is no such account."""

    def find_by_email(self, unit: Unit, email: str) -> str | None:
        """Return the account that an e-mail address belongs to."""

    def is_free(self, unit: Unit, account_id: str) -> bool:
        """Return whether no account was ever made under a number."""

    def create_account(self, ctx: Context, account_id: str, name: str, email: str) -> None:
        """Make an account with its root."""

    def create_administrator_role(
        self, ctx: Context, account_id: str, role_name: str, trusted_account: str
    ) -> None:
        """Make a role of all permissions that another account may assume."""

    def close_account(self, ctx: Context, account_id: str) -> None:
        """Have none of an account's credentials hold any more."""
