# SPDX-License-Identifier: Apache-2.0
"""Findings of external and of unused access, and the resources they are about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from stockade.core.arn import parse_arn
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.accessanalyzer import view
from stockade.services.accessanalyzer.access import analyzer_by_arn
from stockade.services.accessanalyzer.errors import ResourceNotFoundException, ValidationException
from stockade.services.accessanalyzer.external import find_source, look_at
from stockade.services.accessanalyzer.filters import meets, read_filter
from stockade.services.accessanalyzer.paging import MAX_PAGE, paged
from stockade.services.accessanalyzer.recording import findings_about, findings_of
from stockade.services.accessanalyzer.resources import FINDINGS, RESOURCES, Analyzer, Finding
from stockade.services.accessanalyzer.rules import Filter
from stockade.services.accessanalyzer.service import accessanalyzer
from stockade.services.accessanalyzer.zone import accounts_of, zone_of

_ATTRIBUTES: Mapping[str, Callable[[Finding], Any]] = MappingProxyType(
    {
        "analyzedAt": lambda finding: finding.analyzed,
        "createdAt": lambda finding: finding.created,
        "id": lambda finding: finding.finding_id,
        "resource": lambda finding: finding.resource,
        "resourceOwnerAccount": lambda finding: finding.owner,
        "resourceType": lambda finding: finding.resource_type,
        "status": lambda finding: finding.status,
        "updatedAt": lambda finding: finding.updated,
    }
)


@accessanalyzer.operation(access=analyzer_by_arn("access-analyzer:ListFindings"))
def list_findings(
    ctx: Context,
    analyzer: Analyzer,
    *,
    analyzer_arn: str,
    filter: Filter | None = None,  # noqa: A002 - AWS's word
    sort: Mapping[str, str] | None = None,
    max_results: int = MAX_PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the findings of external access that meet a filter."""
    del analyzer_arn
    _must_be_external(analyzer)
    found = _found(ctx, analyzer, filter or {}, sort or {})
    return _paged(analyzer, found, view.finding, max_results, next_token)


