# SPDX-License-Identifier: Apache-2.0
"""Shapes of the model compiled into writers of XML elements, for the protocols that answer in it.

Members are written in the order given, each in an element of its `locationName` or its own name;
members that the model has as attributes stand in the tag of their structure, with the namespaces
that the model asks for. Text is escaped so that every XML parser gives back what was written; a
character that XML 1.0 cannot hold at all becomes U+FFFD, because an answer that no client can read
helps nobody. As in JSON, a member that the model lacks or a value of another type is a TypeError:
a bug of ours.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from stockade.protocol.shapes import misfit, name_of, no_member
from stockade.protocol.texts import text_of

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
            if member.serialization.get("xmlAttribute"):
                members[name] = _nothing  # it stands in the tag
            else:
                members[name] = self.element(member, name_of(member, name))
        return append

    def element(self, shape: Any, tag: str) -> Append:
        """Return the writer of a value in an element, or of a flattened one in several."""
        flattened = shape.serialization.get("flattened")
        match shape.type_name:
            case "structure":
                return self._structure(shape, tag)
            case "list" if flattened:
                return self._items(shape, tag)
            case "list":
                name = shape.member.serialization.get("name", "member")
                return _within(_tag(shape, tag), tag, self._items(shape, name))
            case "map" if flattened:
                return self._entries(shape, tag)
            case "map":
                return _within(_tag(shape, tag), tag, self._entries(shape, "entry"))
            case _:
                return _scalar(_tag(shape, tag), tag, scalar_text(shape))

    def _structure(self, shape: Any, tag: str) -> Append:
        opening = _tag(shape, tag)
        attributes = [
            (name, f' {member.serialization.get("name", name)}="', scalar_text(member))
            for name, member in shape.members.items()
            if member.serialization.get("xmlAttribute")
        ]
        inner = self.members(shape)
        if not attributes:
            return _within(opening, tag, inner)

        def append(value: Any, parts: list[str]) -> None:
            parts.append(opening[:-1])
            parts.extend(f'{n}{text(value[m])}"' for m, n, text in attributes if m in value)
            parts.append(">")
            inner(value, parts)
            parts.append(f"</{tag}>")

        return append

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

        entry = _within(f"<{tag}>", tag, append_entry)

        def append(value: Any, parts: list[str]) -> None:
            if not isinstance(value, dict | MappingProxyType):
                raise misfit(shape, value)
            for pair in value.items():
                entry(pair, parts)

        return append


def _nothing(_value: Any, _parts: list[str]) -> None:
    return


def _tag(shape: Any, tag: str) -> str:
    """Return the opening tag of an element, with the namespace that the model gives it."""
    namespace = shape.serialization.get("xmlNamespace")
    if not namespace:
        return f"<{tag}>"
    return f"<{tag}{xmlns(namespace)}>"


def xmlns(namespace: Any) -> str:
    """Return the declaration of a namespace as models have it: an address, maybe a prefix too."""
    if isinstance(namespace, str):
        return f' xmlns="{escape(namespace)}"'
    prefix = f":{namespace['prefix']}" if "prefix" in namespace else ""
    return f' xmlns{prefix}="{escape(namespace.get("uri", ""))}"'


def _within(opening: str, tag: str, inner: Append) -> Append:
    closing = f"</{tag}>"

    def append(value: Any, parts: list[str]) -> None:
        parts.append(opening)
        inner(value, parts)
        parts.append(closing)

    return append


def _scalar(opening: str, tag: str, text: Callable[[Any], str]) -> Append:
    def append(value: Any, parts: list[str]) -> None:
        parts.append(f"{opening}{text(value)}</{tag}>")

    return append


def scalar_text(shape: Any) -> Callable[[Any], str]:
    """Return what writes a scalar of that shape as the content of an element."""
    text = text_of(shape)
    return (lambda value: escape(text(value))) if shape.type_name == "string" else text
