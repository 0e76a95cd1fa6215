# SPDX-License-Identifier: Apache-2.0
"""Passwords of users: which ones the account's policy takes, and Argon2id hashes of them.

A profile has one salt for its present password and those before it, so that one derivation tells
whether a password was used before. The hashes are sealed as well: who has the store alone cannot
even guess.

Argon2id takes its time, so it is done before a write's turn (`hashed`, `derived`) and not in it.
"""

from __future__ import annotations

import hmac
import string
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec.structs import replace

from stockade.core.context import Context
from stockade.crypto.passwords import SALT_SIZE, Cost, derive
from stockade.services.iam.account_settings import PasswordPolicy
from stockade.services.iam.credential_errors import PasswordPolicyViolation
from stockade.services.iam.resources import whole_second
from stockade.store.resources import Collection
from stockade.store.vault import Sealed

Derive = Callable[[str, bytes, Cost], bytes]
"""A `derive` that may know already what it is asked for."""
REMEMBERED = 24
"""The longest memory that a policy may ask for."""
DEFAULT_LENGTH, DEFAULT_CLASSES = 8, 3
"""What a password needs where the account has no policy of its own."""
CLASSES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "uppercase": frozenset(string.ascii_uppercase),
        "lowercase": frozenset(string.ascii_lowercase),
        "numbers": frozenset(string.digits),
        "symbols": frozenset("!@#$%^&*()_+-=[]{}|'"),
    }
)


class LoginProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A user's password."""

    user: str
    """The user's unique id."""
    created: datetime
    changed: datetime
    reset_required: bool = False
    sealed: Sealed
    """`Hashes`."""

    @property
    def place(self) -> str:
        return _place(self.user)


class Hashes(msgspec.Struct, frozen=True, kw_only=True):
    """The hashes of a password and of those before it, the newest first."""

    salt: bytes
    cost: Cost
    hashes: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"Hashes({len(self.hashes)})"


LOGIN_PROFILES: Collection[LoginProfile] = Collection(
    LoginProfile, service="iam", kind="login-profile", id=lambda profile: profile.user
)


def check_policy(policy: PasswordPolicy | None, password: str) -> None:
    """Raise where the account's policy does not take a password."""
    if not _taken(policy, password):
        raise _violation()


def remembering() -> Derive:
    """Return a `derive` that does not derive the same twice; for one call."""
    return cache(derive)


def hashed(ctx: Context, password: str) -> Hashes:
    """Return the hash of a first password, under a salt of its own."""
    cost, salt = Cost(), ctx.random(SALT_SIZE)
    ctx.unit.rest()
    return Hashes(salt=salt, cost=cost, hashes=(derive(password, salt, cost),))


def derived(ctx: Context, profile: LoginProfile, password: str, derive: Derive) -> bytes:
    """Return what a password would be kept as in a profile."""
    hashes = _open(ctx, profile)
    ctx.unit.rest()
    return derive(password, hashes.salt, hashes.cost)


def new_profile(ctx: Context, user: str, hashes: Hashes, *, reset_required: bool) -> LoginProfile:
    """Return the profile of a user who had no password."""
    now = whole_second(ctx.now)
    sealed = _seal(ctx, user, hashes)
    return LoginProfile(
        user=user, created=now, changed=now, reset_required=reset_required, sealed=sealed
    )


def with_password(
    ctx: Context,
    profile: LoginProfile,
    policy: PasswordPolicy | None,
    password: str,
    derive: Derive,
) -> LoginProfile:
    """Return a profile with another password, if the policy takes it and it is new enough."""
    check_policy(policy, password)
    hashes = _open(ctx, profile)
    new = derived(ctx, profile, password, derive)
    recent = hashes.hashes[: (policy and policy.reuse_prevention) or 0]
    if any(hmac.compare_digest(new, each) for each in recent):
        raise _violation()
    kept = replace(hashes, hashes=(new, *hashes.hashes)[:REMEMBERED])
    return replace(profile, changed=whole_second(ctx.now), sealed=_seal(ctx, profile.user, kept))


def matches(ctx: Context, profile: LoginProfile, password: str, derive: Derive) -> bool:
    """Return whether a password is the present one."""
    present = _open(ctx, profile).hashes[0]
    return hmac.compare_digest(derived(ctx, profile, password, derive), present)


def expires(profile: LoginProfile, policy: PasswordPolicy | None) -> datetime | None:
    """Return when a password has to be changed, None where it never has to."""
    if policy is None or policy.max_age is None:
        return None
    return profile.changed + timedelta(days=policy.max_age)


def _taken(policy: PasswordPolicy | None, password: str) -> bool:
    has = {name for name, letters in CLASSES.items() if letters & set(password)}
    if policy is None:
        return len(password) >= DEFAULT_LENGTH and len(has) >= DEFAULT_CLASSES
    wanted = {name for name in CLASSES if getattr(policy, name)}
    return len(password) >= policy.minimum_length and wanted <= has


def _violation() -> PasswordPolicyViolation:
    return PasswordPolicyViolation("Password does not conform to the account password policy.")


def _seal(ctx: Context, user: str, hashes: Hashes) -> Sealed:
    return ctx.seal(ctx.global_scope, _place(user), msgspec.json.encode(hashes))


def _open(ctx: Context, profile: LoginProfile) -> Hashes:
    content = ctx.unseal(ctx.global_scope, profile.place, profile.sealed)
    return msgspec.json.decode(content, type=Hashes)


def _place(user: str) -> str:
    return f"iam/login-profile/{user}/sealed"
