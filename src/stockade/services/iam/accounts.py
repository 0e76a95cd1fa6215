# SPDX-License-Identifier: Apache-2.0
"""Accounts: which ones a deployment has, and how the first one gets its root credentials.

In dev every 12-digit number is an account and needs no row here.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from stockade.core.ids import Random, secret_access_key, unique_id
from stockade.services.iam.resources import (
    ACCESS_KEYS,
    AccessKey,
    access_key_place,
    scope_of,
    whole_second,
)
from stockade.store.resources import Collection
from stockade.store.unit import Unit
from stockade.store.vault import Vault


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account of this deployment."""

    account_id: str
    name: str = ""
    email: str = ""
    created: datetime
    closed: datetime | None = None
    """Since when none of its credentials hold."""


ACCOUNTS: Collection[Account] = Collection(
    Account,
    service="organizations",
    kind="account",
    id=lambda account: account.account_id,
    indexes={"email": lambda account: account.email.lower() or None},
    schema=2,
    upgrades={1: lambda document: document},  # accounts of schema 1 had no e-mail address
)


def create_root(
    unit: Unit, vault: Vault, account: str, now: datetime, random: Random
) -> tuple[str, str]:
    """Make an account with an access key of its root; return the key's id and its secret.

    An account that is there already keeps its row and gets a further key.
    """
    if created(unit, account) is None:
        unit.put(
            ACCOUNTS, scope_of(account), Account(account_id=account, created=whole_second(now))
        )
    key, secret = new_access_key(unit, vault, account, "", now, random)
    return key.access_key_id, secret


def created(unit: Unit, account: str) -> datetime | None:
    """Return when an account was made, or None where it has no row."""
    row = unit.get(ACCOUNTS, scope_of(account), account)
    return None if row is None else row.created


def is_closed(unit: Unit, account: str) -> bool:
    """Return whether an account was closed: none of its credentials hold any more."""
    row = unit.get(ACCOUNTS, scope_of(account), account)
    return row is not None and row.closed is not None


def everyone(unit: Unit) -> frozenset[str]:
    """Return all accounts that have a row, remembered until one is added."""
    return unit.derive(
        ("iam-accounts",), lambda: frozenset(scope.account for scope in unit.scopes(ACCOUNTS))
    )


def new_access_key(
    unit: Unit, vault: Vault, account: str, user: str, now: datetime, random: Random
) -> tuple[AccessKey, str]:
    """Make and store an access key of a user, or of the root where `user` is empty."""
    key_id = unique_id("AKIA", account, random)
    secret = secret_access_key(random)
    scope = scope_of(account)
    sealed = vault.seal(unit, scope, access_key_place(key_id), secret.encode())
    key = AccessKey(access_key_id=key_id, user=user, created=whole_second(now), sealed=sealed)
    unit.put(ACCESS_KEYS, scope, key)
    return key, secret
