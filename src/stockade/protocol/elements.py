# SPDX-License-Identifier: Apache-2.0
"""XML bodies: parsed without anything that reaches beyond them, and read by the model's shapes.

A document type declaration is refused, so that there are no entities to expand and no files to
fetch; so is a document that is nested deeper than any of AWS's. Namespaces are not compared, as AWS
does not either: an element goes by its local name, an attribute by the name it is written with.
Elements that the model lacks are ignored; of several for one member the first counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from xml.parsers import expat

import msgspec

from stockade.protocol.malformed import SerializationFailure
from stockade.protocol.shapes import name_of
from stockade.protocol.texts import reader_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[["Element"], Any]
    ReadAll = Callable[[list["Element"]], Any]
    """Reads the elements that stand for one member."""

_DEEPEST: Final = 64


class Element(msgspec.Struct):
    """An element with its children in order."""

    tag: str
    attributes: dict[str, str]
    children: list[Element]
    text: str = ""

    def named(self, tag: str) -> list[Element]:
        """Return the children of that name."""
        return [child for child in self.children if child.tag == tag]


def parse(body: bytes) -> Element:
    """Return the root of a document."""
    builder = _Builder()
    try:
        builder.parse(body)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise SerializationFailure(hint="the body is not XML") from error
    return builder.root.children[0]


class _Builder:
    """Builds the elements of a document."""

    def __init__(self) -> None:
        self.root = Element("", {}, [])
        self._open = [self.root]
        self._texts: list[list[str]] = [[]]

    def parse(self, body: bytes) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.StartDoctypeDeclHandler = _refuse
        parser.Parse(body, True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > _DEEPEST:
            raise SerializationFailure(hint="the body is nested too deeply")
        element = Element(_local(name), attributes, [])
        self._open[-1].children.append(element)
        self._open.append(element)
        self._texts.append([])

    def _end(self, _name: str) -> None:
        self._open.pop().text = "".join(self._texts.pop())

    def _data(self, data: str) -> None:
        self._texts[-1].append(data)


def _refuse(*_: object) -> None:
    raise SerializationFailure(hint="the body has a document type declaration")


def _local(name: str) -> str:
    return name.rpartition(":")[2]


class ElementReaders:
    """Compiles readers of XML elements for the shapes of one model."""

    def __init__(self) -> None:
        self._structures: dict[str, Read] = {}

    def reader(self, shape: Any) -> Read:
        """Return the reader of one element."""
        match shape.type_name:
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case _:
                return _scalar(shape)

    def _structure(self, shape: Any) -> Read:
        if shape.name in self._structures:
            return self._structures[shape.name]
        elements: dict[str, tuple[str, ReadAll]] = {}
        attributes: list[tuple[str, str, Callable[[str], Any]]] = []

        def read(element: Element) -> dict[str, Any]:
            found: dict[str, list[Element]] = {}
            for child in element.children:
                if child.tag in elements:
                    found.setdefault(child.tag, []).append(child)
            result = {elements[tag][0]: elements[tag][1](several) for tag, several in found.items()}
            for attribute, name, text in attributes:
                if attribute in element.attributes:
                    result[name] = text(element.attributes[attribute])
            return result

        self._structures[shape.name] = read
        for name, member in shape.members.items():
            own = member.serialization.get("name", name)
            if member.serialization.get("xmlAttribute"):
                attributes.append((own, name, reader_of(member) or str))
            else:
                elements[_local(name_of(member, name))] = (name, self._member(member))
        return read

    def _member(self, shape: Any) -> ReadAll:
        """Return the reader of a member: of one element, or of several where it is flattened."""
        if shape.serialization.get("flattened"):
            if shape.type_name == "list":
                item = self.reader(shape.member)
                return lambda several: [item(element) for element in several]
            return self._entries(shape)
        read = self.reader(shape)
        return lambda several: read(several[0])

    def _list(self, shape: Any) -> Read:
        item = self.reader(shape.member)
        tag = shape.member.serialization.get("name", "member")
        return lambda element: [item(child) for child in element.named(tag)]

    def _map(self, shape: Any) -> Read:
        entries = self._entries(shape)
        return lambda element: entries(element.named("entry"))

    def _entries(self, shape: Any) -> ReadAll:
        key_tag = shape.key.serialization.get("name", "key")
        value_tag = shape.value.serialization.get("name", "value")
        key = self.reader(shape.key)
        value = self.reader(shape.value)

        def read(entries: list[Element]) -> dict[str, Any]:
            result: dict[str, Any] = {}
            for entry in entries:
                keys, values = entry.named(key_tag), entry.named(value_tag)
                if len(keys) != 1 or len(values) != 1:
                    raise SerializationFailure(hint="an entry is not a key and a value")
                result.setdefault(key(keys[0]), value(values[0]))
            return result

        return read


def _scalar(shape: Any) -> Read:
    convert = reader_of(shape)
    if convert is None:
        return _text
    return lambda element: convert(_text(element).strip())


def _text(element: Element) -> str:
    if element.children:
        raise SerializationFailure(hint="elements where the model has a text")
    return element.text
