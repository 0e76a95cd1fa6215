# SPDX-License-Identifier: Apache-2.0
"""Policies generated from what a user or role did: the audit trail of every Region is the source.

A generation is gathered right after StartPolicyGeneration by the reconciler, so that a call which
was acknowledged before counts, and a generation can be cancelled until then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from stockade.core.access import Demand, Touched, on_everything
from stockade.core.arn import parse_arn
from stockade.core.context import Context
from stockade.core.ids import uuid_of
from stockade.core.operation import Output
from stockade.policy.actions import find_action
from stockade.services.accessanalyzer import view
from stockade.services.accessanalyzer.errors import (
    ConflictException,
    ServiceQuotaExceededException,
    ValidationException,
)
from stockade.services.accessanalyzer.paging import MAX_PAGE, paged
from stockade.services.accessanalyzer.requires import IdentityUse
from stockade.services.accessanalyzer.resources import GENERATIONS, Generation
from stockade.services.accessanalyzer.service import accessanalyzer
from stockade.services.accessanalyzer.zone import SERVICE

LONGEST = timedelta(days=90)
PER_DAY = 50


def _starting(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve StartPolicyGeneration; who hands over a role needs the permission to pass it."""
    action = "access-analyzer:StartPolicyGeneration"
    demands = [Demand(action=action, account=ctx.account)]
    role = params.get("cloudTrailDetails", {}).get("accessRole")
    fields = parse_arn(role) if role else None
    if fields is not None:

        def find(name: str) -> tuple[str, ...] | None:
            return (SERVICE,) if name == "iam:passedtoservice" else None

        demands.append(Demand(action="iam:PassRole", arn=role, account=fields.account, keys=find))
    return Touched(demands=tuple(demands))


@accessanalyzer.operation(access=_starting, writes=True)
def start_policy_generation(
    ctx: Context,
    *,
    policy_generation_details: Mapping[str, Any],
    cloud_trail_details: Mapping[str, Any] | None = None,
    client_token: str | None = None,
) -> Output:
    """Begin to gather what a user or role did; without a time, in the last 90 days."""
    del client_token
    principal = policy_generation_details["principalArn"]
    fields = parse_arn(principal)
    if fields is None or fields.account != ctx.account:
        raise ValidationException("The principal is not of your account.", "fieldValidationFailed")
    if ctx.port(IdentityUse).find_identity(ctx, principal) is None:
        raise ValidationException(f"{principal} does not exist.", "fieldValidationFailed")
    _must_fit(ctx)
    given = cloud_trail_details or {}
    end = given.get("endTime", ctx.now)
    generation = Generation(
        job_id=uuid_of(ctx.random(16)),
        principal=principal,
        started=ctx.now,
        trails=[dict(trail) for trail in given.get("trails", ())],
        start=given.get("startTime", end - LONGEST),
        end=end,
    )
    _check_time(generation.start, end)
    ctx.unit.put(GENERATIONS, ctx.scope, generation)
    return {"jobId": generation.job_id}


def gather(ctx: Context, generation: Generation) -> Generation:
    """Return a generation with what the audit trail says."""
    actions, complete = ctx.port(IdentityUse).used_actions(
        ctx, generation.principal, generation.start, generation.end
    )
    return replace(
        generation,
        status="SUCCEEDED",
        completed=ctx.now,
        actions=tuple(actions),
        complete=complete,
    )


@accessanalyzer.operation(access=on_everything("access-analyzer:GetGeneratedPolicy"))
def get_generated_policy(
    ctx: Context,
    *,
    job_id: str,
    include_resource_placeholders: bool = False,
    include_service_level_template: bool = False,
) -> Output:
    """Return a generation and, once it came to its end, the policies."""
    generation = _find(ctx, job_id)
    policies: list[dict[str, str]] = []
    if generation.status == "SUCCEEDED" and generation.actions:
        policies.append(_policy(generation.actions, placeholders=include_resource_placeholders))
        if include_service_level_template:
            policies.append(_policy(_services(generation.actions), placeholders=False))
    properties = view.generation_properties(generation)
    return {
        "jobDetails": view.generation_details(generation),
        "generatedPolicyResult": {"properties": properties, "generatedPolicies": policies},
    }


@accessanalyzer.operation(access=on_everything("access-analyzer:ListPolicyGenerations"))
def list_policy_generations(
    ctx: Context,
    *,
    principal_arn: str | None = None,
    max_results: int = MAX_PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the generations of the last seven days, the newest first."""
    every = ctx.unit.list(GENERATIONS, ctx.scope)
    found = [one for one in every if principal_arn in (None, one.principal)]
    found.sort(key=lambda one: one.started, reverse=True)
    limit = min(max_results, MAX_PAGE)
    return paged(
        "policyGenerations", found, lambda one: one.job_id, view.generation, limit, next_token
    )


@accessanalyzer.operation(
    access=on_everything("access-analyzer:CancelPolicyGeneration"), writes=True
)
def cancel_policy_generation(ctx: Context, *, job_id: str) -> Output:
    """Give up a generation that has not come to its end."""
    generation = _find(ctx, job_id)
    if generation.status == "SUCCEEDED":
        raise ValidationException(f"The policy generation {job_id} is complete.")
    canceled = replace(generation, status="CANCELED", completed=ctx.now)
    ctx.unit.put(GENERATIONS, ctx.scope, canceled)
    return {}


def _find(ctx: Context, job_id: str) -> Generation:
    generation = ctx.unit.get(GENERATIONS, ctx.scope, job_id)
    if generation is None:
        raise ValidationException(f"The policy generation {job_id} does not exist.")
    return generation


def _must_fit(ctx: Context) -> None:
    """Refuse a second generation at a time, and one too many a day."""
    every = ctx.unit.list(GENERATIONS, ctx.scope)
    running = next((one for one in every if one.status == "IN_PROGRESS"), None)
    if running is not None:
        raise ConflictException("PolicyGeneration", running.job_id)
    yesterday = ctx.now - timedelta(days=1)
    if sum(one.started > yesterday for one in every) >= PER_DAY:
        raise ServiceQuotaExceededException("PolicyGeneration", ctx.account, PER_DAY)


def _check_time(start: datetime, end: datetime) -> None:
    if not timedelta() < end - start <= LONGEST:
        raise ValidationException(
            f"The time range must be {LONGEST.days} days at most.", "fieldValidationFailed"
        )


def _services(actions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{name.partition(':')[0]}:*" for name in actions))


def _policy(actions: tuple[str, ...], *, placeholders: bool) -> dict[str, str]:
    """Return a policy with a statement for each set of resources."""
    by_resources: dict[tuple[str, ...], list[str]] = {}
    for name in actions:
        action = find_action(name) if placeholders else None
        arns = action.arns if action else None
        by_resources.setdefault(arns or ("*",), []).append(name)
    statements = [
        {"Effect": "Allow", "Action": names, "Resource": "*" if arns == ("*",) else list(arns)}
        for arns, names in by_resources.items()
    ]
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": statements})}
