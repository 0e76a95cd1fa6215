# SPDX-License-Identifier: Apache-2.0
"""From policies to findings: what is new, what goes on, what is over.

A finding's id follows from what it finds, so that the same access is the same finding at every
scan; access that ended and came back is the old finding, active again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.ids import uuid_of
from stockade.policy import grammar
from stockade.policy.document import Kind, MalformedPolicy
from stockade.policy.exposure import Exposure, Zone, exposures
from stockade.policy.reading import read
from stockade.services.accessanalyzer.filters import meets
from stockade.services.accessanalyzer.requires import AnalyzedResources
from stockade.services.accessanalyzer.resources import (
    FINDINGS,
    RESOURCES,
    Analyzer,
    Finding,
    Resource,
    Status,
)
from stockade.store.resources import Scope

SCAN_EVERY = timedelta(minutes=30)
"""AWS looks at a changed policy within half an hour."""
KEEP_RESOLVED = timedelta(days=90)

Source = tuple[str, str, str]
"""ARN, type and policy of a resource."""


def scan(ctx: Context, analyzer: Analyzer) -> Analyzer:
    """Look at every resource; return the analyzer as it is from now on."""
    scope = Scope(analyzer.account, analyzer.region)
    port = ctx.port(AnalyzedResources)
    sources = sorted(port.resources_with_policies(ctx.unit, scope.account, scope.region))
    known = {one.arn: one for one in ctx.unit.list(RESOURCES, scope, prefix=f"{analyzer.name}/")}
    old = findings_of(ctx, analyzer)
    for source in sources:
        look_at(ctx, analyzer, source, known.get(source[0]), old)
    gone = known.keys() - {source[0] for source in sources}
    for arn in gone:
        ctx.unit.delete(RESOURCES, scope, known[arn].id)
    _resolve(ctx, scope, (one for one in old if one.resource in gone))
    _forget(ctx, scope, old)
    last = sources[-1][0] if sources else analyzer.last_resource
    return replace(analyzer, last_resource=last, last_scan=ctx.now, next_scan=ctx.now + SCAN_EVERY)


def find_source(ctx: Context, analyzer: Analyzer, arn: str) -> Source | None:
    """Return one resource with its policy."""
    port = ctx.port(AnalyzedResources)
    sources = port.resources_with_policies(ctx.unit, analyzer.account, analyzer.region)
    return next((source for source in sources if source[0] == arn), None)


def findings_of(ctx: Context, analyzer: Analyzer) -> list[Finding]:
    """Return the findings of an analyzer, in the order of their ids."""
    scope = Scope(analyzer.account, analyzer.region)
    return ctx.unit.list(FINDINGS, scope, prefix=f"{analyzer.name}/")


def look_at(
    ctx: Context,
    analyzer: Analyzer,
    source: Source,
    known: Resource | None,
    old: Iterable[Finding],
) -> None:
    """Bring the findings about one resource in line with its policy."""
    scope = Scope(analyzer.account, analyzer.region)
    arn, kind, policy = source
    exposed = _exposures(policy, kind, analyzer.account)
    found = [_finding(ctx, analyzer, source, one) for one in exposed or ()]
    ids = {one.finding_id for one in found}
    before = {one.finding_id: one for one in old if one.resource == arn}
    for finding in found:
        _store(ctx, scope, analyzer, finding, before.get(finding.finding_id))
    _resolve(ctx, scope, (one for one in before.values() if one.finding_id not in ids))
    _store_resource(ctx, scope, analyzer, source, known, exposed)


def _store_resource(
    ctx: Context,
    scope: Scope,
    analyzer: Analyzer,
    source: Source,
    known: Resource | None,
    exposed: tuple[Exposure, ...] | None,
) -> None:
    current = Resource(
        analyzer=analyzer.name,
        arn=source[0],
        type=source[1],
        owner=analyzer.account,
        public=any(one.public for one in exposed or ()),
        actions=tuple(dict.fromkeys(action for one in exposed or () for action in one.actions)),
        created=ctx.now if known is None else known.created,
        updated=ctx.now if known is None else known.updated,
        error="" if exposed is not None else "ACCESS_DENIED",
    )
    if current != known:
        ctx.unit.put(RESOURCES, scope, replace(current, updated=ctx.now))


def _store(
    ctx: Context, scope: Scope, analyzer: Analyzer, finding: Finding, before: Finding | None
) -> None:
    if before is not None and before.status != "RESOLVED":
        return
    created = finding.created if before is None else before.created
    archived = any(meets(finding, rule.filter) for rule in analyzer.rules.values())
    status: Status = "ARCHIVED" if archived else "ACTIVE"
    ctx.unit.put(FINDINGS, scope, replace(finding, created=created, status=status))


def _resolve(ctx: Context, scope: Scope, findings: Iterable[Finding]) -> None:
    for finding in findings:
        if finding.status != "RESOLVED":
            over = replace(finding, status="RESOLVED", updated=ctx.now, analyzed=ctx.now)
            ctx.unit.put(FINDINGS, scope, over)


def _forget(ctx: Context, scope: Scope, findings: Iterable[Finding]) -> None:
    for finding in findings:
        if finding.status == "RESOLVED" and finding.updated + KEEP_RESOLVED <= ctx.now:
            ctx.unit.delete(FINDINGS, scope, finding.id)


@lru_cache(maxsize=1024)
def _exposures(policy: str, resource_type: str, account: str) -> tuple[Exposure, ...] | None:
    """Return whom a policy lets in; None where the policy cannot be read."""
    kind: Kind = "trust" if resource_type == "AWS::IAM::Role" else "resource"
    try:
        document = read(policy, kind, grammar.syntax(kind))
    except MalformedPolicy:
        return None
    return tuple(exposures(document, Zone(frozenset({account}))))


def _finding(ctx: Context, analyzer: Analyzer, source: Source, exposed: Exposure) -> Finding:
    what = repr((analyzer.arn, source[0], exposed.principal, exposed.actions, exposed.conditions))
    return Finding(
        analyzer=analyzer.name,
        finding_id=uuid_of(hashlib.sha256(what.encode()).digest()[:16]),
        resource=source[0],
        resource_type=source[1],
        owner=analyzer.account,
        principal=dict([exposed.principal]),
        actions=exposed.actions,
        condition=dict(exposed.conditions),
        public=exposed.public,
        status="ACTIVE",
        created=ctx.now,
        updated=ctx.now,
        analyzed=ctx.now,
    )
