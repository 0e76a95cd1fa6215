# SPDX-License-Identifier: Apache-2.0
"""From a request for credentials to the role, user or root it touches.

A role's trust policy takes part in every yes. Within an account it suffices that it names the
caller; where it names the account, and across accounts always, the caller's own policies have to
say yes, too. A role that does not exist and one that does not trust the caller answer alike. Tags
and a source identity need permissions of their own, also those that a session only hands on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from stockade.core.access import ConditionKeys, Demand, Resolver, Touched
from stockade.core.arn import parse_arn
from stockade.core.context import Context
from stockade.core.sessions import Grant
from stockade.services.sts import mfa
from stockade.services.sts.errors import AccessDenied, ValidationError
from stockade.services.sts.limits import inherited_tags
from stockade.services.sts.requires import Role, Roles


def role_to_assume(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve AssumeRole: the role, whose trust policy decides, and when a second factor was shown.

    The factor is checked before the decision, because the trust policy may ask for it.
    """
    role_arn = params["RoleArn"]
    account = role_account(role_arn)
    if ctx.caller.principal.kind == "root":
        raise AccessDenied("Roles may not be assumed by root accounts.")
    if ctx.caller.principal.kind == "federated":
        raise AccessDenied(_denial(ctx, "sts:AssumeRole", role_arn))
    shown = _shown_mfa(ctx, params)
    role = ctx.port(Roles).find_role(ctx.unit, role_arn)
    tags = inherited_tags(ctx.caller.grant) | tags_of(params)
    source_identity = _source_identity(params, ctx.caller.grant)
    actions = needed_actions("sts:AssumeRole", tags, source_identity)
    keys = _condition_keys(params, role, tags, source_identity)
    return trusting(
        ctx,
        role,
        role_arn,
        account,
        {action: _denial(ctx, action, role_arn) for action in actions},
        keys,
        (role, shown),
    )


def trusting(
    ctx: Context,
    role: Role | None,
    role_arn: str,
    account: str,
    denials: Mapping[str, str],
    keys: ConditionKeys,
    resources: tuple[Any, ...],
) -> Touched:
    """Return what a request touches that a role's trust policy decides: action -> denial's text."""
    policy = ctx.port(Roles).trust_policy(ctx.unit, role) if role else None
    return Touched(
        demands=tuple(
            Demand(
                action=action,
                arn=role_arn,
                account=account,
                policy=policy,
                must_allow=True,
                keys=keys,
                denial=denial,
            )
            for action, denial in denials.items()
        ),
        resources=resources,
        absent=None if role else AccessDenied(next(iter(denials.values()))),
        audit=((role_arn, "AWS::IAM::Role"),),
    )


def role_account(role_arn: str) -> str:
    """Return the account of a role's ARN, or refuse what is no ARN of a role."""
    fields = parse_arn(role_arn)
    if fields is None or fields.service != "iam" or not fields.resource.startswith("role/"):
        raise ValidationError(f"{role_arn} is invalid")
    return fields.account


def needed_actions(
    action: str, tags: Mapping[str, str], source_identity: str | None
) -> tuple[str, ...]:
    """Return the permissions that a session needs: one more for tags, one for its source."""
    return (
        action,
        *(["sts:TagSession"] if tags else []),
        *(["sts:SetSourceIdentity"] if source_identity else []),
    )


def unless_session(resolve: Resolver, operation: str) -> Resolver:
    """Return the resolver of an operation that sessions of users and federated users may not call.

    AWS gives these sessions AssumeRole and GetCallerIdentity alone.
    """

    def decide(ctx: Context, params: Mapping[str, Any]) -> Touched:
        grant = ctx.caller.grant
        if grant is not None and grant.kind in ("user", "federated"):
            raise with_session(operation)
        return resolve(ctx, params)

    return decide


def with_session(operation: str) -> AccessDenied:
    """Say that an operation wants long-lived credentials."""
    return AccessDenied(f"Cannot call {operation} with session credentials")


def tags_of(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the session tags that a request brings, unchecked."""
    return {tag["Key"]: tag["Value"] for tag in params.get("Tags", ())}


def tag_keys(tags: Mapping[str, str], name: str) -> tuple[str, ...] | None:
    """Return what a request's session tags are in condition keys."""
    if name == "aws:tagkeys":
        return tuple(tags) or None
    if name.startswith("aws:requesttag/"):
        return _tag(tags, name)
    return None


def role_keys(role: Role | None, name: str) -> tuple[str, ...] | None:
    """Return the condition keys that a role's own tags make."""
    if role is not None and name.startswith(("aws:resourcetag/", "iam:resourcetag/")):
        return _tag(role.tags, name)
    return None


def one(value: str | None) -> tuple[str, ...] | None:
    """Return the values of a condition key that has one or is absent."""
    return None if value is None else (value,)


def _shown_mfa(ctx: Context, params: Mapping[str, Any]) -> datetime | None:
    """Return when the second factor was shown that this request or the user's session rests on."""
    caller, grant = ctx.caller, ctx.caller.grant
    if mfa.proven(ctx, params):
        fresh = {"aws:multifactorauthpresent": ("true",), "aws:multifactorauthage": ("0",)}
        ctx.caller = replace(caller, keys={**caller.keys, **fresh})
        return ctx.now
    return grant.mfa if grant is not None and grant.kind == "user" else None


def _source_identity(params: Mapping[str, Any], grant: Grant | None) -> str | None:
    given: str | None = params.get("SourceIdentity")
    known = grant.source_identity if grant is not None else ""
    if known and given is not None and given != known:
        raise ValidationError("The source identity is already set for this assume role session")
    return known or given


def _denial(ctx: Context, action: str, role_arn: str) -> str:
    return f"User: {ctx.caller.arn} is not authorized to perform: {action} on resource: {role_arn}"


def _condition_keys(
    params: Mapping[str, Any],
    role: Role | None,
    tags: Mapping[str, str],
    source_identity: str | None,
) -> ConditionKeys:
    def find(name: str) -> tuple[str, ...] | None:
        match name:
            case "sts:externalid":
                return one(params.get("ExternalId"))
            case "sts:rolesessionname":
                return one(params.get("RoleSessionName"))
            case "sts:sourceidentity":
                return one(source_identity)
            case "sts:transitivetagkeys":
                return tuple(params.get("TransitiveTagKeys", ())) or None
        return tag_keys(tags, name) or role_keys(role, name)

    return find


def _tag(tags: Mapping[str, str], name: str) -> tuple[str, ...] | None:
    wanted = name.partition("/")[2]
    return tuple(value for key, value in tags.items() if key.lower() == wanted) or None
