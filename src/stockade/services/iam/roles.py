# SPDX-License-Identifier: Apache-2.0
"""Roles: what others may become for a while, and the trust policy that says who."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.ids import unique_id
from stockade.core.operation import Output
from stockade.services.iam import quotas, view
from stockade.services.iam.access import creation, folder, role_changed, role_named
from stockade.services.iam.boundaries import checked
from stockade.services.iam.documents import check_trust
from stockade.services.iam.errors import (
    DeleteConflict,
    EntityAlreadyExists,
    InvalidInput,
    UnmodifiableEntity,
)
from stockade.services.iam.last_used import role_last_used
from stockade.services.iam.paging import PAGE, listed, under_path
from stockade.services.iam.resources import (
    INSTANCE_PROFILES,
    ROLES,
    SERVICE_LINKED_PATH,
    Role,
    role_arn,
    whole_second,
)
from stockade.services.iam.service import iam
from stockade.services.iam.tags import Tags, merged
from stockade.services.iam.trusted import as_seen, unique_ids

DEFAULT_SESSION = 3600
"""The longest session, in seconds, of a role that was made without saying so."""


@iam.operation(access=creation("iam:CreateRole", "iam:TagRole", role_arn, "RoleName"), writes=True)
def create_role(
    ctx: Context,
    *,
    role_name: str,
    path: str = "/",
    assume_role_policy_document: str,
    description: str = "",
    max_session_duration: int = DEFAULT_SESSION,
    permissions_boundary: str = "",
    tags: Tags = (),
) -> Output:
    """Make a role without any permission, to be assumed by whom its trust policy names."""
    if ctx.unit.get(ROLES, ctx.global_scope, role_name.lower()) is not None:
        raise EntityAlreadyExists(f"Role with name {role_name} already exists.")
    if path.startswith(SERVICE_LINKED_PATH):
        raise InvalidInput(
            "Path prefix '/aws-service-role/' can only be used for AWS Service linked Roles"
        )
    quotas.check_room(ctx, ROLES, quotas.ROLES, "RolesPerAccount")
    trust = check_trust(ctx, assume_role_policy_document)
    role = Role(
        account=ctx.account,
        name=role_name,
        path=path,
        unique_id=unique_id("AROA", ctx.account, ctx.random),
        created=whole_second(ctx.now),
        trust_policy=assume_role_policy_document,
        trusted=unique_ids(ctx.unit, trust),
        description=description,
        max_session_duration=max_session_duration,
        tags=merged({}, tags, "Role"),
        boundary=checked(ctx, permissions_boundary),
    )
    ctx.unit.put(ROLES, ctx.global_scope, role)
    return {"Role": view.role_made(role)}


@iam.operation(access=role_named("iam:GetRole"))
def get_role(ctx: Context, role: Role, *, role_name: str) -> Output:
    """Return a role with its trust policy."""
    del role_name
    shown = as_seen(ctx.unit, role)
    return {"Role": view.role_detail(shown, role_last_used(ctx, role))}


@iam.operation(access=folder("iam:ListRoles", role_arn))
def list_roles(
    ctx: Context, *, path_prefix: str = "/", max_items: int = PAGE, marker: str | None = None
) -> Output:
    """Return the roles under a path in the order of their names."""
    roles = under_path(ctx, ROLES, path_prefix)

    def show(role: Role) -> dict[str, Any]:
        return view.role(as_seen(ctx.unit, role))

    return listed("Roles", roles, lambda role: role.id, show, max_items, marker)


@iam.operation(access=role_named("iam:UpdateRole"), writes=True)
def update_role(
    ctx: Context,
    role: Role,
    *,
    role_name: str,
    description: str | None = None,
    max_session_duration: int | None = None,
) -> Output:
    """Change a role's description or how long its sessions may last."""
    del role_name
    if role.service_linked and max_session_duration is not None:
        raise UnmodifiableEntity(role=role.name)
    changed = replace(
        role,
        description=role.description if description is None else description,
        max_session_duration=max_session_duration or role.max_session_duration,
    )
    ctx.unit.put(ROLES, ctx.global_scope, changed)
    return {}


@iam.operation(access=role_named("iam:UpdateRoleDescription"), writes=True)
def update_role_description(
    ctx: Context, role: Role, *, role_name: str, description: str
) -> Output:
    """Change a role's description and return the role."""
    del role_name
    changed = replace(role, description=description)
    ctx.unit.put(ROLES, ctx.global_scope, changed)
    return {"Role": view.role_described(as_seen(ctx.unit, changed))}


@iam.operation(access=role_changed("iam:UpdateAssumeRolePolicy"), writes=True)
def update_assume_role_policy(
    ctx: Context, role: Role, *, role_name: str, policy_document: str
) -> Output:
    """Replace a role's trust policy; sessions that exist go on."""
    del role_name
    trusted = unique_ids(ctx.unit, check_trust(ctx, policy_document))
    changed = replace(role, trust_policy=policy_document, trusted=trusted)
    ctx.unit.put(ROLES, ctx.global_scope, changed)
    return {}


@iam.operation(access=role_changed("iam:DeleteRole"), writes=True)
def delete_role(ctx: Context, role: Role, *, role_name: str) -> Output:
    """Delete a role that no profile holds and no policy hangs on; its sessions end with it."""
    del role_name
    if ctx.unit.find(INSTANCE_PROFILES, ctx.global_scope, "role", role.id, limit=1):
        raise DeleteConflict("Cannot delete entity, must remove roles from instance profile first.")
    if role.attached:
        raise DeleteConflict("Cannot delete entity, must detach all policies first.")
    if role.inline:
        raise DeleteConflict("Cannot delete entity, must delete policies first.")
    ctx.unit.delete(ROLES, ctx.global_scope, role.id)
    return {}
