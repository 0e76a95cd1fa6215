# SPDX-License-Identifier: Apache-2.0
"""Why a request was decided as it was: AWS's denial text, and a trace for `stockade explain`.

The trace runs the same closures as the decision, so it cannot tell another story. Its
proposal is found by trying: change what the decision lacks, decide again, until it allows.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Literal

import msgspec

from stockade.policy.context_keys import statement_keys
from stockade.policy.decide import NAMING, RCP, SCP, Decision, decide, speaking
from stockade.policy.elements import VERSION
from stockade.policy.proposal import Change, propose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stockade.policy.compile import CompiledStatement, Policy
    from stockade.policy.decide import Layer, Layers
    from stockade.policy.request import Query

Reason = Literal["", "action", "resource", "principal", "condition"]


class ConditionTrace(msgspec.Struct, frozen=True):
    """A condition that did not hold."""

    operator: str
    key: str
    expected: tuple[str, ...]
    actual: tuple[str, ...] | None
    """None when the request lacks the key."""


class StatementTrace(msgspec.Struct, frozen=True):
    """What one statement had to say."""

    index: int
    sid: str
    effect: str
    matched: bool
    reason: Reason = ""
    """The first element that did not match."""
    condition: ConditionTrace | None = None


class PolicyTrace(msgspec.Struct, frozen=True):
    """What one policy had to say."""

    arn: str
    name: str
    statements: tuple[StatementTrace, ...]


class LayerTrace(msgspec.Struct, frozen=True):
    """What one kind of policy had to say."""

    policy_type: str
    policies: tuple[PolicyTrace, ...]
    level: int | None = None
    """Of control policies the level, 0 for the root of the organization."""


class Trace(msgspec.Struct, frozen=True):
    """A decision and everything that led to it."""

    allowed: bool
    decision: Decision
    layers: tuple[LayerTrace, ...]
    missing_context_keys: tuple[str, ...]
    """Condition keys that statements about the action ask for and the request lacks."""
    proposal: tuple[Change, ...]
    """The changes that together would allow the request; empty when it is allowed."""


def denial_text(principal_arn: str, action: str, resource: str, decision: Decision) -> str:
    """Say in AWS's words why a request was denied."""
    if decision.allowed:
        raise ValueError("the request was allowed")
    head = f"User: {principal_arn} is not authorized to perform: {action} on resource: {resource}"
    if decision.outcome == "implicitDeny":
        return f"{head} because no {decision.policy_type} allows the {action} action"
    article = "an" if decision.policy_type.startswith("identity") else "a"
    text = f"{head} with an explicit deny in {article} {decision.policy_type}"
    return f"{text}: {decision.policy_arn}" if decision.policy_arn else text


def trace(query: Query, layers: Layers) -> Trace:
    """Decide, and tell what every statement of every layer had to say."""
    decision = decide(query, layers)
    bounded = layers.boundary is not None
    heard = speaking(query.principal, layers)
    return Trace(
        allowed=decision.allowed,
        decision=decision,
        layers=tuple(
            LayerTrace(
                policy_type,
                tuple(_policy_trace(query, policy, policy_type, bounded) for policy in policies),
                level,
            )
            for (policy_type, policies), level in zip(heard, _levels(heard), strict=True)
        ),
        missing_context_keys=_missing_keys(
            query, [policy for _, policies in heard for policy in policies]
        ),
        proposal=propose(query, layers),
    )


def _levels(heard: list[Layer]) -> Iterator[int | None]:
    """Yield the number of each layer among those of its kind, None for kinds without levels."""
    counts = {SCP: count(), RCP: count()}
    for policy_type, _ in heard:
        yield next(counts[policy_type]) if policy_type in counts else None


def _policy_trace(query: Query, policy: Policy, policy_type: str, bounded: bool) -> PolicyTrace:
    named_only = policy_type in NAMING
    return PolicyTrace(
        policy.arn,
        policy.name,
        tuple(
            _statement_trace(query, statement, named_only=named_only, bounded=bounded)
            for statement in policy.statements
        ),
    )


def _statement_trace(
    query: Query, statement: CompiledStatement, *, named_only: bool, bounded: bool
) -> StatementTrace:
    reason: Reason = ""
    condition = None
    if not statement.action(query.action.lower()):
        reason = "action"
    elif statement.resource and not statement.resource(query.resource, query.lookup):
        reason = "resource"
    elif named_only and not statement.naming(query.principal, bounded):
        reason = "principal"
    else:
        condition = _failing_condition(query, statement)
        reason = "condition" if condition else ""
    source = statement.source
    return StatementTrace(statement.index, source.sid, source.effect, not reason, reason, condition)


def _failing_condition(query: Query, statement: CompiledStatement) -> ConditionTrace | None:
    for condition in statement.conditions:
        if not condition.test(query.lookup):
            source = condition.source
            actual = query.lookup(source.key.lower())
            return ConditionTrace(source.operator, source.key, source.values, actual)
    return None


def _missing_keys(query: Query, policies: list[Policy]) -> tuple[str, ...]:
    missing: dict[str, str] = {}
    for policy in policies:
        variables = policy.document.version == VERSION
        for statements in policy.matching(query.action):
            for statement in statements:
                for key in statement_keys(statement.source, variables=variables):
                    if query.lookup(key.lower()) is None:
                        missing.setdefault(key.lower(), key)
    return tuple(sorted(missing.values()))
