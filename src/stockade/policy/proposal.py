# SPDX-License-Identifier: Apache-2.0
"""The smallest change of policies that would allow a request, found by trying.

Each round mends the one thing that the decision names: a denying statement is taken out, a
missing allow is put in where it is missing, for exactly this caller, action and resource. Where a
level of control policies does not allow, the statement goes into that level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from stockade.policy.compile import compile_policy
from stockade.policy.decide import (
    BOUNDARY,
    ENDPOINT,
    IDENTITY,
    NAMING,
    RCP,
    RESOURCE,
    SCP,
    decide,
    first_deny,
    silent_control,
)
from stockade.policy.elements import VERSION, Document, PrincipalName, Statement

if TYPE_CHECKING:
    from stockade.policy.compile import Policy
    from stockade.policy.decide import Found, Layers, Levels
    from stockade.policy.request import Principal, Query

MOST_CHANGES: Final = 20
"""More would help nobody, and each costs a compilation."""


class Change(msgspec.Struct, frozen=True):
    """One statement to put into, or take out of, a policy."""

    action: Literal["add", "remove"]
    policy_type: str
    policy_arn: str
    """The policy to change; empty when it has no ARN, or when any of its kind will do."""
    statement: dict[str, Any]
    level: int | None = None
    """Of a control policy the level that lacks it, 0 for the root of the organization."""


def propose(query: Query, layers: Layers) -> tuple[Change, ...]:
    """Return the changes that together would allow a request, or the first of very many."""
    changes: list[Change] = []
    while len(changes) < MOST_CHANGES and not (decision := decide(query, layers)).allowed:
        denial = first_deny(query, layers)
        change, layers = (
            _remove(layers, denial) if denial else _add(query, layers, decision.policy_type)
        )
        changes.append(change)
    return tuple(changes)


def _add(query: Query, layers: Layers, policy_type: str) -> tuple[Change, Layers]:
    """Put the missing allow into a layer."""
    if policy_type in {SCP, RCP}:
        return _add_to_level(query, layers)
    policy = _single(layers, policy_type)
    statement = _allow(query, policy_type, policy)
    own = _rebuilt(policy, (*(policy.document.statements if policy else ()), statement))
    change = Change("add", policy_type, policy.arn if policy else "", statement_json(statement))
    return change, _with(layers, policy_type, own)


def _add_to_level(query: Query, layers: Layers) -> tuple[Change, Layers]:
    """Put the missing allow into the level of control policies that lacks it."""
    silent = silent_control(query, layers, [])
    assert silent is not None
    policy_type, number = silent
    statement = _allow(query, policy_type, None)
    own = _rebuilt(None, (statement,))
    change = Change("add", policy_type, "", statement_json(statement), number)
    if policy_type == SCP:
        return change, msgspec.structs.replace(layers, scp=_into(layers.scp, number, own))
    return change, msgspec.structs.replace(layers, rcp=_into(layers.rcp, number, own))


def _into(levels: Levels, number: int, policy: Policy) -> Levels:
    return (*levels[:number], (*levels[number], policy), *levels[number + 1 :])


def _allow(query: Query, policy_type: str, policy: Policy | None) -> Statement:
    """Return the statement that allows this caller this action on this resource."""
    version = policy.document.version if policy else VERSION
    trust = policy is not None and policy.document.kind == "trust"
    everyone = (PrincipalName("*", "*"),) if policy_type == RCP else None
    return Statement(
        effect="Allow",
        principals=(_name(query.principal),) if policy_type in NAMING else everyone,
        actions=(query.action,),
        resources=None if trust else (_literal(query.resource, version),),
    )


def _single(layers: Layers, policy_type: str) -> Policy | None:
    """Return the one policy of a layer that has only one."""
    if policy_type == RESOURCE:
        return layers.resource
    if policy_type == ENDPOINT:
        return layers.endpoint
    return layers.boundary if policy_type == BOUNDARY else None


def _with(layers: Layers, policy_type: str, policy: Policy) -> Layers:
    if policy_type == RESOURCE:
        return msgspec.structs.replace(layers, resource=policy)
    if policy_type == ENDPOINT:
        return msgspec.structs.replace(layers, endpoint=policy)
    if policy_type == BOUNDARY:
        return msgspec.structs.replace(layers, boundary=policy)
    if policy_type == IDENTITY:
        return msgspec.structs.replace(layers, identity=(*layers.identity, policy))
    return msgspec.structs.replace(layers, session=(*(layers.session or ()), policy))


def _remove(layers: Layers, denial: Found) -> tuple[Change, Layers]:
    """Take the denying statement out of its policy."""
    policy_type, policy, denying = denial
    statements = policy.document.statements
    rest = _rebuilt(policy, statements[: denying.index] + statements[denying.index + 1 :])
    change = Change("remove", policy_type, policy.arn, statement_json(denying.source))
    return change, _replaced(layers, policy, rest)


def _replaced(layers: Layers, old: Policy, new: Policy) -> Layers:
    def swapped(policies: tuple[Policy, ...]) -> tuple[Policy, ...]:
        return tuple(new if policy is old else policy for policy in policies)

    return msgspec.structs.replace(
        layers,
        identity=swapped(layers.identity),
        resource=new if layers.resource is old else layers.resource,
        boundary=new if layers.boundary is old else layers.boundary,
        session=None if layers.session is None else swapped(layers.session),
        scp=tuple(map(swapped, layers.scp)),
        rcp=tuple(map(swapped, layers.rcp)),
        endpoint=new if layers.endpoint is old else layers.endpoint,
    )


def _rebuilt(policy: Policy | None, statements: tuple[Statement, ...]) -> Policy:
    if policy is None:
        return compile_policy(Document(VERSION, "", statements, "identity"))
    document = msgspec.structs.replace(policy.document, statements=statements)
    return compile_policy(document, arn=policy.arn, name=policy.name)


def _name(principal: Principal) -> PrincipalName:
    """Name a caller as a resource policy would: a session by its role."""
    if principal.kind == "anonymous":
        return PrincipalName("*", "*")
    if principal.kind == "service":
        return PrincipalName("Service", principal.service)
    if principal.kind == "federated" and not principal.account:
        return PrincipalName("Federated", principal.arn)
    return PrincipalName("AWS", principal.role_arn or principal.arn)


def _literal(resource: str, version: str) -> str:
    """Return the pattern that means this resource alone, as far as the version can say it."""
    if resource == "*" or version != VERSION:
        return resource
    return "".join(f"${{{one}}}" if one in "*?$" else one for one in resource)


def statement_json(statement: Statement) -> dict[str, Any]:
    """Return a statement as it is written in a policy document."""
    conditions: dict[str, dict[str, Any]] = {}
    for condition in statement.conditions:
        conditions.setdefault(condition.operator, {})[condition.key] = _short(condition.values)
    elements = {
        "Sid": statement.sid or None,
        "Effect": statement.effect,
        "Principal": _principals_json(statement.principals),
        "NotPrincipal": _principals_json(statement.not_principals),
        "Action": _short(statement.actions),
        "NotAction": _short(statement.not_actions),
        "Resource": _short(statement.resources),
        "NotResource": _short(statement.not_resources),
        "Condition": conditions or None,
    }
    return {element: value for element, value in elements.items() if value is not None}


def _principals_json(names: tuple[PrincipalName, ...] | None) -> str | dict[str, Any] | None:
    if names is None:
        return None
    if any(name.type == "*" for name in names):
        return "*"
    return {
        of_type: _short(tuple(name.value for name in names if name.type == of_type))
        for of_type in dict.fromkeys(name.type for name in names)
    }


def _short(values: tuple[str, ...] | None) -> str | list[str] | None:
    """Write a single value without brackets."""
    if values is None:
        return None
    return values[0] if len(values) == 1 else list(values)
