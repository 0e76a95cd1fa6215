# SPDX-License-Identifier: Apache-2.0
"""What an account keeps of settings that are its own alone: one row, absent until one is made."""

from __future__ import annotations

from typing import Literal

import msgspec

from stockade.services.iam.resources import scope_of
from stockade.store.resources import Collection
from stockade.store.unit import Unit

ROW = "settings"

RootFeature = Literal["RootCredentialsManagement", "RootSessions"]


class PasswordPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """An account's password policy; the defaults are those of a policy that says nothing."""

    minimum_length: int = 6
    symbols: bool = False
    numbers: bool = False
    uppercase: bool = False
    lowercase: bool = False
    users_may_change: bool = False
    max_age: int | None = None
    """Days."""
    reuse_prevention: int | None = None
    """How many passwords back none may be used again."""
    hard_expiry: bool | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of an account."""

    password_policy: PasswordPolicy | None = None
    token_version: Literal["v1Token", "v2Token"] = "v1Token"  # noqa: S105  the name of a format
    """Of the tokens that STS's global endpoint gives."""
    outbound_issuer: str = ""
    """The issuer of tokens for others, which stays when the feature is switched off."""
    outbound_enabled: bool = False
    root_features: tuple[RootFeature, ...] = ()
    """What the organization that this account manages does with its members' roots."""


SETTINGS: Collection[Settings] = Collection(
    Settings, service="iam", kind="settings", id=lambda _settings: ROW
)


def settings_of(unit: Unit, account: str) -> Settings:
    """Return an account's settings, the defaults where it never made any."""
    return unit.get(SETTINGS, scope_of(account), ROW) or Settings()
