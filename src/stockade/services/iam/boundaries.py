# SPDX-License-Identifier: Apache-2.0
"""Permissions boundaries: a managed policy that says how far a user's or role's rights reach.

It gives nothing by itself. What it does not allow, no identity policy gives (callers.py hands it to
every decision). A boundary goes with its user or role; its policy cannot be deleted before.
"""

from __future__ import annotations

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.iam.access import role_changed, user_named
from stockade.services.iam.errors import InvalidInput, NoSuchEntity
from stockade.services.iam.lookup import find_policy, parse_policy_arn
from stockade.services.iam.resources import ROLES, USERS, Role, User
from stockade.services.iam.service import iam


@iam.operation(access=user_named("iam:PutUserPermissionsBoundary"), writes=True)
def put_user_permissions_boundary(
    ctx: Context, user: User, *, user_name: str, permissions_boundary: str
) -> Output:
    """Bound a user, or bound it by another policy."""
    del user_name
    bounded = replace(user, boundary=checked(ctx, permissions_boundary))
    ctx.unit.put(USERS, ctx.global_scope, bounded)
    return {}


@iam.operation(access=user_named("iam:DeleteUserPermissionsBoundary"), writes=True)
def delete_user_permissions_boundary(ctx: Context, user: User, *, user_name: str) -> Output:
    """Take a user's boundary away: its policies count in full."""
    _must_be_bounded(user, f"User {user_name}")
    ctx.unit.put(USERS, ctx.global_scope, replace(user, boundary=""))
    return {}


@iam.operation(access=role_changed("iam:PutRolePermissionsBoundary"), writes=True)
def put_role_permissions_boundary(
    ctx: Context, role: Role, *, role_name: str, permissions_boundary: str
) -> Output:
    """Bound a role and its sessions, or bound them by another policy."""
    del role_name
    bounded = replace(role, boundary=checked(ctx, permissions_boundary))
    ctx.unit.put(ROLES, ctx.global_scope, bounded)
    return {}


@iam.operation(access=role_changed("iam:DeleteRolePermissionsBoundary"), writes=True)
def delete_role_permissions_boundary(ctx: Context, role: Role, *, role_name: str) -> Output:
    """Take a role's boundary away: its policies count in full."""
    _must_be_bounded(role, f"Role {role_name}")
    ctx.unit.put(ROLES, ctx.global_scope, replace(role, boundary=""))
    return {}


def checked(ctx: Context, policy_arn: str) -> str:
    """Return the ARN of a policy that may be a boundary here, or refuse it; empty stays empty."""
    if not policy_arn:
        return ""
    if parse_policy_arn(policy_arn) is None:
        raise InvalidInput(f"ARN {policy_arn} is not valid.")
    if find_policy(ctx.unit, ctx.account, policy_arn) is None:
        raise NoSuchEntity(f"Scope ARN: {policy_arn} does not exist or is not attachable.")
    return policy_arn


def _must_be_bounded(entity: User | Role, name: str) -> None:
    if not entity.boundary:
        raise NoSuchEntity(f"{name} does not have a permissions boundary.")