@accessanalyzer.operation(access=analyzer_by_arn("access-analyzer:ListFindings"))
def list_findings_v2(
    ctx: Context,
    analyzer: Analyzer,
    *,
    analyzer_arn: str,
    filter: Filter | None = None,  # noqa: A002 - AWS's word
    sort: Mapping[str, str] | None = None,
    max_results: int = MAX_PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the findings that meet a filter, in short."""
    del analyzer_arn
    found = _found(ctx, analyzer, filter or {}, sort or {})
    return _paged(analyzer, found, view.finding_v2, max_results, next_token)


@accessanalyzer.operation(access=analyzer_by_arn("access-analyzer:GetFinding"))
def get_finding(
    ctx: Context,
    analyzer: Analyzer,
    *,
    analyzer_arn: str,
    id: str,  # noqa: A002 - AWS's word
) -> Output:
    """Return a finding of external access."""
    del analyzer_arn
    _must_be_external(analyzer)
    return {"finding": view.finding(analyzer, _find(ctx, analyzer, id))}


@accessanalyzer.operation(access=analyzer_by_arn("access-analyzer:GetFinding"))
def get_finding_v2(
    ctx: Context,
    analyzer: Analyzer,
    *,
    analyzer_arn: str,
    id: str,  # noqa: A002 - AWS's word
    max_results: int = MAX_PAGE,
    next_token: str | None = None,
) -> Output:
    """Return a finding with its details."""
    del analyzer_arn
    finding = _find(ctx, analyzer, id)
    numbered = [(f"{number:06d}", one) for number, one in enumerate(view.finding_details(finding))]
    details = paged(
        "findingDetails",
        numbered,
        lambda one: one[0],
        lambda one: one[1],
        max_results,
        next_token,
    )
    return view.finding_v2(analyzer, finding) | details


@accessanalyzer.operation(access=analyzer_by_arn("access-analyzer:UpdateFindings"), writes=True)
def update_findings(
    ctx: Context,
    analyzer: Analyzer,
    *,
    analyzer_arn: str,
    status: str,
    ids: Sequence[str] | None = None,
    resource_arn: str | None = None,
    client_token: str | None = None,
) -> Output:
    """Archive findings, or make them active again; what is resolved stays so."""
    del analyzer_arn, client_token
    if ids is None and resource_arn is None:
        raise ValidationException("Either ids or resourceArn must be given.")
    chosen = [_find(ctx, analyzer, one) for one in ids or ()]
    if resource_arn is not None:
        chosen += findings_about(ctx, analyzer, resource_arn)
    for finding in chosen:
        if finding.status not in ("RESOLVED", status):
            changed = replace(finding, status=status, updated=ctx.now)
            ctx.unit.put(FINDINGS, ctx.scope, changed)
    return {}


@accessanalyzer.operation(access=analyzer_by_arn("access-analyzer:ListAnalyzedResources"))
def list_analyzed_resources(
    ctx: Context,
    analyzer: Analyzer,
    *,
    analyzer_arn: str,
    resource_type: str | None = None,
    max_results: int = MAX_PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the resources that an analyzer has looked at."""
    del analyzer_arn
    stored = ctx.unit.list(RESOURCES, ctx.scope, prefix=f"{analyzer.name}/")
    found = [one for one in stored if resource_type in (None, one.type)]
    return paged(
        "analyzedResources",
        found,
        lambda one: one.id,
        view.resource_summary,
        max_results,
        next_token,
    )


@accessanalyzer.operation(access=analyzer_by_arn("access-analyzer:GetAnalyzedResource"))
def get_analyzed_resource(
    ctx: Context, analyzer: Analyzer, *, analyzer_arn: str, resource_arn: str
) -> Output:
    """Return what is known of one resource."""
    del analyzer_arn
    _must_be_external(analyzer)
    stored = ctx.unit.get(RESOURCES, ctx.scope, f"{analyzer.name}/{resource_arn}")
    if stored is None:
        raise ResourceNotFoundException("Resource", resource_arn)
    return {"resource": view.resource(analyzer, stored)}


@accessanalyzer.operation(access=analyzer_by_arn("access-analyzer:StartResourceScan"), writes=True)
def start_resource_scan(
    ctx: Context,
    analyzer: Analyzer,
    *,
    analyzer_arn: str,
    resource_arn: str,
    resource_owner_account: str | None = None,
) -> Output:
    """Look at the policy of one resource now; the answer comes when that is done."""
    del analyzer_arn
    _must_be_external(analyzer)
    owner = resource_owner_account or _account_in(resource_arn) or analyzer.account
    known_account = owner in accounts_of(ctx, analyzer)
    source = find_source(ctx, analyzer, resource_arn, owner) if known_account else None
    if source is None:
        raise ResourceNotFoundException("Resource", resource_arn)
    known = ctx.unit.get(RESOURCES, ctx.scope, f"{analyzer.name}/{resource_arn}")
    zone, old = zone_of(ctx, analyzer), findings_about(ctx, analyzer, resource_arn)
    look_at(ctx, analyzer, zone, source, known, old)
    return {}


def _account_in(arn: str) -> str:
    fields = parse_arn(arn)
    return fields.account if fields else ""


def _must_be_external(analyzer: Analyzer) -> None:
    if analyzer.unused is not None:
        raise ValidationException(
            f"The operation is not supported for analyzers of the type {analyzer.type}.",
            "notSupported",
        )


def _found(
    ctx: Context, analyzer: Analyzer, given: Filter, sort: Mapping[str, str]
) -> list[Finding]:
    kept = read_filter(given)
    found = [finding for finding in findings_of(ctx, analyzer) if meets(finding, kept)]
    attribute = sort.get("attributeName", "id")
    if attribute not in _ATTRIBUTES:
        raise ValidationException(f"Findings cannot be sorted by {attribute}.")
    found.sort(key=_ATTRIBUTES[attribute], reverse=sort.get("orderBy") == "DESC")
    return found


def _paged(
    analyzer: Analyzer,
    found: list[Finding],
    show: Callable[[Analyzer, Finding], dict[str, Any]],
    max_results: int,
    next_token: str | None,
) -> Output:
    """Return a page of findings, each as `show` shows it."""

    def shown(finding: Finding) -> dict[str, Any]:
        return show(analyzer, finding)

    return paged("findings", found, lambda finding: finding.id, shown, max_results, next_token)


def _find(ctx: Context, analyzer: Analyzer, finding_id: str) -> Finding:
    finding = ctx.unit.get(FINDINGS, ctx.scope, f"{analyzer.name}/{finding_id}")
    if finding is None:
        raise ResourceNotFoundException("Finding", finding_id)
    return finding
