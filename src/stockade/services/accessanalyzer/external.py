# SPDX-License-Identifier: Apache-2.0
"""From policies of resources to findings of external access."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.policy import grammar
from stockade.policy.document import Kind, MalformedPolicy
from stockade.policy.exposure import Exposure, Zone, exposures
from stockade.policy.globs import TooMuchWork
from stockade.policy.reading import read
from stockade.services.accessanalyzer.recording import (
    finding_id,
    findings_in,
    resolve,
    scope_of,
    settle,
)
from stockade.services.accessanalyzer.requires import AnalyzedResources
from stockade.services.accessanalyzer.resources import RESOURCES, Analyzer, Finding, Resource


class Source(NamedTuple):
    """A resource and the policy that it has."""

    arn: str
    type: str
    policy: str
    owner: str


def look_at_account(ctx: Context, analyzer: Analyzer, zone: Zone, account: str) -> str:
    """Look at every resource of an account; return the ARN of the last one."""
    scope = scope_of(analyzer)
    sources = sorted(_sources(ctx, analyzer, account))
    stored = ctx.unit.find(RESOURCES, scope, "owner", f"{analyzer.name}/{account}")
    known = {one.arn: one for one in stored}
    old = findings_in(ctx, analyzer, account)
    for source in sources:
        look_at(ctx, analyzer, zone, source, known.get(source.arn), old)
    gone = known.keys() - {source.arn for source in sources}
    for arn in gone:
        ctx.unit.delete(RESOURCES, scope, known[arn].id)
    resolve(ctx, analyzer, (one for one in old if one.resource in gone))
    return sources[-1].arn if sources else ""


def find_source(ctx: Context, analyzer: Analyzer, arn: str, account: str) -> Source | None:
    """Return one resource of an account with its policy."""
    return next((one for one in _sources(ctx, analyzer, account) if one.arn == arn), None)


def look_at(
    ctx: Context,
    analyzer: Analyzer,
    zone: Zone,
    source: Source,
    known: Resource | None,
    old: Iterable[Finding],
) -> None:
    """Bring the findings about one resource in line with its policy."""
    exposed = exposures_of(source.policy, source.type, zone)
    found = [new_finding(ctx, analyzer, source, one) for one in exposed or ()]
    settle(ctx, analyzer, found, (one for one in old if one.resource == source.arn))
    _store_resource(ctx, analyzer, source, known, exposed)


@lru_cache(maxsize=1024)
def exposures_of(policy: str, resource_type: str, zone: Zone) -> tuple[Exposure, ...] | None:
    """Return whom a policy lets in; None where it cannot be read, or not in reasonable time."""
    kind: Kind = "trust" if resource_type == "AWS::IAM::Role" else "resource"
    try:
        document = read(policy, kind, grammar.syntax(kind))
        return tuple(exposures(document, zone))
    except (MalformedPolicy, TooMuchWork):
        return None


def new_finding(ctx: Context, analyzer: Analyzer, source: Source, exposed: Exposure) -> Finding:
    """Return the finding of somebody whom the policy of a resource lets in."""
    return Finding(
        analyzer=analyzer.name,
        finding_id=finding_id(
            analyzer.arn, source.arn, exposed.principal, exposed.actions, exposed.conditions
        ),
        resource=source.arn,
        resource_type=source.type,
        owner=source.owner,
        principal=dict([exposed.principal]),
        actions=exposed.actions,
        condition=dict(exposed.conditions),
        public=exposed.public,
        status="ACTIVE",
        created=ctx.now,
        updated=ctx.now,
        analyzed=ctx.now,
    )


def _sources(ctx: Context, analyzer: Analyzer, account: str) -> Iterable[Source]:
    port = ctx.port(AnalyzedResources)
    for arn, type_, policy in port.resources_with_policies(ctx.unit, account, analyzer.region):
        yield Source(arn, type_, policy, account)


def _store_resource(
    ctx: Context,
    analyzer: Analyzer,
    source: Source,
    known: Resource | None,
    exposed: tuple[Exposure, ...] | None,
) -> None:
    current = Resource(
        analyzer=analyzer.name,
        arn=source.arn,
        type=source.type,
        owner=source.owner,
        public=any(one.public for one in exposed or ()),
        actions=tuple(dict.fromkeys(action for one in exposed or () for action in one.actions)),
        created=ctx.now if known is None else known.created,
        updated=ctx.now if known is None else known.updated,
        error="" if exposed is not None else "ACCESS_DENIED",
    )
    if current != known:
        ctx.unit.put(RESOURCES, scope_of(analyzer), replace(current, updated=ctx.now))
