# SPDX-License-Identifier: Apache-2.0
"""The EC2 query protocol: as query, but for names, lists and the frame of answers.

Parameters have a capital first letter or the model's `queryName`, lists are always flat, the
request id stands in the answer as `requestId`, and errors in `<Response><Errors>`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stockade.protocol.http import HttpResponse
from stockade.protocol.parameters import Ec2ParameterReaders, tree
from stockade.protocol.query import QueryWire, sources
from stockade.protocol.shapes import nothing_of
from stockade.protocol.validate import checked_reader
from stockade.protocol.wire import Prepared, answer, error_shape
from stockade.protocol.xml import XmlWriters, escape, xmlns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stockade.protocol.errors import AwsError
    from stockade.protocol.http import HttpRequest
    from stockade.protocol.operations import Services, WireOperation

_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'


class Ec2Wire:
    """The EC2 query protocol."""

    family: Final = "ec2"

    def __init__(self, query: QueryWire) -> None:
        self._query = query

    def find(
        self, http: HttpRequest, services: Services, scope_service: str | None
    ) -> WireOperation:
        """Return the operation of `Action`, which is found as over query."""
        return self._query.find(http, services, scope_service)

    def prepare(self, operation: WireOperation) -> Prepared:
        """Compile the reader and the writer of an operation."""
        return Prepared(
            checked_reader(operation, Ec2ParameterReaders().structure), _writer(operation)
        )

    def read(self, http: HttpRequest, operation: WireOperation) -> dict[str, Any]:
        """Return the validated members of a request."""
        params: dict[str, Any] = operation.prepared(self).read(tree(sources(http)))
        return params

    def render(
        self, operation: WireOperation, output: Mapping[str, Any], request_id: str
    ) -> HttpResponse:
        """Return the answer of an operation."""
        root, namespace = f"{operation.name}Response", operation.home.namespace
        opening = f"<{root}{xmlns(namespace) if namespace else ''}>"
        marked = f"{opening}<requestId>{escape(request_id)}</requestId>"
        members = operation.prepared(self).write(output)
        return _response(200, b"%s%s</%s>" % (marked.encode(), members, root.encode()))

    def render_error(
        self, error: AwsError, request_id: str, operation: WireOperation | None = None
    ) -> HttpResponse:
        """Return the answer for an error."""
        code, status, message = answer(error, self.family)
        parts = [f"<Response><Errors><Error><Code>{escape(code)}</Code>"]
        if message:
            parts.append(f"<Message>{escape(message)}</Message>")
        shape = error_shape(operation, code, error)
        if shape is not None:
            XmlWriters().members(shape)(error.members, parts)
        parts.append(f"</Error></Errors><RequestID>{escape(request_id)}</RequestID></Response>")
        return _response(status, "".join(parts).encode())


EC2: Final = Ec2Wire(QueryWire())


def _response(status: int, body: bytes) -> HttpResponse:
    headers = [(b"content-type", b"text/xml;charset=UTF-8")]
    return HttpResponse(status=status, headers=headers, body=_DECLARATION + body)


def _writer(operation: WireOperation) -> Callable[[Mapping[str, Any]], bytes]:
    shape = operation.output_shape
    if shape is None:
        return nothing_of(operation)
    members = XmlWriters().members(shape)

    def write(output: Mapping[str, Any]) -> bytes:
        parts: list[str] = []
        members(output, parts)
        return "".join(parts).encode()

    return write
