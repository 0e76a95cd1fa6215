# SPDX-License-Identifier: Apache-2.0
"""S3's bodies: hashed as a whole, unsigned, or in chunks (`aws-chunked`) signed one by one.

`verified_body` gives a reader of the object's bytes that raises what S3 answers as soon as the body
turns out to be another one than was signed. It never holds more than one chunk: the bytes of a
signed chunk are handed on after its signature was checked, those of an unsigned one as they come.
The end of the body counts: only who has read up to the empty answer knows that hash, length,
checksum and trailer are right.

    size;chunk-signature=hex CRLF bytes CRLF     each chunk; the last has no bytes
    name:value CRLF                              trailers, if the payload form says -TRAILER
    x-amz-trailer-signature:hex CRLF             and the chunks are signed
    CRLF

A chunk's signature covers the one before it, from the request's own on: chunks can be neither
exchanged nor left out. Source: AWS's "Signature calculations: transferring a payload in chunks",
aws-c-auth's test of its example, and answers of S3 that others have recorded.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from binascii import Error as NotBase64
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Final, Protocol

from msgspec.structs import replace

from stockade.protocol import sigv4a
from stockade.protocol.canonical import UNSIGNED_PAYLOAD, check_content_hash, declared_payload
from stockade.protocol.checksums import CHECKSUMS
from stockade.protocol.refusals import SignatureDoesNotMatch
from stockade.protocol.s3_errors import (
    BadDigest,
    IncompleteBody,
    InvalidChecksum,
    InvalidChunkSize,
    InvalidTrailerHeader,
    MalformedTrailer,
    MissingContentLength,
)

if TYPE_CHECKING:
    from stockade.protocol.checksums import Checksum
    from stockade.protocol.http import HttpRequest, Readable
    from stockade.protocol.sigv4 import SignedRequest

SMALLEST_CHUNK: Final = 8192
LARGEST_SIGNED_CHUNK: Final = 16 * 1024 * 1024
"""S3 names no limit; what is held in memory until its signature is checked needs one."""
PIECE: Final = 65_536

_LONGEST_LINE: Final = 4096
_MOST_TRAILERS: Final = 8
_EMPTY: Final = sha256(b"").hexdigest()
_CHECKSUM: Final = "x-amz-checksum-"
_TRAILER_SIGNATURE: Final = "x-amz-trailer-signature"


class Body(Protocol):
    """A body that is checked while it is read."""

    trailers: dict[str, str]
    """What followed the bytes, once they have all been read."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end, when all of it was checked."""


def verified_body(
    source: Readable, http: HttpRequest, signed: SignedRequest, key: bytes | sigv4a.PublicKey
) -> Body:
    """Return the reader of a body whose request has been verified with `body_follows`."""
    declared = declared_payload(http, signed) or UNSIGNED_PAYLOAD
    if not declared.startswith(b"STREAMING-"):
        return WholeBody(source, None if declared == UNSIGNED_PAYLOAD else declared)
    chain = None
    if declared != b"STREAMING-UNSIGNED-PAYLOAD-TRAILER":
        if (b"ECDSA" in declared) != (signed.region_set is not None):
            raise SignatureDoesNotMatch
        chain = Chain(signed, key)
    return ChunkedBody(
        source,
        chain,
        length=_decoded_length(http),
        trailer=_announced(http) if declared.endswith(b"-TRAILER") else None,
    )


def opened(http: HttpRequest, signed: SignedRequest, key: bytes | sigv4a.PublicKey) -> HttpRequest:
    """Return a verified request of S3 with the object's bytes as its body.

    A stream is verified as it is read; of a body that is held the chunks are taken off here.
    """
    if http.stream is not None:
        return replace(http, stream=verified_body(http.stream, http, signed, key))
    declared = declared_payload(http, signed) or UNSIGNED_PAYLOAD
    if not declared.startswith(b"STREAMING-"):
        return http
    body = verified_body(BytesIO(http.body), http, signed, key)
    return replace(http, body=b"".join(iter(lambda: body.read(PIECE), b"")))


