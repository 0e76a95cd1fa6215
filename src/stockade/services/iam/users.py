# SPDX-License-Identifier: Apache-2.0
"""Users: made, shown, listed by path, renamed, deleted once nothing hangs on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from stockade.core.access import Demand, Touched
from stockade.core.context import Context
from stockade.core.ids import unique_id
from stockade.core.operation import Output
from stockade.services.iam import accounts, quotas, view
from stockade.services.iam.access import creation, folder, user_named, user_or_caller
from stockade.services.iam.boundaries import checked
from stockade.services.iam.dependants import hanging_on
from stockade.services.iam.errors import DeleteConflict, EntityAlreadyExists
from stockade.services.iam.paging import PAGE, listed, under_path
from stockade.services.iam.resources import (
    ACCESS_KEYS,
    USERS,
    User,
    root_arn,
    user_arn,
    whole_second,
)
from stockade.services.iam.service import iam
from stockade.services.iam.tags import Tags, merged
from stockade.services.iam.trusted import follow


@iam.operation(access=creation("iam:CreateUser", "iam:TagUser", user_arn, "UserName"), writes=True)
def create_user(
    ctx: Context,
    *,
    user_name: str,
    path: str = "/",
    permissions_boundary: str = "",
    tags: Tags = (),
) -> Output:
    """Make a user without any permission."""
    _must_be_free(ctx, user_name)
    quotas.check_room(ctx, USERS, quotas.USERS, "UsersPerAccount")
    user = User(
        account=ctx.account,
        name=user_name,
        path=path,
        unique_id=unique_id("AIDA", ctx.account, ctx.random),
        created=whole_second(ctx.now),
        tags=merged({}, tags, "User"),
        boundary=checked(ctx, permissions_boundary),
    )
    ctx.unit.put(USERS, ctx.global_scope, user)
    return {"User": view.user_detail(user)}


@iam.operation(access=user_or_caller("iam:GetUser"))
def get_user(ctx: Context, user: User | None, *, user_name: str | None = None) -> Output:
    """Return a user, or the caller where none is named."""
    del user_name
    if user is not None:
        return {"User": view.user_detail(user)}
    created = accounts.created(ctx.unit, ctx.account)
    root = {"UserId": ctx.account, "Arn": root_arn(ctx.account)}
    return {"User": root | ({"CreateDate": created} if created else {})}


@iam.operation(access=folder("iam:ListUsers", user_arn))
def list_users(
    ctx: Context, *, path_prefix: str = "/", max_items: int = PAGE, marker: str | None = None
) -> Output:
    """Return the users under a path in the order of their names."""
    users = under_path(ctx, USERS, path_prefix)
    return listed("Users", users, lambda user: user.id, view.user, max_items, marker)


def _renaming(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve UpdateUser: the permission is needed on the old ARN and on the new one."""
    touched = user_named("iam:UpdateUser")(ctx, params)
    user: User | None = touched.resources[0]
    if user is not None:
        changed = renamed(user, params.get("NewPath"), params.get("NewUserName"))
        old = touched.demands[0]
        new = Demand(action=old.action, arn=changed.arn, account=old.account, keys=old.keys)
        touched.demands = (old, new)
    return touched


@iam.operation(access=_renaming, writes=True)
def update_user(
    ctx: Context,
    user: User,
    *,
    user_name: str,
    new_path: str | None = None,
    new_user_name: str | None = None,
) -> Output:
    """Give a user another name or path; what hangs on it goes along."""
    del user_name
    changed = renamed(user, new_path, new_user_name)
    if changed.id != user.id:
        _must_be_free(ctx, changed.name)
        ctx.unit.delete(USERS, ctx.global_scope, user.id)
        for key in ctx.unit.find(ACCESS_KEYS, ctx.global_scope, "user", user.id):
            ctx.unit.put(ACCESS_KEYS, ctx.global_scope, replace(key, user=changed.id))
    ctx.unit.put(USERS, ctx.global_scope, changed)
    follow(ctx, user, changed)
    return {}


@iam.operation(access=user_named("iam:DeleteUser"), writes=True)
def delete_user(ctx: Context, user: User, *, user_name: str) -> Output:
    """Delete a user that has no policies, groups and access keys any more."""
    del user_name
    if user.groups:
        raise DeleteConflict("Cannot delete entity, must remove users from group first.")
    if user.attached:
        raise DeleteConflict("Cannot delete entity, must detach all policies first.")
    if user.inline:
        raise DeleteConflict("Cannot delete entity, must delete policies first.")
    if ctx.unit.find(ACCESS_KEYS, ctx.global_scope, "user", user.id, limit=1):
        raise DeleteConflict("Cannot delete entity, must delete access keys first.")
    if conflict := hanging_on(ctx.unit, user):
        raise DeleteConflict(conflict)
    ctx.unit.delete(USERS, ctx.global_scope, user.id)
    return {}


def renamed(user: User, path: str | None, name: str | None) -> User:
    """Return a user under another path or name."""
    return replace(user, path=path or user.path, name=name or user.name)


def _must_be_free(ctx: Context, name: str) -> None:
    if ctx.unit.get(USERS, ctx.global_scope, name.lower()) is not None:
        raise EntityAlreadyExists(f"User with name {name} already exists.")
