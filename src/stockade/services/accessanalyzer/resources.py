# SPDX-License-Identifier: Apache-2.0
"""What Access Analyzer stores: analyzers with their archive rules, findings, analyzed resources.

All of them stand under the name of their analyzer, so that they go with it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from stockade.core.arn import arn
from stockade.store.resources import Collection

Status = Literal["ACTIVE", "ARCHIVED", "RESOLVED"]
EXTERNAL = "ExternalAccess"
KEEP = timedelta(days=90)
"""How long what is over is kept."""
KEEP_GENERATION = timedelta(days=7)


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


class PreviewFinding(msgspec.Struct, frozen=True, kw_only=True):
    """What a proposed policy would do to a finding, or the finding that it would make."""

    id: str
    change: Literal["NEW", "CHANGED", "UNCHANGED"]
    finding: Finding
    """As it would be."""
    existing_id: str = ""
    existing_status: str = ""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """An access preview: a proposed configuration of a resource, and what would come of it."""

    analyzer: str
    preview_id: str
    created: datetime
    configurations: dict[str, Any]
    """As they were given."""
    failed: bool = False
    """The proposed policy cannot be read."""
    findings: tuple[PreviewFinding, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.analyzer}/{self.preview_id}"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do about permissions that nobody uses."""

    action: Literal["CREATE_POLICY", "DETACH_POLICY"]
    existing_policy: str
    """ARN or name."""
    policy: str = ""
    """What to put in its place."""
    updated: datetime | None = None


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """What to do about a finding of unused permissions."""

    analyzer: str
    finding_id: str
    resource: str
    created: datetime
    steps: tuple[Step, ...]

    @property
    def id(self) -> str:
        return f"{self.analyzer}/{self.finding_id}"


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """The generation of a policy from what a user or role did."""

    job_id: str
    principal: str
    status: Literal["IN_PROGRESS", "SUCCEEDED", "CANCELED"] = "IN_PROGRESS"
    started: datetime
    completed: datetime | None = None
    trails: list[dict[str, Any]] = []
    """As they were given."""
    start: datetime
    end: datetime
    actions: tuple[str, ...] = ()
    """What was done."""
    complete: bool = True
    """Whether the whole of the time was looked at."""

    @property
    def due(self) -> datetime:
        return self.started if self.status == "IN_PROGRESS" else self.started + KEEP_GENERATION


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
PREVIEWS: Collection[Preview] = Collection(
    Preview,
    service="accessanalyzer",
    kind="preview",
    id=lambda preview: preview.id,
    due=lambda preview: preview.created + KEEP,
)
RECOMMENDATIONS: Collection[Recommendation] = Collection(
    Recommendation,
    service="accessanalyzer",
    kind="recommendation",
    id=lambda recommendation: recommendation.id,
    due=lambda recommendation: recommendation.created + KEEP,
)
GENERATIONS: Collection[Generation] = Collection(
    Generation,
    service="accessanalyzer",
    kind="generation",
    id=lambda generation: generation.job_id,
    due=lambda generation: generation.due,
)
