# SPDX-License-Identifier: Apache-2.0
"""One HTTP request and response as plain values: what every door and protocol speaks.

The request keeps the target and the header bytes as they were sent, because a signature
covers those bytes and not what a framework makes of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

Headers = list[tuple[bytes, bytes]]


class Readable(Protocol):
    """A body that is read as it arrives."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, waiting for them; none at the end."""


class HttpRequest(msgspec.Struct, kw_only=True):
    """A request as it came over the wire; header names are lower case, in order of arrival."""

    method: str
    raw_path: bytes
    """The path of the request target, undecoded, without the query."""
    query: bytes = b""
    """What follows the `?` of the request target, undecoded."""
    headers: Headers = msgspec.field(default_factory=list)
    body: bytes = b""
    client: str = "127.0.0.1"
    """The address of the peer."""
    secure: bool = False
    """True when the connection is TLS."""
    stream: Readable | None = None
    """The body where it is not held as a whole; `body` is empty then."""

    joined: dict[bytes, bytes] | None = None
    """What `table` returned before: the list of headers is not changed once it is here."""

    def __post_init__(self) -> None:
        self.joined = None  # a copy with other headers has another table

    def table(self) -> dict[bytes, bytes]:
        """Return the headers by name, duplicates joined by a comma in order of arrival."""
        if self.joined is None:
            self.joined = _joined(self.headers)
        return self.joined

    def header(self, name: bytes) -> bytes | None:
        """Return the value of a header (`name` in lower case), or None."""
        table = self.joined
        return (self.table() if table is None else table).get(name)


def _joined(headers: Headers) -> dict[bytes, bytes]:
    table = dict(headers)
    if len(table) == len(headers):
        return table
    table.clear()
    for name, value in headers:
        table[name] = table[name] + b"," + value.strip() if name in table else value.strip()
    return table


class HttpResponse(msgspec.Struct, kw_only=True):
    """A response, ready to be sent."""

    status: int
    headers: Headers = msgspec.field(default_factory=list)
    body: bytes = b""
    stream: Iterator[bytes] | None = None
    """The pieces of a body that is not held as a whole; `body` is empty then."""
