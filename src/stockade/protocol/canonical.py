# SPDX-License-Identifier: Apache-2.0
"""The canonical request of Signature Version 4: the form of a request that both sides hash.

Computed from the bytes as they were sent. S3 takes the path as it is; everybody else removes dot
and empty segments and encodes once more. Source: AWS's "Create a signed AWS API request" and the
suite of aws-c-auth.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes, unquote_to_bytes

from stockade.protocol import refusals
from stockade.protocol.http import Headers, HttpRequest

if TYPE_CHECKING:
    from stockade.protocol.sigv4 import SignedRequest

UNSIGNED_PAYLOAD = b"UNSIGNED-PAYLOAD"

QUERY_PARAMETERS = (
    b"X-Amz-Algorithm",
    b"X-Amz-Credential",
    b"X-Amz-Signature",
    b"X-Amz-SignedHeaders",
    b"X-Amz-Date",
)
OPTIONAL_QUERY_PARAMETERS = (
    b"X-Amz-Expires",
    b"X-Amz-Security-Token",
    b"X-Amz-Content-Sha256",
    b"X-Amz-Region-Set",
)


def canonical_request(
    http: HttpRequest,
    signed: SignedRequest,
    *,
    s3: bool = False,
    normalize: bool = True,
    token_signed: bool = True,
) -> bytes:
    """Return the request in the form that both sides hash."""
    headers = http.table()
    left_out = (b"X-Amz-Signature", b"X-Amz-Security-Token")[: 1 if token_signed else 2]
    if s3:
        _require_amz_headers_signed(headers, signed.signed_headers)
    return b"%b\n%b\n%b\n%b%b" % (
        http.method.encode("utf-8", "replace"),
        _canonical_path(http.raw_path, s3=s3, normalize=normalize),
        _canonical_query(http.query, left_out if signed.presigned else ()),
        _canonical_headers(headers, signed.signed_headers),
        _payload_hash(http, headers, signed, s3=s3),
    )


def _canonical_path(raw: bytes, *, s3: bool, normalize: bool) -> bytes:
    """Encode the path once more than it is sent; S3 takes it as sent."""
    if raw == b"/":
        return raw
    if s3:
        return quote_from_bytes(raw or b"/", safe="/~%").encode()
    return quote_from_bytes(_normalized(raw) if normalize else raw or b"/", safe="/~").encode()


def _normalized(raw: bytes) -> bytes:
    """Remove empty and dot segments."""
    kept: list[bytes] = []
    for segment in raw.split(b"/"):
        if segment == b"..":
            del kept[-1:]
        elif segment not in {b"", b"."}:
            kept.append(segment)
    end = b"/" if kept and raw.endswith(b"/") else b""
    return b"/" + b"/".join(kept) + end


def query_pairs(query: bytes) -> list[tuple[bytes, bytes]]:
    """Return names and values decoded, a plus sign as the space that operations read in it."""
    pairs = (piece.partition(b"=") for piece in query.replace(b"+", b" ").split(b"&") if piece)
    return [(unquote_to_bytes(name), unquote_to_bytes(value)) for name, _, value in pairs]


def _canonical_query(query: bytes, left_out: tuple[bytes, ...]) -> bytes:
    if not query:
        return query
    pairs = sorted(
        (quote_from_bytes(name, safe="~"), quote_from_bytes(value, safe="~"))
        for name, value in query_pairs(query)
        if name not in left_out
    )
    return "&".join([f"{name}={value}" for name, value in pairs]).encode()


def count_of(headers: Headers, name: bytes) -> int:
    """Return how often a header occurs."""
    return sum(key == name for key, _ in headers)


def _canonical_headers(headers: dict[bytes, bytes], names: tuple[bytes, ...]) -> bytes:
    try:
        values = tuple([b" ".join(headers[name].split()) for name in names])
    except KeyError:
        raise refusals.SignatureDoesNotMatch(
            hint="a header of SignedHeaders did not arrive"
        ) from None
    return _header_block(names) % values


@lru_cache(maxsize=512)
def _header_block(names: tuple[bytes, ...]) -> bytes:
    """Return the canonical headers and the list of their names, with %b for each value."""
    escaped = [name.replace(b"%", b"%%") for name in names]
    return b"".join([name + b":%b\n" for name in escaped]) + b"\n" + b";".join(escaped) + b"\n"


def _payload_hash(
    http: HttpRequest, headers: dict[bytes, bytes], signed: SignedRequest, *, s3: bool
) -> bytes:
    """Return the hash of the body; only S3 lets a signature leave the body out."""
    declared = headers.get(b"x-amz-content-sha256")
    if declared is None and s3 and signed.presigned:
        parameters = presigned_parameters(http.query)
        declared = parameters.get(b"X-Amz-Content-Sha256", UNSIGNED_PAYLOAD)
    if declared is not None:
        if s3 and declared == UNSIGNED_PAYLOAD:
            return declared
        if declared.startswith(b"STREAMING-"):
            raise refusals.StreamingPayload(form=refusals.shown(declared.decode("latin-1")))
    computed = sha256(http.body).hexdigest().encode()
    if declared is not None and declared != computed:
        raise refusals.ContentHashMismatch(
            hint="x-amz-content-sha256 is not the SHA-256 of the body"
        )
    return computed


def _require_amz_headers_signed(headers: dict[bytes, bytes], names: tuple[bytes, ...]) -> None:
    for name in headers:
        if name.startswith(b"x-amz-") and name not in names:
            raise refusals.HeadersNotSigned


def presigned_parameters(query: bytes) -> dict[bytes, bytes]:
    """Return the parameters of a presigned request that speak of its signature."""
    found: dict[bytes, bytes] = {}
    for name, value in query_pairs(query):
        if name in QUERY_PARAMETERS or name in OPTIONAL_QUERY_PARAMETERS:
            if name in found:
                raise refusals.IncompleteSignature(refusals.repeated_query_parameter(name.decode()))
            found[name] = value
    return found
