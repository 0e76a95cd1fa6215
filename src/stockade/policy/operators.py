# SPDX-License-Identifier: Apache-2.0
"""The condition operators: their names, prefixes and suffix, and how each compares.

Every operator is a comparison of one request value with the policy's values, positive or
negated. A comparison succeeds when any of the policy's values matches; text that a typed
operator cannot read matches nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from stockade.policy.match import any_of, arn_of, glob_of
from stockade.policy.values import (
    parse_address,
    parse_binary,
    parse_instant,
    parse_network,
    parse_number,
)
from stockade.policy.variables import literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stockade.policy.match import Match
    from stockade.policy.variables import Resolved

Comparison = Callable[[Sequence["Resolved"]], "Match"]
"""From the policy's values to a test of one request value."""

Quantifier = Literal["", "ForAllValues", "ForAnyValue"]


class Family(msgspec.Struct, frozen=True):
    """One operator without prefix and suffix."""

    compare: Comparison
    negated: bool = False
    variables: bool = False
    """Policy variables are honoured in the values."""
    wildcards: bool = False


class Operator(msgspec.Struct, frozen=True):
    """An operator as it stands in a policy, taken apart."""

    name: str
    family: Family | None
    """None for `Null`, which compares nothing."""
    quantifier: Quantifier = ""
    if_exists: bool = False


def parse_operator(text: str) -> Operator | None:
    """Take an operator apart; None when there is no such operator."""
    if text == "Null":
        return Operator("Null", None)
    prefix, colon, rest = text.rpartition(":")
    if colon and prefix not in {"ForAllValues", "ForAnyValue"}:
        return None
    name = rest.removesuffix("IfExists")
    family = _FAMILIES.get(name)
    if family is None:
        return None
    quantifier: Quantifier = ""
    if colon:
        quantifier = "ForAllValues" if prefix == "ForAllValues" else "ForAnyValue"
    return Operator(name, family, quantifier, name != rest)


def _equals(values: Sequence[Resolved]) -> Match:
    return frozenset(map(literal, values)).__contains__


def _equals_ignore_case(values: Sequence[Resolved]) -> Match:
    wanted = frozenset(literal(value).lower() for value in values)
    return lambda value: value.lower() in wanted


def _like(values: Sequence[Resolved]) -> Match:
    return any_of([glob_of(value) for value in values])


def _arn_like(values: Sequence[Resolved]) -> Match:
    return any_of([arn_of(value) for value in values])


def _bool(values: Sequence[Resolved]) -> Match:
    wanted = frozenset(literal(value).lower() for value in values) & {"true", "false"}
    return lambda value: value.lower() in wanted


def _binary(values: Sequence[Resolved]) -> Match:
    wanted = _read(parse_binary, values)
    return lambda value: (given := parse_binary(value)) is not None and given in wanted


def _ip(values: Sequence[Resolved]) -> Match:
    networks = _read(parse_network, values)

    def match(value: str) -> bool:
        address = parse_address(value)
        if address is None:
            return False
        version, number = address
        for network in networks:
            if network.version == version and number & network.mask == network.base:
                return True
        return False

    return match


def _ordered(parse: Callable[[str], Any], holds: Callable[[Any, Any], bool]) -> Comparison:
    """Return the comparison of numbers or dates that `holds` between request and policy."""

    def compare(values: Sequence[Resolved]) -> Match:
        bounds = _read(parse, values)

        def match(value: str) -> bool:
            given = parse(value)
            return given is not None and any(holds(given, bound) for bound in bounds)

        return match

    return compare


def _read(parse: Callable[[str], Any], values: Sequence[Resolved]) -> list[Any]:
    return [read for value in values if (read := parse(literal(value))) is not None]


def _families() -> Mapping[str, Family]:
    string = Family(_equals, variables=True)
    folded = Family(_equals_ignore_case, variables=True)
    like = Family(_like, variables=True, wildcards=True)
    arn = Family(_arn_like, variables=True, wildcards=True)
    address = Family(_ip)
    families = {
        "StringEquals": string,
        "StringNotEquals": _not(string),
        "StringEqualsIgnoreCase": folded,
        "StringNotEqualsIgnoreCase": _not(folded),
        "StringLike": like,
        "StringNotLike": _not(like),
        "ArnEquals": arn,
        "ArnNotEquals": _not(arn),
        "ArnLike": arn,
        "ArnNotLike": _not(arn),
        "Bool": Family(_bool, variables=True),
        "BinaryEquals": Family(_binary),
        "IpAddress": address,
        "NotIpAddress": _not(address),
    }
    for kind, parse in (("Numeric", parse_number), ("Date", parse_instant)):
        equal = Family(_ordered(parse, operator.eq))
        families |= {
            f"{kind}Equals": equal,
            f"{kind}NotEquals": _not(equal),
            f"{kind}LessThan": Family(_ordered(parse, operator.lt)),
            f"{kind}LessThanEquals": Family(_ordered(parse, operator.le)),
            f"{kind}GreaterThan": Family(_ordered(parse, operator.gt)),
            f"{kind}GreaterThanEquals": Family(_ordered(parse, operator.ge)),
        }
    return MappingProxyType(families)


def _not(family: Family) -> Family:
    return msgspec.structs.replace(family, negated=True)


_FAMILIES: Final = _families()
