# SPDX-License-Identifier: Apache-2.0
"""How many findings an analyzer has, by status and by what they are about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.accessanalyzer.access import analyzer_by_arn
from stockade.services.accessanalyzer.recording import findings_of
from stockade.services.accessanalyzer.resources import Analyzer, Finding
from stockade.services.accessanalyzer.service import accessanalyzer

TOP_ACCOUNTS = 10


@accessanalyzer.operation(
    access=analyzer_by_arn("access-analyzer:GetFindingsStatistics"), read_only=True
)
def get_findings_statistics(ctx: Context, analyzer: Analyzer, *, analyzer_arn: str) -> Output:
    """Return how many findings there are, by status and by type."""
    del analyzer_arn
    found = findings_of(ctx, analyzer)
    active = [finding for finding in found if finding.status == "ACTIVE"]
    if analyzer.unused is None:
        shown = {"externalAccessFindingsStatistics": _totals(found) | _external(active)}
    else:
        by_account = _by_account(active) if analyzer.of_organization else {}
        unused = _totals(found) | _unused(active) | by_account
        shown = {"unusedAccessFindingsStatistics": unused}
    return {"findingsStatistics": [shown], "lastUpdatedAt": analyzer.last_scan}


def _totals(found: Sequence[Finding]) -> dict[str, Any]:
    statuses = Counter(finding.status for finding in found)
    return {
        "totalActiveFindings": statuses["ACTIVE"],
        "totalArchivedFindings": statuses["ARCHIVED"],
        "totalResolvedFindings": statuses["RESOLVED"],
    }


def _external(active: Sequence[Finding]) -> dict[str, Any]:
    public = Counter(one.resource_type for one in active if one.public)
    others = Counter(one.resource_type for one in active if not one.public)
    by_type = {
        kind: {
            "totalActivePublic": public[kind],
            "totalActiveCrossAccount": others[kind],
            "totalActiveErrors": 0,
        }
        for kind in sorted(public | others)
    }
    return {"resourceTypeStatistics": by_type}


def _unused(active: Sequence[Finding]) -> dict[str, Any]:
    types = Counter(finding.type for finding in active)
    return {
        "unusedAccessTypeStatistics": [
            {"unusedAccessType": name, "total": types[name]} for name in sorted(types)
        ]
    }


def _by_account(active: Sequence[Finding]) -> dict[str, Any]:
    """Return the accounts with the most findings, and of which types those are."""
    top = Counter(finding.owner for finding in active).most_common(TOP_ACCOUNTS)
    if not top:
        return {}
    return {
        "topAccounts": [
            {
                "account": account,
                "numberOfActiveFindings": number,
                "details": dict(Counter(one.type for one in active if one.owner == account)),
            }
            for account, number in top
        ]
    }
