# SPDX-License-Identifier: Apache-2.0
"""From a document to closures: compiled once when a policy is written, used at every request.

A policy keeps an index from action to the statements about it, filled as actions are asked
for, so that a decision looks at few statements. The index only ever gains entries whose value
follows from the document, hence threads may fill it side by side without a lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from stockade.policy.conditions import Test, compile_condition
from stockade.policy.elements import VERSION, Condition, Document, Statement
from stockade.policy.match import Match, ResourceTest, actions, resources
from stockade.policy.principals import Naming, naming_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from stockade.policy.request import Lookup, Query

MAX_INDEXED_ACTIONS: Final = 1024
"""How many actions one policy remembers; beyond, it answers without remembering."""


class CompiledCondition(msgspec.Struct, frozen=True):
    """A condition and the closure that tests it."""

    source: Condition
    test: Test


class CompiledStatement(msgspec.Struct, frozen=True):
    """A statement and the closures that test its elements."""

    index: int
    source: Statement
    action: Match
    """Tells whether an action, in lower case, is meant."""
    naming: Naming
    resource: ResourceTest | None
    """None when every resource is meant."""
    conditions: tuple[CompiledCondition, ...]
    applies: Callable[[Query], bool]
    """Tests resource and conditions."""
    reference: msgspec.Raw
    """What a record calls it, encoded once, since every allowed call names some: `[policy, n]`, the
    policy's ARN or name (empty for the resource's own) and the statement's Sid or position."""


Matching = tuple[tuple[CompiledStatement, ...], tuple[CompiledStatement, ...]]
"""The denying and the allowing statements about an action."""


class Policy:
    """A compiled policy."""

    __slots__ = ("_index", "arn", "document", "name", "statements")

    def __init__(self, document: Document, arn: str, name: str) -> None:
        variables = document.version == VERSION
        self.arn = arn
        self.name = name
        self.document = document
        called = (arn or name) if name else ""
        self.statements = tuple(
            _compile_statement(index, statement, called, variables=variables)
            for index, statement in enumerate(document.statements)
        )
        self._index: dict[str, Matching] = {}

    def matching(self, action: str) -> Matching:
        """Return the denying and the allowing statements about an action."""
        found = self._index.get(action)
        if found is None:
            found = self._find(action.lower())
            if len(self._index) < MAX_INDEXED_ACTIONS:
                self._index[action] = found
        return found

    def _find(self, action: str) -> Matching:
        about = [statement for statement in self.statements if statement.action(action)]
        return (
            tuple(statement for statement in about if statement.source.effect == "Deny"),
            tuple(statement for statement in about if statement.source.effect == "Allow"),
        )


def compile_policy(document: Document, *, arn: str = "", name: str = "") -> Policy:
    """Compile a document; ARN and name come back in decisions."""
    return Policy(document, arn, name)


def _compile_statement(
    index: int, source: Statement, policy: str, *, variables: bool
) -> CompiledStatement:
    resource = _resource_test(source, variables=variables)
    conditions = tuple(
        CompiledCondition(condition, compile_condition(condition, variables=variables))
        for condition in source.conditions
    )
    return CompiledStatement(
        index=index,
        source=source,
        action=_action_match(source),
        naming=naming_of(source),
        resource=resource,
        conditions=conditions,
        applies=_applies(resource, tuple(condition.test for condition in conditions)),
        reference=msgspec.Raw(msgspec.json.encode((policy, source.sid or index))),
    )


def _action_match(source: Statement) -> Match:
    if source.not_actions is None:
        return actions(source.actions or ())
    match = actions(source.not_actions)
    return lambda action: not match(action)


def _resource_test(source: Statement, *, variables: bool) -> ResourceTest | None:
    if source.not_resources is not None:
        return resources(source.not_resources, negated=True, variables=variables)
    if source.resources is not None:
        return resources(source.resources, negated=False, variables=variables)
    return None


def _applies(resource: ResourceTest | None, tests: tuple[Test, ...]) -> Callable[[Query], bool]:
    if resource is None:
        return lambda query: _all_hold(tests, query.lookup)
    if not tests:
        return lambda query: resource(query.resource, query.lookup)
    return lambda query: resource(query.resource, query.lookup) and _all_hold(tests, query.lookup)


def _all_hold(tests: tuple[Test, ...], lookup: Lookup) -> bool:
    for test in tests:  # noqa: SIM110 - a generator would double the cost
        if not test(lookup):
            return False
    return True
