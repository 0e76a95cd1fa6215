# SPDX-License-Identifier: Apache-2.0
"""IAM's policy simulator: what policies would decide, told in the members of its answers.

One result for each action. With resources named it carries a result for each of them, and itself
tells the most restrictive of their decisions; with `*` alone it is the whole answer. Only
statements of identity and resource policies are told, and only those that made the decision.
What control policies and the boundary think of it stands in details of its own, and what each
kind of policy contributes is told of simulations across accounts.

A role's trust policy takes part where the action assumes a role (AWS's simulator leaves it out),
and a key's policy where a KMS key is used: both must allow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from stockade.policy.context_keys import document_keys
from stockade.policy.decide import Layers, Outcome, decide, silent_control
from stockade.policy.positions import statement_spans
from stockade.policy.request import Query

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from stockade.policy.compile import CompiledStatement, Policy
    from stockade.policy.decide import Levels
    from stockade.policy.positions import Position
    from stockade.policy.request import Principal

ANYTHING: Final = "*"
IAM_POLICY: Final = "IAM Policy"
RESOURCE_POLICY: Final = "Resource Policy"
BOUNDARY_POLICY: Final = "Permissions Boundary Policy"
ASSUMING: Final = frozenset(
    {
        "sts:AssumeRole",
        "sts:AssumeRoleWithSAML",
        "sts:AssumeRoleWithWebIdentity",
        "sts:SetSourceIdentity",
        "sts:TagSession",
    }
)
_RESTRICTIVE: Final[tuple[Outcome, ...]] = ("explicitDeny", "implicitDeny", "allowed")
"""The most restrictive first."""

Result = dict[str, Any]


class Source(msgspec.Struct, frozen=True):
    """A policy that is simulated, with the name and the text that answers refer to."""

    id: str
    policy: Policy
    text: str
    type: str = IAM_POLICY


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """Who is simulated, with which policies, in which context."""

    principal: Principal
    sources: tuple[Source, ...]
    resource: Source | None = None
    resource_owner: str = ""
    """The account of resources whose ARN names none."""
    boundary: Policy | None = None
    organization: Levels | None = None
    """Service control policies by level; None outside an organization."""
    context: Mapping[str, tuple[str, ...]] = {}
    """Condition keys in lower case, with their values."""


def simulate(simulation: Simulation, action: str, resources: Sequence[str]) -> Result:
    """Return the `EvaluationResult` of one action on some resources."""
    singles = [_Single(simulation, action, resource) for resource in resources or (ANYTHING,)]
    named = [single for single in singles if single.resource != ANYTHING]
    result: Result = {
        "EvalActionName": action,
        "EvalResourceName": singles[0].resource if len(singles) == 1 else ANYTHING,
        "EvalDecision": _most_restrictive(single.outcome for single in singles),
        "MatchedStatements": _union(
            single.matched for single in singles if single.outcome == _worst(singles)
        ),
        "MissingContextValues": missing_keys(simulation),
    }
    if simulation.organization is not None:
        allowed = all(single.allowed_by_organization for single in singles)
        result["OrganizationsDecisionDetail"] = {"AllowedByOrganizations": allowed}
    if simulation.boundary is not None:
        result |= _boundary_detail(singles)
    if named:
        result |= _details(singles)
        result["ResourceSpecificResults"] = [single.told() for single in named]
    return result


def missing_keys(simulation: Simulation) -> list[str]:
    """Return the condition keys that the policies ask for and the context lacks."""
    sources = (*simulation.sources, *((simulation.resource,) if simulation.resource else ()))
    asked: dict[str, str] = {}
    for source in sources:
        for key in document_keys(source.policy.document):
            if key.lower() not in simulation.context:
                asked.setdefault(key.lower(), key)
    return list(asked.values())


class _Single:
    """The simulation of one action on one resource."""

    def __init__(self, simulation: Simulation, action: str, resource: str) -> None:
        self.simulation = simulation
        self.resource = resource
        self.query = Query(simulation.principal, action, resource, simulation.context.get)
        self.owner = self._owner()
        self.layers = Layers(
            identity=tuple(source.policy for source in simulation.sources),
            resource=simulation.resource.policy if simulation.resource else None,
            resource_account=self.owner,
            resource_must_allow=simulation.resource is not None and _must_allow(action, resource),
            boundary=simulation.boundary,
            scp=simulation.organization or (),
        )
        self.outcome = decide(self.query, self.layers).outcome

    def _owner(self) -> str:
        """Return the account that owns the resource; without its policy, the caller's."""
        account = self.simulation.principal.account
        if self.simulation.resource is None:
            return account
        fields = self.resource.split(":", 5)
        named = fields[4] if len(fields) == 6 else ""
        return named or self.simulation.resource_owner or account

    @property
    def across_accounts(self) -> bool:
        return self.owner != self.simulation.principal.account

    @property
    def allowed_by_organization(self) -> bool:
        """Whether every level of control policies allows, and none denies."""
        levels = self.simulation.organization or ()
        if any(self._applying(policy, "Deny") for level in levels for policy in level):
            return False
        alone = msgspec.structs.replace(self.layers, rcp=(), endpoint=None)
        return silent_control(self.query, alone, []) is None

    @property
    def allowed_by_boundary(self) -> bool:
        return self.simulation.boundary is not None and (
            self._outcome_of((self.simulation.boundary,)) == "allowed"
        )

    @property
    def matched(self) -> list[Result]:
        """The statements that made the decision."""
        if self.outcome == "implicitDeny":
            return []
        effect = "Allow" if self.outcome == "allowed" else "Deny"
        return [
            _told(source, statement)
            for source in self._sources()
            for statement in self._applying(source.policy, effect)
        ]

    @property
    def details(self) -> dict[str, Outcome]:
        """What each kind of policy has to say by itself."""
        told = {IAM_POLICY: self._outcome_of(self.layers.identity)}
        if self.layers.resource is not None:
            told[RESOURCE_POLICY] = self._outcome_of((self.layers.resource,))
        if self.layers.boundary is not None:
            told[BOUNDARY_POLICY] = self._outcome_of((self.layers.boundary,))
        return told

    def told(self) -> Result:
        """Return the `ResourceSpecificResult`."""
        result: Result = {
            "EvalResourceName": self.resource,
            "EvalResourceDecision": self.outcome,
            "MatchedStatements": self.matched,
            "MissingContextValues": missing_keys(self.simulation),
        }
        if self.simulation.boundary is not None:
            result |= _boundary_detail([self])
        return result | _details([self])

    def _sources(self) -> Iterator[Source]:
        yield from self.simulation.sources
        if self.simulation.resource is not None:
            yield self.simulation.resource

    def _outcome_of(self, policies: Iterable[Policy]) -> Outcome:
        outcomes: list[Outcome] = ["implicitDeny"]
        for policy in policies:
            if self._applying(policy, "Deny"):
                return "explicitDeny"
            if self._applying(policy, "Allow"):
                outcomes.append("allowed")
        return outcomes[-1]

    def _applying(self, policy: Policy, effect: str) -> list[CompiledStatement]:
        denies, allows = policy.matching(self.query.action)
        by_name = policy.document.kind in {"resource", "trust"}
        bounded = self.simulation.boundary is not None
        return [
            statement
            for statement in (denies if effect == "Deny" else allows)
            if statement.applies(self.query)
            and (not by_name or statement.naming(self.query.principal, bounded))
        ]


