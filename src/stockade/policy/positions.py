# SPDX-License-Identifier: Apache-2.0
"""Where the statements of a policy stand in its text, as AWS's simulator counts.

Lines and columns count from 1. A statement ends where its brace has been read. It begins where the
reader stands before it: behind the bracket of the list or behind the statement before, so that a
comma belongs to the statement that follows; a statement without a list begins behind its brace.
So the recorded answers have it.
"""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder()


class Position(NamedTuple):
    """A place in a text."""

    line: int
    column: int


class Span(NamedTuple):
    """Where a statement begins and ends."""

    start: Position
    end: Position


def statement_spans(text: str) -> tuple[Span, ...]:
    """Return the span of each statement of a policy that is known to be well formed."""
    return tuple(
        Span(_position(text, start), _position(text, end)) for start, end in _offsets(text)
    )


def _offsets(text: str) -> list[tuple[int, int]]:
    at = _skip(text, 0)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, _skip(text, at + 1))
        value = _skip(text, _skip(text, at) + 1)
        if name == "Statement":
            return _statements(text, value)
        at = _skip(text, _end(text, value))
    return []


def _statements(text: str, at: int) -> list[tuple[int, int]]:
    if text[at] == "{":
        return [(at + 1, _end(text, at))]
    found: list[tuple[int, int]] = []
    start = at + 1
    while text[at] != "]":
        end = _end(text, _skip(text, at + 1))
        found.append((start, end))
        start, at = end, _skip(text, end)
    return found


def _end(text: str, at: int) -> int:
    """Return where the value ends that begins at a place."""
    _, end = _DECODER.raw_decode(text, at)
    return end


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return at if space is None else space.end()


def _position(text: str, offset: int) -> Position:
    return Position(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))
