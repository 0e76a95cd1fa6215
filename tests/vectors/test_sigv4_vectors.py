# SPDX-License-Identifier: Apache-2.0
"""The public SigV4 suite: every vector, signed in its headers and in its query."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from stockade.protocol import sigv4
from stockade.protocol.canonical import canonical_request
from stockade.protocol.errors import FamilyError
from stockade.protocol.http import Headers, HttpRequest

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("STOCKADE_VECTORS", ROOT / "../shared/vectors")) / "sigv4" / "v4"
NAMES = sorted(path.name for path in FOLDER.iterdir()) if FOLDER.is_dir() else []

pytestmark = pytest.mark.skipif(not NAMES, reason=f"no SigV4 vectors in {FOLDER}")


@dataclass(frozen=True)
class Vector:
    folder: Path
    form: str
    secret: str
    normalize: bool
    token_signed: bool

    def text(self, part: str) -> bytes:
        return (self.folder / f"{self.form}-{part}.txt").read_bytes()

    def request(self) -> HttpRequest:
        return read_request(self.text("signed-request"))

    def verify(self, http: HttpRequest) -> None:
        signed = sigv4.parse(http)
        key = sigv4.signing_key(self.secret, signed.date, signed.region, signed.service)
        sigv4.check_signature(http, signed, key, normalize=self.normalize)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["header", "query"])
def vector(request: pytest.FixtureRequest, name: str) -> Vector:
    context = json.loads((FOLDER / name / "context.json").read_bytes())
    return Vector(
        folder=FOLDER / name,
        form=request.param,
        secret=context["credentials"]["secret_access_key"],
        normalize=context["normalize"],
        token_signed=not context.get("omit_session_token", False),
    )


def read_request(raw: bytes) -> HttpRequest:
    head, _, body = raw.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    method, _, rest = first.partition(b" ")
    path, _, query = rest.removesuffix(b" HTTP/1.1").partition(b"?")
    headers: Headers = []
    for line in lines:
        if line.startswith(b" "):
            folded, value = headers.pop()
            headers.append((folded, value + b"\n" + line))
        elif line:
            key, _, value = line.partition(b":")
            headers.append((key.lower(), value))
    return HttpRequest(
        method=method.decode(), raw_path=path, query=query, headers=headers, body=body
    )


def test_the_suite_is_whole() -> None:
    assert len(NAMES) == 38


def test_canonical_request_string_to_sign_and_signature_are_those_of_the_suite(
    vector: Vector,
) -> None:
    http = vector.request()
    signed = sigv4.parse(http)
    canonical = canonical_request(
        http, signed, normalize=vector.normalize, token_signed=vector.token_signed
    )
    assert canonical == vector.text("canonical-request")
    assert sigv4.string_to_sign(signed, canonical) == vector.text("string-to-sign")
    assert signed.signature.encode() == vector.text("signature")


def test_the_signed_request_is_accepted(vector: Vector) -> None:
    vector.verify(vector.request())


def test_a_changed_signature_is_refused(vector: Vector) -> None:
    http = vector.request()
    old = vector.text("signature")
    new = (b"1" if old[:1] == b"0" else b"0") + old[1:]
    headers = [(key, value.replace(old, new)) for key, value in http.headers]
    changed = replace(http, headers=headers, query=http.query.replace(old, new))
    assert changed != http
    refuse(vector, changed)


def test_a_changed_path_is_refused(vector: Vector) -> None:
    http = vector.request()
    refuse(vector, replace(http, raw_path=http.raw_path + b"x"))


def test_every_changed_signed_header_is_refused(vector: Vector) -> None:
    http = vector.request()
    for signed_name in sigv4.parse(http).signed_headers:
        headers = [(k, v[:-1] + b"#" if k == signed_name else v) for k, v in http.headers]
        refuse(vector, replace(http, headers=headers))


def test_every_missing_signed_header_is_refused(vector: Vector) -> None:
    http = vector.request()
    for signed_name in sigv4.parse(http).signed_headers:
        headers = [(k, v) for k, v in http.headers if k != signed_name]
        refuse(vector, replace(http, headers=headers))


def test_a_changed_body_is_refused(vector: Vector) -> None:
    http = vector.request()
    refuse(vector, replace(http, body=http.body + b"x"))


def test_a_changed_method_is_refused(vector: Vector) -> None:
    refuse(vector, replace(vector.request(), method="PUT"))


def test_a_changed_query_is_refused(vector: Vector) -> None:
    http = vector.request()
    joined = http.query + b"&more=1" if http.query else b"more=1"
    refuse(vector, replace(http, query=joined))


def test_another_secret_is_refused(vector: Vector) -> None:
    http = vector.request()
    signed = sigv4.parse(http)
    key = sigv4.signing_key(vector.secret + "x", signed.date, signed.region, signed.service)
    with pytest.raises(FamilyError):
        sigv4.check_signature(http, signed, key, normalize=vector.normalize)


def refuse(vector: Vector, http: HttpRequest) -> None:
    with pytest.raises(FamilyError):
        vector.verify(http)
