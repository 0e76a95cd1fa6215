# SPDX-License-Identifier: Apache-2.0
"""Smithy RPC v2 CBOR: `/service/X/operation/Y` names the operation, bodies are CBOR maps.

Of CBOR's tags only the epoch timestamp is taken; the others name things that no model has, some of
them dangerous to build (patterns, shared references), and so are refused. A key given twice is
refused as in JSON.
"""

from __future__ import annotations

import re
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import cbor2

from stockade.protocol import timestamps
from stockade.protocol.compression import plain_body
from stockade.protocol.events import event_response, output_writer
from stockade.protocol.http import HttpResponse
from stockade.protocol.json import message_member
from stockade.protocol.malformed import SerializationFailure, UnknownOperation
from stockade.protocol.shapes import JsonReaders, JsonWriters, exactly, wrong_type
from stockade.protocol.validate import checked_reader
from stockade.protocol.wire import Prepared, answer, error_shape, query_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stockade.protocol.errors import AwsError
    from stockade.protocol.http import HttpRequest
    from stockade.protocol.operations import Services, WireOperation
    from stockade.protocol.shapes import Convert

_PATH: Final = re.compile(rb"(?:/[^/]+)*?/service/([\w.-]+)/operation/(\w+)")
_DEEPEST: Final = 64
_PLAIN_TAG: Final = 1
_BUILT_IN_TAGS: Final = (
    *(0, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004),
    *(43000, 55799),
)


class CborWire:
    """The RPC v2 CBOR protocol."""

    family: Final = "cbor"

    def find(
        self, http: HttpRequest, services: Services, scope_service: str | None
    ) -> WireOperation:
        """Return the operation that the path names."""
        del scope_service  # the path names the service
        found = _PATH.fullmatch(http.raw_path) if http.method == "POST" else None
        service = services.targeted(found[1].decode("latin-1")) if found else None
        operation = service.operation(found[2].decode("latin-1")) if found and service else None
        if operation is None:
            raise UnknownOperation(hint="the path names no operation")
        return operation

    def prepare(self, operation: WireOperation) -> Prepared:
        """Compile the reader and the writer of an operation."""
        return Prepared(
            checked_reader(operation, CborReaders().reader), output_writer(operation, CBOR)
        )

    def read(self, http: HttpRequest, operation: WireOperation) -> dict[str, Any]:
        """Return the validated members of a request."""
        params: dict[str, Any] = operation.prepared(self).read(_document(plain_body(http)))
        return params

    def render(
        self, operation: WireOperation, output: Mapping[str, Any], request_id: str
    ) -> HttpResponse:
        """Return the answer of an operation."""
        body = operation.prepared(self).write(output)
        headers = _marks(request_id)
        if not isinstance(body, bytes):
            return event_response(body, headers)
        if body:
            headers.append((b"content-type", CBOR.content_type))
        return HttpResponse(status=200, headers=headers, body=body)

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
            body |= CborWriters().writer(shape)(error.members)
        headers = [*_marks(request_id), (b"content-type", CBOR.content_type), *more]
        return HttpResponse(status=status, headers=headers, body=cbor2.dumps(body))


CBOR_WIRE: Final = CborWire()


def _marks(request_id: str) -> list[tuple[bytes, bytes]]:
    return [(b"smithy-protocol", b"rpc-v2-cbor"), (b"x-amzn-requestid", request_id.encode())]


def _document(body: bytes) -> Any:
    """Return the decoded body; an empty one stands for an empty map."""
    return _decoded(body) if body else {}


def _decoded(body: bytes) -> Any:
    try:
        return cbor2.loads(
            body,
            tag_hook=_refuse,
            semantic_decoders=_REFUSED,
            max_depth=_DEEPEST,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
    except (cbor2.CBORDecodeError, ValueError, OverflowError, RecursionError) as error:
        raise SerializationFailure(hint="the body is not CBOR, or has a strange tag") from error


def _refuse(*_: object) -> Any:
    raise ValueError("a tag that no model has")


_REFUSED: Final = MappingProxyType(dict.fromkeys(_BUILT_IN_TAGS, _refuse))


class CborReaders(JsonReaders):
    """Compiles readers of CBOR values: as of JSON values, but for what CBOR has types for."""

    def reader(self, shape: Any) -> Convert:
        """Return the reader of a shape."""
        match shape.type_name:
            case "timestamp":
                return _read_moment
            case "blob":
                return _read_blob
            case _:
                return super().reader(shape)


def _read_moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    raise wrong_type(value, "timestamp")


def _read_blob(value: Any) -> bytes:
    if type(value) is bytes:
        return value
    raise wrong_type(value, "blob")


class CborWriters(JsonWriters):
    """Compiles writers of CBOR values."""

    def writer(self, shape: Any) -> Convert:
        """Return the writer of a shape."""
        match shape.type_name:
            case "timestamp":
                return lambda value: cbor2.CBORTag(_PLAIN_TAG, timestamps.format_epoch(value))
            case "blob":
                check = exactly(shape)
                return lambda value: bytes(check(value))
            case "float" | "double":
                return _write_float
            case _:
                return super().writer(shape)


def _write_float(value: Any) -> float:
    if type(value) not in (float, int):
        raise TypeError(f"a {type(value).__name__} where the model has a number")
    return float(value)


class CborFormat:
    """CBOR as the body of events and answers."""

    content_type: Final = b"application/cbor"

    def reader(self, shape: Any) -> Callable[[bytes], Any]:
        """Return what reads a document of a shape."""
        read = CborReaders().reader(shape)
        return lambda body: read(_decoded(body))

    def writer(self, shape: Any, root: str) -> Callable[[Any], bytes]:
        """Return what writes a document of a shape."""
        del root  # CBOR has no name for a document
        write = CborWriters().writer(shape)

        def encode(value: Any) -> bytes:
            return cbor2.dumps(write(value))

        return encode


CBOR: Final = CborFormat()
