# SPDX-License-Identifier: Apache-2.0
"""JSON with places: every value knows where it stands in the text, so that a finding can point."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

NodeKind = Literal["Object", "Array", "String", "Number", "Boolean", "Null"]
PathElement = tuple[Literal["index", "key", "value"], int | str]
"""A step: into an array, to the name of a member, or to its value."""

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS: Final[tuple[tuple[str, NodeKind], ...]] = (
    ("true", "Boolean"),
    ("false", "Boolean"),
    ("null", "Null"),
)
_DECODER: Final = json.JSONDecoder()
_DEPTH: Final = 32
"""Deeper than any policy goes."""


class BadJson(ValueError):
    """The text is no JSON; `at` is where that shows."""

    def __init__(self, at: int) -> None:
        super().__init__(f"at {at}")
        self.at = at


class Node(msgspec.Struct, frozen=True):
    """One value of the text."""

    kind: NodeKind
    text: str
    """Of a string what it says, of everything else as it is written."""
    start: int
    end: int
    path: tuple[PathElement, ...]
    items: tuple[Node, ...] = ()
    members: tuple[tuple[Node, Node], ...] = ()
    """Names with values, in their order; a repeated name is there twice."""

    def get(self, name: str) -> Node | None:
        """Return the value of a member, the last one of several."""
        found = None
        for key, value in self.members:
            if key.text == name:
                found = value
        return found

    def each(self) -> Iterator[Node]:
        """Yield the entries of an array, or a value that stands alone."""
        if self.kind == "Array":
            yield from self.items
        else:
            yield self


def read(text: str) -> Node:
    """Read a JSON text."""
    reader = _Reader(text)
    node = reader.value(reader.skip(0), (), 0)
    end = reader.skip(node.end)
    if end != len(text):
        raise BadJson(end)
    return node


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text

    def skip(self, at: int) -> int:
        found = _SPACE.match(self.text, at)
        return found.end() if found else at

    def value(self, at: int, path: tuple[PathElement, ...], depth: int) -> Node:
        first = self.text[at : at + 1]
        if depth > _DEPTH:
            raise BadJson(at)
        if first == "{":
            return self.object(at, path, depth)
        if first == "[":
            return self.array(at, path, depth)
        if first == '"':
            return self.string(at, path)
        for word, kind in _WORDS:
            if self.text.startswith(word, at):
                return Node(kind, word, at, at + len(word), path)
        number = _NUMBER.match(self.text, at)
        if number is None:
            raise BadJson(at)
        return Node("Number", number.group(), at, number.end(), path)

    def string(self, at: int, path: tuple[PathElement, ...]) -> Node:
        if self.text[at : at + 1] != '"':
            raise BadJson(at)
        try:
            said, end = _DECODER.raw_decode(self.text, at)
        except json.JSONDecodeError as problem:
            raise BadJson(problem.pos) from None
        return Node("String", said, at, end, path)

    def object(self, at: int, path: tuple[PathElement, ...], depth: int) -> Node:
        members: list[tuple[Node, Node]] = []
        here = self.skip(at + 1)
        while self.text[here : here + 1] != "}":
            key = self.string(self.comma(here) if members else here, path)
            key = msgspec.structs.replace(key, path=(*path, ("key", key.text)))
            colon = self.expect(key.end, ":")
            value = self.value(self.skip(colon), (*path, ("value", key.text)), depth + 1)
            members.append((key, value))
            here = self.skip(value.end)
        end = here + 1
        return Node("Object", self.text[at:end], at, end, path, members=tuple(members))

    def array(self, at: int, path: tuple[PathElement, ...], depth: int) -> Node:
        items: list[Node] = []
        here = self.skip(at + 1)
        while self.text[here : here + 1] != "]":
            start = self.comma(here) if items else here
            items.append(self.value(start, (*path, ("index", len(items))), depth + 1))
            here = self.skip(items[-1].end)
        end = here + 1
        return Node("Array", self.text[at:end], at, end, path, items=tuple(items))

    def comma(self, at: int) -> int:
        return self.skip(self.expect(at, ","))

    def expect(self, at: int, mark: str) -> int:
        here = self.skip(at)
        if self.text[here : here + 1] != mark:
            raise BadJson(here)
        return here + 1
