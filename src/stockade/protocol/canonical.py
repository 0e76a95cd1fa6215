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

from stockade.protocol import refusals, wording
from stockade.protocol.http import Headers, HttpRequest

if TYPE_CHECKING:
    from stockade.protocol.sigv4 import SignedRequest

UNSIGNED_PAYLOAD = b"UNSIGNED-PAYLOAD"
STREAMING_PAYLOADS = frozenset(
    {
        b"STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        b"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
        b"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
    }
)
"""S3's bodies in chunks (chunked.py)."""

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
    body_follows: bool = False,
) -> bytes:
    """Return the request in the form that both sides hash.

    `body_follows` says that S3's body is compared with its declared hash while it is read.
    """
    headers = http.table()
    left_out = (b"X-Amz-Signature", b"X-Amz-Security-Token")[: 1 if token_signed else 2]
    if s3:
        _require_amz_headers_signed(headers, signed.signed_headers)
    return b"%b\n%b\n%b\n%b%b" % (
        http.method.encode("utf-8", "replace"),
        _canonical_path(http.raw_path, s3=s3, normalize=normalize),
        _canonical_query(http.query, left_out if signed.presigned else ()),
        _canonical_headers(headers, signed.signed_headers),
        _s3_payload_hash(http, signed, body_follows=body_follows)
        if s3
        else _payload_hash(http.body, headers),
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


def _payload_hash(body: bytes, headers: dict[bytes, bytes]) -> bytes:
    """Return the hash of the body."""
    declared = headers.get(b"x-amz-content-sha256")
    computed = sha256(body).hexdigest().encode()
    if declared is None or declared == computed:
        return computed
    if declared.startswith(b"STREAMING-"):
        raise refusals.StreamingPayload(form=wording.shown(declared.decode("latin-1")))
    raise refusals.ContentHashMismatch(hint="x-amz-content-sha256 is not the SHA-256 of the body")


def declared_payload(http: HttpRequest, signed: SignedRequest) -> bytes | None:
    """Return what a request to S3 says of its body, if it says anything."""
    declared = http.header(b"x-amz-content-sha256")
    if declared is None and signed.presigned:
        parameters = presigned_parameters(http.query)
        return parameters.get(b"X-Amz-Content-Sha256", UNSIGNED_PAYLOAD)
    return declared


def _s3_payload_hash(http: HttpRequest, signed: SignedRequest, *, body_follows: bool) -> bytes:
    """Return what S3 signs for the body: its hash, or a word for a body that is not in it."""
    declared = declared_payload(http, signed)
    if declared is None:
        raise refusals.ContentHashMissing
    if declared == UNSIGNED_PAYLOAD or declared in STREAMING_PAYLOADS:
        return declared
    text = declared.decode("latin-1")
    if len(text) != 64 or not text.isalnum():
        raise refusals.ContentHashInvalid(
            elements={
                "ArgumentName": "x-amz-content-sha256",
                "ArgumentValue": wording.shown(text),
            }
        )
    if not body_follows:
        check_content_hash(declared, sha256(http.body).hexdigest())
    return declared


def check_content_hash(declared: bytes, computed: str) -> None:
    """Refuse a body of S3 whose hash is another one than the client declared and signed."""
    if declared != computed.encode():
        raise refusals.ContentHashMismatch(
            elements={
                "ClientComputedContentSHA256": declared.decode("latin-1"),
                "S3ComputedContentSHA256": computed,
            },
            hint="x-amz-content-sha256 is not the SHA-256 of the body",
        )


def _require_amz_headers_signed(headers: dict[bytes, bytes], names: tuple[bytes, ...]) -> None:
    """Refuse a request of S3 with x-amz-* headers that its signature does not cover."""
    absent = [
        name.decode("latin-1")
        for name in headers
        if name.startswith(b"x-amz-") and name not in names
    ]
    if absent:
        raise refusals.HeadersNotSigned(elements={"HeadersNotSigned": ", ".join(absent)})


def presigned_parameters(query: bytes) -> dict[bytes, bytes]:
    """Return the parameters of a presigned request that speak of its signature."""
    found: dict[bytes, bytes] = {}
    for name, value in query_pairs(query):
        if name in QUERY_PARAMETERS or name in OPTIONAL_QUERY_PARAMETERS:
            if name in found:
                raise refusals.IncompleteSignature(wording.repeated_query_parameter(name.decode()))
            found[name] = value
    return found
