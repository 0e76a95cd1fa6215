# SPDX-License-Identifier: Apache-2.0
"""Login profiles: a user's password, given by an administrator or changed by the user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from stockade.core.access import Touched
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.protocol.refusals import AccessDenied
from stockade.services.iam import passwords
from stockade.services.iam.access import user_named, user_or_caller
from stockade.services.iam.account_settings import settings_of
from stockade.services.iam.credential_errors import InvalidUserType
from stockade.services.iam.errors import EntityAlreadyExists, NoSuchEntity, ValidationError
from stockade.services.iam.passwords import LOGIN_PROFILES, Derive, Hashes, LoginProfile
from stockade.services.iam.resources import User
from stockade.services.iam.service import iam


def _hashed(ctx: Context, params: Mapping[str, Any], _user: User | None) -> Hashes | None:
    """Hash a first password before its write."""
    return passwords.hashed(ctx, params["Password"]) if "Password" in params else None


def _derived(ctx: Context, params: Mapping[str, Any], user: User) -> Derive:
    """Derive passwords before their write, which derives anew where the profile is another then."""
    derive = passwords.remembering()
    profile = _find(ctx, user)
    for member in ("Password", "OldPassword", "NewPassword"):
        if profile is not None and member in params:
            passwords.derived(ctx, profile, params[member], derive)
    return derive


@iam.operation(access=user_or_caller("iam:CreateLoginProfile"), writes=True, prepare=_hashed)
def create_login_profile(
    ctx: Context,
    user: User | None,
    hashes: Hashes | None,
    *,
    user_name: str | None = None,
    password: str | None = None,
    password_reset_required: bool = False,
) -> Output:
    """Give a user a password."""
    del user_name
    user = _user(user)
    if _find(ctx, user) is not None:
        raise EntityAlreadyExists(f"Login Profile for user {user.name} already exists.")
    if password is None or hashes is None:
        raise ValidationError(
            "1 validation error detected: Value at 'password' failed to satisfy constraint: "
            "Member must not be null"
        )
    passwords.check_policy(settings_of(ctx.unit, ctx.account).password_policy, password)
    profile = passwords.new_profile(
        ctx, user.unique_id, hashes, reset_required=password_reset_required
    )
    ctx.unit.put(LOGIN_PROFILES, ctx.global_scope, profile)
    return {"LoginProfile": _shown(user, profile)}


@iam.operation(access=user_or_caller("iam:GetLoginProfile"))
def get_login_profile(ctx: Context, user: User | None, *, user_name: str | None = None) -> Output:
    """Say since when a user has a password, and nothing of the password."""
    del user_name
    user = _user(user)
    return {"LoginProfile": _shown(user, _existing(ctx, user))}


@iam.operation(access=user_named("iam:UpdateLoginProfile"), writes=True, prepare=_derived)
def update_login_profile(
    ctx: Context,
    user: User,
    derive: Derive,
    *,
    user_name: str,
    password: str | None = None,
    password_reset_required: bool | None = None,
) -> Output:
    """Give a user another password, or demand that it be changed."""
    del user_name
    profile = _existing(ctx, user)
    if password is not None:
        policy = settings_of(ctx.unit, ctx.account).password_policy
        profile = passwords.with_password(ctx, profile, policy, password, derive)
    if password_reset_required is not None:
        profile = replace(profile, reset_required=password_reset_required)
    ctx.unit.put(LOGIN_PROFILES, ctx.global_scope, profile)
    return {}


@iam.operation(access=user_or_caller("iam:DeleteLoginProfile"), writes=True)
def delete_login_profile(
    ctx: Context, user: User | None, *, user_name: str | None = None
) -> Output:
    """Take a user's password away; access keys go on working."""
    del user_name
    profile = _existing(ctx, _user(user))
    ctx.unit.delete(LOGIN_PROFILES, ctx.global_scope, profile.user)
    return {}


def _own_password(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve ChangePassword: it is for the user who calls."""
    if ctx.caller.principal.kind != "user":
        raise InvalidUserType("Only IAM Users can change their own password.")
    return user_or_caller("iam:ChangePassword")(ctx, params)


@iam.operation(access=_own_password, writes=True, prepare=_derived)
def change_password(
    ctx: Context, user: User, derive: Derive, *, old_password: str, new_password: str
) -> Output:
    """Change the caller's own password."""
    profile = _existing(ctx, user)
    if not passwords.matches(ctx, profile, old_password, derive):
        raise AccessDenied("The old password was incorrect.")
    if new_password == old_password:
        raise AccessDenied("The new password must differ from the old password.")
    policy = settings_of(ctx.unit, ctx.account).password_policy
    changed = passwords.with_password(ctx, profile, policy, new_password, derive)
    ctx.unit.put(LOGIN_PROFILES, ctx.global_scope, replace(changed, reset_required=False))
    return {}


def _user(user: User | None) -> User:
    """Return the user; the root has no login profile here."""
    if user is None:
        raise ValidationError("Must specify userName when calling with non-User credentials")
    return user


def _find(ctx: Context, user: User) -> LoginProfile | None:
    return ctx.unit.get(LOGIN_PROFILES, ctx.global_scope, user.unique_id)


def _existing(ctx: Context, user: User) -> LoginProfile:
    profile = _find(ctx, user)
    if profile is None:
        raise NoSuchEntity(f"Login Profile for User {user.name} cannot be found.")
    return profile


def _shown(user: User, profile: LoginProfile) -> dict[str, Any]:
    return {
        "UserName": user.name,
        "CreateDate": profile.created,
        "PasswordResetRequired": profile.reset_required,
    }
