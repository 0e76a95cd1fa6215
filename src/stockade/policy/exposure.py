# SPDX-License-Identifier: Apache-2.0
"""Who outside a zone of trust a resource policy lets in, and whether that is everybody.

The zone is a set of accounts, and the organization that they make up where there is one. Services
of AWS are no strangers. A statement that names everybody is not public where a condition holds it
to something fixed: accounts, an organization, networks, one resource. What a denying statement
certainly takes away is not granted; `Deny` with `StringNotEquals` on such a key holds like a
condition. Where it is not certain, access is assumed.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

import msgspec

from stockade.policy.operators import parse_operator
from stockade.policy.regions import EVERYONE, Callers, Region, Universe, regions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stockade.policy.elements import Condition, Document, Statement
    from stockade.policy.regions import Name

_ACCOUNTS: Final = frozenset(
    {
        "aws:principalaccount",
        "aws:sourceaccount",
        "aws:sourceowner",
        "aws:vpceaccount",
        "kms:calleraccount",
        "s3:dataaccesspointaccount",
    }
)
_ARNS: Final = frozenset({"aws:principalarn", "aws:sourcearn", "s3:dataaccesspointarn"})
_ORGANIZATIONS: Final = frozenset(
    {
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:vpceorgid",
        "aws:vpceorgpaths",
    }
)
_FIXED: Final = frozenset({"aws:sourcevpc", "aws:sourcevpce", "aws:userid"})
_SMALLEST_PREFIX: Final = {4: 8, 6: 32}.get
"""Networks with a shorter prefix are as good as everybody, by IP version."""
_POSITIVE: Final = frozenset(
    {"StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike", "IpAddress"}
)
_NEGATIVE: Final = frozenset(
    {
        "StringNotEquals",
        "StringNotEqualsIgnoreCase",
        "StringNotLike",
        "ArnNotEquals",
        "ArnNotLike",
        "NotIpAddress",
    }
)
_ACCOUNT_LENGTH: Final = 12


class Zone(msgspec.Struct, frozen=True):
    """Whom an analyzer trusts."""

    accounts: frozenset[str] = frozenset()
    organization: str = ""


class Exposure(msgspec.Struct, frozen=True):
    """One principal outside the zone that a statement lets in."""

    index: int
    sid: str
    principal: Name
    """Type and value; everybody is `("AWS", "*")`."""
    public: bool
    actions: tuple[str, ...]
    """As the statement has them."""
    conditions: tuple[tuple[str, str], ...]


def exposures(document: Document, zone: Zone) -> list[Exposure]:
    """Return whom a resource policy lets in from outside a zone of trust."""
    universe = Universe((document,))
    denies = regions(document, universe, "Deny")
    return [
        found
        for allow in regions(document, universe, "Allow")
        for found in _of_statement(document, allow, denies, zone)
    ]


def public_statements(document: Document) -> list[Exposure]:
    """Return what makes a resource policy public: at most one for each statement."""
    return [found for found in exposures(document, Zone()) if found.public]


def _of_statement(
    document: Document, allow: Region, denies: Sequence[Region], zone: Zone
) -> Iterator[Exposure]:
    statement = document.statements[allow.index]
    limits = [*statement.conditions, *_limits_by_deny(document, allow, denies)]
    if any(_trusted(condition, zone) for condition in limits):
        return
    held = any(_holds(condition) for condition in limits)
    for caller in _strangers(allow, zone):
        if _all_denied(allow, caller, denies):
            continue
        everyone = isinstance(caller, Callers) or caller == EVERYONE
        yield Exposure(
            index=allow.index,
            sid=allow.sid,
            principal=("AWS", "*") if isinstance(caller, Callers) or everyone else caller,
            public=everyone and not held,
            actions=statement.actions or ("*",),
            conditions=_shown(statement),
        )


def _shown(statement: Statement) -> tuple[tuple[str, str], ...]:
    return tuple((condition.key, ",".join(condition.values)) for condition in statement.conditions)


def _strangers(allow: Region, zone: Zone) -> Iterator[Callers | Name]:
    """Yield the callers of a statement that are not of the zone."""
    parts = allow.callers.atoms()
    if EVERYONE in parts:
        yield EVERYONE
        return
    for caller in sorted(parts, key=str):
        if isinstance(caller, Callers) or _is_strange(caller, zone):
            yield caller


def _is_strange(name: Name, zone: Zone) -> bool:
    of_type, value = name
    if of_type == "Service":
        return False
    if of_type != "AWS":
        return True
    fields = value.split(":")
    account = fields[4] if len(fields) > 5 else value
    # Everything else is the id of a principal that was deleted.
    return account not in zone.accounts and (len(fields) > 5 or len(account) == _ACCOUNT_LENGTH)


def _all_denied(allow: Region, caller: Callers | Name, denies: Iterable[Region]) -> bool:
    """Tell whether denying statements take away all that a statement grants to a caller."""
    return all(
        allow.actions
        <= frozenset().union(
            *(deny.actions for deny in denies if deny.covers(part, caller, allow.terms))
        )
        for part in allow.resources.atoms()
    )


def _limits_by_deny(
    document: Document, allow: Region, denies: Iterable[Region]
) -> Iterator[Condition]:
    """Yield what denying statements ask of everybody who is to be allowed."""
    for deny in denies:
        conditions = document.statements[deny.index].conditions
        if (
            len(conditions) == 1
            and EVERYONE in deny.callers.names
            and not deny.callers.negated
            and allow.actions <= deny.actions
            and all(deny.resources.cover(part) for part in allow.resources.atoms())
        ):
            yield from map(_turned, conditions)


def _turned(condition: Condition) -> Condition:
    """Return the condition that lets through what a denying one does not hit."""
    operator = parse_operator(condition.operator)
    if operator is None or operator.quantifier or operator.name not in _NEGATIVE:
        return msgspec.structs.replace(condition, operator="")
    return msgspec.structs.replace(condition, operator=operator.name.replace("Not", ""))


def _is_positive(condition: Condition) -> bool:
    operator = parse_operator(condition.operator)
    return (
        operator is not None
        and operator.name in _POSITIVE
        and not operator.if_exists
        and operator.quantifier != "ForAllValues"
        and bool(condition.values)
    )


def _holds(condition: Condition) -> bool:
    """Tell whether a condition holds callers to something fixed."""
    key = condition.key.lower()
    return _is_positive(condition) and all(_is_fixed(key, value) for value in condition.values)


def _is_fixed(key: str, value: str) -> bool:
    if key in _ORGANIZATIONS:
        return _plain(value.partition("/")[0])
    if key in _ARNS:
        return _plain(value) or _plain(_account_of(value))
    if key == "aws:sourceip":
        return _is_narrow(value)
    if key == "aws:userid":
        return _plain(value.partition(":")[0])
    return key in _ACCOUNTS | _FIXED and _plain(value)


def _trusted(condition: Condition, zone: Zone) -> bool:
    """Tell whether a condition lets in nobody from outside the zone."""
    return _is_positive(condition) and all(
        _is_inside(condition.key.lower(), value, zone) for value in condition.values
    )


def _is_inside(key: str, value: str, zone: Zone) -> bool:
    if key in _ACCOUNTS:
        return value in zone.accounts
    if key in _ARNS:
        return _account_of(value) in zone.accounts
    if key in _ORGANIZATIONS:
        return bool(zone.organization) and value.partition("/")[0] == zone.organization
    return False


def _account_of(arn: str) -> str:
    fields = arn.split(":")
    return fields[4] if len(fields) > 5 else ""


def _plain(value: str) -> bool:
    return bool(value) and not {"*", "?", "$"} & set(value)


def _is_narrow(value: str) -> bool:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return True  # it lets nobody in
    return network.prefixlen >= (_SMALLEST_PREFIX(network.version) or 0)
