# SPDX-License-Identifier: Apache-2.0
"""AWS JSON 1.0 and 1.1: the operation in `X-Amz-Target`, a JSON object in the body.

A body that cannot be read is a SerializationException without a message, as AWS answers it.
Stricter than AWS in one thing: a key given twice is refused, because two readers of the same
signed body must never see different requests. An error is `{"__type": code, "message": ...}`;
an empty message is left out, as recorded; where the model spells the member differently
(`Message`), so do we.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stockade.protocol.compression import plain_body
from stockade.protocol.events import event_response, output_writer
from stockade.protocol.http import HttpResponse
from stockade.protocol.malformed import SerializationFailure, UnknownOperation
from stockade.protocol.shapes import JsonReaders, JsonWriters, wrong_type
from stockade.protocol.validate import checked_reader
from stockade.protocol.wire import Prepared, answer, error_shape, query_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stockade.protocol.errors import AwsError
    from stockade.protocol.http import HttpRequest
    from stockade.protocol.operations import Services, WireOperation

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


class JsonWire:
    """The JSON protocol in one of its two versions, which differ in the content type only."""

    family: Final = "json"

    def __init__(self, version: str) -> None:
        self._content_type = (b"content-type", b"application/x-amz-json-" + version.encode())

    def find(
        self,
        http: HttpRequest,
        services: Services,
        scope_service: str | None,
    ) -> WireOperation:
        """Return the operation of `X-Amz-Target`."""
        del scope_service  # the target names the service
        target = (http.header(b"x-amz-target") or b"").decode("latin-1")
        prefix, _, name = target.rpartition(".")
        service = services.targeted(prefix)
        operation = service.operation(name) if service is not None else None
        if operation is None:
            raise UnknownOperation(hint=f"X-Amz-Target is {target[:200]!r}")
        return operation

    def prepare(self, operation: WireOperation) -> Prepared:
        """Compile the reader and the writer of an operation."""
        return Prepared(
            checked_reader(operation, JsonReaders().reader), output_writer(operation, JSON)
        )

    def read(self, http: HttpRequest, operation: WireOperation) -> dict[str, Any]:
        """Return the validated members of a request."""
        try:
            params: dict[str, Any] = operation.prepared(self).read(document(plain_body(http)))
        except RecursionError as error:
            raise SerializationFailure(hint="the body is nested too deeply") from error
        return params

    def render(
        self, operation: WireOperation, output: Mapping[str, Any], request_id: str
    ) -> HttpResponse:
        """Return the answer of an operation."""
        body = operation.prepared(self).write(output)
        if type(body) is not bytes:
            return event_response(body, [(b"x-amzn-requestid", request_id.encode())])
        return self._response(200, body, request_id)

    def render_error(
        self, error: AwsError, request_id: str, operation: WireOperation | None = None
    ) -> HttpResponse:
        """Return the answer for an error."""
        code, status, message = answer(error, self.family)
        shape = error_shape(operation, code, error)
        named, more = query_error(operation, shape, error, code, status)
        body: dict[str, Any] = {"__type": named}
        if message:
            body[message_member(error, shape)] = message
        if shape is not None:
            body |= JsonWriters().writer(shape)(error.members)
        response = self._response(status, _encode(body), request_id)
        response.headers += more
        return response

    def _response(self, status: int, body: bytes, request_id: str) -> HttpResponse:
        headers = [(b"x-amzn-requestid", request_id.encode()), self._content_type]
        return HttpResponse(status=status, headers=headers, body=body)


JSON_1_0: Final = JsonWire("1.0")
JSON_1_1: Final = JsonWire("1.1")


def document(body: bytes) -> dict[str, Any]:
    """Return the decoded body of a structure; an empty one stands for an empty object."""
    if not body:
        return {}
    found = decoded(body)
    if type(found) is dict:
        return found
    if type(found) is list:
        raise wrong_type(found, "structure")
    raise SerializationFailure(hint="the body is not a JSON object")


def decoded(body: bytes) -> Any:
    """Return the value of a JSON text in which no object has a key twice."""
    try:
        value = _decode(body)
        # Every text that was kept has two quotation marks. Any more come from a key given twice,
        # or from a quotation mark inside a text: then the slow, strict parser decides.
        if body.count(b'"') != 2 * _texts(value):
            _refuse_repeated_keys(body)
    except ValueError as error:  # broken JSON, invalid UTF-8, numbers beyond all bounds
        raise SerializationFailure(hint="the body is not JSON") from error
    return value


def _texts(value: Any) -> int:
    """Return how many texts, keys among them, a decoded value has."""
    kind = type(value)
    if kind is str:
        return 1
    if kind is dict:
        return len(value) + sum(map(_texts, value.values()))
    return sum(map(_texts, value)) if kind is list else 0


def _refuse_repeated_keys(body: bytes) -> None:
    def once(pairs: list[tuple[str, Any]]) -> None:
        if len(dict(pairs)) != len(pairs):
            raise SerializationFailure(hint="a key is given twice")

    json.loads(body, object_pairs_hook=once, parse_int=str, parse_float=str)


def message_member(error: AwsError, shape: Any) -> str:
    """Return how an error's message is called: as the model spells it, or as AWS mostly does."""
    if shape is not None:
        for name in shape.members:
            if name.lower() == "message":
                return str(name)
    return "Message" if isinstance(error, SerializationFailure) else "message"


class JsonFormat:
    """JSON as the body of REST protocols and of events."""

    content_type: Final = b"application/json"

    def reader(self, shape: Any) -> Callable[[bytes], Any]:
        """Return what reads a document of a shape."""
        read = JsonReaders().reader(shape)
        if shape.type_name == "structure" and not shape.is_document_type:
            return lambda body: read(document(body))
        return lambda body: read(decoded(body))

    def writer(self, shape: Any, root: str) -> Callable[[Any], bytes]:
        """Return what writes a document of a shape."""
        del root  # JSON has no name for a document
        write = JsonWriters().writer(shape)
        return lambda value: _encode(write(value))


JSON: Final = JsonFormat()
