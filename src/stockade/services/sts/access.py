# SPDX-License-Identifier: Apache-2.0
"""From AssumeRole's request to the role it touches.

A role's trust policy takes part in every yes. Within an account it suffices that it names the
caller; where it names the account, and across accounts always, the caller's own policies have to
say yes, too. A role that does not exist and one that does not trust the caller answer alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stockade.core.access import ConditionKeys, Demand, Touched
from stockade.core.arn import parse_arn
from stockade.core.context import Context
from stockade.services.sts.errors import AccessDenied, ValidationError
from stockade.services.sts.requires import Role, Roles


def role_to_assume(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve AssumeRole: the role, whose trust policy decides, and the right to tag sessions."""
    role_arn = params["RoleArn"]
    fields = parse_arn(role_arn)
    if fields is None or fields.service != "iam" or not fields.resource.startswith("role/"):
        raise ValidationError(f"{role_arn} is invalid")
    if ctx.caller.principal.kind == "root":
        raise AccessDenied("Roles may not be assumed by root accounts.")
    roles = ctx.port(Roles)
    role = roles.find_role(ctx.unit, role_arn)
    actions = ("sts:AssumeRole", "sts:TagSession") if params.get("Tags") else ("sts:AssumeRole",)
    return Touched(
        demands=tuple(
            Demand(
                action=action,
                arn=role_arn,
                account=fields.account,
                policy=roles.trust_policy(ctx.unit, role) if role else None,
                must_allow=True,
                keys=_condition_keys(params, role),
                denial=_denial(ctx, action, role_arn),
            )
            for action in actions
        ),
        resources=(role,),
        absent=None if role else AccessDenied(_denial(ctx, actions[0], role_arn)),
        audit=((role_arn, "AWS::IAM::Role"),),
    )


def _denial(ctx: Context, action: str, role_arn: str) -> str:
    return f"User: {ctx.caller.arn} is not authorized to perform: {action} on resource: {role_arn}"


def _condition_keys(params: Mapping[str, Any], role: Role | None) -> ConditionKeys:
    given = {tag["Key"]: tag["Value"] for tag in params.get("Tags", ())}

    def find(name: str) -> tuple[str, ...] | None:
        match name:
            case "sts:externalid":
                return _one(params.get("ExternalId"))
            case "sts:rolesessionname":
                return _one(params.get("RoleSessionName"))
            case "aws:tagkeys":
                return tuple(given) or None
        if name.startswith("aws:requesttag/"):
            return _tag(given, name)
        if role is not None and name.startswith(("aws:resourcetag/", "iam:resourcetag/")):
            return _tag(role.tags, name)
        return None

    return find


def _one(value: str | None) -> tuple[str, ...] | None:
    return None if value is None else (value,)


def _tag(tags: Mapping[str, str], name: str) -> tuple[str, ...] | None:
    wanted = name.partition("/")[2]
    return tuple(value for key, value in tags.items() if key.lower() == wanted) or None
