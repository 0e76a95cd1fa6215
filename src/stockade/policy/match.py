# SPDX-License-Identifier: Apache-2.0
"""Globs and ARN patterns, in linear time.

A glob is cut at its `*` into segments, and each segment is sought left to right at the first
place where it fits: with `*` between them, an earlier place never spoils a later match, so
nothing is tried twice and a hostile `*a*a*a*b` costs one pass. Segments without `?` are found
by `str.find`; one with `?` is found by a bit-parallel scan, one step for each character.

Actions match without regard to case, resources and ARNs with it. A resource pattern is one
glob over the whole ARN; the ARN operators of conditions look at the six fields one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from stockade.policy.variables import Wild, resolve, static, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stockade.policy.request import Lookup
    from stockade.policy.variables import Resolved, Tokens

Match = Callable[[str], bool]
ResourceTest = Callable[[str, "Lookup"], bool]

_ARN_FIELDS = 6


class _Segment(msgspec.Struct, frozen=True):
    """What stands between two `*`: text in which the characters at `holes` may be anything."""

    text: str
    holes: frozenset[int]

    def fits(self, value: str, start: int) -> bool:
        """Tell whether the segment stands in the value at a position."""
        if not self.holes:
            return value.startswith(self.text, start)
        place = value[start : start + len(self.text)]
        return len(place) == len(self.text) and all(
            wanted == found or position in self.holes
            for position, (wanted, found) in enumerate(zip(self.text, place, strict=True))
        )

    def find(self, value: str, start: int, end: int) -> int:
        """Return the first position at which the segment fits, or -1."""
        if not self.holes:
            return value.find(self.text, start, end)
        return self._find_with_holes(value, start, end)

    def _find_with_holes(self, value: str, start: int, end: int) -> int:
        """Scan with the Shift-And algorithm: bit n stands for a match of the first n + 1."""
        if end - start < len(self.text):
            return -1
        anything = sum(1 << hole for hole in self.holes)
        accepts: dict[str, int] = {}
        for position, character in enumerate(self.text):
            accepts[character] = accepts.get(character, anything) | 1 << position
        complete = 1 << (len(self.text) - 1)
        state = 0
        for position in range(start, end):
            state = (state << 1 | 1) & accepts.get(value[position], anything)
            if state & complete:
                return position + 1 - len(self.text)
        return -1


def glob(pattern: str) -> Match:
    """Compile a pattern of `*` and `?`."""
    tokens = static(tokenize(pattern, variables=False, wildcards=True))
    assert tokens is not None
    return glob_of(tokens)


def glob_of(tokens: Resolved) -> Match:
    """Compile a pattern that is already cut into tokens."""
    segments = _segments(tokens)
    first, last = segments[0], segments[-1]
    if first.holes or last.holes or len(segments) > 2:
        return lambda value: _matches(segments, value)
    if len(segments) == 1:
        return first.text.__eq__
    if not last.text:
        return _prefix(first.text)
    return _around(first.text, last.text)


def actions(patterns: Iterable[str]) -> Match:
    """Compile the patterns of an Action element; the value must come in lower case."""
    return any_of([glob(pattern.lower()) for pattern in patterns])


def arn_of(tokens: Resolved) -> Match:
    """Compile the pattern of an ARN operator; a lone `*` stands for any ARN."""
    fields = _fields(tokens)
    if tokens == (Wild.MANY,):
        fields = [tokens] * _ARN_FIELDS
    if len(fields) != _ARN_FIELDS:
        return lambda _value: False
    if all(isinstance(token, str) for token in tokens):
        return glob_of(tokens)
    matches = [glob_of(field) for field in fields]

    def match(value: str) -> bool:
        parts = value.split(":", _ARN_FIELDS - 1)
        return len(parts) == _ARN_FIELDS and all(
            fits(part) for fits, part in zip(matches, parts, strict=True)
        )

    return match


def any_of(matches: Sequence[Match]) -> Match:
    """Return the match that succeeds when one of several does."""
    if len(matches) == 1:
        return matches[0]

    def match(value: str) -> bool:
        for fits in matches:  # noqa: SIM110 - a generator would double the cost
            if fits(value):
                return True
        return False

    return match


def resources(patterns: Sequence[str], *, negated: bool, variables: bool) -> ResourceTest | None:
    """Compile a Resource or NotResource element; None when it covers everything.

    A pattern with a variable that the request does not fill matches nothing, and in a
    NotResource it keeps the whole statement from applying.
    """
    cut = [tokenize(pattern, variables=variables, wildcards=True) for pattern in patterns]
    plain = [tokens for tokens in map(static, cut) if tokens is not None]
    if not negated and (Wild.MANY,) in plain:
        return None
    fixed = any_of([glob_of(tokens) for tokens in plain])
    unfilled = [_Unfilled(tokens, _head(tokens)) for tokens in cut if static(tokens) is None]
    if not unfilled:
        return _static_resources(fixed, negated=negated)
    if negated:
        return _open_not_resources(fixed, unfilled)

    def test(resource: str, lookup: Lookup) -> bool:
        return fixed(resource) or any(
            resource.startswith(pattern.head) and pattern.match(resource, lookup)
            for pattern in unfilled
        )

    return test


class _Unfilled(msgspec.Struct, frozen=True):
    """A pattern with variables, and the text before its first variable or wildcard."""

    tokens: Tokens
    head: str

    def match(self, value: str, lookup: Lookup) -> bool | None:
        """Fill the variables and match; None when one cannot be filled."""
        resolved = resolve(self.tokens, lookup)
        return None if resolved is None else _matches(_segments(resolved), value)


def _open_not_resources(fixed: Match, unfilled: Sequence[_Unfilled]) -> ResourceTest:
    return lambda resource, lookup: (
        not fixed(resource)
        and all(pattern.match(resource, lookup) is False for pattern in unfilled)
    )


def _head(tokens: Tokens) -> str:
    return tokens[0] if isinstance(tokens[0], str) else ""


def _static_resources(match: Match, *, negated: bool) -> ResourceTest:
    if negated:
        return lambda resource, _lookup: not match(resource)
    return lambda resource, _lookup: match(resource)


def _prefix(text: str) -> Match:
    if not text:
        return lambda _value: True
    return lambda value: value.startswith(text)


def _around(start: str, end: str) -> Match:
    shortest = len(start) + len(end)
    return lambda value: len(value) >= shortest and value.startswith(start) and value.endswith(end)


def _segments(tokens: Resolved) -> tuple[_Segment, ...]:
    """Cut tokens at each `*`; empty segments stay only at the two ends, where they anchor."""
    pieces: list[list[str | Wild]] = [[]]
    for token in tokens:
        if token is Wild.MANY:
            pieces.append([])
        else:
            pieces[-1].append(token)
    last = len(pieces) - 1
    return tuple(
        _segment(piece) for index, piece in enumerate(pieces) if piece or index in {0, last}
    )


def _segment(piece: Sequence[str | Wild]) -> _Segment:
    text = ""
    holes: set[int] = set()
    for token in piece:
        if isinstance(token, str):
            text += token
        else:
            holes.add(len(text))
            text += token.value
    return _Segment(text, frozenset(holes))


def _matches(segments: Sequence[_Segment], value: str) -> bool:
    first, last = segments[0], segments[-1]
    if len(segments) == 1:
        return len(value) == len(first.text) and first.fits(value, 0)
    position, end = len(first.text), len(value) - len(last.text)
    if position > end or not first.fits(value, 0) or not last.fits(value, end):
        return False
    for segment in segments[1:-1]:
        found = segment.find(value, position, end)
        if found < 0:
            return False
        position = found + len(segment.text)
    return True


def _fields(tokens: Resolved) -> list[Resolved]:
    """Cut a filled pattern at its first five colons."""
    fields: list[list[str | Wild]] = [[]]
    for token in tokens:
        if not isinstance(token, str):
            fields[-1].append(token)
            continue
        head, *rest = token.split(":", _ARN_FIELDS - len(fields))
        fields[-1].append(head)
        fields.extend([part] for part in rest)
    return [tuple(field) for field in fields]
