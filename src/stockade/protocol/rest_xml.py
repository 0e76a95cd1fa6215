# SPDX-License-Identifier: Apache-2.0
"""The REST-XML protocol: method and path name the operation, documents are XML.

S3 speaks a dialect: its errors have no frame, every answer carries `x-amz-request-id` and
`x-amz-id-2`, and its codes and texts are its own family.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha384
from typing import TYPE_CHECKING, Any, Final

from stockade.protocol.elements import ElementReaders, parse
from stockade.protocol.http import HttpResponse
from stockade.protocol.parts import Part
from stockade.protocol.rest import error_parts
from stockade.protocol.rest_json import RestWire
from stockade.protocol.wire import answer, error_shape
from stockade.protocol.xml import XmlWriters, escape, xmlns

if TYPE_CHECKING:
    from collections.abc import Callable

    from stockade.protocol.errors import AwsError
    from stockade.protocol.operations import WireOperation

_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'


class XmlFormat:
    """XML as the body of a REST protocol and of events."""

    content_type: Final = b"application/xml"

    def reader(self, shape: Any) -> Callable[[bytes], Any]:
        """Return what reads a document of a shape."""
        read = ElementReaders().reader(shape)
        return lambda body: read(parse(body))

    def writer(self, shape: Any, root: str) -> Callable[[Any], bytes]:
        """Return what writes a document of a shape in an element of that name."""
        element = XmlWriters().element(shape, root)

        def write(value: Any) -> bytes:
            parts: list[str] = []
            element(value, parts)
            return _DECLARATION + "".join(parts).encode()

        return write


XML: Final = XmlFormat()


class RestXmlWire(RestWire):
    """The REST-XML protocol."""

    def render_error(
        self, error: AwsError, request_id: str, operation: WireOperation | None = None
    ) -> HttpResponse:
        """Return the answer for an error."""
        code, status, message = answer(error, self.family)
        shape = error_shape(operation, code, error)
        headers = self.marks(request_id)
        parts = [f"<Code>{escape(code)}</Code>"]
        if message:
            parts.append(f"<Message>{escape(message)}</Message>")
        told = error.elements_on(self.family)
        parts += [f"<{name}>{escape(value)}</{name}>" for name, value in told.items()]
        if shape is not None:
            more, members = error_parts(shape, error.members)
            headers += more
            XmlWriters().members(Part(shape, shape.members))(members, parts)
        headers.append((b"content-type", XML.content_type))
        text = self._framed("".join(parts), status, request_id, operation)
        return HttpResponse(status=status, headers=headers, body=_DECLARATION + text.encode())

    def _framed(
        self, inner: str, status: int, request_id: str, operation: WireOperation | None
    ) -> str:
        """Return the document of an error."""
        fault = "Sender" if status < 500 else "Receiver"
        namespace = operation.home.namespace if operation is not None else None
        return (
            f"<ErrorResponse{xmlns(namespace) if namespace else ''}><Error><Type>{fault}</Type>"
            f"{inner}</Error><RequestId>{escape(request_id)}</RequestId></ErrorResponse>"
        )


class S3Wire(RestXmlWire):
    """REST-XML as S3 speaks it."""

    def marks(self, request_id: str) -> list[tuple[bytes, bytes]]:
        """Return the headers that name the request."""
        return [
            (b"x-amz-request-id", request_id.encode()),
            (b"x-amz-id-2", _host_id(request_id).encode()),
        ]

    def _framed(
        self, inner: str, status: int, request_id: str, operation: WireOperation | None
    ) -> str:
        del status, operation  # S3 says neither whose fault it is nor in which namespace
        return (
            f"<Error>{inner}<RequestId>{escape(request_id)}</RequestId>"
            f"<HostId>{_host_id(request_id)}</HostId></Error>"
        )


REST_XML: Final = RestXmlWire("rest-xml", "rest-xml", XML)
S3: Final = S3Wire("s3", "rest-xml", XML)


def _host_id(request_id: str) -> str:
    """Return what AWS calls the extended request id; it tells nothing that the other does not."""
    return b64encode(sha384(request_id.encode()).digest()).decode()
