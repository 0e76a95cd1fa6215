# SPDX-License-Identifier: Apache-2.0
"""The REST-JSON protocol: method and path name the operation, documents are JSON.

An error is named in `x-amzn-errortype`; what it says is in the body, and in headers where the model
puts it there. What is compiled for an operation is in `rest.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stockade.protocol.http import HttpRequest, HttpResponse
from stockade.protocol.json import JSON, message_member
from stockade.protocol.malformed import SerializationFailure, UnknownOperation
from stockade.protocol.parts import Part, without_events
from stockade.protocol.query import candidates
from stockade.protocol.rest import error_parts, request_reader, response_writer
from stockade.protocol.shapes import JsonWriters
from stockade.protocol.validate import Validator
from stockade.protocol.wire import Prepared, answer, error_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stockade.protocol.errors import AwsError
    from stockade.protocol.operations import Services, WireOperation
    from stockade.protocol.parts import Format

_encode: Final = msgspec.json.Encoder().encode


class RestWire(ABC):
    """What is the same in the REST protocols."""

    def __init__(self, family: str, protocol: str, form: Format) -> None:
        self.family = family
        self._protocol = protocol
        self._form = form

    def find(
        self, http: HttpRequest, services: Services, scope_service: str | None
    ) -> WireOperation:
        """Return the operation of method and path, in the service that was signed for."""
        for service in candidates(http, services, scope_service):
            if service.protocol == self._protocol:
                name = service.router.find(http)
                operation = service.operation(name) if name is not None else None
                if operation is not None:
                    return operation
        raise UnknownOperation(hint="no operation has this method and path")

    def prepare(self, operation: WireOperation) -> Prepared:
        """Compile the reader and the writer of an operation."""
        return Prepared(_reader(operation, self._form), response_writer(operation, self._form))

    def read(self, http: HttpRequest, operation: WireOperation) -> dict[str, Any]:
        """Return the validated members of a request."""
        try:
            params: dict[str, Any] = operation.prepared(self).read(http)
        except RecursionError as error:
            raise SerializationFailure(hint="the body is nested too deeply") from error
        return params

    def render(
        self, operation: WireOperation, output: Mapping[str, Any], request_id: str
    ) -> HttpResponse:
        """Return the answer of an operation."""
        response: HttpResponse = operation.prepared(self).write(output)
        response.headers += self.marks(request_id)
        return response

    @abstractmethod
    def render_error(
        self, error: AwsError, request_id: str, operation: WireOperation | None = None
    ) -> HttpResponse:
        """Return the answer for an error."""

    def marks(self, request_id: str) -> list[tuple[bytes, bytes]]:
        """Return the headers that name the request."""
        return [(b"x-amzn-requestid", request_id.encode())]


class RestJsonWire(RestWire):
    """The REST-JSON protocol."""

    def render_error(
        self, error: AwsError, request_id: str, operation: WireOperation | None = None
    ) -> HttpResponse:
        """Return the answer for an error."""
        code, status, message = answer(error, self.family)
        shape = error_shape(operation, code, error)
        body: dict[str, Any] = {}
        headers = self.marks(request_id)
        if message:
            body[message_member(error, shape)] = message
        if shape is not None:
            more, members = error_parts(shape, error.members)
            headers += more
            body |= JsonWriters().writer(Part(shape, shape.members))(members)
        headers += [(b"x-amzn-errortype", code.encode()), (b"content-type", JSON.content_type)]
        return HttpResponse(status=status, headers=headers, body=_encode(body))


REST_JSON: Final = RestJsonWire("rest-json", "rest-json", JSON)


def _reader(operation: WireOperation, form: Format) -> Callable[[HttpRequest], Any]:
    read = request_reader(operation, form)
    shape = operation.input_shape
    if shape is None:
        return read
    check = Validator(without_events(shape), operation.service).check
    return lambda http: check(read(http))
