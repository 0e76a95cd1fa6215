# SPDX-License-Identifier: Apache-2.0
"""Inline policies: documents that belong to one user, group or role and go with it."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.iam.access import group_named, role_changed, role_named, user_named
from stockade.services.iam.documents import check_inline, encoded
from stockade.services.iam.errors import NoSuchEntity
from stockade.services.iam.paging import PAGE, among, listed
from stockade.services.iam.resources import GROUPS, ROLES, USERS, Entity, Group, Role, User
from stockade.services.iam.service import iam

E = TypeVar("E", User, Group, Role)


@iam.operation(access=user_named("iam:PutUserPolicy"), writes=True)
def put_user_policy(
    ctx: Context, user: User, *, user_name: str, policy_name: str, policy_document: str
) -> Output:
    """Add or replace an inline policy of a user."""
    del user_name
    changed = _with(user, "user", policy_name, policy_document)
    ctx.unit.put(USERS, ctx.global_scope, changed)
    return {}


@iam.operation(access=user_named("iam:GetUserPolicy"))
def get_user_policy(_ctx: Context, user: User, *, user_name: str, policy_name: str) -> Output:
    """Return an inline policy of a user."""
    del user_name
    document = _document(user, "user", policy_name)
    return {"UserName": user.name, "PolicyName": policy_name, "PolicyDocument": document}


@iam.operation(access=user_named("iam:ListUserPolicies"))
def list_user_policies(
    _ctx: Context, user: User, *, user_name: str, max_items: int = PAGE, marker: str | None = None
) -> Output:
    """Return the names of a user's inline policies."""
    del user_name
    return listed("PolicyNames", among(user.inline, str), str, str, max_items, marker)


@iam.operation(access=user_named("iam:DeleteUserPolicy"), writes=True)
def delete_user_policy(ctx: Context, user: User, *, user_name: str, policy_name: str) -> Output:
    """Delete an inline policy of a user."""
    del user_name
    ctx.unit.put(USERS, ctx.global_scope, _without(user, "user", policy_name))
    return {}


@iam.operation(access=group_named("iam:PutGroupPolicy"), writes=True)
def put_group_policy(
    ctx: Context, group: Group, *, group_name: str, policy_name: str, policy_document: str
) -> Output:
    """Add or replace an inline policy of a group."""
    del group_name
    changed = _with(group, "group", policy_name, policy_document)
    ctx.unit.put(GROUPS, ctx.global_scope, changed)
    return {}


@iam.operation(access=group_named("iam:GetGroupPolicy"))
def get_group_policy(_ctx: Context, group: Group, *, group_name: str, policy_name: str) -> Output:
    """Return an inline policy of a group."""
    del group_name
    document = _document(group, "group", policy_name)
    return {"GroupName": group.name, "PolicyName": policy_name, "PolicyDocument": document}


@iam.operation(access=group_named("iam:ListGroupPolicies"))
def list_group_policies(
    _ctx: Context,
    group: Group,
    *,
    group_name: str,
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return the names of a group's inline policies."""
    del group_name
    return listed("PolicyNames", among(group.inline, str), str, str, max_items, marker)


@iam.operation(access=group_named("iam:DeleteGroupPolicy"), writes=True)
def delete_group_policy(ctx: Context, group: Group, *, group_name: str, policy_name: str) -> Output:
    """Delete an inline policy of a group."""
    del group_name
    ctx.unit.put(GROUPS, ctx.global_scope, _without(group, "group", policy_name))
    return {}


@iam.operation(access=role_changed("iam:PutRolePolicy"), writes=True)
def put_role_policy(
    ctx: Context, role: Role, *, role_name: str, policy_name: str, policy_document: str
) -> Output:
    """Add or replace an inline policy of a role."""
    del role_name
    changed = _with(role, "role", policy_name, policy_document)
    ctx.unit.put(ROLES, ctx.global_scope, changed)
    return {}


@iam.operation(access=role_named("iam:GetRolePolicy"))
def get_role_policy(_ctx: Context, role: Role, *, role_name: str, policy_name: str) -> Output:
    """Return an inline policy of a role."""
    del role_name
    document = _document(role, "role", policy_name)
    return {"RoleName": role.name, "PolicyName": policy_name, "PolicyDocument": document}


@iam.operation(access=role_named("iam:ListRolePolicies"))
def list_role_policies(
    _ctx: Context, role: Role, *, role_name: str, max_items: int = PAGE, marker: str | None = None
) -> Output:
    """Return the names of a role's inline policies."""
    del role_name
    return listed("PolicyNames", among(role.inline, str), str, str, max_items, marker)


@iam.operation(access=role_changed("iam:DeleteRolePolicy"), writes=True)
def delete_role_policy(ctx: Context, role: Role, *, role_name: str, policy_name: str) -> Output:
    """Delete an inline policy of a role."""
    del role_name
    ctx.unit.put(ROLES, ctx.global_scope, _without(role, "role", policy_name))
    return {}


def _with(entity: E, kind: str, name: str, document: str) -> E:
    """Return somebody with one more inline policy, or another under the same name."""
    others = {other: text for other, text in entity.inline.items() if other != name}
    check_inline(document, others.values(), kind, entity.name)
    return replace(entity, inline=others | {name: document})


def _without(entity: E, kind: str, name: str) -> E:
    _must_have(entity, kind, name)
    left = {other: text for other, text in entity.inline.items() if other != name}
    return replace(entity, inline=left)


def _document(entity: E, kind: str, name: str) -> str:
    _must_have(entity, kind, name)
    return encoded(entity.inline[name])


def _must_have(entity: Entity, kind: str, name: str) -> None:
    if name not in entity.inline:
        raise NoSuchEntity(f"The {kind} policy with name {name} cannot be found.")
