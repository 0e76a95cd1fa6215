# SPDX-License-Identifier: Apache-2.0
"""ValidatePolicy's checks: grammar, and what is probably not meant.

`nodes` reads JSON with places; `structure`, `names`, `conditions` and `permissions` look at it by
theme; `texts` has AWS's words. A check that another one makes pointless is not made: without JSON
there is nothing more to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stockade.policy.elements import VERSION
from stockade.policy.validation import conditions, names, permissions, structure
from stockade.policy.validation.issues import Issue, PolicyType, Target
from stockade.policy.validation.nodes import BadJson, Node, PathElement, read
from stockade.policy.validation.texts import FindingKind, details_of, kind_of, link_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Finding", "Location", "PolicyType", "Position", "validate"]


class Position(msgspec.Struct, frozen=True):
    """A place in the text: lines from 1, columns and offsets from 0."""

    line: int
    column: int
    offset: int


class Location(msgspec.Struct, frozen=True):
    """One place that a finding points at."""

    path: tuple[PathElement, ...]
    start: Position
    end: Position


class Finding(msgspec.Struct, frozen=True):
    """One finding as ValidatePolicy answers it."""

    kind: FindingKind
    code: str
    details: str
    link: str
    locations: tuple[Location, ...]


def validate(text: str, policy_type: PolicyType, resource_type: str = "") -> list[Finding]:
    """Return the findings of a policy document, in the order of the text."""
    try:
        root = read(text)
    except BadJson as problem:
        return [_syntax_error(text, problem.at)]
    version = root.get("Version")
    modern = version is not None and version.text == VERSION
    found = list(_issues(root, text, Target(policy_type, resource_type, modern)))
    found.sort(key=lambda one: one.places[0].start)
    return [_finding(text, one) for one in found]


def _issues(root: Node, text: str, target: Target) -> Iterator[Issue]:
    if root.kind != "Object":
        yield Issue("DATA_TYPE_MISMATCH", (root,), {"expected": "Object"})
        return
    yield from structure.check_document(root, target)
    yield from permissions.check_size(root, text, target)
    statements = structure.statements(root)
    for statement in statements:
        yield from structure.check_statement(statement, target)
        yield from names.check_actions(statement)
        yield from names.check_resources(statement)
        yield from names.check_principals(statement, target)
        yield from conditions.check_conditions(statement)
        yield from conditions.check_variables(statement, target)
        yield from permissions.check_permissions(statement)
    yield from permissions.check_redundancy(statements)


def _finding(text: str, found: Issue) -> Finding:
    locations = tuple(
        Location(node.path, _position(text, node.start), _position(text, node.end))
        for node in found.places
    )
    return Finding(
        kind_of(found.code),
        found.code,
        details_of(found.code, **found.values),
        link_of(found.code),
        locations,
    )


def _syntax_error(text: str, at: int) -> Finding:
    place = _position(text, at)
    code = "JSON_SYNTAX_ERROR"
    details = details_of(code, index=at, line=place.line, column=place.column)
    return Finding(
        kind_of(code), code, details, link_of(code), (Location((), place, _position(text, at)),)
    )


def _position(text: str, offset: int) -> Position:
    line = text.count("\n", 0, offset) + 1
    return Position(line, offset - (text.rfind("\n", 0, offset) + 1), offset)
