# SPDX-License-Identifier: Apache-2.0
"""The public suite of SigV4 and SigV4a: every vector, signed in its headers and in its query.

38 vectors of each algorithm in two forms are 152 checks. Two more folders of SigV4a hold a request
without what comes of it: those are signed here and verified. An ECDSA signature is another one each
time, so the given ones are verified with the given public key, and the derived key is compared.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from dataclasses import replace as replace_dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace

from stockade.protocol import sigv4, sigv4a
from stockade.protocol.canonical import canonical_request
from stockade.protocol.errors import FamilyError
from stockade.protocol.http import Headers, HttpRequest
from tests.protocol import signers

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("STOCKADE_VECTORS", ROOT / "../shared/vectors")) / "sigv4"
FOLDERS = sorted(path.parent for path in FOLDER.glob("*/*/header-signature.txt"))
BARE = sorted(path for path in FOLDER.glob("*/*") if path.is_dir() and path not in FOLDERS)

pytestmark = pytest.mark.skipif(not FOLDERS, reason=f"no SigV4 vectors in {FOLDER}")


@dataclass(frozen=True)
class Vector:
    folder: Path
    form: str
    key_id: str
    secret: str
    normalize: bool
    token_signed: bool

    def text(self, part: str) -> bytes:
        return (self.folder / f"{self.form}-{part}.txt").read_bytes()

    def request(self) -> HttpRequest:
        return read_request(self.text("signed-request"))

    def key(self, signed: sigv4.SignedRequest) -> bytes | sigv4a.PublicKey:
        if signed.region_set is not None:
            return sigv4a.public_key(self.key_id, self.secret)
        return sigv4.signing_key(self.secret, signed.date, signed.region, signed.service)

    def verify(self, http: HttpRequest) -> None:
        signed = sigv4.parse(http)
        sigv4.check_signature(http, signed, self.key(signed), normalize=self.normalize)


@pytest.fixture(params=FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def folder(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture(params=["header", "query"])
def vector(request: pytest.FixtureRequest, folder: Path) -> Vector:
    context = json.loads((folder / "context.json").read_bytes())
    return Vector(
        folder=folder,
        form=request.param,
        key_id=context["credentials"]["access_key_id"],
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
    assert len(FOLDERS) == 2 * 38
    assert len(BARE) == 2


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
    if signed.region_set is None:
        assert signed.signature.encode() == vector.text("signature")
    else:
        given = json.loads((vector.folder / "public-key.json").read_bytes())
        numbers = ec.EllipticCurvePublicNumbers(
            int(given["X"], 16), int(given["Y"], 16), ec.SECP256R1()
        )
        key = vector.key(signed)
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert key.public_numbers() == numbers
        for signature in (signed.signature, vector.text("signature").decode()):
            assert sigv4a.matches(key, vector.text("string-to-sign"), signature)


def test_the_signed_request_is_accepted(vector: Vector) -> None:
    vector.verify(vector.request())


def test_a_changed_signature_is_refused(vector: Vector) -> None:
    http = vector.request()
    old = sigv4.parse(http).signature.encode()
    new = old[:-1] + (b"1" if old[-1:] == b"0" else b"0")
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
    key = replace_dataclass(vector, secret=vector.secret + "x").key(signed)
    with pytest.raises(FamilyError):
        sigv4.check_signature(http, signed, key, normalize=vector.normalize)


@pytest.mark.parametrize("folder", BARE, ids=lambda path: path.name)
@pytest.mark.parametrize("presigned", [False, True])
def test_what_is_signed_here_is_accepted(folder: Path, presigned: bool) -> None:
    context = json.loads((folder / "context.json").read_bytes())
    credentials = context["credentials"]
    signer = signers.v4a(
        credentials["access_key_id"],
        credentials["secret_access_key"],
        context["timestamp"].replace("-", "").replace(":", ""),
        context["service"],
    )
    sign = signers.presigned if presigned else signers.signed
    http = read_request((folder / "request.txt").read_bytes())
    http = sign(signer, http, region_set=context["region"])
    signed = sigv4.parse(http)
    key = sigv4a.public_key(credentials["access_key_id"], credentials["secret_access_key"])
    sigv4.check_signature(http, signed, key, normalize=context["normalize"])


def refuse(vector: Vector, http: HttpRequest) -> None:
    with pytest.raises(FamilyError):
        vector.verify(http)
