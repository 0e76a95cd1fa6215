# SPDX-License-Identifier: Apache-2.0
"""A transaction that is begun again with one answer more (`Context.outside`), and its randomness.

What was undone before it was seen by anybody is done again with the same random bytes: so it asks
the same questions, and the answers fit.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

from stockade.core.context import Outside
from stockade.core.errors import ServiceUnavailable
from stockade.core.ids import Random

T = TypeVar("T")

QUESTIONS = 20
"""How often a transaction may be begun again to ask somebody outside."""


def answered(attempt: Callable[[Mapping[Hashable, Any], Random], T], random: Random) -> T:
    """Return what an attempt comes to: it gets the answers so far, and the same random bytes."""
    answers: dict[Hashable, Any] = {}
    replay = Replay(random)
    for _ in range(QUESTIONS):
        try:
            return attempt(answers, replay)
        except Outside as asked:
            answers[asked.name] = asked.question()
        replay.begin()
    raise ServiceUnavailable


class Replay:
    """A source of random bytes that gives the same ones once more after `begin`."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._given: list[bytes] = []
        self._next = 0

    def __repr__(self) -> str:
        return "Replay()"

    def begin(self) -> None:
        """Start from the first bytes that were given."""
        self._next = 0

    def __call__(self, size: int) -> bytes:
        """Return random bytes; where other sizes are asked for than before, fresh ones."""
        given = self._given
        if self._next == len(given) or len(given[self._next]) != size:
            del given[self._next :]
            given.append(self._random(size))
        self._next += 1
        return given[self._next - 1]
