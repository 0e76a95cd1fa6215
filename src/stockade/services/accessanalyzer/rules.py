# SPDX-License-Identifier: Apache-2.0
"""Archive rules: which findings are archived as they come, or at once by ApplyArchiveRule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.accessanalyzer import view
from stockade.services.accessanalyzer.access import analyzer_by_arn, analyzer_named, rule_named
from stockade.services.accessanalyzer.errors import (
    ConflictException,
    ResourceNotFoundException,
    ServiceQuotaExceededException,
)
from stockade.services.accessanalyzer.filters import meets, read_filter
from stockade.services.accessanalyzer.paging import MAX_PAGE, paged
from stockade.services.accessanalyzer.recording import findings_of
from stockade.services.accessanalyzer.resources import ANALYZERS, FINDINGS, Analyzer, ArchiveRule
from stockade.services.accessanalyzer.service import accessanalyzer

RULE_LIMIT = 100

Filter = Mapping[str, Mapping[str, Any]]


def new_rule(ctx: Context, name: str, given: Filter) -> ArchiveRule:
    """Return an archive rule that begins now."""
    kept = read_filter(given, rule=True)
    return ArchiveRule(name=name, filter=kept, created=ctx.now, updated=ctx.now)


@accessanalyzer.operation(access=rule_named("access-analyzer:CreateArchiveRule"), writes=True)
def create_archive_rule(
    ctx: Context,
    analyzer: Analyzer,
    *,
    analyzer_name: str,
    rule_name: str,
    filter: Filter,  # noqa: A002 - AWS's word
    client_token: str | None = None,
) -> Output:
    """Make an archive rule; it touches findings to come."""
    del analyzer_name, client_token
    if rule_name in analyzer.rules:
        raise ConflictException("ArchiveRule", rule_name)
    if len(analyzer.rules) >= RULE_LIMIT:
        raise ServiceQuotaExceededException("ArchiveRule", rule_name, RULE_LIMIT)
    _keep(ctx, analyzer, new_rule(ctx, rule_name, filter))
    return {}


@accessanalyzer.operation(access=rule_named("access-analyzer:GetArchiveRule"))
def get_archive_rule(
    _ctx: Context, analyzer: Analyzer, *, analyzer_name: str, rule_name: str
) -> Output:
    """Return an archive rule."""
    del analyzer_name
    return {"archiveRule": view.archive_rule(_find(analyzer, rule_name))}


@accessanalyzer.operation(access=analyzer_named("access-analyzer:ListArchiveRules"))
def list_archive_rules(
    _ctx: Context,
    analyzer: Analyzer,
    *,
    analyzer_name: str,
    max_results: int = MAX_PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the archive rules of an analyzer in the order of their names."""
    del analyzer_name
    rules = sorted(analyzer.rules.values(), key=lambda rule: rule.name)
    return paged(
        "archiveRules", rules, lambda rule: rule.name, view.archive_rule, max_results, next_token
    )


@accessanalyzer.operation(access=rule_named("access-analyzer:UpdateArchiveRule"), writes=True)
def update_archive_rule(
    ctx: Context,
    analyzer: Analyzer,
    *,
    analyzer_name: str,
    rule_name: str,
    filter: Filter,  # noqa: A002 - AWS's word
    client_token: str | None = None,
) -> Output:
    """Replace the filter of an archive rule."""
    del analyzer_name, client_token
    rule = _find(analyzer, rule_name)
    kept = read_filter(filter, rule=True)
    _keep(ctx, analyzer, replace(rule, filter=kept, updated=ctx.now))
    return {}


@accessanalyzer.operation(access=rule_named("access-analyzer:DeleteArchiveRule"), writes=True)
def delete_archive_rule(
    ctx: Context,
    analyzer: Analyzer,
    *,
    analyzer_name: str,
    rule_name: str,
    client_token: str | None = None,
) -> Output:
    """Delete an archive rule; what it archived stays archived."""
    del analyzer_name, client_token
    _find(analyzer, rule_name)
    left = {name: rule for name, rule in analyzer.rules.items() if name != rule_name}
    ctx.unit.put(ANALYZERS, ctx.scope, replace(analyzer, rules=left))
    return {}


@accessanalyzer.operation(access=analyzer_by_arn("access-analyzer:ApplyArchiveRule"), writes=True)
def apply_archive_rule(
    ctx: Context,
    analyzer: Analyzer,
    *,
    analyzer_arn: str,
    rule_name: str,
    client_token: str | None = None,
) -> Output:
    """Archive the active findings that meet a rule."""
    del analyzer_arn, client_token
    rule = _find(analyzer, rule_name)
    for finding in findings_of(ctx, analyzer):
        if finding.status == "ACTIVE" and meets(finding, rule.filter):
            archived = replace(finding, status="ARCHIVED", updated=ctx.now)
            ctx.unit.put(FINDINGS, ctx.scope, archived)
    return {}


def _find(analyzer: Analyzer, name: str) -> ArchiveRule:
    rule = analyzer.rules.get(name)
    if rule is None:
        raise ResourceNotFoundException("ArchiveRule", name)
    return rule


def _keep(ctx: Context, analyzer: Analyzer, rule: ArchiveRule) -> None:
    rules = {**analyzer.rules, rule.name: rule}
    ctx.unit.put(ANALYZERS, ctx.scope, replace(analyzer, rules=rules))
