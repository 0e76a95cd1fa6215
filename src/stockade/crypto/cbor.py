# SPDX-License-Identifier: Apache-2.0
"""A strict reader of CBOR (RFC 8949) for bytes from strangers: COSE and attestation documents.

It knows integers, byte and text strings, arrays, maps, tags and null, and refuses the rest: floats,
strings in pieces, keys that are no integer or text, a key that comes twice, what is nested too
deeply, and anything behind the value. Maps and arrays of indefinite length are read, because the
Nitro system writes them. What is promised and not there is never reserved in memory.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

Value: TypeAlias = "int | bytes | str | list[Value] | dict[int | str, Value] | Tagged | None"

_BREAK = 0xFF
_NULL = 0xF6
_OPEN_ARRAY, _OPEN_MAP = 0x9F, 0xBF


class NotCbor(Exception):
    """Bytes that are not CBOR, or more than this reader takes."""


class Tagged(NamedTuple):
    """A value with a tag."""

    number: int
    value: Value


def decode(data: bytes, *, depth: int = 4) -> Value:
    """Return the one value that `data` is, in which values are nested `depth` levels at most."""
    reader = _Reader(data)
    value = reader.value(depth)
    if reader.position != len(data):
        raise NotCbor("there is something behind the value")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def value(self, depth: int) -> Value:
        if depth < 0:
            raise NotCbor("values are nested too deeply")
        first = self._take(1)[0]
        if first == _NULL:
            return None
        if first in (_OPEN_ARRAY, _OPEN_MAP):
            return self._array(None, depth) if first == _OPEN_ARRAY else self._map(None, depth)
        return self._of_type(first >> 5, self._number(first & 31), depth)

    def _of_type(self, major: int, number: int, depth: int) -> Value:
        """Return a value of a major type, whose number has been read."""
        match major:
            case 0:
                return number
            case 1:
                return -1 - number
            case 2:
                return self._take(number)
            case 3:
                return self._text(number)
            case 4:
                return self._array(number, depth)
            case 5:
                return self._map(number, depth)
            case 6:
                return Tagged(number, self.value(depth - 1))
        raise NotCbor("a simple value or a float")

    def _take(self, count: int) -> bytes:
        taken = self._data[self.position : self.position + count]
        if len(taken) != count:
            raise NotCbor("it ends too early")
        self.position += count
        return taken

    def _number(self, info: int) -> int:
        """Return the number of an initial byte: the value of an integer, or a length."""
        if info < 24:
            return info
        if info > 27:
            raise NotCbor("a length that is reserved or left open")
        return int.from_bytes(self._take(1 << (info - 24)), "big")

    def _text(self, length: int) -> str:
        try:
            return self._take(length).decode()
        except UnicodeDecodeError:
            raise NotCbor("a text that is not UTF-8") from None

    def _array(self, count: int | None, depth: int) -> Value:
        items: list[Value] = []
        while self._more(count, len(items)):
            items.append(self.value(depth - 1))
        return items

    def _map(self, count: int | None, depth: int) -> Value:
        entries: dict[int | str, Value] = {}
        while self._more(count, len(entries)):
            key = self.value(0)
            if not isinstance(key, int | str) or key in entries:
                raise NotCbor("a key that comes twice, or is neither integer nor text")
            entries[key] = self.value(depth - 1)
        return entries

    def _more(self, count: int | None, read: int) -> bool:
        """Tell whether another item follows; the end of an open list is read here."""
        if count is not None:
            return read < count
        if self.position < len(self._data) and self._data[self.position] == _BREAK:
            self.position += 1
            return False
        return True
