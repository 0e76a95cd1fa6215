# SPDX-License-Identifier: Apache-2.0
"""Tags of users, roles, managed policies and instance profiles: at most 50.

The names of users' and roles' tags are unique whatever their case; those of all others are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.iam.access import (
    instance_profile_named,
    policy_named,
    role_named,
    user_named,
)
from stockade.services.iam.errors import InvalidInput, LimitExceeded
from stockade.services.iam.paging import PAGE, among, listed
from stockade.services.iam.quotas import TAGS
from stockade.services.iam.resources import (
    INSTANCE_PROFILES,
    POLICIES,
    ROLES,
    USERS,
    InstanceProfile,
    ManagedPolicy,
    Role,
    User,
    scope_of,
)
from stockade.services.iam.service import iam

Tags = Sequence[Mapping[str, str]]


@iam.operation(access=user_named("iam:TagUser"), writes=True)
def tag_user(ctx: Context, user: User, *, user_name: str, tags: Tags) -> Output:
    """Add or replace tags of a user."""
    del user_name
    tagged = replace(user, tags=merged(user.tags, tags, "User"))
    ctx.unit.put(USERS, scope_of(user.account), tagged)
    return {}


@iam.operation(access=user_named("iam:UntagUser"), writes=True)
def untag_user(ctx: Context, user: User, *, user_name: str, tag_keys: Sequence[str]) -> Output:
    """Take tags off a user."""
    del user_name
    left = replace(user, tags=without(user.tags, tag_keys))
    ctx.unit.put(USERS, scope_of(user.account), left)
    return {}


@iam.operation(access=user_named("iam:ListUserTags"))
def list_user_tags(
    _ctx: Context, user: User, *, user_name: str, max_items: int = PAGE, marker: str | None = None
) -> Output:
    """Return a user's tags, sorted by name."""
    del user_name
    return listed_tags(user.tags, max_items, marker)


@iam.operation(access=role_named("iam:TagRole"), writes=True)
def tag_role(ctx: Context, role: Role, *, role_name: str, tags: Tags) -> Output:
    """Add or replace tags of a role."""
    del role_name
    tagged = replace(role, tags=merged(role.tags, tags, "Role"))
    ctx.unit.put(ROLES, scope_of(role.account), tagged)
    return {}


@iam.operation(access=role_named("iam:UntagRole"), writes=True)
def untag_role(ctx: Context, role: Role, *, role_name: str, tag_keys: Sequence[str]) -> Output:
    """Take tags off a role."""
    del role_name
    left = replace(role, tags=without(role.tags, tag_keys))
    ctx.unit.put(ROLES, scope_of(role.account), left)
    return {}


@iam.operation(access=role_named("iam:ListRoleTags"))
def list_role_tags(
    _ctx: Context, role: Role, *, role_name: str, max_items: int = PAGE, marker: str | None = None
) -> Output:
    """Return a role's tags, sorted by name."""
    del role_name
    return listed_tags(role.tags, max_items, marker)


@iam.operation(access=policy_named("iam:TagPolicy", writes=True), writes=True)
def tag_policy(ctx: Context, policy: ManagedPolicy, *, policy_arn: str, tags: Tags) -> Output:
    """Add or replace tags of a managed policy."""
    del policy_arn
    tagged = replace(policy, tags=merged_exactly(policy.tags, tags, "Policy"))
    ctx.unit.put(POLICIES, scope_of(policy.account), tagged)
    return {}


@iam.operation(access=policy_named("iam:UntagPolicy", writes=True), writes=True)
def untag_policy(
    ctx: Context, policy: ManagedPolicy, *, policy_arn: str, tag_keys: Sequence[str]
) -> Output:
    """Take tags off a managed policy."""
    del policy_arn
    left = replace(policy, tags=without_exactly(policy.tags, tag_keys))
    ctx.unit.put(POLICIES, scope_of(policy.account), left)
    return {}


@iam.operation(access=policy_named("iam:ListPolicyTags"))
def list_policy_tags(
    _ctx: Context,
    policy: ManagedPolicy,
    *,
    policy_arn: str,
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return a managed policy's tags, sorted by name."""
    del policy_arn
    return listed_tags(policy.tags, max_items, marker)


@iam.operation(access=instance_profile_named("iam:TagInstanceProfile"), writes=True)
def tag_instance_profile(
    ctx: Context, profile: InstanceProfile, *, instance_profile_name: str, tags: Tags
) -> Output:
    """Add or replace tags of an instance profile."""
    del instance_profile_name
    tagged = replace(profile, tags=merged_exactly(profile.tags, tags, "InstanceProfile"))
    ctx.unit.put(INSTANCE_PROFILES, ctx.global_scope, tagged)
    return {}


@iam.operation(access=instance_profile_named("iam:UntagInstanceProfile"), writes=True)
def untag_instance_profile(
    ctx: Context,
    profile: InstanceProfile,
    *,
    instance_profile_name: str,
    tag_keys: Sequence[str],
) -> Output:
    """Take tags off an instance profile."""
    del instance_profile_name
    left = replace(profile, tags=without_exactly(profile.tags, tag_keys))
    ctx.unit.put(INSTANCE_PROFILES, ctx.global_scope, left)
    return {}


@iam.operation(access=instance_profile_named("iam:ListInstanceProfileTags"))
def list_instance_profile_tags(
    _ctx: Context,
    profile: InstanceProfile,
    *,
    instance_profile_name: str,
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return an instance profile's tags, sorted by name."""
    del instance_profile_name
    return listed_tags(profile.tags, max_items, marker)


def merged(old: Mapping[str, str], new: Tags, kind: str) -> dict[str, str]:
    """Return the tags that a user or role has after `new` were put on it.

    A name that differs from an old one by its case alone takes the old one's place.
    """
    names = {tag["Key"].lower() for tag in new}
    if len(names) != len(new):
        raise InvalidInput(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    return _together(without(old, names), new, kind)


def merged_exactly(old: Mapping[str, str], new: Tags, kind: str) -> dict[str, str]:
    """Return the tags that something else has after `new` were put on it."""
    if len({tag["Key"] for tag in new}) != len(new):
        raise InvalidInput("Duplicate tag keys found.")
    return _together(old, new, kind)


def without(tags: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return what is left of a user's or role's tags when some are taken off."""
    taken = {name.lower() for name in names}
    return {name: value for name, value in tags.items() if name.lower() not in taken}


def without_exactly(tags: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return what is left of something else's tags when some are taken off."""
    taken = set(names)
    return {name: value for name, value in tags.items() if name not in taken}


def _together(old: Mapping[str, str], new: Tags, kind: str) -> dict[str, str]:
    if any(tag["Key"].lower().startswith("aws:") for tag in new):
        raise InvalidInput("Tag keys beginning with aws: are reserved for AWS.")
    tags = {**old, **{tag["Key"]: tag["Value"] for tag in new}}
    if len(tags) > TAGS:
        raise LimitExceeded(f"Cannot exceed quota for TagsPer{kind}: {TAGS}")
    return tags


def listed_tags(tags: Mapping[str, str], max_items: int, marker: str | None) -> Output:
    """Return a page of tags, sorted by name."""
    names = among(tags, str)
    return listed(
        "Tags", names, str, lambda name: {"Key": name, "Value": tags[name]}, max_items, marker
    )
