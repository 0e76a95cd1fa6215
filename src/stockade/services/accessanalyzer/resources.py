# SPDX-License-Identifier: Apache-2.0
"""What Access Analyzer stores: analyzers with their archive rules, findings, analyzed resources.

Findings and resources stand under the name of their analyzer, so that they go with it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from stockade.core.arn import arn
from stockade.store.resources import Collection

Status = Literal["ACTIVE", "ARCHIVED", "RESOLVED"]


class Criterion(msgspec.Struct, frozen=True, kw_only=True):
    """What one property of a finding is compared with."""

    eq: tuple[str, ...] = ()
    neq: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()
    exists: bool | None = None


class ArchiveRule(msgspec.Struct, frozen=True, kw_only=True):
    """Which findings are archived as they come."""

    name: str
    filter: dict[str, Criterion]
    created: datetime
    updated: datetime


class Analyzer(msgspec.Struct, frozen=True, kw_only=True):
    """An analyzer of external access."""

    name: str
    account: str
    region: str
    type: str
    created: datetime
    tags: dict[str, str] = {}
    rules: dict[str, ArchiveRule] = {}
    last_resource: str = ""
    last_scan: datetime
    next_scan: datetime

    @property
    def arn(self) -> str:
        return analyzer_arn(self.region, self.account, self.name)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Access from outside that a policy grants."""

    analyzer: str
    finding_id: str
    resource: str
    resource_type: str
    owner: str
    principal: dict[str, str]
    actions: tuple[str, ...]
    condition: dict[str, str]
    public: bool
    status: Status
    created: datetime
    updated: datetime
    analyzed: datetime

    @property
    def id(self) -> str:
        return f"{self.analyzer}/{self.finding_id}"


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A resource that an analyzer has looked at."""

    analyzer: str
    arn: str
    type: str
    owner: str
    public: bool = False
    actions: tuple[str, ...] = ()
    created: datetime
    updated: datetime
    error: str = ""

    @property
    def id(self) -> str:
        return f"{self.analyzer}/{self.arn}"


def analyzer_arn(region: str, account: str, name: str) -> str:
    """Return the ARN of an analyzer."""
    return arn("access-analyzer", region, account, f"analyzer/{name}")


ANALYZERS: Collection[Analyzer] = Collection(
    Analyzer,
    service="accessanalyzer",
    kind="analyzer",
    id=lambda analyzer: analyzer.name,
    due=lambda analyzer: analyzer.next_scan,
)
FINDINGS: Collection[Finding] = Collection(
    Finding, service="accessanalyzer", kind="finding", id=lambda finding: finding.id
)
RESOURCES: Collection[Resource] = Collection(
    Resource, service="accessanalyzer", kind="resource", id=lambda resource: resource.id
)
