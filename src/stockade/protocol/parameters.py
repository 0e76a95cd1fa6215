# SPDX-License-Identifier: Apache-2.0
"""Flat, dotted parameters of the query protocols, read by the shapes of the model.

Parameters are first put into a tree along their dots, so that reading is linear in their number:
`Tags.member.1.Key=a` becomes `{"Tags": {"member": {"1": {"Key": {"": "a"}}}}}`. Of several
values of one parameter the first counts, and parameters that the model lacks are ignored, as
measured on AWS; a parameter that the model has and that is built otherwise is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from stockade.protocol.malformed import MalformedQuery, SerializationFailure
from stockade.protocol.shapes import name_of
from stockade.protocol.texts import reader_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Node = dict[str, Any]
    Read = Callable[[Node], Any]

_MOST_PARAMETERS: Final = 10_000
_MOST_STEPS: Final = 50_000
_DEEPEST: Final = 64
_VALUE: Final = ""
"""Where a node keeps its own value; no step of a name is empty."""
_INDEX: Final = re.compile(r"[1-9]\d{0,8}", re.ASCII)
_NESTED: Final = "Start of structure or map found where not expected."
_NOT_LISTED: Final = "Unexpected list element termination"


def tree(sources: Iterable[bytes]) -> Node:
    """Return the parameters of query strings and forms as a tree."""
    root: Node = {}
    steps = 0
    for name, value in _pairs(sources):
        path = name.split(".")
        steps += len(path)
        if len(path) > _DEEPEST or steps > _MOST_STEPS:
            raise MalformedQuery(hint="the parameters are nested too deeply")
        node = root
        for step in path:
            node = node.setdefault(step or ".", {})
        node.setdefault(_VALUE, value)
    return root


def _pairs(sources: Iterable[bytes]) -> list[tuple[str, str]]:
    try:
        text = b"&".join(filter(None, sources)).decode("ascii")
        return parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except ValueError as error:
        raise MalformedQuery(hint="not UTF-8, or too many parameters") from error


class ParameterReaders:
    """Compiles readers of parameter trees for the shapes of one model."""

    def __init__(self) -> None:
        self._structures: dict[str, Read] = {}

    def structure(self, shape: Any) -> Read:
        """Return the reader of a structure."""
        if shape.name in self._structures:
            return self._structures[shape.name]
        members: list[tuple[str, str, Read]] = []

        def read(node: Node) -> Node:
            return {name: member(node[step]) for step, name, member in members if step in node}

        self._structures[shape.name] = read
        for name, member in shape.members.items():
            members.append((self._step(member, name), name, self._reader(member)))
        return read

    def _step(self, member: Any, name: str) -> str:
        """Return what a member is called."""
        return name_of(member, name)

    def _reader(self, shape: Any) -> Read:
        match shape.type_name:
            case "structure":
                return self.structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case _:
                return _scalar(shape)

    def _list(self, shape: Any) -> Read:
        member = self._reader(shape.member)
        step = None if _flat(shape) else shape.member.serialization.get("name", "member")
        return lambda node: [member(item) for item in _numbered(node, step)]

    def _map(self, shape: Any) -> Read:
        member = self._reader(shape.value)
        step = None if _flat(shape) else "entry"
        key_step = shape.key.serialization.get("name", "key")
        value_step = shape.value.serialization.get("name", "value")

        def read(node: Node) -> Node:
            result: Node = {}
            for entry in _numbered(node, step):
                # An empty structure has no parameters, so that its entry has a key only.
                value = member(entry.get(value_step, {}))
                result.setdefault(_text(entry.get(key_step, {})), value)
            return result

        return read


class Ec2ParameterReaders(ParameterReaders):
    """Compiles readers for the EC2 protocol."""

    def _step(self, member: Any, name: str) -> str:
        """Return what a member is called: its `queryName`, or its name with a capital letter."""
        own: str = member.serialization.get("name", name)
        return str(member.serialization.get("queryName", own[:1].upper() + own[1:]))

    def _list(self, shape: Any) -> Read:
        member = self._reader(shape.member)
        return lambda node: [member(item) for item in _numbered(node, None)]


def _flat(shape: Any) -> bool:
    return bool(shape.serialization.get("flattened"))


def _numbered(node: Node, step: str | None) -> list[Node]:
    """Return the elements under a node in the order of their numbers; gaps are closed."""
    inner = node if step is None else node.get(step, {})
    numbers = [number for number in inner if number != _VALUE]
    if not numbers:
        if node == {_VALUE: ""}:
            return []
        raise SerializationFailure(_NOT_LISTED)
    if not all(map(_INDEX.fullmatch, numbers)):
        raise SerializationFailure(_NESTED)
    return [inner[number] for number in sorted(numbers, key=int)]


def _text(node: Node) -> str:
    if len(node) != 1 or _VALUE not in node:
        raise SerializationFailure(_NESTED)
    text: str = node[_VALUE]
    return text


def _scalar(shape: Any) -> Read:
    convert = reader_of(shape)
    return _text if convert is None else lambda node: convert(_text(node))
