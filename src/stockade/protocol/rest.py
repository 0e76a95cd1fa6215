# SPDX-License-Identifier: Apache-2.0
"""What the REST protocols share: members in path, query, headers, status and body.

A member is read only where the model places it: a body cannot bring what belongs into the path.
The body is one member, if the model names a payload, or a document of the members that have no
other place. A streaming payload is handed over as something to read from and taken as pieces to
send, so that it is never held as a whole.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from stockade.protocol.compression import plain_body
from stockade.protocol.events import EVENT_STREAM, event_reader, event_writer
from stockade.protocol.headers import header_reader, header_writer, text
from stockade.protocol.http import HttpRequest, HttpResponse
from stockade.protocol.malformed import SerializationFailure
from stockade.protocol.parts import answer_part, body_part, is_event_stream, is_streaming, root_of
from stockade.protocol.routes import labels, query_of
from stockade.protocol.shapes import exactly, no_member
from stockade.protocol.texts import reader_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stockade.protocol.operations import WireOperation
    from stockade.protocol.parts import Format

    Fill = Callable[["_Sent", dict[str, Any]], None]
    """Enters what a part of a request says into the members."""
    Place = Callable[["_Answer", Any], None]
    """Puts a member into an answer."""


class _Sent(NamedTuple):
    """A request, taken apart as far as the operation needs it."""

    http: HttpRequest
    labels: Mapping[str, str]
    query: Mapping[str, list[str]]


def request_reader(operation: WireOperation, form: Format) -> Callable[[HttpRequest], Any]:
    """Return what reads the members of an operation from a request."""
    shape = operation.input_shape
    if shape is None:
        return lambda _http: {}
    path = operation.http.get("requestUri", "/").partition("?")[0]
    placed = [m.serialization.get("location") for m in shape.members.values()]
    in_path, in_query = "uri" in placed, "querystring" in placed
    fills = [_fill(name, m) for name, m in shape.members.items() if "location" in m.serialization]
    fills.append(_body_fill(shape, form))

    def read(http: HttpRequest) -> dict[str, Any]:
        sent = _Sent(
            http,
            labels(path, http.raw_path) if in_path else {},
            query_of(http.query) if in_query else {},
        )
        params: dict[str, Any] = {}
        for fill in fills:
            fill(sent, params)
        return params

    return read


def _fill(name: str, member: Any) -> Fill:
    own = member.serialization.get("name", name)
    match member.serialization["location"]:
        case "uri":
            return _label_fill(name, member, own)
        case "querystring":
            return _query_fill(name, member, own)
        case "header":
            return _header_fill(name, member, own.lower().encode())
        case "headers":
            return _prefix_fill(name, _prefix(member).encode())
        case _:
            return lambda _sent, _params: None  # a status is nothing that a request has


def _label_fill(name: str, member: Any, own: str) -> Fill:
    read = reader_of(member) or str

    def fill(sent: _Sent, params: dict[str, Any]) -> None:
        params[name] = read(sent.labels[own])

    return fill


def _query_fill(name: str, member: Any, own: str) -> Fill:
    if member.type_name == "map":
        return _query_map_fill(name, member)
    several = member.type_name == "list"
    read = reader_of(member.member if several else member) or str

    def fill(sent: _Sent, params: dict[str, Any]) -> None:
        values = sent.query.get(own)
        if values is not None:
            params[name] = [read(value) for value in values] if several else read(values[0])

    return fill


def _query_map_fill(name: str, member: Any) -> Fill:
    """Return what enters all parameters, also those that are members of their own."""
    several = member.value.type_name == "list"
    read = reader_of(member.value.member if several else member.value) or str

    def fill(sent: _Sent, params: dict[str, Any]) -> None:
        if sent.query:
            params[name] = {
                key: [read(value) for value in values] if several else read(values[0])
                for key, values in sent.query.items()
            }

    return fill


def _header_fill(name: str, member: Any, own: bytes) -> Fill:
    read = header_reader(member)

    def fill(sent: _Sent, params: dict[str, Any]) -> None:
        raw = sent.http.header(own)
        if raw is not None:
            params[name] = read(text(raw))

    return fill


def _prefix_fill(name: str, prefix: bytes) -> Fill:
    def fill(sent: _Sent, params: dict[str, Any]) -> None:
        found = {
            text(key[len(prefix) :]): text(raw)
            for key, raw in sent.http.table().items()
            if key.startswith(prefix)
        }
        if found:
            params[name] = found

    return fill


def _body_fill(shape: Any, form: Format) -> Fill:
    payload = shape.serialization.get("payload")
    if payload is not None:
        return _payload_fill(payload, shape.members[payload], form)
    part = body_part(shape)
    if not part.members:
        return lambda _sent, _params: None
    read = form.reader(part)

    def fill(sent: _Sent, params: dict[str, Any]) -> None:
        if body := plain_body(sent.http):
            params.update(read(body))

    return fill


def _payload_fill(name: str, member: Any, form: Format) -> Fill:
    if is_event_stream(member):
        events = event_reader(member, form)
        return lambda sent, params: params.__setitem__(name, events(_readable(sent.http)))
    if is_streaming(member):
        return lambda sent, params: params.__setitem__(name, _readable(sent.http))
    raw = member.type_name in ("blob", "string")
    read = _raw_reader(member) if raw else form.reader(member)

    def fill(sent: _Sent, params: dict[str, Any]) -> None:
        # What is compressed in a body that is a value by itself is the sender's own matter.
        if body := (sent.http.body if raw else plain_body(sent.http)):
            params[name] = read(body)

    return fill


def _readable(http: HttpRequest) -> Any:
    return BytesIO(http.body) if http.stream is None else http.stream


def _raw_reader(member: Any) -> Callable[[bytes], Any]:
    if member.type_name == "blob":
        return lambda body: body

    def read(body: bytes) -> str:
        try:
            return body.decode()
        except UnicodeDecodeError as error:
            raise SerializationFailure(hint="the body is not UTF-8") from error

    return read


class _Answer:
    """What the members of an output add up to."""

    def __init__(self, status: int) -> None:
        self.response = HttpResponse(status=status)
        self.content_type = b""
        self.members: dict[str, Any] = {}

    def head(self, name: bytes, value: bytes) -> None:
        self.response.headers.append((name, value))

    def closed(self) -> HttpResponse:
        """Return the response; a content type among the members knows better than the model."""
        named = any(name == b"content-type" for name, _ in self.response.headers)
        if self.content_type and not named:
            self.head(b"content-type", self.content_type)
        return self.response


def response_writer(
    operation: WireOperation, form: Format
) -> Callable[[Mapping[str, Any]], HttpResponse]:
    """Return what writes the output of an operation."""
    shape = operation.output_shape
    status = int(operation.http.get("responseCode", 200))
    if shape is None:
        return lambda output: _nothing(operation, output, status)
    places = {name: place_of(name, member) for name, member in shape.members.items()}
    payload = shape.serialization.get("payload")
    if payload is not None:
        places[payload] = _payload_place(shape.members[payload], form)
    close = _body_place(shape, form) if payload is None else None

    def write(output: Mapping[str, Any]) -> HttpResponse:
        answer = _Answer(status)
        for name, value in output.items():
            place = places.get(name)
            if place is None:
                raise no_member(shape, name)
            place(answer, value)
        if close is not None:
            close(answer)
        return answer.closed()

    return write


def _nothing(operation: WireOperation, output: Mapping[str, Any], status: int) -> HttpResponse:
    if output:
        raise no_member(operation, next(iter(output)))
    return HttpResponse(status=status)


def place_of(name: str, member: Any) -> Place:
    """Return what puts a member, other than a payload, into an answer."""
    own = member.serialization.get("name", name)
    match member.serialization.get("location"):
        case "header":
            key, write = own.lower().encode(), header_writer(member)
            return lambda answer, value: answer.head(key, write(value))
        case "headers":
            return _prefix_place(member, _prefix(member).encode())
        case "statusCode":
            number = exactly(member)
            return lambda answer, value: setattr(answer.response, "status", number(value))
        case _:
            return lambda answer, value: answer.members.__setitem__(name, value)


def _prefix(member: Any) -> str:
    return str(member.serialization.get("name", "")).lower()


def _prefix_place(member: Any, prefix: bytes) -> Place:
    write = header_writer(member.value)
    key_of = header_writer(member.key)

    def place(answer: _Answer, value: Any) -> None:
        for key, item in value.items():
            answer.head(prefix + key_of(key).lower(), write(item))

    return place


def _payload_place(member: Any, form: Format) -> Place:
    if is_event_stream(member):
        events = event_writer(member, form)

        def stream(answer: _Answer, value: Any) -> None:
            answer.content_type = EVENT_STREAM
            answer.response.stream = map(events, value)

        return stream
    if is_streaming(member):
        return _place_stream
    if member.type_name in ("blob", "string"):
        return _raw_place(member)
    write = form.writer(member, root_of(member))

    def place(answer: _Answer, value: Any) -> None:
        answer.content_type = form.content_type
        answer.response.body = write(value)

    return place


def _place_stream(answer: _Answer, value: Any) -> None:
    answer.content_type = b"application/octet-stream"
    if isinstance(value, bytes):
        answer.response.body = value
    else:
        answer.response.stream = _pieces(value)


def _pieces(value: Any) -> Iterator[bytes]:
    if not hasattr(value, "__next__"):
        raise TypeError(f"a {type(value).__name__} where a body is bytes or an iterator of them")
    pieces: Iterator[bytes] = value
    return pieces


def _raw_place(member: Any) -> Place:
    check = exactly(member)
    blob = member.type_name == "blob"
    content_type = b"application/octet-stream" if blob else b"text/plain"

    def place(answer: _Answer, value: Any) -> None:
        answer.content_type = content_type
        answer.response.body = bytes(check(value)) if blob else check(value).encode()

    return place


def _body_place(shape: Any, form: Format) -> Callable[[_Answer], None] | None:
    """Return what writes the members without another place; None where there are none."""
    part = answer_part(shape)
    if not part.members and shape.members:
        return None
    write = form.writer(part, root_of(shape))

    def place(answer: _Answer) -> None:
        if answer.response.status != 204:
            answer.content_type = form.content_type
            answer.response.body = write(answer.members)

    return place


def error_parts(shape: Any, members: Mapping[str, Any]) -> tuple[list[tuple[bytes, bytes]], Any]:
    """Return the headers of an error and its members that stand in the body."""
    answer = _Answer(0)
    for name, value in members.items():
        if name not in shape.members:
            raise no_member(shape, name)
        place_of(name, shape.members[name])(answer, value)
    return answer.response.headers, answer.members