def _decoded_length(http: HttpRequest) -> int:
    raw = http.header(b"x-amz-decoded-content-length") or b""
    if not raw.isdigit() or len(raw) > 15:
        raise MissingContentLength
    return int(raw)


def _announced(http: HttpRequest) -> str:
    """Return the trailer that the request announces: one checksum."""
    name = (http.header(b"x-amz-trailer") or b"").decode("latin-1").strip().lower()
    if not name:
        raise MalformedTrailer
    if name.removeprefix(_CHECKSUM) not in CHECKSUMS or not name.startswith(_CHECKSUM):
        raise InvalidTrailerHeader
    return name


class WholeBody:
    """A body whose hash was signed, or nothing of it."""

    def __init__(self, source: Readable, declared: bytes | None) -> None:
        self.trailers: dict[str, str] = {}
        self._source = source
        self._declared = declared
        self._hash = sha256()

    def read(self, size: int, /) -> bytes:
        data = self._source.read(size)
        if self._declared is not None:
            if data:
                self._hash.update(data)
            elif size:
                check_content_hash(self._declared, self._hash.hexdigest())
        return data


class Chain:
    """The signatures of the chunks of one body, each of which covers the one before it."""

    def __init__(self, signed: SignedRequest, key: bytes | sigv4a.PublicKey) -> None:
        self._algorithm = signed.algorithm
        self._head = f"{signed.amz_date}\n{signed.scope}"
        self._previous = signed.signature
        self._key = key

    def check_chunk(self, data: bytes, signature: str) -> None:
        """Refuse a chunk that was not signed here in the row."""
        self._check("PAYLOAD", f"{_EMPTY}\n{sha256(data).hexdigest()}", signature)

    def check_trailers(self, text: bytes, signature: str) -> None:
        """Refuse trailers that were not signed at the end of the row."""
        self._check("TRAILER", sha256(text).hexdigest(), signature)

    def _check(self, what: str, hashes: str, signature: str) -> None:
        text = f"{self._algorithm}-{what}\n{self._head}\n{self._previous}\n{hashes}".encode()
        if isinstance(self._key, bytes):
            right = hmac.digest(self._key, text, "sha256").hex()
            matches = hmac.compare_digest(right.encode(), signature.encode())
        else:
            signature = signature.rstrip("*")  # padded to a fixed length
            matches = sigv4a.matches(self._key, text, signature)
        if not matches:
            raise SignatureDoesNotMatch
        self._previous = signature


