# SPDX-License-Identifier: Apache-2.0
"""What a scan found against what is known: what is new, what goes on, what is over.

A finding's id follows from what it finds, so that the same access is the same finding at every
scan; access that ended and came back is the old finding, active again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.ids import uuid_of
from stockade.services.accessanalyzer.filters import meets
from stockade.services.accessanalyzer.resources import FINDINGS, KEEP, Analyzer, Finding, Status
from stockade.store.resources import Scope


def scope_of(analyzer: Analyzer) -> Scope:
    """Return where an analyzer stands with all that it found."""
    return Scope(analyzer.account, analyzer.region)


def finding_id(*what: object) -> str:
    """Return the id of the finding of something."""
    return uuid_of(hashlib.sha256(repr(what).encode()).digest()[:16])


def findings_of(ctx: Context, analyzer: Analyzer) -> list[Finding]:
    """Return the findings of an analyzer, in the order of their ids."""
    return ctx.unit.list(FINDINGS, scope_of(analyzer), prefix=f"{analyzer.name}/")


def findings_in(ctx: Context, analyzer: Analyzer, account: str) -> list[Finding]:
    """Return the findings of an analyzer about resources of one account."""
    return ctx.unit.find(FINDINGS, scope_of(analyzer), "owner", f"{analyzer.name}/{account}")


def findings_about(ctx: Context, analyzer: Analyzer, arn: str) -> list[Finding]:
    """Return the findings of an analyzer about one resource."""
    return ctx.unit.find(FINDINGS, scope_of(analyzer), "resource", f"{analyzer.name}/{arn}")


def settle(
    ctx: Context, analyzer: Analyzer, found: Iterable[Finding], before: Iterable[Finding]
) -> None:
    """Bring the findings about something in line with what was found now."""
    known = {one.finding_id: one for one in before}
    for finding in found:
        _store(ctx, analyzer, finding, known.pop(finding.finding_id, None))
    resolve(ctx, analyzer, known.values())


def resolve(ctx: Context, analyzer: Analyzer, findings: Iterable[Finding]) -> None:
    """Note that what was found is over."""
    for finding in findings:
        if finding.status != "RESOLVED":
            over = replace(finding, status="RESOLVED", updated=ctx.now, analyzed=ctx.now)
            ctx.unit.put(FINDINGS, scope_of(analyzer), over)


def forget(ctx: Context, analyzer: Analyzer, findings: Iterable[Finding]) -> None:
    """Delete findings that have been over for long."""
    for finding in findings:
        if finding.status == "RESOLVED" and finding.updated + KEEP <= ctx.now:
            ctx.unit.delete(FINDINGS, scope_of(analyzer), finding.id)


def first_status(analyzer: Analyzer, finding: Finding) -> Status:
    """Return the status with which a finding begins."""
    archived = any(meets(finding, rule.filter) for rule in analyzer.rules.values())
    return "ARCHIVED" if archived else "ACTIVE"


def _store(ctx: Context, analyzer: Analyzer, finding: Finding, before: Finding | None) -> None:
    if before is None or before.status == "RESOLVED":
        created = finding.created if before is None else before.created
        status = first_status(analyzer, finding)
        stored = replace(finding, created=created, status=status)
    elif before.unused != finding.unused:
        stored = replace(before, unused=finding.unused, updated=ctx.now)
    else:
        return
    ctx.unit.put(FINDINGS, scope_of(analyzer), stored)
