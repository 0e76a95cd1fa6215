# SPDX-License-Identifier: Apache-2.0
"""What to do about permissions that nobody uses: smaller policies in the place of those there are.

Only the policies of the user or role itself are looked at. What is reported as unused is taken out
of each, and nothing else; where nothing is left, it is only to be detached.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.core.use import AttachedPolicy
from stockade.policy.actions import expand
from stockade.policy.match import actions as matching
from stockade.services.accessanalyzer import view
from stockade.services.accessanalyzer.access import analyzer_by_arn
from stockade.services.accessanalyzer.errors import ResourceNotFoundException, ValidationException
from stockade.services.accessanalyzer.paging import MAX_PAGE, paged
from stockade.services.accessanalyzer.requires import IdentityUse
from stockade.services.accessanalyzer.resources import (
    FINDINGS,
    RECOMMENDATIONS,
    Analyzer,
    Finding,
    Recommendation,
    Step,
)
from stockade.services.accessanalyzer.service import accessanalyzer
from stockade.services.accessanalyzer.unused import PERMISSION

KIND = "UnusedPermissionRecommendation"


@accessanalyzer.operation(
    access=analyzer_by_arn("access-analyzer:GenerateFindingRecommendation"), writes=True
)
def generate_finding_recommendation(
    ctx: Context,
    analyzer: Analyzer,
    *,
    analyzer_arn: str,
    id: str,  # noqa: A002 - AWS's word
) -> Output:
    """Work out what to do about a finding of unused permissions."""
    del analyzer_arn
    finding = ctx.unit.get(FINDINGS, ctx.scope, f"{analyzer.name}/{id}")
    if finding is None or finding.type != PERMISSION:
        raise ValidationException(
            f"{id} is not a finding of unused permissions.", "fieldValidationFailed"
        )
    recommendation = Recommendation(
        analyzer=analyzer.name,
        finding_id=id,
        resource=finding.resource,
        created=ctx.now,
        steps=tuple(_steps(ctx, analyzer, finding)),
    )
    ctx.unit.put(RECOMMENDATIONS, ctx.scope, recommendation)
    return {}


@accessanalyzer.operation(access=analyzer_by_arn("access-analyzer:GetFindingRecommendation"))
def get_finding_recommendation(
    ctx: Context,
    analyzer: Analyzer,
    *,
    analyzer_arn: str,
    id: str,  # noqa: A002 - AWS's word
    max_results: int = MAX_PAGE,
    next_token: str | None = None,
) -> Output:
    """Return what to do about a finding, once that was worked out."""
    del analyzer_arn
    found = ctx.unit.get(RECOMMENDATIONS, ctx.scope, f"{analyzer.name}/{id}")
    if found is None:
        raise ResourceNotFoundException("FindingRecommendation", id)
    numbered = [(f"{number:06d}", one) for number, one in enumerate(found.steps)]
    steps = paged(
        "recommendedSteps",
        numbered,
        lambda one: one[0],
        lambda one: view.step(one[1]),
        min(max_results, MAX_PAGE),
        next_token,
    )
    head = {
        "startedAt": found.created,
        "completedAt": found.created,
        "resourceArn": found.resource,
        "recommendationType": KIND,
        "status": "SUCCEEDED",
    }
    return head | steps


def _steps(ctx: Context, analyzer: Analyzer, finding: Finding) -> Iterator[Step]:
    """Yield what to do, for each policy that allows something unused."""
    since = ctx.now - timedelta(days=analyzer.unused.age if analyzer.unused else 0)
    permissions = ctx.port(IdentityUse).permissions(ctx, finding.resource, since)
    used = [one.service for one in permissions if one.last is not None and one.last > since]
    unused = _Unused(finding, used)
    for policy in ctx.port(IdentityUse).policies(ctx, finding.resource):
        yield from _steps_about(policy, unused)


def _steps_about(policy: AttachedPolicy, unused: _Unused) -> Iterator[Step]:
    document = json.loads(policy.document)
    written = document["Statement"]
    statements = written if isinstance(written, list) else [written]
    left = [one for each in statements if (one := unused.taken_out_of(each)) is not None]
    if left == statements:
        return
    if any(one["Effect"] == "Allow" for one in left):
        smaller = json.dumps({**document, "Statement": left})
        yield Step(
            action="CREATE_POLICY",
            existing_policy=policy.id,
            policy=smaller,
            updated=policy.updated,
        )
    yield Step(action="DETACH_POLICY", existing_policy=policy.id, updated=policy.updated)


class _Unused:
    """The permissions of a finding, and the services that are in use."""

    def __init__(self, finding: Finding, used: Sequence[str]) -> None:
        self._services = {one.service: one for one in finding.unused}
        self._used = used

    def taken_out_of(self, statement: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return a statement without what is unused; None where nothing is left of it."""
        written = statement.get("Action")
        if statement["Effect"] != "Allow" or written is None:
            return statement
        patterns = written if isinstance(written, list) else [written]
        left = [name for pattern in patterns for name in self._left(pattern)]
        if left == patterns:
            return statement
        return {**statement, "Action": list(dict.fromkeys(left))} if left else None

    def _left(self, pattern: str) -> list[str]:
        """Return what is used of a pattern; one that spans services is spelt out for each."""
        service = pattern.partition(":")[0].lower()
        if set("*?") & set(service):
            fits = matching((pattern,))
            known = (name for used in self._used for name in self._left(f"{used}:*"))
            return [name for name in known if name.endswith("*") or fits(name.lower())]
        unused = self._services.get(service)
        if unused is None:
            return [pattern]
        if not unused.actions:
            return []
        gone = {f"{service}:{one.action}" for one in unused.actions}
        covered = expand(pattern)
        return [pattern] if covered.isdisjoint(gone) else sorted(covered - gone)
