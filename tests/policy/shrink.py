# SPDX-License-Identifier: Apache-2.0
"""From a case on which two evaluators disagree to the smallest such case.

Whatever can be left out is left out, one thing at a time, as long as the case still fails:
policies, statements, conditions, single names and values, keys of the context.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict, replace

from stockade.policy.compile import compile_policy
from stockade.policy.decide import Query
from stockade.policy.proposal import statement_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stockade.policy.compile import Policy
    from stockade.policy.decide import Layers, Levels
    from stockade.policy.elements import Statement

    Case = tuple[Query, Layers]

LISTS = ("principals", "not_principals", "actions", "not_actions", "resources", "not_resources")


def smallest(case: Case, fails: Callable[[Case], bool]) -> Case:
    """Return the smallest case that still fails; each of its parts is needed."""
    while True:
        smaller = next((one for one in _smaller(case) if fails(one)), None)
        if smaller is None:
            return case
        case = smaller


def told(case: Case) -> str:
    """Write a case down so that it can be read and repeated."""
    query, layers = case
    lines = [
        f"{query.action} on {query.resource} by {query.principal}",
        f"context {_context(case)}",
    ]
    for name, value in asdict(layers).items():
        shown = [_document(policy) for policy in _policies(value)]
        plain = callable(value) or isinstance(value, str | bool | None)
        lines.append(f"{name}: {value}" if plain else f"{name}:")
        lines += [f"  {text}" for text in shown]
    return "\n".join(lines)


def _smaller(case: Case) -> Iterator[Case]:
    query, layers = case
    for fewer in _fewer_layers(layers):
        yield query, fewer
    context = _context(case)
    for key in context:
        left = {name: values for name, values in context.items() if name != key}
        yield replace(query, lookup=left.get), layers


def _fewer_layers(layers: Layers) -> Iterator[Layers]:
    for name in ("resource", "boundary", "endpoint"):
        policy = getattr(layers, name)
        if policy is not None:
            yield replace(layers, **{name: None})
            for less in _less(policy):
                yield replace(layers, **{name: less})
    for fewer in _fewer(layers.identity):
        yield replace(layers, identity=fewer)
    if layers.session is not None:
        yield replace(layers, session=None)
        for fewer in _fewer(layers.session):
            yield replace(layers, session=fewer)
    for name in ("scp", "rcp"):
        for levels in _fewer_levels(getattr(layers, name)):
            yield replace(layers, **{name: levels})
    if layers.granted is not None:
        yield replace(layers, granted=None)
    if layers.resource_must_allow:
        yield replace(layers, resource_must_allow=False)


def _fewer_levels(levels: Levels) -> Iterator[Levels]:
    for index, level in enumerate(levels):
        yield levels[:index] + levels[index + 1 :]
        for fewer in _fewer(level):
            yield (*levels[:index], fewer, *levels[index + 1 :])


def _fewer(policies: tuple[Policy, ...]) -> Iterator[tuple[Policy, ...]]:
    for index, policy in enumerate(policies):
        yield policies[:index] + policies[index + 1 :]
        for less in _less(policy):
            yield (*policies[:index], less, *policies[index + 1 :])


def _less(policy: Policy) -> Iterator[Policy]:
    statements = policy.document.statements
    for index, statement in enumerate(statements):
        rest = statements[:index], statements[index + 1 :]
        choices: list[tuple[Statement, ...]] = [()] if len(statements) > 1 else []
        choices += [(one,) for one in _simpler(statement)]
        for chosen in choices:
            yield compile_policy(replace(policy.document, statements=(*rest[0], *chosen, *rest[1])))


def _simpler(statement: Statement) -> Iterator[Statement]:
    for index, condition in enumerate(statement.conditions):
        rest = statement.conditions[:index], statement.conditions[index + 1 :]
        yield replace(statement, conditions=rest[0] + rest[1])
        for values in _shorter(condition.values):
            less = replace(condition, values=values)
            yield replace(statement, conditions=(*rest[0], less, *rest[1]))
    for name in LISTS:
        for values in _shorter(getattr(statement, name) or ()):
            yield replace(statement, **{name: values})


def _shorter(values: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if len(values) > 1:
        for index in range(len(values)):
            yield values[:index] + values[index + 1 :]


def _context(case: Case) -> dict[str, tuple[str, ...]]:
    context: dict[str, tuple[str, ...]] = getattr(case[0].lookup, "__self__", {})
    return context


def _policies(value: Any) -> list[Policy]:
    if isinstance(value, tuple):
        return [policy for one in value for policy in _policies(one)]
    return [] if callable(value) or isinstance(value, str | bool | None) else [value]


def _document(policy: Policy) -> str:
    document = policy.document
    shown = [statement_json(statement) for statement in document.statements]
    return json.dumps({"Version": document.version, "Statement": shown})