class ChunkedBody:
    """A body in chunks; without a chain they are not signed."""

    def __init__(
        self, source: Readable, chain: Chain | None, *, length: int, trailer: str | None
    ) -> None:
        self.trailers: dict[str, str] = {}
        self._lines = _Lines(source)
        self._chain = chain
        self._left = length
        self._trailer = trailer
        self._checksum: Checksum | None = None
        if trailer is not None:
            self._checksum = CHECKSUMS[trailer.removeprefix(_CHECKSUM)]()
        self._number = 0
        self._last_size = SMALLEST_CHUNK
        self._in_chunk = 0
        self._ready = b""
        self._ended = False

    def read(self, size: int, /) -> bytes:
        """Return up to `size` verified bytes of the object; none at its end."""
        if not self._ready and not self._ended and size:
            self._ready = self._next_piece()
        piece, self._ready = self._ready[:size], self._ready[size:]
        return piece

    def _next_piece(self) -> bytes:
        if self._in_chunk == 0:
            size, signature = self._chunk_head()
            if size == 0:
                self._end(signature)
                return b""
            if self._chain is not None:
                return self._signed_chunk(self._chain, size, signature)
            self._in_chunk = size
        piece = self._lines.exactly(min(self._in_chunk, PIECE))
        self._in_chunk -= len(piece)
        if self._in_chunk == 0:
            self._lines.end()
        return self._count(piece)

    def _chunk_head(self) -> tuple[int, str]:
        """Return size and signature of the next chunk."""
        digits, _, extension = self._lines.line().partition(b";")
        if not 1 <= len(digits) <= 12 or digits.strip(b"0123456789abcdefABCDEF"):
            raise IncompleteBody
        name, _, signature = extension.partition(b"=")
        if self._chain is not None and name != b"chunk-signature":
            raise IncompleteBody
        size = int(digits, 16)
        self._check_size(size)
        return size, signature.decode("latin-1")

    def _check_size(self, size: int) -> None:
        if size and self._last_size < SMALLEST_CHUNK:
            raise InvalidChunkSize(
                elements={"Chunk": str(self._number + 1), "BadChunkSize": str(self._last_size)}
            )
        if self._chain is not None and size > LARGEST_SIGNED_CHUNK:
            raise InvalidChunkSize(
                f"Chunks that are signed may have up to {LARGEST_SIGNED_CHUNK} bytes",
                elements={"Chunk": str(self._number + 1), "BadChunkSize": str(size)},
            )
        if size > self._left:
            raise IncompleteBody
        self._number += 1
        self._last_size = size

    def _signed_chunk(self, chain: Chain, size: int, signature: str) -> bytes:
        data = self._lines.exactly(size)
        self._lines.end()
        chain.check_chunk(data, signature)
        return self._count(data)

    def _count(self, piece: bytes) -> bytes:
        self._left -= len(piece)
        if self._checksum is not None:
            self._checksum.update(piece)
        return piece

    def _end(self, signature: str) -> None:
        """Check what can only be checked at the end."""
        if self._left:
            raise IncompleteBody
        if self._chain is not None:
            self._chain.check_chunk(b"", signature)
        if self._trailer is None:
            self._lines.end()
        else:
            self._read_trailers(self._trailer)
        if not self._lines.exhausted():
            raise IncompleteBody
        self._ended = True

    def _read_trailers(self, announced: str) -> None:
        found: dict[str, str] = {}
        while line := self._lines.line(ends=self._chain is not None and bool(found)):
            name, colon, value = line.decode("latin-1").partition(":")
            name = name.lower()
            if not colon or not name or name in found or len(found) == _MOST_TRAILERS:
                raise MalformedTrailer
            found[name] = value.strip(" \t\n")
        signature = found.pop(_TRAILER_SIGNATURE, None)
        if set(found) != {announced} or (signature is None) != (self._chain is None):
            raise MalformedTrailer
        if self._chain is not None and signature is not None:
            text = f"{announced}:{found[announced]}\n".encode("latin-1")
            self._chain.check_trailers(text, signature)
        self._check_checksum(announced, found[announced])
        self.trailers = found

    def _check_checksum(self, name: str, value: str) -> None:
        assert self._checksum is not None, "made with the trailer"
        computed = self._checksum.digest()
        try:
            given = b64decode(value, validate=True)
        except (NotBase64, ValueError):
            raise InvalidChecksum(name=name) from None
        if len(given) != len(computed):
            raise InvalidChecksum(name=name)
        if given != computed:
            raise BadDigest(algorithm=name.removeprefix(_CHECKSUM).upper())


class _Lines:
    """Lines and counted bytes out of a source, with no more than a piece read ahead."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._unread = b""

    def line(self, *, ends: bool = False) -> bytes:
        """Return a line without its CRLF; with `ends` an ended source is an empty line."""
        while b"\r\n" not in self._unread:
            if len(self._unread) > _LONGEST_LINE or not self._more():
                if ends and not self._unread:
                    return b""
                raise IncompleteBody
        line, _, self._unread = self._unread.partition(b"\r\n")
        return line

    def exactly(self, size: int) -> bytes:
        """Return so many bytes."""
        parts = [self._unread[:size]]
        self._unread = self._unread[size:]
        missing = size - len(parts[0])
        while missing:
            part = self._source.read(min(missing, PIECE))
            if not part:
                raise IncompleteBody
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def end(self) -> None:
        """Read the CRLF after a chunk."""
        if self.exactly(2) != b"\r\n":
            raise IncompleteBody

    def exhausted(self) -> bool:
        """Return whether nothing follows."""
        return not self._unread and not self._more()

    def _more(self) -> bool:
        part = self._source.read(PIECE)
        self._unread += part
        return bool(part)
