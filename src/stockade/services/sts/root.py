# SPDX-License-Identifier: Apache-2.0
"""AssumeRoot: the root of a member account for a quarter of an hour and one task.

Who calls belongs to the organization's management account and has the permission; roots may not.
An account that is no member answers like one that the caller may not touch, and so does a task
whose feature the organization has not enabled (`iam:EnableOrganizationsRootSessions`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stockade.core.access import Demand, Touched
from stockade.core.arn import parse_arn
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.core.ports import Organization
from stockade.core.sessions import Grant
from stockade.services.sts.access import one, unless_session
from stockade.services.sts.answers import credentials, expiry
from stockade.services.sts.errors import AccessDenied, ValidationError
from stockade.services.sts.requires import Roles
from stockade.services.sts.root_tasks import feature_of, session_policy
from stockade.services.sts.service import sts

LONGEST = 900


def root_of_member(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve AssumeRoot: the root of a member account, and the task as a condition."""
    account = _target(params["TargetPrincipal"])
    arn = f"arn:aws:iam::{account}:root"
    denial = (
        f"User: {ctx.caller.arn} is not authorized to perform: sts:AssumeRoot on resource: {arn}"
    )
    if ctx.caller.principal.kind == "root":
        raise AccessDenied(denial)
    task = params.get("TaskPolicyArn", {}).get("arn", "")
    demand = Demand(
        action="sts:AssumeRoot",
        arn=arn,
        account=ctx.account,
        keys=lambda key: one(task or None) if key == "sts:taskpolicyarn" else None,
    )
    return Touched(
        demands=(demand,),
        resources=(account,),
        absent=None if _manages(ctx, account, task) else AccessDenied(denial),
        audit=((arn, ""),),
    )


@sts.operation(access=unless_session(root_of_member, "AssumeRoot"), writes=True, read_only=True)
def assume_root(
    ctx: Context,
    account: str,
    *,
    target_principal: str,
    task_policy_arn: Mapping[str, str],
    duration_seconds: int = LONGEST,
) -> Output:
    """Return temporary credentials of a member account's root, good for one task."""
    del target_principal
    policy = session_policy(task_policy_arn.get("arn", ""))
    if policy is None:
        raise ValidationError("The TaskPolicyArn is not one of the supported root task policies.")
    asking = ctx.caller.grant
    grant = Grant(
        kind="root",
        account=account,
        expires=expiry(ctx, duration_seconds),
        policy=policy,
        source_identity=asking.source_identity if asking else "",
    )
    output: dict[str, Any] = {"Credentials": credentials(ctx, grant)}
    if grant.source_identity:
        output["SourceIdentity"] = grant.source_identity
    return output


def _target(principal: str) -> str:
    """Return the account that a number or the ARN of its root names."""
    fields = parse_arn(principal)
    named = fields is not None and fields.service == "iam" and fields.resource == "root"
    account = fields.account if fields is not None and named else principal
    if len(account) != 12 or not account.isascii() or not account.isdigit():
        raise ValidationError(f"{principal} is invalid")
    return account


def _manages(ctx: Context, account: str, task: str) -> bool:
    """Return whether the caller's account manages another one, its root's task included."""
    place = ctx.port(Organization).membership(ctx.unit, account)
    if place is None or place.management_account != ctx.account or account == ctx.account:
        return False
    wanted = feature_of(task)
    return not wanted or wanted in ctx.port(Roles).root_features(ctx.unit, ctx.account)