def _must_allow(action: str, resource: str) -> bool:
    return action in ASSUMING or (":kms:" in resource and ":key/" in resource)


def _details(singles: Sequence[_Single]) -> Result:
    """Return `EvalDecisionDetails`: empty within an account, absent where Organizations denies."""
    if not all(single.allowed_by_organization for single in singles):
        return {}
    told: dict[str, list[Outcome]] = {}
    for single in singles:
        for policy_type, outcome in single.details.items() if single.across_accounts else ():
            told.setdefault(policy_type, []).append(outcome)
    worst = {policy_type: _most_restrictive(outcomes) for policy_type, outcomes in told.items()}
    return {"EvalDecisionDetails": worst}


def _boundary_detail(singles: Sequence[_Single]) -> Result:
    allowed = all(single.allowed_by_boundary for single in singles)
    return {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": allowed}}


def _worst(singles: Sequence[_Single]) -> Outcome:
    return _most_restrictive(single.outcome for single in singles)


def _most_restrictive(outcomes: Iterable[Outcome]) -> Outcome:
    return min(outcomes, key=_RESTRICTIVE.index)


def _union(matched: Iterable[list[Result]]) -> list[Result]:
    found: list[Result] = []
    for statements in matched:
        found += [statement for statement in statements if statement not in found]
    return found


def _told(source: Source, statement: CompiledStatement) -> Result:
    span = statement_spans(source.text)[statement.index]
    return {
        "SourcePolicyId": source.id,
        "SourcePolicyType": source.type,
        "StartPosition": _place(span.start),
        "EndPosition": _place(span.end),
    }


def _place(position: Position) -> dict[str, int]:
    return {"Line": position.line, "Column": position.column}
