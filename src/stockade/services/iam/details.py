# SPDX-License-Identifier: Apache-2.0
"""GetAccountAuthorizationDetails: an account's users, groups, roles and policies in one answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from stockade.core.access import on_everything
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.iam import aws_managed, view
from stockade.services.iam.documents import encoded
from stockade.services.iam.groups import groups_of
from stockade.services.iam.last_used import role_last_used
from stockade.services.iam.lookup import must_be_policy_arn
from stockade.services.iam.paging import PAGE, among, page, tail
from stockade.services.iam.resources import (
    GROUPS,
    INSTANCE_PROFILES,
    POLICIES,
    ROLES,
    USERS,
    Entity,
    Group,
    ManagedPolicy,
    Role,
    User,
)
from stockade.services.iam.service import iam
from stockade.services.iam.trusted import as_seen
from stockade.services.iam.usage import every_usage

KINDS = ("User", "Group", "Role", "LocalManagedPolicy", "AWSManagedPolicy")


class _Item(NamedTuple):
    """Something to be shown, and where it stands in the order of the whole."""

    kind: str
    shown: Any

    @property
    def id(self) -> str:
        return f"{KINDS.index(self.kind)}/{self.shown.id}"


@iam.operation(access=on_everything("iam:GetAccountAuthorizationDetails"))
def get_account_authorization_details(
    ctx: Context,
    *,
    filter: Sequence[str] = KINDS,  # noqa: A002  AWS's name of the member
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return a page of all users, groups, roles and policies with everything about them."""
    items = among(_items(ctx, filter), lambda item: item.id)
    found = page(items, lambda item: item.id, max_items, marker)
    lists: dict[str, list[dict[str, Any]]] = {name: [] for name, _ in SHOWN.values()}
    for item in found.items:
        name, show = SHOWN[item.kind]
        lists[name].append(show(ctx, item.shown))
    return {**lists, **tail(found)}


def _items(ctx: Context, kinds: Sequence[str]) -> Iterator[_Item]:
    unit, scope = ctx.unit, ctx.global_scope
    if "User" in kinds:
        yield from (_Item("User", each) for each in unit.list(USERS, scope))
    if "Group" in kinds:
        yield from (_Item("Group", each) for each in unit.list(GROUPS, scope))
    if "Role" in kinds:
        yield from (_Item("Role", each) for each in unit.list(ROLES, scope))
    if "LocalManagedPolicy" in kinds:
        yield from (_Item("LocalManagedPolicy", each) for each in unit.list(POLICIES, scope))
    if "AWSManagedPolicy" in kinds:
        used = every_usage(unit, scope)
        of_aws = (each for each in aws_managed.policies().values() if each.arn in used)
        yield from (_Item("AWSManagedPolicy", each) for each in of_aws)


def _user(ctx: Context, user: User) -> dict[str, Any]:
    return {
        **view.user(user),
        **view.boundary(user),
        "UserPolicyList": _inline(user),
        "GroupList": [group.name for group in groups_of(ctx, user)],
        "AttachedManagedPolicies": _attached(user),
        "Tags": view.tag_list(user.tags),
    }


def _group(_ctx: Context, group: Group) -> dict[str, Any]:
    return {
        **view.group(group),
        "GroupPolicyList": _inline(group),
        "AttachedManagedPolicies": _attached(group),
    }


def _role(ctx: Context, stored: Role) -> dict[str, Any]:
    role = as_seen(ctx.unit, stored)
    profiles = ctx.unit.find(INSTANCE_PROFILES, ctx.global_scope, "role", role.id)
    return {
        **view.role_plain(role),
        **view.boundary(role),
        "InstanceProfileList": [view.instance_profile(each, role) for each in profiles],
        "RolePolicyList": _inline(role),
        "AttachedManagedPolicies": _attached(role),
        "Tags": view.tag_list(role.tags),
        "RoleLastUsed": role_last_used(ctx, role),
    }


def _policy(ctx: Context, policy: ManagedPolicy) -> dict[str, Any]:
    used = every_usage(ctx.unit, ctx.global_scope).get(policy.arn, view.UNUSED)
    versions = [
        {**view.version(policy, each), "Document": encoded(each.document)}
        for each in reversed(policy.versions)
    ]
    return {**view.policy(policy, used), "PolicyVersionList": versions}


def _inline(entity: Entity) -> list[dict[str, str]]:
    return [
        {"PolicyName": name, "PolicyDocument": encoded(entity.inline[name])}
        for name in sorted(entity.inline)
    ]


def _attached(entity: Entity) -> list[dict[str, str]]:
    return [
        {"PolicyName": must_be_policy_arn(arn).name, "PolicyArn": arn}
        for arn in sorted(entity.attached)
    ]


Show = Callable[[Context, Any], dict[str, Any]]

SHOWN: Mapping[str, tuple[str, Show]] = MappingProxyType(
    {
        "User": ("UserDetailList", _user),
        "Group": ("GroupDetailList", _group),
        "Role": ("RoleDetailList", _role),
        "LocalManagedPolicy": ("Policies", _policy),
        "AWSManagedPolicy": ("Policies", _policy),
    }
)
