# SPDX-License-Identifier: Apache-2.0
"""Real requests of boto3 with one byte of what is signed changed: none is accepted.

`STOCKADE_MUTATIONS` says how many, `STOCKADE_MUTATION_SEED` which; a failure names both. Each is
refused for the reason that belongs to the changed part, with the code and the status of its
protocol family.

Some changes mean the same request and are left out, each by name (`same_request`): AWS accepts
them as well, and nothing that an operation reads is another one. Headers that the signer left out
of SignedHeaders (such as User-Agent) and bodies of presigned S3 requests are not signed at all.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple
from urllib.parse import parse_qsl

import pytest
from msgspec.structs import replace

from stockade.protocol import refusals, sigv4
from stockade.protocol.http import HttpRequest
from tests.protocol.sdk_requests import FAMILIES, KEY_ID, REGION, SECRET, Sent, some_request
from tests.protocol.test_sigv4_refusals import TABLE

CASES = int(os.environ.get("STOCKADE_MUTATIONS", "1500"))
SEED = int(os.environ.get("STOCKADE_MUTATION_SEED", "20261123"))
PARTS = 2
"""Parts of the work, so that several cores may share it."""

MISMATCH = frozenset({refusals.SignatureDoesNotMatch})
MALFORMED = frozenset({refusals.IncompleteSignature})
UNSIGNED = frozenset({refusals.MissingAuthenticationToken})
SCOPE = frozenset({refusals.WrongScope})
KEY = frozenset({refusals.InvalidClientToken})
ALGORITHM = frozenset({refusals.UnsupportedAlgorithm})
NOT_SIGNED = frozenset({refusals.HeadersNotSigned})
HASH = frozenset({refusals.ContentHashMismatch})
DATE = frozenset({refusals.InvalidDate, refusals.WrongScope, refusals.SignatureExpired})
TOKEN = frozenset({refusals.InvalidToken})
LIFE = frozenset({refusals.PresignedExpired})
HASH_FORM = frozenset(
    {refusals.ContentHashInvalid, refusals.ContentHashMissing, refusals.StreamingPayload}
)

RIGHT: dict[str, frozenset[type[refusals.Refusal]]] = {
    "method": MISMATCH,
    "path": MISMATCH,
    "query": MISMATCH,
    "body": MISMATCH | HASH,
    "header value": MISMATCH,
    "header name": MISMATCH | NOT_SIGNED,
    "value of x-amz-date": DATE | MISMATCH,
    "name of x-amz-date": MALFORMED,
    "value of x-amz-security-token": TOKEN,
    "name of x-amz-security-token": TOKEN,
    "value of x-amz-content-sha256": HASH | HASH_FORM | MISMATCH,
    "name of x-amz-content-sha256": HASH_FORM | NOT_SIGNED | MISMATCH,
    "name of authorization": UNSIGNED,
    "algorithm": ALGORITHM | UNSIGNED | MALFORMED,
    "key id": KEY | MALFORMED,
    "date": SCOPE | MALFORMED,
    "region": MISMATCH | SCOPE | MALFORMED,
    "service": SCOPE | MALFORMED,
    "terminator": SCOPE | MALFORMED,
    "signed headers": MISMATCH | NOT_SIGNED | MALFORMED,
    "signature": MISMATCH | MALFORMED,
    "words": MALFORMED | UNSIGNED | ALGORITHM,
    "X-Amz-Algorithm": ALGORITHM | UNSIGNED | MALFORMED,
    "X-Amz-Credential": KEY | SCOPE | MISMATCH | MALFORMED,
    "X-Amz-Date": DATE | LIFE | MISMATCH | MALFORMED,
    "X-Amz-Expires": LIFE | MISMATCH | MALFORMED,
    "X-Amz-SignedHeaders": MISMATCH | NOT_SIGNED | MALFORMED,
    "X-Amz-Signature": MISMATCH | MALFORMED,
    "X-Amz-Security-Token": TOKEN,
}
"""Why a request may be refused after a byte of that part was changed."""

CODES = {row[0]: row[1:] for row in TABLE}


class Part(NamedTuple):
    """A stretch of what is signed, and the request with another one in its place."""

    name: str
    raw: bytes
    put: Callable[[bytes], HttpRequest]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_no_changed_byte_is_accepted(part: int) -> None:
    seen: Counter[str] = Counter()
    services: Counter[str] = Counter()
    for number in range(part, CASES, PARTS):
        random = Random(f"{SEED}-{number}")
        sent = some_request(random)
        verify(sent, sent.http)
        name, changed, where = flipped(sent, random)
        case = f"case {number} of seed {SEED}: {sent.service}, {where}"
        refusal = refused(sent, changed)
        assert refusal is not None, f"{case} was accepted"
        assert type(refusal) in RIGHT[name], f"{case} was refused as {refusal!r}"
        check_code(refusal, FAMILIES[sent.service])
        seen[name] += 1
        services[sent.service] += 1
    assert CASES < 1000 or set(services) == set(FAMILIES)
    assert CASES < 10_000 or set(seen) == set(RIGHT)


def verify(sent: Sent, http: HttpRequest) -> None:
    """Do what the gateway does, with one credential."""
    service = "monitoring" if sent.service == "cloudwatch" else sent.service
    s3 = sent.service == "s3"
    signed = sigv4.parse(http)
    sigv4.check_scope(signed, (service,))
    if signed.access_key_id != KEY_ID:
        raise refusals.InvalidClientToken
    if signed.session_token != sent.token:
        raise refusals.InvalidToken
    sigv4.check_time(signed, datetime.now(UTC), timedelta(minutes=15))
    key = sigv4.signing_key(SECRET, signed.date, signed.region, signed.service)
    sigv4.check_signature(http, signed, key, s3=s3)


def refused(sent: Sent, http: HttpRequest) -> refusals.Refusal | None:
    try:
        verify(sent, http)
    except refusals.Refusal as refusal:
        return refusal
    return None


def flipped(sent: Sent, random: Random) -> tuple[str, HttpRequest, str]:
    """Return the request with one byte of a random part changed; kinds of parts count the same."""
    by_name: dict[str, list[Part]] = {}
    for part in parts(sent):
        by_name.setdefault(part.name, []).append(part)
    while True:
        part = random.choice(by_name[random.choice(list(by_name))])
        at = random.randrange(len(part.raw))
        byte = random.choice([part.raw[at] ^ 1 << random.randrange(8), random.randrange(256)])
        raw = part.raw[:at] + bytes([byte]) + part.raw[at + 1 :]
        if raw == part.raw:
            continue
        changed = part.put(raw)
        if same_request(sent.http, changed, s3=sent.service == "s3") is None:
            return part.name, changed, f"{part.name}: {part.raw!r} became {raw!r}"


def presigned(http: HttpRequest) -> bool:
    return b"X-Amz-Signature=" in http.query


def parts(sent: Sent) -> Iterator[Part]:
    http = sent.http
    yield Part(
        "method", http.method.encode(), lambda raw: replace(http, method=raw.decode("latin-1"))
    )
    yield Part("path", http.raw_path, lambda raw: replace(http, raw_path=raw))
    names = sigv4.parse(http).signed_headers
    if presigned(http):
        yield from _presigned_parts(http)
    else:
        yield from _authorization_parts(http)
        if http.query:
            yield Part("query", http.query, lambda raw: replace(http, query=raw))
    for index, (name, value) in enumerate(http.headers):
        if name in names or name == b"authorization":
            yield from _header_parts(http, index, name, value)
    if http.body and not (sent.service == "s3" and presigned(http)):
        yield Part("body", http.body, lambda raw: replace(http, body=raw))


def _header_parts(http: HttpRequest, index: int, name: bytes, value: bytes) -> Iterator[Part]:
    def put(pair: tuple[bytes, bytes]) -> HttpRequest:
        return replace(http, headers=[*http.headers[:index], pair, *http.headers[index + 1 :]])

    text = name.decode()
    named = f"name of {text}"
    yield Part(
        named if named in RIGHT else "header name", name, lambda raw: put((raw.lower(), value))
    )
    if name != b"authorization" and value:
        valued = f"value of {text}"
        yield Part(
            valued if valued in RIGHT else "header value", value, lambda raw: put((name, raw))
        )


AUTHORIZATION = re.compile(
    rb"(?P<algorithm>\S+) (?P<words>Credential=)(?P<key_id>[^/]+)/(?P<date>\d+)/(?P<region>[^/]+)"
    rb"/(?P<service>[^/]+)/(?P<terminator>\w+), (?P<words2>SignedHeaders=)(?P<signed_headers>[^,]+)"
    rb", (?P<words3>Signature=)(?P<signature>\w+)"
)


def _authorization_parts(http: HttpRequest) -> Iterator[Part]:
    whole = http.table()[b"authorization"]
    found = AUTHORIZATION.fullmatch(whole)
    assert found is not None
    rest = [(k, v) for k, v in http.headers if k != b"authorization"]
    for group in found.groupdict():
        start, end = found.span(group)

        def put(raw: bytes, start: int = start, end: int = end) -> HttpRequest:
            changed = whole[:start] + raw + whole[end:]
            return replace(http, headers=[*rest, (b"authorization", changed)])

        yield Part(group.rstrip("23").replace("_", " "), whole[start:end], put)


def _presigned_parts(http: HttpRequest) -> Iterator[Part]:
    pieces = http.query.split(b"&")
    for index, piece in enumerate(pieces):
        name = piece.partition(b"=")[0].decode("latin-1")

        def put(raw: bytes, index: int = index) -> HttpRequest:
            changed = [*pieces[:index], raw, *pieces[index + 1 :]]
            return replace(http, query=b"&".join(changed))

        yield Part(name if name in RIGHT else "query", piece, put)


def same_request(old: HttpRequest, new: HttpRequest, *, s3: bool) -> str | None:
    """Return why a changed request means what the old one does, or None where it does not."""
    if (new.method, new.raw_path, new.query, new.headers, new.body) == (
        old.method,
        old.raw_path,
        old.query,
        old.headers,
        old.body,
    ):
        return "a header's name means the same in capitals"
    if not new.raw_path.startswith(b"/"):
        return "no server takes a request target that does not begin with a slash"
    if new.raw_path != old.raw_path and not s3 and _segments(new) == _segments(old):
        return "outside of S3 AWS drops dot and empty segments before it signs or routes"
    if new.query != old.query and _pairs(new) == _pairs(old):
        return "another spelling of the same parameters (the case of a percent escape, + for %20)"
    if new.headers != old.headers:
        return _same_headers(old, new)
    return None


def _same_headers(old: HttpRequest, new: HttpRequest) -> str | None:
    before, after = dict(old.headers), dict(new.headers)
    if before.keys() != after.keys():
        return None
    if before.get(b"authorization") != after.get(b"authorization"):
        lowered = (_signed_headers(headers).lower() for headers in (before, after))
        if len({*lowered}) == 1 and _signed_headers(before) != _signed_headers(after):
            return "names in SignedHeaders may be written in capitals"
        return None
    if all(value.split() == after[name].split() for name, value in before.items()):
        return "whitespace in a header's value is collapsed before it is signed"
    return None


def _signed_headers(headers: dict[bytes, bytes]) -> bytes:
    found = re.search(rb"SignedHeaders=([^,]+)", headers.get(b"authorization", b""))
    return found[1] if found else b""


def _segments(http: HttpRequest) -> list[bytes]:
    return [piece for piece in http.raw_path.split(b"/") if piece not in {b"", b"."}]


def _pairs(http: HttpRequest) -> list[tuple[str, str]]:
    text = http.query.decode("latin-1")
    return sorted(parse_qsl(text, keep_blank_values=True, encoding="latin-1"))


def check_code(error: refusals.Refusal, family: str) -> None:
    """Compare code and status with the table of refusals."""
    query, json, s3, ec2 = next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)
    table = {
        "query": query,
        "json": (json, 400),
        "cbor": (json, 400),
        "rest-json": (json, 403),
        "s3": s3,
        "ec2": ec2,
    }
    if family == "s3" and error.presigned and error.s3_query_form is not None:
        table["s3"] = ("AuthorizationQueryParametersError", 400)
    assert error.on(family) == table[family]


def test_the_region_of_the_requests_is_theirs() -> None:
    assert sigv4.parse(some_request(Random(1)).http).region == REGION
