# SPDX-License-Identifier: Apache-2.0
"""Access keys of users and of the root: two each; the secret is answered once and never again."""

from __future__ import annotations

from typing import Any, Literal

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.iam import accounts, quotas, view
from stockade.services.iam.access import user_or_caller
from stockade.services.iam.errors import InvalidInput, NoSuchEntity
from stockade.services.iam.paging import PAGE, listed
from stockade.services.iam.resources import ACCESS_KEYS, AccessKey, User
from stockade.services.iam.service import iam


@iam.operation(access=user_or_caller("iam:CreateAccessKey"), writes=True)
def create_access_key(ctx: Context, user: User | None, *, user_name: str | None = None) -> Output:
    """Make an access key and return it with its secret."""
    del user_name
    owner = _owner(user)
    in_use = len(ctx.unit.find(ACCESS_KEYS, ctx.global_scope, "user", owner))
    quotas.check(in_use, quotas.ACCESS_KEYS, "AccessKeysPerUser")
    key, secret = accounts.new_access_key(
        ctx.unit, ctx.vault, ctx.account, owner, ctx.now, ctx.random
    )
    return {"AccessKey": {**view.access_key(key, _name(user)), "SecretAccessKey": secret}}


@iam.operation(access=user_or_caller("iam:ListAccessKeys"))
def list_access_keys(
    ctx: Context,
    user: User | None,
    *,
    user_name: str | None = None,
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return a user's access keys without their secrets."""
    del user_name
    owner, name = _owner(user), _name(user)

    def keys(after: str, count: int) -> list[AccessKey]:
        return ctx.unit.find(ACCESS_KEYS, ctx.global_scope, "user", owner, after=after, limit=count)

    def show(key: AccessKey) -> dict[str, Any]:
        return view.access_key(key, name)

    return listed("AccessKeyMetadata", keys, lambda key: key.access_key_id, show, max_items, marker)


@iam.operation(access=user_or_caller("iam:UpdateAccessKey"), writes=True)
def update_access_key(
    ctx: Context,
    user: User | None,
    *,
    user_name: str | None = None,
    access_key_id: str,
    status: Literal["Active", "Inactive", "Expired"],
) -> Output:
    """Switch an access key on or off; it counts from the next request on."""
    del user_name
    if status == "Expired":
        raise InvalidInput("The status of an access key can be set to Active or Inactive only.")
    key = _find(ctx, user, access_key_id)
    ctx.unit.put(ACCESS_KEYS, ctx.global_scope, replace(key, status=status))
    return {}


@iam.operation(access=user_or_caller("iam:DeleteAccessKey"), writes=True)
def delete_access_key(
    ctx: Context, user: User | None, *, user_name: str | None = None, access_key_id: str
) -> Output:
    """Delete an access key for ever."""
    del user_name
    key = _find(ctx, user, access_key_id)
    ctx.unit.delete(ACCESS_KEYS, ctx.global_scope, key.access_key_id)
    return {}


def _find(ctx: Context, user: User | None, access_key_id: str) -> AccessKey:
    key = ctx.unit.get(ACCESS_KEYS, ctx.global_scope, access_key_id)
    if key is None or key.user != _owner(user):
        raise NoSuchEntity(f"The Access Key with id {access_key_id} cannot be found.")
    return key


def _owner(user: User | None) -> str:
    return "" if user is None else user.id


def _name(user: User | None) -> str:
    return "" if user is None else user.name
