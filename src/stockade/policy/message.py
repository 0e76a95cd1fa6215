# SPDX-License-Identifier: Apache-2.0
"""What an encoded authorization message says, in the shape that AWS documents.

{"allowed": false, "explicitDeny": true, "matchedStatements": {"items": [...]}, "failures":
 {"items": []}, "context": {"principal": {...}, "action": ..., "resource": ..., "conditions":
 {"items": [...]}}}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stockade.policy.context_keys import statement_keys
from stockade.policy.decide import RCP, RESOURCE, first_deny, speaking
from stockade.policy.elements import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stockade.policy.decide import Layers
    from stockade.policy.elements import Statement
    from stockade.policy.request import Query

Items = dict[str, list[Any]]


def authorization_message(
    query: Query, layers: Layers, user_id: str, user_name: str, names: Iterable[str]
) -> dict[str, Any]:
    """Return what is told of a denied request.

    Told are the condition keys of `names`, and those that a statement about the action asks for,
    as far as the request has them.
    """
    denied = first_deny(query, layers)
    hidden = _hidden(query, layers)
    principal = {"id": user_id, "name": user_name or None, "arn": query.principal.arn}
    matched = []
    if denied is not None and denied[0] not in hidden:
        matched.append(_statement(denied[2].source, user_id))
    return {
        "allowed": False,
        "explicitDeny": denied is not None,
        "matchedStatements": _items(matched),
        "failures": _items([]),
        "context": {
            "principal": {name: value for name, value in principal.items() if value is not None},
            "action": query.action,
            "resource": query.resource,
            "conditions": _items(_conditions(query, layers, names)),
        },
    }


def _statement(statement: Statement, user_id: str) -> dict[str, Any]:
    """Return a statement; its principal is the caller, a session by its role's id."""
    return {
        "statementId": statement.sid,
        "effect": statement.effect.upper(),
        "principals": _values([user_id.partition(":")[0]]),
        "principalGroups": _items([]),
        "actions": _values(statement.actions or statement.not_actions or ()),
        "resources": _values(statement.resources or statement.not_resources or ()),
        "conditions": _items(
            {"key": condition.key, "values": _values(condition.values)}
            for condition in statement.conditions
        ),
    }


def _conditions(query: Query, layers: Layers, names: Iterable[str]) -> Iterator[dict[str, Any]]:
    told = {name.lower(): name for name in (*names, *_asked(query, layers))}
    for key, name in told.items():
        values = query.lookup(key)
        if values:
            yield {"key": name, "values": _values(values)}


def _hidden(query: Query, layers: Layers) -> frozenset[str]:
    """Return the kinds of policy that belong to another account than the caller's."""
    same = query.principal.account == layers.resource_account
    return frozenset() if same else frozenset({RESOURCE, RCP})


def _asked(query: Query, layers: Layers) -> Iterator[str]:
    """Yield the keys that statements about the action ask for."""
    hidden = _hidden(query, layers)
    for policy_type, policies in speaking(query.principal, layers):
        for policy in policies if policy_type not in hidden else ():
            variables = policy.document.version == VERSION
            for statements in policy.matching(query.action):
                for statement in statements:
                    yield from statement_keys(statement.source, variables=variables)


def _values(values: Iterable[str]) -> Items:
    return _items({"value": value} for value in values)


def _items(items: Iterable[Any]) -> Items:
    return {"items": list(items)}
