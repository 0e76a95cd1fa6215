# SPDX-License-Identifier: Apache-2.0
"""The query protocol: `Action` and `Version` with flat, dotted parameters in, XML out.

As measured on AWS: parameters come from the target's query string or a form in the body; the
first of several values counts; unknown parameters are ignored; a wrong `Action` or `Version` is
`InvalidAction`, in the namespace of faults and not of the service; a number that is none is
`MalformedInput` without a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus

from stockade.protocol.compression import plain_body
from stockade.protocol.http import HttpResponse
from stockade.protocol.malformed import InvalidAction, MissingAction
from stockade.protocol.parameters import ParameterReaders, tree
from stockade.protocol.shapes import nothing_of
from stockade.protocol.validate import checked_reader
from stockade.protocol.wire import Prepared, answer, error_shape
from stockade.protocol.xml import XmlWriters, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stockade.protocol.errors import AwsError
    from stockade.protocol.http import HttpRequest
    from stockade.protocol.operations import Services, WireOperation, WireService

_FAULTS: Final = "http://webservices.amazon.com/AWSFault/2005-15-09"
_FORM: Final = b"application/x-www-form-urlencoded"
_REST: Final = frozenset({"rest-json", "rest-xml"})


class QueryWire:
    """The query protocol."""

    family: Final = "query"

    def find(
        self, http: HttpRequest, services: Services, scope_service: str | None
    ) -> WireOperation:
        """Return the operation of `Action`, in the service that the request was signed for."""
        action = parameter(http, b"Action")
        if action is None:
            raise MissingAction
        version = parameter(http, b"Version")
        for service in candidates(http, services, scope_service):
            if service.api_version == version and service.protocol not in _REST:
                operation = service.operation(action)
                if operation is not None:
                    return operation
        raise InvalidAction(
            action=action, version="NO_VERSION_SPECIFIED" if version is None else version
        )

    def prepare(self, operation: WireOperation) -> Prepared:
        """Compile the reader and the writer of an operation."""
        return Prepared(checked_reader(operation, ParameterReaders().structure), _writer(operation))

    def read(self, http: HttpRequest, operation: WireOperation) -> dict[str, Any]:
        """Return the validated members of a request."""
        return operation.prepared(self).read(tree(sources(http)))

    def render(
        self, operation: WireOperation, output: Mapping[str, Any], request_id: str
    ) -> HttpResponse:
        """Return the answer of an operation."""
        name = operation.name
        body = b"<%sResponse%s>%s<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata>" % (
            name.encode(),
            _xmlns(operation.home.namespace),
            operation.prepared(self).write(output),
            request_id.encode(),
        )
        return _response(200, b"%s</%sResponse>" % (body, name.encode()), request_id)

    def render_error(
        self, error: AwsError, request_id: str, operation: WireOperation | None = None
    ) -> HttpResponse:
        """Return the answer for an error."""
        code, status, message = answer(error, self.family)
        fault = "Sender" if status < 500 else "Receiver"
        parts = [f"<Error><Type>{fault}</Type><Code>{escape(code)}</Code>"]
        if message:
            parts.append(f"<Message>{escape(message)}</Message>")
        shape = error_shape(operation, code, error)
        if shape is not None:
            XmlWriters().members(shape)(error.members, parts)
        parts.append(f"</Error><RequestId>{escape(request_id)}</RequestId></ErrorResponse>")
        namespace = operation.home.namespace if operation is not None else _FAULTS
        body = b"<ErrorResponse%s>%s" % (_xmlns(namespace), "".join(parts).encode())
        return _response(status, body, request_id)


QUERY: Final = QueryWire()


def _response(status: int, body: bytes, request_id: str) -> HttpResponse:
    headers = [(b"x-amzn-requestid", request_id.encode()), (b"content-type", b"text/xml")]
    return HttpResponse(status=status, headers=headers, body=body)


def _xmlns(namespace: str | None) -> bytes:
    return f' xmlns="{escape(namespace)}"'.encode() if namespace else b""


def sources(http: HttpRequest) -> tuple[bytes, ...]:
    """Return where parameters may stand, what counts first in front."""
    content_type = http.header(b"content-type") or b""
    return (http.query, plain_body(http)) if content_type.startswith(_FORM) else (http.query,)


def parameter(http: HttpRequest, name: bytes) -> str | None:
    """Return the first value of a parameter that is not percent-encoded in its name, or None."""
    for source in sources(http):
        for pair in source.split(b"&"):
            key, _, value = pair.partition(b"=")
            if key == name:
                return unquote_plus(value.decode("latin-1"))
    return None


def candidates(
    http: HttpRequest, services: Services, scope_service: str | None
) -> Sequence[WireService]:
    """Return the services that may be meant: those of the signature, of the host, or any."""
    if scope_service is not None:
        return services.signed_as(scope_service)
    # Unsigned requests (AssumeRoleWithWebIdentity) to an address of ours name no service at all.
    named = services.signed_as(host_label(http))
    return named or [s for s in services if s.entry.target_prefix is None]


def host_label(http: HttpRequest) -> str:
    """Return the first label of the host, which names the service in AWS's own addresses."""
    return (http.header(b"host") or b"").partition(b".")[0].decode("latin-1").lower()


def _writer(operation: WireOperation) -> Callable[[Mapping[str, Any]], bytes]:
    shape = operation.output_shape
    if shape is None:
        return nothing_of(operation)
    members = XmlWriters().members(shape)
    wrapper = shape.serialization.get("resultWrapper")

    def write(output: Mapping[str, Any]) -> bytes:
        parts = [f"<{wrapper}>"] if wrapper else []
        members(output, parts)
        if wrapper:
            parts.append(f"</{wrapper}>")
        return "".join(parts).encode()

    return write
