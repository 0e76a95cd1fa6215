# SPDX-License-Identifier: Apache-2.0
"""Event streams by the model: a union of events, each with headers and a payload.

An event is `{"Records": {"Payload": b"..."}}` on our side of the wire. Members that the model calls
headers are headers of the frame; one may be the payload as it is; the others are a document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stockade.protocol.eventstream import Long, encode, frames
from stockade.protocol.http import Headers, HttpResponse
from stockade.protocol.malformed import SerializationFailure
from stockade.protocol.parts import Part, event_part, event_stream_of
from stockade.protocol.shapes import exactly, misfit, no_member, nothing_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stockade.protocol.eventstream import Frame
    from stockade.protocol.http import Readable
    from stockade.protocol.operations import WireOperation
    from stockade.protocol.parts import Format

EVENT_STREAM: Final = b"application/vnd.amazon.eventstream"


def _payload_member(event: Any) -> str | None:
    members = event.members.items()
    return next((name for name, m in members if m.serialization.get("eventpayload")), None)


def event_writer(union: Any, form: Format) -> Callable[[Mapping[str, Any]], bytes]:
    """Return what writes one event of a stream as a frame."""
    writers = {name: _one_writer(name, member, form) for name, member in union.members.items()}

    def write(event: Mapping[str, Any]) -> bytes:
        (name, value), *others = event.items()
        if name not in writers or others:
            raise no_member(union, name)
        return writers[name](value)

    return write


def _one_writer(name: str, event: Any, form: Format) -> Callable[[Any], bytes]:
    headers = {n: _header_value(m) for n, m in event.members.items() if _is_header(m)}
    payload, content_type = _payload_writer(event, form)
    kind = "exception" if event.metadata.get("exception") else "event"
    first = {":message-type": kind, f":{kind}-type": name}

    def write(value: Any) -> bytes:
        if not hasattr(value, "items"):
            raise misfit(event, value)
        stranger = next((n for n in value if n not in event.members), None)
        if stranger is not None:
            raise no_member(event, stranger)
        head = {n: headers[n](v) for n, v in value.items() if n in headers}
        body = payload({n: v for n, v in value.items() if n not in headers})
        about = {":content-type": content_type} if body else {}
        return encode(first | about | head, body)

    return write


def _is_header(member: Any) -> bool:
    return bool(member.serialization.get("eventheader"))


def _header_value(member: Any) -> Callable[[Any], Any]:
    if member.type_name == "timestamp":
        return lambda value: value
    check = exactly(member)
    return (lambda value: Long(check(value))) if member.type_name == "long" else check


def _payload_writer(event: Any, form: Format) -> tuple[Callable[[Any], bytes], str]:
    """Return what writes an event's payload, and its media type."""
    name = _payload_member(event)
    document_type = form.content_type.decode()
    if name is None:
        document = event_part(event)
        if not document.members:
            return (lambda _value: b""), document_type
        return form.writer(document, event.name), document_type
    member = event.members[name]
    match member.type_name:
        case "blob":
            return (lambda value: bytes(value.get(name, b""))), "application/octet-stream"
        case "string":
            return (lambda value: value.get(name, "").encode()), "text/plain"
    write = form.writer(member, str(member.serialization.get("name", member.name)))
    return (lambda value: write(value[name]) if name in value else b""), document_type


def event_reader(union: Any, form: Format) -> Callable[[Readable], Iterator[dict[str, Any]]]:
    """Return what reads the events of a stream as they arrive."""
    readers = {name: _one_reader(member, form) for name, member in union.members.items()}

    def read(stream: Readable) -> Iterator[dict[str, Any]]:
        for frame in frames(stream):
            name = frame.headers.get(":event-type")
            if frame.headers.get(":message-type") != "event":
                raise SerializationFailure(hint="a message of the stream is not an event")
            if isinstance(name, str) and name in readers:  # what we do not know is skipped
                yield {name: readers[name](frame)}

    return read


def _one_reader(event: Any, form: Format) -> Callable[[Frame], dict[str, Any]]:
    headers = {n: _python_types(m) for n, m in event.members.items() if _is_header(m)}
    payload = _payload_reader(event, form)

    def read(frame: Frame) -> dict[str, Any]:
        value = {n: frame.headers[n] for n in headers if n in frame.headers}
        if not all(headers[n](v) for n, v in value.items()):
            raise SerializationFailure(hint="a header of an event has another type")
        return value | payload(frame.payload)

    return read


def _python_types(member: Any) -> Callable[[Any], bool]:
    """Return a test of a header's type."""
    if member.type_name == "timestamp":
        return lambda value: hasattr(value, "tzinfo")
    check = exactly(member)

    def holds(value: Any) -> bool:
        try:
            check(value)
        except TypeError:
            return False
        return True

    return holds


def _payload_reader(event: Any, form: Format) -> Callable[[bytes], dict[str, Any]]:
    name = _payload_member(event)
    if name is None:
        document = event_part(event)
        read = form.reader(document)
        return lambda payload: read(payload) if payload and document.members else {}
    member = event.members[name]
    match member.type_name:
        case "blob":
            return lambda payload: {name: payload}
        case "string":
            return lambda payload: {name: _text(payload)}
    inner = form.reader(member)
    return lambda payload: {name: inner(payload)} if payload else {}


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise SerializationFailure(hint="the payload of an event is not UTF-8") from error


def output_writer(operation: WireOperation, form: Format) -> Callable[[Mapping[str, Any]], Any]:
    """Return what writes an operation's output: a document, or a stream of events."""
    shape = operation.output_shape
    if shape is None:
        return nothing_of(operation)
    if event_stream_of(shape) is not None:
        return events_writer(shape, form)
    return form.writer(shape, "")


def events_writer(shape: Any, form: Format) -> Callable[[Mapping[str, Any]], Iterator[bytes]]:
    """Return what writes an output of an RPC protocol whose body is a stream of events.

    What is not an event comes first, in an event of its own, because the body has no other place.
    """
    name = event_stream_of(shape)
    assert name is not None
    first = Part(shape, {n: m for n, m in shape.members.items() if n != name})
    initial = form.writer(first, shape.name)
    write = event_writer(shape.members[name], form)
    headers = {
        ":message-type": "event",
        ":event-type": "initial-response",
        ":content-type": form.content_type.decode(),
    }

    def pieces(output: Mapping[str, Any]) -> Iterator[bytes]:
        yield encode(headers, initial({n: v for n, v in output.items() if n != name}))
        yield from map(write, output.get(name, ()))

    return pieces


def event_response(pieces: Iterator[bytes], headers: Headers) -> HttpResponse:
    """Return the answer whose body is a stream of events."""
    headers = [*headers, (b"content-type", EVENT_STREAM)]
    return HttpResponse(status=200, headers=headers, stream=pieces)
