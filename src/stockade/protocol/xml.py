# SPDX-License-Identifier: Apache-2.0
"""Shapes of the model compiled into writers of XML elements, for the protocols that answer in it.

Members are written in the order given, each in an element of its `locationName` or its own name.
Text is escaped so that every XML parser gives back what was written; a character that XML 1.0
cannot hold at all becomes U+FFFD, because an answer that no client can read helps nobody. As in
JSON, a member that the model lacks or a value of another type is a TypeError: a bug of ours.
"""

from __future__ import annotations

import re
from base64 import b64encode
from math import isinf, isnan
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from stockade.protocol import timestamps
from stockade.protocol.shapes import exactly, misfit, no_member, timestamp_format

if TYPE_CHECKING:
    from collections.abc import Callable

    Append = Callable[[Any, list[str]], None]
    """Appends the XML of a value to the parts of a document."""

_SPECIAL: Final = re.compile(
    "[&<>'\r\x85\u2028\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]|\""
)
_REFERENCES: Final = MappingProxyType(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "'": "&#39;",
        "\r": "&#xD;",
        "\x85": "&#x85;",
        "\u2028": "&#x2028;",
    }
)


def escape(text: str) -> str:
    """Return text as the content of an element or an attribute."""
    return _SPECIAL.sub(lambda found: _REFERENCES.get(found[0], "\ufffd"), text)


class XmlWriters:
    """Compiles writers of XML for the shapes of one model."""

    def __init__(self) -> None:
        self._structures: dict[str, Append] = {}

    def members(self, shape: Any) -> Append:
        """Return the writer of a structure's members, without an element around them."""
        if shape.name in self._structures:
            return self._structures[shape.name]
        members: dict[str, Append] = {}

        def append(value: Any, parts: list[str]) -> None:
            if not isinstance(value, dict | MappingProxyType):
                raise misfit(shape, value)
            for name, item in value.items():
                member = members.get(name)
                if member is None:
                    raise no_member(shape, name)
                member(item, parts)

        self._structures[shape.name] = append
        for name, member in shape.members.items():
            members[name] = self.element(member, member.serialization.get("name", name))
        return append

    def element(self, shape: Any, tag: str) -> Append:
        """Return the writer of a value in an element, or of a flattened one in several."""
        flattened = shape.serialization.get("flattened")
        match shape.type_name:
            case "structure":
                return _within(tag, self.members(shape))
            case "list" if flattened:
                return self._items(shape, shape.member.serialization.get("name", tag))
            case "list":
                name = shape.member.serialization.get("name", "member")
                return _within(tag, self._items(shape, name))
            case "map" if flattened:
                return self._entries(shape, tag)
            case "map":
                return _within(tag, self._entries(shape, "entry"))
            case _:
                return _scalar(tag, text_of(shape))

    def _items(self, shape: Any, tag: str) -> Append:
        item = self.element(shape.member, tag)

        def append(value: Any, parts: list[str]) -> None:
            if not isinstance(value, list | tuple):
                raise misfit(shape, value)
            for member in value:
                item(member, parts)

        return append

    def _entries(self, shape: Any, tag: str) -> Append:
        key = self.element(shape.key, shape.key.serialization.get("name", "key"))
        item = self.element(shape.value, shape.value.serialization.get("name", "value"))

        def append_entry(entry: Any, parts: list[str]) -> None:
            key(entry[0], parts)
            item(entry[1], parts)

        entry = _within(tag, append_entry)

        def append(value: Any, parts: list[str]) -> None:
            if not isinstance(value, dict | MappingProxyType):
                raise misfit(shape, value)
            for pair in value.items():
                entry(pair, parts)

        return append


def _within(tag: str, inner: Append) -> Append:
    opening, closing = f"<{tag}>", f"</{tag}>"

    def append(value: Any, parts: list[str]) -> None:
        parts.append(opening)
        inner(value, parts)
        parts.append(closing)

    return append


def _scalar(tag: str, text: Callable[[Any], str]) -> Append:
    def append(value: Any, parts: list[str]) -> None:
        parts.append(f"<{tag}>{text(value)}</{tag}>")

    return append


def text_of(shape: Any) -> Callable[[Any], str]:
    """Return what writes a scalar of that shape as text."""
    check = exactly(shape)
    match shape.type_name:
        case "timestamp":
            form = timestamps.formatter(timestamp_format(shape, "iso8601"))
            return lambda value: str(form(value))
        case "boolean":
            return lambda value: "true" if check(value) else "false"
        case "integer" | "long":
            return lambda value: str(int(check(value)))
        case "float" | "double":
            return lambda value: _number(shape, value)
        case "blob":
            return lambda value: b64encode(check(value)).decode()
        case _:
            return lambda value: escape(check(value))


def _number(shape: Any, value: Any) -> str:
    if type(value) not in (float, int):
        raise misfit(shape, value)
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)
