# SPDX-License-Identifier: Apache-2.0
"""From a request to the user, group, role, profile or policy it touches, and its condition keys.

Every permission of IAM is decided by the caller's identity policies alone, on the ARN of what is
named; lists are decided on the folder (`user/`). What a name stands for is looked up first, because
the ARN has a path that the request does not tell; who lacks the permission hears of the name as it
was asked for (`user bob`, as AWS says it), and not whether it exists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stockade.core.access import ConditionKeys, Demand, Resolver, Touched
from stockade.core.context import Context
from stockade.core.errors import AwsError
from stockade.services.iam.errors import (
    NoSuchEntity,
    UnmodifiableEntity,
    ValidationError,
)
from stockade.services.iam.lookup import (
    find_group,
    find_instance_profile,
    find_policy,
    find_role,
    find_user,
    must_be_policy_arn,
)
from stockade.services.iam.resources import (
    AWS_OWNED,
    Group,
    Role,
    User,
    group_arn,
    instance_profile_arn,
    role_arn,
    root_arn,
    user_arn,
)

_HOLDERS = frozenset({"UserName", "GroupName", "RoleName"})
Made = Callable[[str, str, str], str]
"""From account, path and name to an ARN."""


def user_named(action: str) -> Resolver:
    """Return the resolver of an operation on the user that `UserName` names."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        return _on_user(ctx, params, action, params["UserName"])

    return resolve


def user_or_caller(action: str) -> Resolver:
    """Return the resolver of an operation that means the caller where it names no user.

    The handler gets None for the account's root.
    """

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        kind = ctx.caller.principal.kind
        if "UserName" in params:
            return _on_user(ctx, params, action, params["UserName"])
        if kind == "user":
            return _on_user(ctx, params, action, ctx.caller.user_name)
        if kind != "root":
            raise ValidationError("Must specify userName when calling with non-User credentials")
        arn = root_arn(ctx.account)
        return Touched(
            demands=(Demand(action=action, arn=arn, account=ctx.account),), resources=(None,)
        )

    return resolve


def role_named(action: str) -> Resolver:
    """Return the resolver of an operation on the role that `RoleName` names."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        name = params["RoleName"]
        role = find_role(ctx.unit, ctx.account, name)
        arn = role.arn if role else role_arn(ctx.account, "/", name)
        return _on_entity(ctx, params, action, role, "Role", name, arn)

    return resolve


def role_changed(action: str) -> Resolver:
    """Return the resolver of a change of the role that `RoleName` names.

    Nobody but its service changes a service-linked role: who may do it hears so.
    """
    resolve_role = role_named(action)

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        touched = resolve_role(ctx, params)
        role: Role | None = touched.resources[0]
        if role is not None and role.service_linked:
            touched.absent = UnmodifiableEntity(role=role.name)
        return touched

    return resolve


def role_passed(ctx: Context, params: Mapping[str, Any], service: str) -> Demand:
    """Return the demand of a call that hands the role of `RoleName` to a service of AWS."""
    demand = role_named("iam:PassRole")(ctx, params).demands[0]
    keys = demand.keys

    def find(name: str) -> tuple[str, ...] | None:
        return (service,) if name == "iam:passedtoservice" else keys(name)

    return Demand(
        action=demand.action,
        arn=demand.arn,
        account=demand.account,
        keys=find,
        named=role_arn(ctx.account, "/", params["RoleName"]),
    )


def group_named(action: str) -> Resolver:
    """Return the resolver of an operation on the group that `GroupName` names."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        name = params["GroupName"]
        group = find_group(ctx.unit, ctx.account, name)
        arn = group.arn if group else group_arn(ctx.account, "/", name)
        return _on_entity(ctx, params, action, group, "Group", name, arn)

    return resolve


def membership(action: str) -> Resolver:
    """Return the resolver of an operation on a user in a group: the group's ARN decides."""
    resolve_group = group_named(action)

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        name = params["UserName"]
        user = find_user(ctx.unit, ctx.account, name)
        touched = resolve_group(ctx, params)
        touched.resources = (user, *touched.resources)
        if user is None:
            touched.absent = not_found("user", name)
        return touched

    return resolve


