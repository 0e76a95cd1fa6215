# SPDX-License-Identifier: Apache-2.0
"""Structures of the model taken apart by where their members stand, and what bodies are written in.

A `Part` stands wherever the compilers take a structure: it has some of the members only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_HEAD: Final = frozenset({"header", "headers", "statusCode"})


class Format(Protocol):
    """What bodies are written in."""

    @property
    def content_type(self) -> bytes:
        """The media type of documents."""

    def reader(self, shape: Any) -> Callable[[bytes], Any]:
        """Return what reads a document of a shape."""

    def writer(self, shape: Any, root: str) -> Callable[[Any], bytes]:
        """Return what writes a document of a shape, in an element `root` where there are any."""


class Part:
    """A structure without the members that have another place."""

    type_name = "structure"
    is_document_type = False

    def __init__(self, shape: Any, members: Mapping[str, Any]) -> None:
        self.name = f"{shape.name} in part"
        self.members = members
        self.serialization = shape.serialization
        self.metadata = shape.metadata
        self.required_members = [name for name in shape.required_members if name in members]


def body_part(shape: Any) -> Part:
    """Return the members of a structure that stand in the body."""
    members = shape.members.items()
    return Part(shape, {n: m for n, m in members if "location" not in m.serialization})


def answer_part(shape: Any) -> Part:
    """Return the members of an output that stand in the body: an answer has no path or query."""
    members = shape.members.items()
    return Part(shape, {n: m for n, m in members if m.serialization.get("location") not in _HEAD})


def event_part(shape: Any) -> Part:
    """Return the members of an event that are not headers."""
    members = shape.members.items()
    return Part(shape, {n: m for n, m in members if not m.serialization.get("eventheader")})


def without_events(shape: Any) -> Any:
    """Return a structure without its event stream, which is not there yet when it is checked."""
    events = event_stream_of(shape)
    if events is None:
        return shape
    return Part(shape, {n: m for n, m in shape.members.items() if n != events})


def is_event_stream(member: Any) -> bool:
    """Tell whether a member is a stream of events."""
    return bool(member.serialization.get("eventstream"))


def event_stream_of(shape: Any) -> str | None:
    """Return the name of a structure's member that is a stream of events, or None."""
    members = shape.members.items() if shape is not None else ()
    return next((name for name, member in members if is_event_stream(member)), None)


def is_streaming(member: Any) -> bool:
    """Tell whether a member is a body of any length."""
    return bool(member.type_name == "blob" and member.serialization.get("streaming"))


def streams(shape: Any) -> bool:
    """Tell whether the body of a structure is not to be held as a whole."""
    if shape is None:
        return False
    payload = shape.members.get(shape.serialization.get("payload"))
    return event_stream_of(shape) is not None or (payload is not None and is_streaming(payload))


def root_of(shape: Any) -> str:
    """Return the name of the element that a document of that shape is in."""
    return str(shape.serialization.get("name", shape.name))
