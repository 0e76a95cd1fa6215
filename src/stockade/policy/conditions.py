# SPDX-License-Identifier: Apache-2.0
"""Condition elements as closures.

Each key under each operator must hold. The values under a key are alternatives for a positive
operator and all excluded by a negated one. A key that the request lacks fails a positive
operator and passes a negated one, `...IfExists` and `ForAllValues`; `ForAnyValue` needs a
value whatever else is said. Without a quantifier a key with several values is treated as
"any of them". A variable that the request does not fill matches nothing, and fails a negated
operator, so that a statement never applies because of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from stockade.policy.operators import Family, Operator, parse_operator
from stockade.policy.request import Lookup
from stockade.policy.variables import resolve, static, tokenize

if TYPE_CHECKING:
    from stockade.policy.elements import Condition
    from stockade.policy.match import Match
    from stockade.policy.variables import Tokens

Test = Callable[[Lookup], bool]
_Holds = Callable[[tuple[str, ...], "Match"], bool]
"""From the values of a request and the match of one to whether the operator holds."""


def compile_condition(condition: Condition, *, variables: bool) -> Test:
    """Compile one key under one operator."""
    operator = parse_operator(condition.operator)
    if operator is None:
        return lambda _lookup: False
    key, family = condition.key.lower(), operator.family
    if family is None:
        return _null(key, condition.values)
    cut = [cut_value(family, value, variables=variables) for value in condition.values]
    plain = [tokens for tokens in map(static, cut) if tokens is not None]
    if len(plain) < len(cut):
        return _open_test(operator, family, key, cut)
    match, holds, missing = family.compare(plain), _holds(operator, family), _missing(operator)

    def test(lookup: Lookup) -> bool:
        values = lookup(key)
        return holds(values, match) if values else missing

    return test


def cut_value(family: Family, value: str, *, variables: bool) -> Tokens:
    """Cut a value of a condition into tokens, as far as the operator knows them."""
    return tokenize(value, variables=variables and family.variables, wildcards=family.wildcards)


def _open_test(operator: Operator, family: Family, key: str, cut: Sequence[Tokens]) -> Test:
    """Compile a condition whose values have variables."""
    holds, missing = _holds(operator, family), _missing(operator)

    def test(lookup: Lookup) -> bool:
        values = lookup(key)
        if not values:
            return missing
        resolved = [found for tokens in cut if (found := resolve(tokens, lookup)) is not None]
        if family.negated and len(resolved) < len(cut):
            return False
        return holds(values, family.compare(resolved))

    return test


def _missing(operator: Operator) -> bool:
    """Tell whether the operator holds for a key that the request lacks."""
    if operator.quantifier:
        return operator.quantifier == "ForAllValues"
    return operator.if_exists or (operator.family is not None and operator.family.negated)


def _holds(operator: Operator, family: Family) -> _Holds:
    negated = family.negated
    if operator.quantifier == "ForAllValues":
        return lambda values, match: all(match(value) is not negated for value in values)
    if operator.quantifier == "ForAnyValue":
        return lambda values, match: any(match(value) is not negated for value in values)
    return lambda values, match: (
        (match(values[0]) if len(values) == 1 else any(map(match, values))) is not negated
    )


def _null(key: str, values: Sequence[str]) -> Test:
    """Compile `Null`: `true` asks that the request lacks the key, `false` that it has it."""
    wanted = {value.lower() for value in values}
    if_missing, if_present = "true" in wanted, "false" in wanted
    return lambda lookup: if_present if lookup(key) else if_missing
