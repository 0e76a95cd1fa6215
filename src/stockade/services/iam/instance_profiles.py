# SPDX-License-Identifier: Apache-2.0
"""Instance profiles: the name under which an EC2 instance gets a role; each holds one at most.

Who puts a role into one hands it to whoever runs the instance, so that takes `iam:PassRole` too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from stockade.core.access import Touched
from stockade.core.context import Context
from stockade.core.ids import unique_id
from stockade.core.operation import Output
from stockade.services.iam import quotas, view
from stockade.services.iam.access import (
    creation,
    folder,
    instance_profile_named,
    role_named,
    role_passed,
)
from stockade.services.iam.errors import DeleteConflict, EntityAlreadyExists, NoSuchEntity
from stockade.services.iam.lookup import find_instance_profile, find_role
from stockade.services.iam.paging import PAGE, listed, under_path
from stockade.services.iam.resources import (
    INSTANCE_PROFILES,
    InstanceProfile,
    Role,
    instance_profile_arn,
    whole_second,
)
from stockade.services.iam.service import iam
from stockade.services.iam.tags import Tags, merged_exactly
from stockade.services.iam.trusted import as_seen
from stockade.services.iam.view import tag_list


@iam.operation(
    access=creation(
        "iam:CreateInstanceProfile",
        "iam:TagInstanceProfile",
        instance_profile_arn,
        "InstanceProfileName",
    ),
    writes=True,
)
def create_instance_profile(
    ctx: Context, *, instance_profile_name: str, path: str = "/", tags: Tags = ()
) -> Output:
    """Make an instance profile that holds no role yet."""
    if find_instance_profile(ctx.unit, ctx.account, instance_profile_name) is not None:
        raise EntityAlreadyExists(f"Instance Profile {instance_profile_name} already exists.")
    quotas.check_room(
        ctx, INSTANCE_PROFILES, quotas.INSTANCE_PROFILES, "InstanceProfilesPerAccount"
    )
    profile = InstanceProfile(
        account=ctx.account,
        name=instance_profile_name,
        path=path,
        profile_id=unique_id("AIPA", ctx.account, ctx.random),
        created=whole_second(ctx.now),
        tags=merged_exactly({}, tags, "InstanceProfile"),
    )
    ctx.unit.put(INSTANCE_PROFILES, ctx.global_scope, profile)
    shown = view.instance_profile(profile, None)
    return {"InstanceProfile": shown | ({"Tags": tag_list(profile.tags)} if tags else {})}


@iam.operation(access=instance_profile_named("iam:GetInstanceProfile"))
def get_instance_profile(
    ctx: Context, profile: InstanceProfile, *, instance_profile_name: str
) -> Output:
    """Return an instance profile with its role and its tags."""
    del instance_profile_name
    return {"InstanceProfile": _shown(ctx, profile) | {"Tags": tag_list(profile.tags)}}


@iam.operation(access=folder("iam:ListInstanceProfiles", instance_profile_arn))
def list_instance_profiles(
    ctx: Context, *, path_prefix: str = "/", max_items: int = PAGE, marker: str | None = None
) -> Output:
    """Return the instance profiles under a path in the order of their names."""
    profiles = under_path(ctx, INSTANCE_PROFILES, path_prefix)

    def show(profile: InstanceProfile) -> dict[str, Any]:
        return _shown(ctx, profile)

    return listed("InstanceProfiles", profiles, lambda profile: profile.id, show, max_items, marker)


@iam.operation(access=role_named("iam:ListInstanceProfilesForRole"))
def list_instance_profiles_for_role(
    ctx: Context, role: Role, *, role_name: str, max_items: int = PAGE, marker: str | None = None
) -> Output:
    """Return the instance profiles that hold a role."""
    del role_name

    def profiles(after: str, count: int) -> list[InstanceProfile]:
        return ctx.unit.find(
            INSTANCE_PROFILES, ctx.global_scope, "role", role.id, after=after, limit=count
        )

    def show(profile: InstanceProfile) -> dict[str, Any]:
        return view.instance_profile(profile, as_seen(ctx.unit, role))

    return listed("InstanceProfiles", profiles, lambda profile: profile.id, show, max_items, marker)


def _with_role(ctx: Context, params: Mapping[str, Any], action: str) -> Touched:
    """Return what is touched by an operation on a profile and a role: profile's ARN decides."""
    touched = instance_profile_named(action)(ctx, params)
    role = find_role(ctx.unit, ctx.account, params["RoleName"])
    touched.resources = (*touched.resources, role)
    if role is None and touched.absent is None:
        touched.absent = role_named(action)(ctx, params).absent
    return touched


def _adding(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve AddRoleToInstanceProfile, which passes the role to EC2."""
    touched = _with_role(ctx, params, "iam:AddRoleToInstanceProfile")
    touched.demands = (*touched.demands, role_passed(ctx, params, "ec2.amazonaws.com"))
    return touched


def _removing(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve RemoveRoleFromInstanceProfile."""
    return _with_role(ctx, params, "iam:RemoveRoleFromInstanceProfile")


@iam.operation(access=_adding, writes=True)
def add_role_to_instance_profile(
    ctx: Context,
    profile: InstanceProfile,
    role: Role,
    *,
    instance_profile_name: str,
    role_name: str,
) -> Output:
    """Put a role into an instance profile that holds none."""
    del instance_profile_name, role_name
    quotas.check(
        int(bool(profile.role)),
        quotas.ROLES_PER_INSTANCE_PROFILE,
        "InstanceSessionsPerInstanceProfile",
    )
    ctx.unit.put(INSTANCE_PROFILES, ctx.global_scope, replace(profile, role=role.id))
    return {}


@iam.operation(access=_removing, writes=True)
def remove_role_from_instance_profile(
    ctx: Context,
    profile: InstanceProfile,
    role: Role,
    *,
    instance_profile_name: str,
    role_name: str,
) -> Output:
    """Take the role out of an instance profile."""
    if profile.role != role.id:
        raise NoSuchEntity(
            f"Role {role_name} in Instance Profile {instance_profile_name} cannot be found."
        )
    ctx.unit.put(INSTANCE_PROFILES, ctx.global_scope, replace(profile, role=""))
    return {}


@iam.operation(access=instance_profile_named("iam:DeleteInstanceProfile"), writes=True)
def delete_instance_profile(
    ctx: Context, profile: InstanceProfile, *, instance_profile_name: str
) -> Output:
    """Delete an instance profile that holds no role any more."""
    del instance_profile_name
    if profile.role:
        raise DeleteConflict("Cannot delete entity, must remove roles from instance profile first.")
    ctx.unit.delete(INSTANCE_PROFILES, ctx.global_scope, profile.id)
    return {}


def _shown(ctx: Context, profile: InstanceProfile) -> dict[str, Any]:
    role = find_role(ctx.unit, ctx.account, profile.role) if profile.role else None
    return view.instance_profile(profile, role and as_seen(ctx.unit, role))
