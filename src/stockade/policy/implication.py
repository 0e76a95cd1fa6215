# SPDX-License-Identifier: Apache-2.0
"""Whether one set of conditions holds only where another does too.

Only what is certain counts: "implies" is never said of conditions that some request tells apart.
Values are compared as globs, networks by what they contain, everything else as it is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stockade.policy.conditions import cut_value
from stockade.policy.globs import Pattern, Symbol, Work, includes, of_tokens
from stockade.policy.operators import Operator, parse_operator
from stockade.policy.values import parse_network
from stockade.policy.variables import Variable, Wild

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stockade.policy.elements import Condition

_LIKE = frozenset({"StringEquals", "StringLike"})
_EXACT = frozenset({"StringEquals", "StringNotEquals"})


class Terms:
    """The conditions of one statement, with the version of its document."""

    def __init__(
        self, conditions: Iterable[Condition], *, variables: bool, work: Work | None = None
    ) -> None:
        self._terms = [_Term(condition, variables=variables) for condition in conditions]
        self._work = Work() if work is None else work

    def imply(self, other: Terms) -> bool:
        """Tell whether every request that meets these conditions meets the other ones."""
        return all(
            any(mine.implies(theirs, self._work) for mine in self._terms) for theirs in other._terms
        )

    def __bool__(self) -> bool:
        return bool(self._terms)


class _Term:
    """One key under one operator."""

    def __init__(self, condition: Condition, *, variables: bool) -> None:
        self.key = condition.key.lower()
        self.written = condition.operator
        self.values = frozenset(condition.values)
        self.operator = parse_operator(condition.operator)
        self.variables = variables
        self.patterns = frozenset(_patterns(self.operator, condition, variables=variables))

    def implies(self, other: _Term, work: Work) -> bool:
        work.spend(1)
        mine, theirs = self.operator, other.operator
        if self.key != other.key or mine is None or theirs is None:
            return False
        if theirs.family is None:
            return self._implies_null(other)
        if mine.family is None or not _same_kind(mine, theirs):
            return False
        if mine.family.negated:
            return other.patterns <= self.patterns
        return all(
            any(_within(mine, one, wide, work) for wide in other.patterns) for one in self.patterns
        )

    def _implies_null(self, other: _Term) -> bool:
        """Tell whether this holds only where a key is there, or is not, as the other says."""
        mine = self.operator
        assert mine is not None
        wanted = {value.lower() for value in other.values} & {"true", "false"}
        if wanted == {"true", "false"}:
            return True
        if mine.family is None:
            given = {value.lower() for value in self.values} & {"true", "false"}
            return bool(given) and given <= wanted
        needs_key = mine.quantifier == "ForAnyValue" or not (
            mine.quantifier or mine.if_exists or mine.family.negated
        )
        return needs_key and wanted == {"false"}


def _patterns(
    operator: Operator | None, condition: Condition, *, variables: bool
) -> Iterable[Pattern]:
    if operator is None or operator.family is None:
        return
    for value in condition.values:
        yield of_tokens(cut_value(operator.family, value, variables=variables))


def _same_kind(mine: Operator, theirs: Operator) -> bool:
    """Tell whether two operators compare alike, and the second is at least as lenient."""
    if mine.quantifier != theirs.quantifier:
        return False
    if not mine.quantifier and mine.if_exists and not theirs.if_exists and not _passes(theirs):
        return False
    if mine.name == theirs.name:
        return True
    if mine.name in _LIKE and theirs.name == "StringLike":
        return True
    return {mine.name, theirs.name} in ({"ArnEquals", "ArnLike"}, {"ArnNotEquals", "ArnNotLike"})


def _passes(operator: Operator) -> bool:
    """Tell whether an operator without a quantifier holds for a key that a request lacks."""
    return operator.if_exists or (operator.family is not None and operator.family.negated)


def _within(operator: Operator, one: Pattern, wide: Pattern, work: Work) -> bool:
    """Tell whether what a value of a positive operator admits is admitted by another value."""
    work.spend(1)
    if one == wide:
        return True
    if operator.name in _LIKE:
        return includes(wide, one, work)
    if operator.name in {"ArnEquals", "ArnLike"}:
        return _arn_within(one, wide, work)
    if operator.name == "IpAddress":
        return _network_within(_text(one), _text(wide))
    return False


def _arn_within(one: Pattern, wide: Pattern, work: Work) -> bool:
    """Compare ARN patterns field by field, as the ARN operators match them.

    A variable may bring colons along, which only the last field bears.
    """
    if wide == (Wild.MANY,):
        return True
    work.spend(len(one) + len(wide))
    inner, outer = _fields(one), _fields(wide)
    if any(isinstance(symbol, Variable) for field in inner[:-1] + outer[:-1] for symbol in field):
        return False
    return len(inner) == len(outer) == 6 and all(
        includes(there, here, work) for here, there in zip(inner, outer, strict=True)
    )


def _fields(pattern: Pattern) -> list[Pattern]:
    fields: list[list[Symbol]] = [[]]
    for symbol in pattern:
        if symbol == ":" and len(fields) < 6:
            fields.append([])
        else:
            fields[-1].append(symbol)
    return [tuple(field) for field in fields]


def _network_within(one: str, wide: str) -> bool:
    inner, outer = parse_network(one), parse_network(wide)
    if inner is None:
        return True
    if outer is None or inner.version != outer.version:
        return False
    return inner.mask & outer.mask == outer.mask and inner.base & outer.mask == outer.base


def _text(pattern: Pattern) -> str:
    return "".join(symbol for symbol in pattern if isinstance(symbol, str))