def instance_profile_named(action: str) -> Resolver:
    """Return the resolver of an operation on the profile that `InstanceProfileName` names."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        name = params["InstanceProfileName"]
        profile = find_instance_profile(ctx.unit, ctx.account, name)
        arn = profile.arn if profile else instance_profile_arn(ctx.account, "/", name)
        missing = NoSuchEntity(f"Instance Profile {name} cannot be found.")
        keys = condition_keys(params, profile.tags if profile else {})
        return Touched(
            demands=(
                Demand(
                    action=action,
                    arn=arn,
                    account=ctx.account,
                    keys=keys,
                    named=f"instance profile {name}",
                ),
            ),
            resources=(profile,),
            absent=None if profile else missing,
            audit=((arn, "AWS::IAM::InstanceProfile"),),
        )

    return resolve


def policy_named(action: str, *, writes: bool = False) -> Resolver:
    """Return the resolver of an operation on the managed policy that `PolicyArn` names.

    A policy that AWS manages belongs to nobody here: everybody may read it as if it were the
    account's own, and nobody has the right to change it.
    """

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        arn = params["PolicyArn"]
        named = must_be_policy_arn(arn)
        policy = find_policy(ctx.unit, ctx.account, arn)
        readable = named.owner == AWS_OWNED and not writes
        return Touched(
            demands=(
                Demand(
                    action=action,
                    arn=arn,
                    account=ctx.account if readable else named.owner,
                    keys=condition_keys(params, policy.tags if policy else {}),
                    named=f"policy {arn}",
                ),
            ),
            resources=(policy,),
            absent=None if policy else _no_policy(arn, params.get("VersionId")),
            audit=((arn, "AWS::IAM::Policy"),),
        )

    return resolve


def creation(action: str, tagging: str, made: Made, name_member: str) -> Resolver:
    """Return the resolver of an operation that makes a user, group, role, profile or policy.

    Tags given along need the permission to tag, too.
    """

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        arn = made(ctx.account, params.get("Path", "/"), params[name_member])
        actions = (action, tagging) if params.get("Tags") else (action,)
        keys = condition_keys(params, {})
        return Touched(
            demands=tuple(
                Demand(action=each, arn=arn, account=ctx.account, keys=keys) for each in actions
            )
        )

    return resolve


def folder(action: str, made: Made) -> Resolver:
    """Return the resolver of an operation that lists what has names under a path."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        arn = made(ctx.account, params.get("PathPrefix", "/"), "")
        return Touched(demands=(Demand(action=action, arn=arn, account=ctx.account),))

    return resolve


def all_policies(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve ListPolicies, whose resource AWS spells in its own way."""
    path = f"policy path {params.get('PathPrefix', '/')}"
    demand = Demand(action="iam:ListPolicies", arn=path, account=ctx.account)
    return Touched(demands=(demand,))


def condition_keys(
    params: Mapping[str, Any], tags: Mapping[str, str], boundary: str = ""
) -> ConditionKeys:
    """Return the condition keys that IAM gives a call on something with these tags.

    `iam:PermissionsBoundary` is the boundary that the request brings, else the one in force.
    """

    def find(name: str) -> tuple[str, ...] | None:
        if name == "iam:policyarn":
            return _attached(params)
        if name == "iam:permissionsboundary":
            bounds = params.get("PermissionsBoundary", boundary)
            return (bounds,) if bounds else None
        for prefix in ("aws:resourcetag/", "iam:resourcetag/"):
            if name.startswith(prefix):
                return _tag(tags, name.removeprefix(prefix))
        if name.startswith("aws:requesttag/"):
            return _tag(request_tags(params), name.removeprefix("aws:requesttag/"))
        if name == "aws:tagkeys":
            return tuple(params.get("TagKeys", ())) or tuple(request_tags(params)) or None
        return None

    return find


def request_tags(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags that a request brings."""
    return {tag["Key"]: tag["Value"] for tag in params.get("Tags", ())}


def not_found(kind: str, name: str) -> AwsError:
    """Return what IAM says of a user, group or role that does not exist."""
    return NoSuchEntity(f"The {kind} with name {name} cannot be found.")


def _no_policy(arn: str, version: str | None) -> AwsError:
    if version is None:
        return NoSuchEntity(f"Policy {arn} was not found.")
    return NoSuchEntity(f"Policy {arn} version {version} does not exist or is not attachable.")


def _on_user(ctx: Context, params: Mapping[str, Any], action: str, name: str) -> Touched:
    user = find_user(ctx.unit, ctx.account, name)
    arn = user.arn if user else user_arn(ctx.account, "/", name)
    return _on_entity(ctx, params, action, user, "User", name, arn)


def _on_entity(
    ctx: Context,
    params: Mapping[str, Any],
    action: str,
    entity: User | Group | Role | None,
    kind: str,
    name: str,
    arn: str,
) -> Touched:
    """Return what a request touches that works on somebody of the caller's account."""
    return Touched(
        demands=(
            Demand(
                action=action,
                arn=arn,
                account=ctx.account,
                keys=_entity_keys(params, entity),
                named=f"{kind.lower()} {name}",
            ),
        ),
        resources=(entity,),
        absent=None if entity else not_found(kind.lower(), name),
        audit=((arn, f"AWS::IAM::{kind}"),),
    )


def _entity_keys(params: Mapping[str, Any], entity: User | Group | Role | None) -> ConditionKeys:
    if entity is None or isinstance(entity, Group):
        return condition_keys(params, {})
    return condition_keys(params, entity.tags, entity.boundary)


def _attached(params: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the policy that a request attaches to somebody or takes away."""
    attaches = "PolicyArn" in params and not _HOLDERS.isdisjoint(params)
    return (params["PolicyArn"],) if attaches else None


def _tag(tags: Mapping[str, str], wanted: str) -> tuple[str, ...] | None:
    return tuple(value for name, value in tags.items() if name.lower() == wanted) or None
