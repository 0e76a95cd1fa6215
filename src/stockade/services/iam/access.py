# SPDX-License-Identifier: Apache-2.0
"""From a request to the user, role or managed policy it touches, and its condition keys.

Every permission of IAM is decided by the caller's identity policies alone, on the ARN of what is
named; lists are decided on the folder (`user/`). What a name stands for is looked up first, because
the ARN has a path that the request does not tell; who lacks the permission hears of the name as it
was asked for, and not whether it exists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stockade.core.access import ConditionKeys, Demand, Resolver, Touched
from stockade.core.context import Context
from stockade.services.iam.errors import InvalidInput, NoSuchEntity, ValidationError
from stockade.services.iam.lookup import find_policy, find_role, find_user, parse_policy_arn
from stockade.services.iam.resources import (
    AWS_OWNED,
    Role,
    User,
    role_arn,
    root_arn,
    user_arn,
)

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


def policy_named(action: str, *, writes: bool = False) -> Resolver:
    """Return the resolver of an operation on the managed policy that `PolicyArn` names.

    A policy that AWS manages belongs to nobody here: everybody may read it as if it were the
    account's own, and nobody has the right to change it.
    """

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        arn = params["PolicyArn"]
        named = parse_policy_arn(arn)
        if named is None:
            raise InvalidInput(f"ARN {arn} is not valid.")
        policy = find_policy(ctx.unit, ctx.account, arn)
        readable = named.owner == AWS_OWNED and not writes
        return Touched(
            demands=(
                Demand(
                    action=action,
                    arn=arn,
                    account=ctx.account if readable else named.owner,
                    keys=condition_keys(params, policy.tags if policy else {}),
                ),
            ),
            resources=(policy,),
            absent=None if policy else NoSuchEntity(f"Policy {arn} was not found."),
            audit=((arn, "AWS::IAM::Policy"),),
        )

    return resolve


def creation(action: str, tagging: str, made: Made, name_member: str) -> Resolver:
    """Return the resolver of an operation that makes a user, role or policy.

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
    """Return the resolver of an operation that lists users or roles under a path."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        arn = made(ctx.account, params.get("PathPrefix", "/"), "")
        return Touched(demands=(Demand(action=action, arn=arn, account=ctx.account),))

    return resolve


def all_policies(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve ListPolicies, whose resource AWS spells in its own way."""
    path = f"policy path {params.get('PathPrefix', '/')}"
    demand = Demand(action="iam:ListPolicies", arn=path, account=ctx.account)
    return Touched(demands=(demand,))


def condition_keys(params: Mapping[str, Any], tags: Mapping[str, str]) -> ConditionKeys:
    """Return the condition keys that IAM gives a call on something with these tags."""

    def find(name: str) -> tuple[str, ...] | None:
        if name == "iam:policyarn":
            return _attached(params)
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


def _on_user(ctx: Context, params: Mapping[str, Any], action: str, name: str) -> Touched:
    user = find_user(ctx.unit, ctx.account, name)
    arn = user.arn if user else user_arn(ctx.account, "/", name)
    return _on_entity(ctx, params, action, user, "User", name, arn)


def _on_entity(
    ctx: Context,
    params: Mapping[str, Any],
    action: str,
    entity: User | Role | None,
    kind: str,
    name: str,
    arn: str,
) -> Touched:
    """Return what a request touches that works on a user or a role of the caller's account."""
    keys = condition_keys(params, entity.tags if entity else {})
    missing = f"The {kind.lower()} with name {name} cannot be found."
    return Touched(
        demands=(Demand(action=action, arn=arn, account=ctx.account, keys=keys),),
        resources=(entity,),
        absent=None if entity else NoSuchEntity(missing),
        audit=((arn, f"AWS::IAM::{kind}"),),
    )


def _attached(params: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the policy that a request attaches to somebody or takes away."""
    attaches = "PolicyArn" in params and ("UserName" in params or "RoleName" in params)
    return (params["PolicyArn"],) if attaches else None


def _tag(tags: Mapping[str, str], wanted: str) -> tuple[str, ...] | None:
    return tuple(value for name, value in tags.items() if name.lower() == wanted) or None
