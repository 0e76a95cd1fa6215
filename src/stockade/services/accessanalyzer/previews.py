# SPDX-License-Identifier: Apache-2.0
"""Access previews: what a policy would do to the findings before anybody puts it.

A preview is made while CreateAccessPreview runs, so it is never CREATING.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.ids import uuid_of
from stockade.core.operation import Output
from stockade.policy.exposure import Exposure
from stockade.services.accessanalyzer import view
from stockade.services.accessanalyzer.access import analyzer_by_arn
from stockade.services.accessanalyzer.errors import ResourceNotFoundException, ValidationException
from stockade.services.accessanalyzer.external import Source, new_finding
from stockade.services.accessanalyzer.filters import preview_meets, read_filter
from stockade.services.accessanalyzer.paging import MAX_PAGE, paged
from stockade.services.accessanalyzer.proposals import Configuration, exposures_by, proposed
from stockade.services.accessanalyzer.recording import findings_about, first_status
from stockade.services.accessanalyzer.resources import (
    PREVIEWS,
    Analyzer,
    Finding,
    Preview,
    PreviewFinding,
)
from stockade.services.accessanalyzer.rules import Filter
from stockade.services.accessanalyzer.service import accessanalyzer
from stockade.services.accessanalyzer.zone import zone_of


@accessanalyzer.operation(
    access=analyzer_by_arn("access-analyzer:CreateAccessPreview"), writes=True
)
def create_access_preview(
    ctx: Context,
    analyzer: Analyzer,
    *,
    analyzer_arn: str,
    configurations: Mapping[str, Configuration],
    client_token: str | None = None,
) -> Output:
    """Find out what a proposed configuration of one resource would change."""
    del analyzer_arn, client_token
    if analyzer.type != "ACCOUNT":
        raise ValidationException(
            f"Access previews are not supported for analyzers of the type {analyzer.type}.",
            "notSupported",
        )
    if len(configurations) != 1:
        raise ValidationException(
            "The configurations must contain exactly one element.", "fieldValidationFailed"
        )
    ((arn, given),) = configurations.items()
    source = proposed(ctx, analyzer, arn, given)
    exposed = exposures_by(source, given, zone_of(ctx, analyzer))
    preview = Preview(
        analyzer=analyzer.name,
        preview_id=uuid_of(ctx.random(16)),
        created=ctx.now,
        configurations=dict(configurations),
        failed=exposed is None,
        findings=tuple(_compared(ctx, analyzer, source, exposed)) if exposed is not None else (),
    )
    ctx.unit.put(PREVIEWS, ctx.scope, preview)
    return {"id": preview.preview_id}


@accessanalyzer.operation(access=analyzer_by_arn("access-analyzer:GetAccessPreview"))
def get_access_preview(
    ctx: Context, analyzer: Analyzer, *, analyzer_arn: str, access_preview_id: str
) -> Output:
    """Return an access preview with the configuration that was proposed."""
    del analyzer_arn
    stored = _find(ctx, analyzer, access_preview_id)
    shown = view.preview(analyzer, stored)
    return {"accessPreview": {**shown, "configurations": stored.configurations}}


@accessanalyzer.operation(access=analyzer_by_arn("access-analyzer:ListAccessPreviews"))
def list_access_previews(
    ctx: Context,
    analyzer: Analyzer,
    *,
    analyzer_arn: str,
    max_results: int = MAX_PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the access previews of an analyzer, the newest first."""
    del analyzer_arn
    found = ctx.unit.list(PREVIEWS, ctx.scope, prefix=f"{analyzer.name}/")
    found.sort(key=lambda one: one.created, reverse=True)

    def shown(stored: Preview) -> dict[str, Any]:
        return view.preview(analyzer, stored)

    return paged("accessPreviews", found, lambda one: one.id, shown, max_results, next_token)


@accessanalyzer.operation(access=analyzer_by_arn("access-analyzer:ListAccessPreviewFindings"))
def list_access_preview_findings(
    ctx: Context,
    analyzer: Analyzer,
    *,
    analyzer_arn: str,
    access_preview_id: str,
    filter: Filter | None = None,  # noqa: A002 - AWS's word
    max_results: int = MAX_PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the findings that a proposed configuration would make, keep or end."""
    del analyzer_arn
    kept = read_filter(filter or {}, preview=True)
    stored = _find(ctx, analyzer, access_preview_id)
    found = [one for one in stored.findings if preview_meets(one, kept)]
    return paged(
        "findings", found, lambda one: one.id, view.preview_finding, max_results, next_token
    )


def _find(ctx: Context, analyzer: Analyzer, preview_id: str) -> Preview:
    preview = ctx.unit.get(PREVIEWS, ctx.scope, f"{analyzer.name}/{preview_id}")
    if preview is None:
        raise ResourceNotFoundException("AccessPreview", preview_id)
    return preview


def _compared(
    ctx: Context, analyzer: Analyzer, source: Source, exposed: Iterable[Exposure]
) -> Iterator[PreviewFinding]:
    """Yield what becomes of the findings about a resource, and what new ones there are."""
    existing = {one.finding_id: one for one in findings_about(ctx, analyzer, source.arn)}
    found = {
        one.finding_id: one
        for one in (new_finding(ctx, analyzer, source, each) for each in exposed)
    }
    for finding in found.values():
        before = existing.get(finding.finding_id)
        if before is None or before.status == "RESOLVED":
            after = replace(finding, status=first_status(analyzer, finding))
        else:
            after = replace(finding, status=before.status)
        yield _preview(ctx, after, before)
    for before in existing.values():
        if before.finding_id not in found and before.status != "RESOLVED":
            yield _preview(ctx, replace(before, status="RESOLVED", created=ctx.now), before)


def _preview(ctx: Context, after: Finding, before: Finding | None) -> PreviewFinding:
    id_ = uuid_of(ctx.random(16))
    if before is None:
        return PreviewFinding(id=id_, change="NEW", finding=after)
    return PreviewFinding(
        id=id_,
        change="UNCHANGED" if before.status == after.status else "CHANGED",
        finding=after,
        existing_id=before.finding_id,
        existing_status=before.status,
    )
