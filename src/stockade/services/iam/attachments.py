# SPDX-License-Identifier: Apache-2.0
"""Managed policies attached to users, groups and roles: at most ten each."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.iam.access import group_named, role_changed, role_named, user_named
from stockade.services.iam.errors import NoSuchEntity, PolicyNotAttachable
from stockade.services.iam.lookup import find_policy, must_be_policy_arn
from stockade.services.iam.paging import PAGE, among, listed
from stockade.services.iam.quotas import ATTACHED, check
from stockade.services.iam.resources import (
    GROUPS,
    ROLES,
    SERVICE_LINKED_PATH,
    USERS,
    Group,
    Role,
    User,
)
from stockade.services.iam.service import iam

E = TypeVar("E", User, Group, Role)


class _Attached(NamedTuple):
    """What a list shows of an attached policy."""

    name: str
    path: str
    arn: str


@iam.operation(access=user_named("iam:AttachUserPolicy"), writes=True)
def attach_user_policy(ctx: Context, user: User, *, user_name: str, policy_arn: str) -> Output:
    """Attach a managed policy to a user; doing it again changes nothing."""
    del user_name
    ctx.unit.put(USERS, ctx.global_scope, _attached(ctx, user, policy_arn, "User"))
    return {}


@iam.operation(access=user_named("iam:DetachUserPolicy"), writes=True)
def detach_user_policy(ctx: Context, user: User, *, user_name: str, policy_arn: str) -> Output:
    """Take a managed policy away from a user."""
    del user_name
    ctx.unit.put(USERS, ctx.global_scope, _detached(user, policy_arn))
    return {}


@iam.operation(access=user_named("iam:ListAttachedUserPolicies"))
def list_attached_user_policies(
    _ctx: Context,
    user: User,
    *,
    user_name: str,
    path_prefix: str = "/",
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return the managed policies that are attached to a user."""
    del user_name
    return _listed(user.attached, path_prefix, max_items, marker)


@iam.operation(access=group_named("iam:AttachGroupPolicy"), writes=True)
def attach_group_policy(ctx: Context, group: Group, *, group_name: str, policy_arn: str) -> Output:
    """Attach a managed policy to a group; doing it again changes nothing."""
    del group_name
    ctx.unit.put(GROUPS, ctx.global_scope, _attached(ctx, group, policy_arn, "Group"))
    return {}


@iam.operation(access=group_named("iam:DetachGroupPolicy"), writes=True)
def detach_group_policy(ctx: Context, group: Group, *, group_name: str, policy_arn: str) -> Output:
    """Take a managed policy away from a group."""
    del group_name
    ctx.unit.put(GROUPS, ctx.global_scope, _detached(group, policy_arn))
    return {}


@iam.operation(access=group_named("iam:ListAttachedGroupPolicies"))
def list_attached_group_policies(
    _ctx: Context,
    group: Group,
    *,
    group_name: str,
    path_prefix: str = "/",
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return the managed policies that are attached to a group."""
    del group_name
    return _listed(group.attached, path_prefix, max_items, marker)


@iam.operation(access=role_changed("iam:AttachRolePolicy"), writes=True)
def attach_role_policy(ctx: Context, role: Role, *, role_name: str, policy_arn: str) -> Output:
    """Attach a managed policy to a role; doing it again changes nothing."""
    del role_name
    ctx.unit.put(ROLES, ctx.global_scope, _attached(ctx, role, policy_arn, "Role"))
    return {}


@iam.operation(access=role_changed("iam:DetachRolePolicy"), writes=True)
def detach_role_policy(ctx: Context, role: Role, *, role_name: str, policy_arn: str) -> Output:
    """Take a managed policy away from a role."""
    del role_name
    ctx.unit.put(ROLES, ctx.global_scope, _detached(role, policy_arn))
    return {}


@iam.operation(access=role_named("iam:ListAttachedRolePolicies"))
def list_attached_role_policies(
    _ctx: Context,
    role: Role,
    *,
    role_name: str,
    path_prefix: str = "/",
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return the managed policies that are attached to a role."""
    del role_name
    return _listed(role.attached, path_prefix, max_items, marker)


def _attached(ctx: Context, entity: E, policy_arn: str, kind: str) -> E:
    must_be_policy_arn(policy_arn)
    policy = find_policy(ctx.unit, ctx.account, policy_arn)
    if policy is None:
        raise NoSuchEntity(f"Policy {policy_arn} does not exist or is not attachable.")
    if policy.path.startswith(SERVICE_LINKED_PATH):
        raise PolicyNotAttachable(f"Cannot attach a Service Role Policy to a Customer {kind}.")
    if policy_arn in entity.attached:
        return entity
    check(len(entity.attached), ATTACHED, f"PoliciesPer{kind}")
    return replace(entity, attached=(*entity.attached, policy_arn))


def _detached(entity: E, policy_arn: str) -> E:
    must_be_policy_arn(policy_arn)
    if policy_arn not in entity.attached:
        raise NoSuchEntity(f"Policy {policy_arn} was not found.")
    left = tuple(arn for arn in entity.attached if arn != policy_arn)
    return replace(entity, attached=left)


def _listed(
    attached: tuple[str, ...], path_prefix: str, max_items: int, marker: str | None
) -> Output:
    policies = [_named(arn) for arn in attached]
    under = among((each for each in policies if each.path.startswith(path_prefix)), _policy_id)
    return listed("AttachedPolicies", under, _policy_id, _show, max_items, marker)


def _named(policy_arn: str) -> _Attached:
    named = must_be_policy_arn(policy_arn)
    return _Attached(named.name, named.path, policy_arn)


def _show(policy: _Attached) -> dict[str, str]:
    return {"PolicyName": policy.name, "PolicyArn": policy.arn}


def _policy_id(policy: _Attached) -> str:
    return f"{policy.name} {policy.arn}"
