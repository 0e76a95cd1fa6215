# SPDX-License-Identifier: Apache-2.0
"""Managed policies attached to users and roles: at most ten each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.iam.access import policy_named, role_named, user_named
from stockade.services.iam.errors import InvalidInput, LimitExceeded, NoSuchEntity
from stockade.services.iam.lookup import PolicyName, find_policy, parse_policy_arn
from stockade.services.iam.paging import PAGE, among, listed, page, tail
from stockade.services.iam.resources import ROLES, USERS, ManagedPolicy, Role, User
from stockade.services.iam.service import iam
from stockade.store.resources import Scope
from stockade.store.unit import Unit

ATTACHED_LIMIT = 10

E = TypeVar("E", User, Role)


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


@iam.operation(access=role_named("iam:AttachRolePolicy"), writes=True)
def attach_role_policy(ctx: Context, role: Role, *, role_name: str, policy_arn: str) -> Output:
    """Attach a managed policy to a role; doing it again changes nothing."""
    del role_name
    ctx.unit.put(ROLES, ctx.global_scope, _attached(ctx, role, policy_arn, "Role"))
    return {}


@iam.operation(access=role_named("iam:DetachRolePolicy"), writes=True)
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


@iam.operation(access=policy_named("iam:ListEntitiesForPolicy"))
def list_entities_for_policy(
    ctx: Context,
    policy: ManagedPolicy,
    *,
    policy_arn: str,
    entity_filter: str | None = None,
    path_prefix: str = "/",
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return the users and roles that a managed policy is attached to."""
    del policy_arn
    holders = [
        each
        for kind, each in _holders(ctx, policy.arn)
        if entity_filter in (None, kind) and each.path.startswith(path_prefix)
    ]
    under = among(holders, _holder_id)
    found = page(under, _holder_id, max_items, marker)
    return {
        "PolicyGroups": [],
        "PolicyRoles": [
            {"RoleName": each.name, "RoleId": each.unique_id}
            for each in found.items
            if isinstance(each, Role)
        ],
        "PolicyUsers": [
            {"UserName": each.name, "UserId": each.unique_id}
            for each in found.items
            if isinstance(each, User)
        ],
        **tail(found),
    }


def _holders(ctx: Context, policy_arn: str) -> Iterator[tuple[str, User | Role]]:
    for role in ctx.unit.find(ROLES, ctx.global_scope, "policy", policy_arn):
        yield "Role", role
    for user in ctx.unit.find(USERS, ctx.global_scope, "policy", policy_arn):
        yield "User", user


def attachments(unit: Unit, scope: Scope, policy_arn: str) -> int:
    """Return to how many users and roles of an account a managed policy is attached."""
    users = unit.find(USERS, scope, "policy", policy_arn)
    return len(users) + len(unit.find(ROLES, scope, "policy", policy_arn))


def _attached(ctx: Context, entity: E, policy_arn: str, kind: str) -> E:
    _parsed(policy_arn)
    if find_policy(ctx.unit, ctx.account, policy_arn) is None:
        raise NoSuchEntity(f"Policy {policy_arn} does not exist or is not attachable.")
    if policy_arn in entity.attached:
        return entity
    if len(entity.attached) >= ATTACHED_LIMIT:
        raise LimitExceeded(f"Cannot exceed quota for PoliciesPer{kind}: {ATTACHED_LIMIT}")
    return replace(entity, attached=(*entity.attached, policy_arn))


def _detached(entity: E, policy_arn: str) -> E:
    _parsed(policy_arn)
    if policy_arn not in entity.attached:
        raise NoSuchEntity(f"Policy {policy_arn} was not found.")
    left = tuple(arn for arn in entity.attached if arn != policy_arn)
    return replace(entity, attached=left)


def _listed(
    attached: tuple[str, ...], path_prefix: str, max_items: int, marker: str | None
) -> Output:
    policies = [_Attached(_parsed(arn).name, _parsed(arn).path, arn) for arn in attached]
    under = among((each for each in policies if each.path.startswith(path_prefix)), _policy_id)
    return listed("AttachedPolicies", under, _policy_id, _show, max_items, marker)


def _show(policy: _Attached) -> dict[str, str]:
    return {"PolicyName": policy.name, "PolicyArn": policy.arn}


def _policy_id(policy: _Attached) -> str:
    return f"{policy.name} {policy.arn}"


def _holder_id(entity: User | Role) -> str:
    return f"{type(entity).__name__}/{entity.id}"


def _parsed(policy_arn: str) -> PolicyName:
    named = parse_policy_arn(policy_arn)
    if named is None:
        raise InvalidInput(f"ARN {policy_arn} is not valid.")
    return named
