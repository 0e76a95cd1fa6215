# SPDX-License-Identifier: Apache-2.0
"""Members of the model as header values: scalars, lists, JSON values and dates.

A value never ends its header: control characters are written as spaces, so that nobody who may
choose a value can add headers of his own to an answer.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Final

from stockade.protocol.malformed import SerializationFailure
from stockade.protocol.shapes import misfit, timestamp_format
from stockade.protocol.texts import reader_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ITEM: Final = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,"]*))\s*(?:,|$)')
_ESCAPED: Final = re.compile(r"\\(.)")
_QUOTED: Final = re.compile(r'[",]')


def text(raw: bytes) -> str:
    """Return a header value as text: UTF-8 if it is, the Latin 1 of HTTP otherwise."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def header_reader(shape: Any) -> Callable[[str], Any]:
    """Return what reads a member from a header value."""
    if shape.type_name == "list":
        return _list_reader(shape.member)
    if shape.serialization.get("jsonvalue"):
        return _json_value
    return reader_of(shape, "rfc822") or str


def _list_reader(member: Any) -> Callable[[str], list[Any]]:
    read = header_reader(member)
    if member.type_name == "timestamp" and timestamp_format(member, "rfc822") == "rfc822":
        return lambda value: [read(date) for date in _dates(value)]
    return lambda value: [read(item) for item in _items(value)]


def _dates(value: str) -> list[str]:
    """Return the dates of a list: each has a comma of its own."""
    pieces = value.split(",")
    return [",".join(pieces[i : i + 2]).strip() for i in range(0, len(pieces), 2)]


def _items(value: str) -> list[str]:
    """Return the items of a list, quoted ones without their quotation marks."""
    items = []
    place = 0
    while place < len(value):
        found = _ITEM.match(value, place)
        if found is None or found.end() == place:
            raise SerializationFailure(hint="a header is not a list")
        quoted = found[1]
        items.append(found[2].strip() if quoted is None else _ESCAPED.sub(r"\1", quoted))
        place = found.end()
    return items


def _json_value(value: str) -> Any:
    try:
        return json.loads(b64decode(value, validate=True))
    except (ValueError, RecursionError) as error:
        raise SerializationFailure(hint="a header is not JSON in Base64") from error


def header_writer(shape: Any) -> Callable[[Any], bytes]:
    """Return what writes a member as a header value."""
    write = _plain_writer(shape)
    return lambda value: _CONTROL.sub(" ", write(value)).encode()


def _plain_writer(shape: Any) -> Callable[[Any], str]:
    if shape.type_name == "list":
        return _list_writer(shape)
    if shape.serialization.get("jsonvalue"):
        return lambda value: b64encode(json.dumps(value).encode()).decode()
    return text_of(shape, "rfc822")


def _list_writer(shape: Any) -> Callable[[Any], str]:
    member = _plain_writer(shape.member)
    quote = _quoted if shape.member.type_name == "string" else str

    def write(value: Any) -> str:
        if not isinstance(value, list | tuple):
            raise misfit(shape, value)
        return ", ".join([quote(member(item)) for item in value])

    return write


def _quoted(item: str) -> str:
    if _QUOTED.search(item) is None:
        return item
    escaped = item.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
