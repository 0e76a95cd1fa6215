# SPDX-License-Identifier: Apache-2.0
"""Groups: users in them have their policies. At most 300 of them, and ten for one user.

A user carries the ids of its groups, so that one read finds whose policies speak for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from stockade.core.access import Demand, Touched
from stockade.core.context import Context
from stockade.core.ids import unique_id
from stockade.core.operation import Output
from stockade.services.iam import quotas, view
from stockade.services.iam.access import (
    creation,
    folder,
    group_named,
    membership,
    user_named,
)
from stockade.services.iam.errors import DeleteConflict, EntityAlreadyExists
from stockade.services.iam.lookup import find_group
from stockade.services.iam.paging import PAGE, among, listed, under_path
from stockade.services.iam.resources import (
    GROUPS,
    USERS,
    Group,
    User,
    group_arn,
    whole_second,
)
from stockade.services.iam.service import iam


@iam.operation(
    access=creation("iam:CreateGroup", "iam:CreateGroup", group_arn, "GroupName"), writes=True
)
def create_group(ctx: Context, *, group_name: str, path: str = "/") -> Output:
    """Make a group without users and without any permission."""
    _must_be_free(ctx, group_name)
    quotas.check_room(ctx, GROUPS, quotas.GROUPS, "GroupsPerAccount")
    group = Group(
        account=ctx.account,
        name=group_name,
        path=path,
        unique_id=unique_id("AGPA", ctx.account, ctx.random),
        created=whole_second(ctx.now),
    )
    ctx.unit.put(GROUPS, ctx.global_scope, group)
    return {"Group": view.group(group)}


@iam.operation(access=group_named("iam:GetGroup"))
def get_group(
    ctx: Context,
    group: Group,
    *,
    group_name: str,
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return a group and a page of the users who are in it."""
    del group_name

    def members(after: str, count: int) -> list[User]:
        return ctx.unit.find(USERS, ctx.global_scope, "group", group.id, after=after, limit=count)

    page = listed("Users", members, lambda user: user.id, view.user, max_items, marker)
    return {"Group": view.group(group), **page}


@iam.operation(access=folder("iam:ListGroups", group_arn))
def list_groups(
    ctx: Context, *, path_prefix: str = "/", max_items: int = PAGE, marker: str | None = None
) -> Output:
    """Return the groups under a path in the order of their names."""
    groups = under_path(ctx, GROUPS, path_prefix)
    return listed("Groups", groups, lambda group: group.id, view.group, max_items, marker)


@iam.operation(access=user_named("iam:ListGroupsForUser"))
def list_groups_for_user(
    ctx: Context, user: User, *, user_name: str, max_items: int = PAGE, marker: str | None = None
) -> Output:
    """Return the groups that a user is in."""
    del user_name
    groups = among(groups_of(ctx, user), lambda group: group.id)
    return listed("Groups", groups, lambda group: group.id, view.group, max_items, marker)


def _renaming(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve UpdateGroup: the permission is needed on the old ARN and on the new one."""
    touched = group_named("iam:UpdateGroup")(ctx, params)
    group: Group | None = touched.resources[0]
    if group is not None:
        changed = _renamed(group, params.get("NewPath"), params.get("NewGroupName"))
        old = touched.demands[0]
        new = Demand(action=old.action, arn=changed.arn, account=old.account, keys=old.keys)
        touched.demands = (old, new)
    return touched


@iam.operation(access=_renaming, writes=True)
def update_group(
    ctx: Context,
    group: Group,
    *,
    group_name: str,
    new_path: str | None = None,
    new_group_name: str | None = None,
) -> Output:
    """Give a group another name or path; who is in it stays in it."""
    del group_name
    changed = _renamed(group, new_path, new_group_name)
    if changed.id != group.id:
        _must_be_free(ctx, changed.name)
        ctx.unit.delete(GROUPS, ctx.global_scope, group.id)
        for user in ctx.unit.find(USERS, ctx.global_scope, "group", group.id):
            ids = tuple(changed.id if each == group.id else each for each in user.groups)
            ctx.unit.put(USERS, ctx.global_scope, replace(user, groups=ids))
    ctx.unit.put(GROUPS, ctx.global_scope, changed)
    return {}


@iam.operation(access=group_named("iam:DeleteGroup"), writes=True)
def delete_group(ctx: Context, group: Group, *, group_name: str) -> Output:
    """Delete a group that has no users and no policies any more."""
    del group_name
    if ctx.unit.find(USERS, ctx.global_scope, "group", group.id, limit=1):
        raise DeleteConflict("Cannot delete entity, must remove users from group first.")
    if group.attached:
        raise DeleteConflict("Cannot delete entity, must detach all policies first.")
    if group.inline:
        raise DeleteConflict("Cannot delete entity, must delete policies first.")
    ctx.unit.delete(GROUPS, ctx.global_scope, group.id)
    return {}


@iam.operation(access=membership("iam:AddUserToGroup"), writes=True)
def add_user_to_group(
    ctx: Context, user: User, group: Group, *, group_name: str, user_name: str
) -> Output:
    """Put a user into a group; doing it again changes nothing."""
    del group_name, user_name
    if group.id not in user.groups:
        quotas.check(len(user.groups), quotas.GROUPS_PER_USER, "GroupsPerUser")
        joined = replace(user, groups=(*user.groups, group.id))
        ctx.unit.put(USERS, ctx.global_scope, joined)
    return {}


@iam.operation(access=membership("iam:RemoveUserFromGroup"), writes=True)
def remove_user_from_group(
    ctx: Context, user: User, group: Group, *, group_name: str, user_name: str
) -> Output:
    """Take a user out of a group; who is not in it stays as it is."""
    del group_name, user_name
    left = tuple(each for each in user.groups if each != group.id)
    if left != user.groups:
        ctx.unit.put(USERS, ctx.global_scope, replace(user, groups=left))
    return {}


def groups_of(ctx: Context, user: User) -> list[Group]:
    """Return the groups that a user is in, in the order of their names."""
    found = (find_group(ctx.unit, user.account, each) for each in sorted(user.groups))
    return [group for group in found if group is not None]


def _renamed(group: Group, path: str | None, name: str | None) -> Group:
    return replace(group, path=path or group.path, name=name or group.name)


def _must_be_free(ctx: Context, name: str) -> None:
    if find_group(ctx.unit, ctx.account, name) is not None:
        raise EntityAlreadyExists(f"Group with name {name} already exists.")
