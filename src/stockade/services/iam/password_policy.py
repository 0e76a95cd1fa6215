# SPDX-License-Identifier: Apache-2.0
"""The account's password policy: what it does not say has AWS's default, also on an update."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from stockade.core.access import on_everything
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.iam.account_settings import SETTINGS, PasswordPolicy, settings_of
from stockade.services.iam.errors import NoSuchEntity
from stockade.services.iam.service import iam


@iam.operation(access=on_everything("iam:UpdateAccountPasswordPolicy"), writes=True)
def update_account_password_policy(
    ctx: Context,
    *,
    minimum_password_length: int = 6,
    require_symbols: bool = False,
    require_numbers: bool = False,
    require_uppercase_characters: bool = False,
    require_lowercase_characters: bool = False,
    allow_users_to_change_password: bool = False,
    max_password_age: int | None = None,
    password_reuse_prevention: int | None = None,
    hard_expiry: bool | None = None,
) -> Output:
    """Say what passwords have to be like from now on; those that are there stay."""
    policy = PasswordPolicy(
        minimum_length=minimum_password_length,
        symbols=require_symbols,
        numbers=require_numbers,
        uppercase=require_uppercase_characters,
        lowercase=require_lowercase_characters,
        users_may_change=allow_users_to_change_password,
        max_age=max_password_age,
        reuse_prevention=password_reuse_prevention,
        hard_expiry=hard_expiry,
    )
    settings = settings_of(ctx.unit, ctx.account)
    ctx.unit.put(SETTINGS, ctx.global_scope, replace(settings, password_policy=policy))
    return {}


@iam.operation(access=on_everything("iam:GetAccountPasswordPolicy"))
def get_account_password_policy(ctx: Context) -> Output:
    """Return the account's password policy."""
    policy = settings_of(ctx.unit, ctx.account).password_policy
    if policy is None:
        raise NoSuchEntity(f"The Password Policy with domain name {ctx.account} cannot be found.")
    return {"PasswordPolicy": _shown(policy)}


@iam.operation(access=on_everything("iam:DeleteAccountPasswordPolicy"), writes=True)
def delete_account_password_policy(ctx: Context) -> Output:
    """Go back to AWS's own rules for passwords."""
    settings = settings_of(ctx.unit, ctx.account)
    if settings.password_policy is None:
        raise NoSuchEntity("The account policy with name PasswordPolicy cannot be found.")
    ctx.unit.put(SETTINGS, ctx.global_scope, replace(settings, password_policy=None))
    return {}


def _shown(policy: PasswordPolicy) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "MinimumPasswordLength": policy.minimum_length,
        "RequireSymbols": policy.symbols,
        "RequireNumbers": policy.numbers,
        "RequireUppercaseCharacters": policy.uppercase,
        "RequireLowercaseCharacters": policy.lowercase,
        "AllowUsersToChangePassword": policy.users_may_change,
        "ExpirePasswords": policy.max_age is not None,
    }
    optional = {
        "MaxPasswordAge": policy.max_age,
        "PasswordReusePrevention": policy.reuse_prevention,
        "HardExpiry": policy.hard_expiry,
    }
    return shown | {name: value for name, value in optional.items() if value is not None}
