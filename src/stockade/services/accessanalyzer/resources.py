# SPDX-License-Identifier: Apache-2.0
"""What Access Analyzer stores: analyzers with their archive rules, findings, analyzed resources.

All of them stand under the name of their analyzer, so that they go with it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from stockade.core.arn import arn
from stockade.store.resources import Collection

Status = Literal["ACTIVE", "ARCHIVED", "RESOLVED"]
EXTERNAL = "ExternalAccess"


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


class Exclusion(msgspec.Struct, frozen=True, kw_only=True):
    """Whom an analyzer of unused access leaves out: accounts, and who has one of some tags."""

    account_ids: tuple[str, ...] = ()
    resource_tags: tuple[dict[str, str], ...] = ()


class UnusedAccess(msgspec.Struct, frozen=True, kw_only=True):
    """How an analyzer of unused access is configured."""

    age: int
    """Days without use."""
    exclusions: tuple[Exclusion, ...] = ()


class Analyzer(msgspec.Struct, frozen=True, kw_only=True):
    """An analyzer of external or of unused access, in an account or in an organization."""

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
    unused: UnusedAccess | None = None
    """None for an analyzer of external access."""
    cursor: str = ""
    """Where a scan that is under way goes on: an account, and a place in it."""
    disabled: bool = False
    """The account runs the service for its organization no longer."""

    @property
    def arn(self) -> str:
        return analyzer_arn(self.region, self.account, self.name)

    @property
    def of_organization(self) -> bool:
        return self.type.startswith("ORGANIZATION")


class UnusedAction(msgspec.Struct, frozen=True, kw_only=True):
    """An action that nobody called."""

    action: str
    last: datetime | None = None


class Unused(msgspec.Struct, frozen=True, kw_only=True):
    """What was not used: a service, some of its actions, a key, or what the finding is about."""

    service: str = ""
    access_key_id: str = ""
    last: datetime | None = None
    actions: tuple[UnusedAction, ...] = ()
    """Empty where the whole service was not used."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Access from outside that a policy grants, or access that is not used."""

    analyzer: str
    finding_id: str
    resource: str
    resource_type: str
    owner: str
    type: str = EXTERNAL
    principal: dict[str, str] = {}
    actions: tuple[str, ...] = ()
    condition: dict[str, str] = {}
    public: bool = False
    unused: tuple[Unused, ...] = ()
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
    Finding,
    service="accessanalyzer",
    kind="finding",
    id=lambda finding: finding.id,
    indexes={
        "owner": lambda finding: f"{finding.analyzer}/{finding.owner}",
        "resource": lambda finding: f"{finding.analyzer}/{finding.resource}",
    },
    schema=2,
    upgrades={1: lambda document: document},
)
RESOURCES: Collection[Resource] = Collection(
    Resource,
    service="accessanalyzer",
    kind="resource",
    id=lambda resource: resource.id,
    indexes={"owner": lambda resource: f"{resource.analyzer}/{resource.owner}"},
    schema=2,
    upgrades={1: lambda document: document},
)
