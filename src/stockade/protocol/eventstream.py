# SPDX-License-Identifier: Apache-2.0
"""Frames of AWS's event streams (`application/vnd.amazon.eventstream`): pure encoding.

A frame is a prelude of two lengths with a CRC of its own, typed headers, a payload and a CRC over
everything. What does not add up, is too large or breaks off is a SerializationFailure.
"""

from __future__ import annotations

import struct
from binascii import crc32
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from stockade.protocol.malformed import SerializationFailure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stockade.protocol.http import Readable

LARGEST_HEADERS: Final = 128 * 1024
LARGEST_FRAME: Final = 16 * 1024 * 1024 + LARGEST_HEADERS + 16
_PRELUDE: Final = struct.Struct("!III")
_CRC: Final = struct.Struct("!I")
_LENGTH: Final = struct.Struct("!H")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Long(int):
    """A header of 64 bits, also where 32 would do."""


class Byte(int):
    """A header of 8 bits."""


class Short(int):
    """A header of 16 bits."""


class Frame(NamedTuple):
    """One message of a stream."""

    headers: dict[str, Any]
    payload: bytes


def encode(headers: Mapping[str, Any], payload: bytes) -> bytes:
    """Return a frame."""
    head = b"".join([_encoded_header(name, value) for name, value in headers.items()])
    if len(head) > LARGEST_HEADERS:
        raise ValueError("the headers of an event are too large")
    size = 12 + len(head) + len(payload) + 4
    lengths = struct.pack("!II", size, len(head))
    frame = lengths + _CRC.pack(crc32(lengths)) + head + payload
    return frame + _CRC.pack(crc32(frame))


def _encoded_header(name: str, value: Any) -> bytes:
    key = name.encode()
    return bytes([len(key)]) + key + _encoded_value(value)


def _encoded_value(value: Any) -> bytes:
    match value:
        case bool():
            return b"\x00" if value else b"\x01"
        case Byte():
            return struct.pack("!Bb", 2, value)
        case Short():
            return struct.pack("!Bh", 3, value)
        case Long():
            return struct.pack("!Bq", 5, value)
        case int():
            return struct.pack("!Bi", 4, value)
        case bytes():
            return b"\x06" + _LENGTH.pack(len(value)) + value
        case str():
            text = value.encode()
            return b"\x07" + _LENGTH.pack(len(text)) + text
        case datetime():
            return struct.pack("!Bq", 8, (value - _EPOCH) // _MILLISECOND)
        case UUID():
            return b"\x09" + value.bytes
    raise TypeError(f"a {type(value).__name__} cannot be a header of an event")


def frames(stream: Readable) -> Iterator[Frame]:
    """Yield the frames of a stream as they arrive."""
    while prelude := _exactly(stream, _PRELUDE.size, end=True):
        size, head_size, crc = _PRELUDE.unpack(prelude)
        if crc32(prelude[:8]) != crc:
            raise SerializationFailure(hint="the prelude of an event does not match its checksum")
        if size > LARGEST_FRAME or head_size > LARGEST_HEADERS or size < head_size + 16:
            raise SerializationFailure(hint="the lengths of an event are impossible")
        rest = _exactly(stream, size - _PRELUDE.size)
        if crc32(rest[:-4], crc32(prelude)) != _CRC.unpack(rest[-4:])[0]:
            raise SerializationFailure(hint="an event does not match its checksum")
        yield Frame(_headers(rest[:head_size]), rest[head_size:-4])


def _exactly(stream: Readable, size: int, *, end: bool = False) -> bytes:
    """Return that many bytes; none where the stream may end, and does."""
    parts: list[bytes] = []
    missing = size
    while missing:
        part = stream.read(missing)
        if not part:
            if end and missing == size:
                return b""
            raise SerializationFailure(hint="an event breaks off")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _headers(raw: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    place = 0
    try:
        while place < len(raw):
            length = raw[place]
            name = raw[place + 1 : place + 1 + length].decode()
            value, place = _decoded_value(raw, place + 1 + length)
            if name in found:
                raise SerializationFailure(hint="a header of an event is given twice")
            found[name] = value
    except (IndexError, KeyError, ValueError, OverflowError, struct.error) as error:
        raise SerializationFailure(hint="the headers of an event cannot be read") from error
    return found


def _fixed(form: str, make: Callable[[Any], Any]) -> tuple[struct.Struct, Callable[[Any], Any]]:
    return struct.Struct(form), make


_FIXED: Final = MappingProxyType(
    {
        2: _fixed("!b", Byte),
        3: _fixed("!h", Short),
        4: _fixed("!i", int),
        5: _fixed("!q", Long),
        8: _fixed("!q", lambda milliseconds: _EPOCH + milliseconds * _MILLISECOND),
        9: _fixed("!16s", lambda raw: UUID(bytes=raw)),
    }
)


def _decoded_value(raw: bytes, place: int) -> tuple[Any, int]:
    """Return the value of a header and where the next one begins."""
    kind = raw[place]
    place += 1
    if kind < 2:
        return kind == 0, place
    if kind in (6, 7):
        (length,) = _LENGTH.unpack_from(raw, place)
        value = raw[place + 2 : place + 2 + length]
        if len(value) != length:
            raise IndexError
        return (value if kind == 6 else value.decode()), place + 2 + length
    form, make = _FIXED[kind]
    return make(form.unpack_from(raw, place)[0]), place + form.size
