# SPDX-License-Identifier: Apache-2.0
"""Request bodies that the client has compressed (`content-encoding: gzip`), within a limit.

The signature covers the compressed bytes. What they expand to is bounded, because a few bytes can
stand for gigabytes.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from stockade.protocol.malformed import SerializationFailure

if TYPE_CHECKING:
    from stockade.protocol.http import HttpRequest

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of the largest body after decompression."""
_GZIP: Final = 16 + zlib.MAX_WBITS


def plain_body(http: HttpRequest) -> bytes:
    """Return the body as it was before the client compressed it."""
    encoding = http.header(b"content-encoding")
    if encoding is None or not http.body:
        return http.body
    # The last encoding named is the one applied last; others than gzip are the content's own.
    if encoding.rpartition(b",")[2].strip().lower() != b"gzip":
        return http.body
    return _expanded(http.body)


def _expanded(body: bytes) -> bytes:
    parts: list[bytes] = []
    room = LARGEST
    try:
        while body:
            stream = zlib.decompressobj(_GZIP)
            parts.append(stream.decompress(body, room))
            room -= len(parts[-1])
            if not stream.eof:
                raise SerializationFailure(hint="the compressed body is cut or too large")
            body = stream.unused_data
    except zlib.error as error:
        raise SerializationFailure(hint="the body is not gzip") from error
    return b"".join(parts)
