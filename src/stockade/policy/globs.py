# SPDX-License-Identifier: Apache-2.0
"""Globs as sets of texts: whether one holds all of another, whether two have a text in common.

A pattern is a row of symbols: characters, the two wildcards, and variables. What a variable stands
for is one unknown text, the same wherever the same variable stands in a request; so it lies within
a `*` or within itself and nothing else. Where the answer is not certain it is the careful one:
"does not hold", "has in common".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stockade.policy.variables import Variable, Wild, tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stockade.policy.variables import Tokens

Symbol = str | Wild | Variable
Pattern = tuple[Symbol, ...]

_MOST_STEPS: Final = 4_000_000
"""What two patterns may cost together; hostile ones get the careful answer."""
_BUDGET: Final = 5_000_000
"""What a whole comparison may cost: two seconds, and far more than honest policies do."""


class TooMuchWork(Exception):
    """Policies that cannot be compared in reasonable time."""


class Work:
    """How many steps a comparison may still take."""

    def __init__(self, steps: int = _BUDGET) -> None:
        self._left = steps

    def spend(self, steps: int) -> None:
        """Take steps, or raise TooMuchWork where there are not so many left."""
        self._left -= steps
        if self._left < 0:
            raise TooMuchWork


def pattern(text: str, *, variables: bool) -> Pattern:
    """Cut a pattern of `*`, `?` and, where the policy knows them, variables into symbols."""
    return of_tokens(tokenize(text, variables=variables, wildcards=True))


def literal(text: str) -> Pattern:
    """Return the pattern that is one text and nothing else."""
    return tuple(text)


def of_tokens(tokens: Tokens) -> Pattern:
    """Cut tokens into symbols, runs of wildcards in one order: each `?`, then one `*`."""
    symbols: list[Symbol] = []
    for token in tokens:
        if isinstance(token, str):
            symbols.extend(token)
        elif token is Wild.ONE and symbols and symbols[-1] is Wild.MANY:
            symbols.insert(len(symbols) - 1, token)
        elif token is not Wild.MANY or not symbols or symbols[-1] is not Wild.MANY:
            symbols.append(token)
    return tuple(symbols)


def includes(outer: Pattern, inner: Pattern, work: Work | None = None) -> bool:
    """Tell whether every text of `inner` is one of `outer`.

    `inner` is read as if it were a text in which only the outer's own wildcards can stand for its
    wildcards and variables.
    """
    if work is not None:
        work.spend(1)
    if outer in (inner, (Wild.MANY,)):
        return True
    if len(outer) * len(inner) > _MOST_STEPS:
        return False
    end, steps = _walk(outer, inner)
    if work is not None:
        work.spend(steps)
    return end >= 0 and all(symbol is Wild.MANY for symbol in outer[end:])


def _walk(outer: Pattern, inner: Pattern) -> tuple[int, int]:
    """Return how much of `outer` stands for all of `inner`, -1 for none, and the steps taken."""
    here = there = steps = 0
    star, resume = -1, 0
    while there < len(inner):
        steps += 1
        if here < len(outer) and outer[here] is Wild.MANY:
            star, resume = here, there
            here += 1
        elif here < len(outer) and _stands_for(outer[here], inner[there]):
            here, there = here + 1, there + 1
        elif star >= 0:
            resume += 1
            here, there = star + 1, resume
        else:
            return -1, steps
    return here, steps


def overlap(one: Pattern, other: Pattern, work: Work | None = None) -> bool:
    """Tell whether two patterns may have a text in common.

    It walks through both at once: which places of `other` can be reached with so much of `one`.
    """
    if len(one) * len(other) > _MOST_STEPS:
        return True
    places = _skip({0}, other)
    for symbol in one:
        if work is not None:
            work.spend(len(places))
        places = _skip(_step(symbol, places, other), other)
        if not places:
            return False
    return len(other) in places


def _stands_for(outer: Symbol, inner: Symbol) -> bool:
    """Tell whether one symbol, other than `*`, holds all of another."""
    if outer == inner:
        return True
    return outer is Wild.ONE and isinstance(inner, str)


def _step(symbol: Symbol, places: set[int], other: Pattern) -> set[int]:
    """Return the places that are reached from some places by one more symbol."""
    if _any_length(symbol):
        return set(range(min(places), len(other) + 1))
    reached = set()
    for place in places:
        if place == len(other):
            continue
        if _any_length(other[place]):
            reached.add(place)
        elif symbol is Wild.ONE or other[place] is Wild.ONE or symbol == other[place]:
            reached.add(place + 1)
    return reached


def _skip(places: set[int], other: Sequence[Symbol]) -> set[int]:
    """Add the places behind a `*` or variable, which may stand for no text at all."""
    reached = set(places)
    for place in sorted(places):
        ahead = place
        while ahead < len(other) and _any_length(other[ahead]):
            ahead += 1
            reached.add(ahead)
    return reached


def _any_length(symbol: Symbol) -> bool:
    return symbol is Wild.MANY or isinstance(symbol, Variable)
