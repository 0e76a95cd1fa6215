# SPDX-License-Identifier: Apache-2.0
"""Bodies in chunks: AWS's example, botocore's uploads, every form, and every way to break one."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from hashlib import sha256

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stockade.protocol import chunked, refusals, sigv4, sigv4a
from stockade.protocol.checksums import CHECKSUMS
from stockade.protocol.chunked import LARGEST_SIGNED_CHUNK, Body, verified_body
from stockade.protocol.errors import AwsError
from stockade.protocol.http import HttpRequest
from stockade.protocol.s3_errors import (
    BadDigest,
    IncompleteBody,
    InvalidChecksum,
    InvalidChunkSize,
    InvalidTrailerHeader,
    MalformedTrailer,
    MissingContentLength,
)
from tests.protocol import signers

KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
AMZ_DATE = "20130524T000000Z"
EMPTY = sha256(b"").hexdigest()


class Slow:
    """A source that gives what it has in small pieces, and counts them."""

    def __init__(self, data: bytes, piece: int = 1000) -> None:
        self.data, self.piece, self.given = data, piece, 0

    def read(self, size: int, /) -> bytes:
        taken = self.data[self.given : self.given + min(size, self.piece)]
        self.given += len(taken)
        return taken


def request(
    form: str, length: int | None, *, trailer: str | None = None, asymmetric: bool = False
) -> tuple[HttpRequest, signers.Signer, str]:
    """Return a verified-to-be request, what signs its chunks, and the signature before them."""
    headers = [(b"host", b"s3.localhost"), (b"x-amz-content-sha256", form.encode())]
    if length is not None:
        headers.append((b"x-amz-decoded-content-length", b"%d" % length))
    if trailer is not None:
        headers.append((b"x-amz-trailer", trailer.encode()))
    signer = (signers.v4a if asymmetric else signers.v4)(KEY_ID, SECRET, AMZ_DATE, "s3")
    http = HttpRequest(method="PUT", raw_path=b"/bucket/key", headers=headers)
    http = signers.signed(
        signer, http, payload_hash=form, region_set="us-*" if asymmetric else None
    )
    return http, signer, sigv4.parse(http).signature


def opened(http: HttpRequest, raw: bytes, piece: int = 1000) -> Body:
    signed = sigv4.parse(http)
    key: bytes | sigv4a.PublicKey
    if signed.region_set is None:
        key = sigv4.signing_key(SECRET, signed.date, signed.region, signed.service)
    else:
        key = sigv4a.public_key(KEY_ID, SECRET)
    sigv4.check_signature(http, signed, key, s3=True, body_follows=True)
    return verified_body(Slow(raw, piece), http, signed, key)


def read(body: Body, size: int = 700) -> bytes:
    parts = []
    while part := body.read(size):
        assert len(part) <= size
        parts.append(part)
    return b"".join(parts)


def framed(
    chunks: list[bytes],
    signer: signers.Signer | None,
    previous: str = "",
    trailers: dict[str, str] | None = None,
    *,
    pad: bool = False,
) -> bytes:
    """Return the body that a client sends."""
    out = b""
    for chunk in [*chunks, b""]:
        out += b"%x" % len(chunk)
        if signer is not None:
            hashes = sha256(chunk).hexdigest()
            previous = signer.sign(signer.text("-PAYLOAD", previous, EMPTY, hashes))
            out += b";chunk-signature=" + (previous.ljust(144, "*") if pad else previous).encode()
        out += b"\r\n" + chunk + (b"\r\n" if chunk else b"")
    text = "".join(f"{name}:{value}\n" for name, value in (trailers or {}).items())
    out += text.replace("\n", "\r\n").encode()
    if signer is not None and trailers is not None:
        signature = signer.sign(
            signer.text("-TRAILER", previous, sha256(text.encode()).hexdigest())
        )
        out += f"x-amz-trailer-signature:{signature}\r\n".encode()
    return out + b"\r\n"


DATA = [b"a" * 9000, b"b" * 8192, b"c" * 3]
WHOLE = b"".join(DATA)


def crc32(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


TRAILERS = {"x-amz-checksum-crc32": crc32(WHOLE)}
FORMS = [
    ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", False, None),
    ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", False, TRAILERS),
    ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", True, None),
    ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER", True, TRAILERS),
    ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", False, TRAILERS),
]


def upload(
    form: str, asymmetric: bool, trailers: dict[str, str] | None
) -> tuple[HttpRequest, bytes]:
    name = next(iter(trailers), None) if trailers else None
    http, signer, seed = request(form, len(WHOLE), trailer=name, asymmetric=asymmetric)
    unsigned = "UNSIGNED" in form
    return http, framed(DATA, None if unsigned else signer, seed, trailers, pad=asymmetric)


@pytest.mark.parametrize(("form", "asymmetric", "trailers"), FORMS)
@pytest.mark.parametrize("piece", [1, 1000, 100_000])
def test_every_form_is_read(
    form: str, asymmetric: bool, trailers: dict[str, str] | None, piece: int
) -> None:
    http, raw = upload(form, asymmetric, trailers)
    body = opened(http, raw, piece)
    assert read(body) == WHOLE
    assert body.trailers == (trailers or {})
    assert body.read(10) == b""


@pytest.mark.parametrize(("form", "asymmetric", "trailers"), FORMS)
@pytest.mark.parametrize("held", [True, False])
def test_a_request_is_opened_whether_its_body_is_held_or_not(
    form: str, asymmetric: bool, trailers: dict[str, str] | None, held: bool
) -> None:
    http, raw = upload(form, asymmetric, trailers)
    signed = sigv4.parse(http)
    key: bytes | sigv4a.PublicKey
    if asymmetric:
        key = sigv4a.public_key(KEY_ID, SECRET)
    else:
        key = sigv4.signing_key(SECRET, signed.date, signed.region, signed.service)
    if held:
        body = replace(http, body=raw)
        assert chunked.opened(body, signed, key).body == WHOLE
        assert body.body == raw
        with pytest.raises(IncompleteBody):
            chunked.opened(replace(http, body=raw[:-50]), signed, key)
    else:
        stream = chunked.opened(replace(http, stream=Slow(raw)), signed, key).stream
        assert stream is not None
        assert b"".join(iter(lambda: stream.read(500), b"")) == WHOLE


def test_a_body_that_is_not_in_chunks_is_left_alone() -> None:
    http, _, _ = request(sha256(b"x").hexdigest(), None)
    http = replace(http, body=b"x")
    assert chunked.opened(http, sigv4.parse(http), b"") is http


@pytest.mark.parametrize(("form", "asymmetric", "trailers"), FORMS)
def test_no_byte_can_be_changed_or_cut(
    form: str, asymmetric: bool, trailers: dict[str, str] | None
) -> None:
    http, raw = upload(form, asymmetric, trailers)
    heads = [at for at in range(len(raw)) if raw[at] not in b"abc" or at % 997 == 0]
    for at in heads[:: 7 if asymmetric else 1]:
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises(AwsError) as caught:
            read(opened(http, changed, 100_000))
        assert 400 <= caught.value.on("s3")[1] < 500
    for end in (0, 1, 90, 5000, len(raw) - 3, len(raw) - 40):
        with pytest.raises(AwsError):
            read(opened(http, raw[:end], 100_000))
    with pytest.raises(IncompleteBody):
        read(opened(http, raw + b"x", 100_000))


def test_the_example_of_aws() -> None:
    headers = {
        b"content-encoding": b"aws-chunked",
        b"content-length": b"66824",
        b"host": b"s3.amazonaws.com",
        b"x-amz-content-sha256": b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        b"x-amz-decoded-content-length": b"66560",
        b"x-amz-storage-class": b"REDUCED_REDUNDANCY",
    }
    http = HttpRequest(
        method="PUT", raw_path=b"/examplebucket/chunkObject.txt", headers=list(headers.items())
    )
    signer = signers.v4(KEY_ID, SECRET, AMZ_DATE, "s3")
    http = signers.signed(signer, http, payload_hash="STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
    seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    assert sigv4.parse(http).signature == seed
    raw = b"".join(
        (b"%x;chunk-signature=%b\r\n%b\r\n" % (len(chunk), signature, chunk))
        for chunk, signature in (
            (b"a" * 65536, b"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
            (b"a" * 1024, b"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
            (b"", b"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
        )
    )
    assert len(raw) == 66824
    assert read(opened(http, raw)) == b"a" * 66560


def test_the_trailing_example_of_aws() -> None:
    form = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    headers = {
        b"content-encoding": b"aws-chunked",
        b"host": b"s3.amazonaws.com",
        b"x-amz-content-sha256": form.encode(),
        b"x-amz-decoded-content-length": b"66560",
        b"x-amz-storage-class": b"REDUCED_REDUNDANCY",
        b"x-amz-trailer": b"x-amz-checksum-crc32c",
    }
    http = HttpRequest(
        method="PUT", raw_path=b"/examplebucket/chunkObject.txt", headers=list(headers.items())
    )
    signer = signers.v4(KEY_ID, SECRET, AMZ_DATE, "s3")
    http = signers.signed(signer, http, payload_hash=form)
    seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
    assert sigv4.parse(http).signature == seed
    raw = (
        b"10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"
        b"\r\n" + b"a" * 65536 + b"\r\n"
        b"400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"
        b"\r\n" + b"a" * 1024 + b"\r\n"
        b"0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
        b"x-amz-checksum-crc32c:sOO8/Q==\n\r\n"
        b"x-amz-trailer-signature:"
        b"d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n"
    )
    body = opened(http, raw)
    assert read(body) == b"a" * 66560
    assert body.trailers == {"x-amz-checksum-crc32c": "sOO8/Q=="}


class Empty:
    """An answer without content, as botocore reads it."""

    def stream(self) -> list[bytes]:
        return []


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_what_botocore_uploads(algorithm: str, size: int) -> None:
    """Unsigned chunks with a checksum after them are boto3's default over TLS."""
    caught = []

    def take(request: object, **_: object) -> AWSResponse:
        caught.append(request)
        return AWSResponse("", 200, {}, Empty())

    s3 = boto3.client(
        "s3",
        endpoint_url="https://s3.localhost",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )
    s3.meta.events.register_first("before-send", take)
    data = bytes(range(256)) * (size // 256 + 1)
    s3.put_object(Bucket="bucket", Key="key", Body=data[:size], ChecksumAlgorithm=algorithm)
    sent: object = caught[0]
    headers = [(b"host", b"s3.localhost")]
    for name, value in sent.headers.items():  # type: ignore[attr-defined]
        headers.append(
            (name.lower().encode(), value if isinstance(value, bytes) else value.encode())
        )
    http = HttpRequest(method="PUT", raw_path=b"/bucket/key", headers=headers)
    assert http.header(b"x-amz-content-sha256") == b"STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    body = opened(http, sent.body.read(), 100_000)  # type: ignore[attr-defined]
    assert read(body, 100_000) == data[:size]
    assert list(body.trailers) == [f"x-amz-checksum-{algorithm.lower()}"]


def unsigned(
    raw: bytes, length: int | None = 5, trailer: str | None = "x-amz-checksum-crc32"
) -> bytes:
    http, _, _ = request("STREAMING-UNSIGNED-PAYLOAD-TRAILER", length, trailer=trailer)
    return read(opened(http, raw))


GOOD = f"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{crc32(b'hello')}\r\n\r\n".encode()


def test_a_small_upload() -> None:
    assert unsigned(GOOD) == b"hello"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda raw: raw.replace(b"5\r\n", b"3\r\n", 1), IncompleteBody),
        (lambda raw: raw.replace(b"5\r\n", b"\r\n", 1), IncompleteBody),
        (lambda raw: raw.replace(b"5\r\n", b"-5\r\n", 1), IncompleteBody),
        (lambda raw: raw.replace(b"5\r\n", b"5 \r\n", 1), IncompleteBody),
        (lambda raw: raw.replace(b"5\r\n", b"ffffffffffffffff\r\n", 1), IncompleteBody),
        (lambda raw: raw.replace(b"5\r\n", b"5" + b";" * 5000, 1), IncompleteBody),
        (lambda raw: raw.replace(b"5\r\nhello\r\n", b"4\r\nhell\r\n"), IncompleteBody),
        (lambda raw: raw.replace(b"5\r\nhello\r\n", b"6\r\nhello!\r\n"), IncompleteBody),
        (lambda raw: raw.replace(b"5\r\nhello\r\n", b"2\r\nhe\r\n3\r\nllo\r\n"), InvalidChunkSize),
        (lambda raw: raw.replace(b"hello", b"hallo"), BadDigest),
        (lambda raw: raw.replace(b"==\r\n", b"\r\n"), InvalidChecksum),
        (lambda raw: raw.replace(b"crc32:", b"crc32:AAAA"), InvalidChecksum),
        (lambda raw: raw.replace(b"crc32:", b"crc32"), MalformedTrailer),
        (lambda raw: raw.replace(b"crc32:", b"sha1:"), MalformedTrailer),
        (lambda raw: raw.replace(b"x-amz-checksum-crc32:", b":"), MalformedTrailer),
        (lambda raw: raw.replace(b"\r\n\r\n", b"\r\nx:y\r\n\r\n"), MalformedTrailer),
        (
            lambda raw: raw.replace(b"\r\n\r\n", b"\r\nx-amz-trailer-signature:0\r\n\r\n"),
            MalformedTrailer,
        ),
        (lambda raw: raw[: raw.index(b"x-amz")] + b"\r\n", MalformedTrailer),
    ],
)
def test_a_broken_body_is_refused(change: Callable[[bytes], bytes], error: type[AwsError]) -> None:
    assert change(GOOD) != GOOD
    with pytest.raises(error):
        unsigned(change(GOOD))


def test_texts_and_elements() -> None:
    error = BadDigest(algorithm="CRC32")
    assert str(error) == "The CRC32 you specified did not match the calculated checksum."
    with pytest.raises(InvalidChunkSize) as caught:
        unsigned(GOOD.replace(b"5\r\nhello\r\n", b"3\r\nhel\r\n2\r\nlo\r\n"))
    assert caught.value.elements_on("s3") == {"Chunk": "2", "BadChunkSize": "3"}
    assert not caught.value.elements_on("query")


@pytest.mark.parametrize("length", [None])
def test_the_length_must_be_told(length: None) -> None:
    with pytest.raises(MissingContentLength):
        unsigned(GOOD, length)


@pytest.mark.parametrize(
    ("trailer", "error"),
    [
        (None, MalformedTrailer),
        ("x-amz-checksum-sha10", InvalidTrailerHeader),
        ("crc32", InvalidTrailerHeader),
    ],
)
def test_the_trailer_must_be_announced(trailer: str | None, error: type[AwsError]) -> None:
    with pytest.raises(error):
        unsigned(GOOD, trailer=trailer)


def test_memory_stays_bounded() -> None:
    http, _, _ = request("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", 10**12)
    head = b"%x;chunk-signature=%b\r\n" % (LARGEST_SIGNED_CHUNK + 1, b"0" * 64)
    with pytest.raises(InvalidChunkSize):
        read(opened(http, head))
    http, _, _ = request(
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER", 10**11, trailer="x-amz-checksum-crc32"
    )
    source = Slow(b"%x\r\n" % 10**11 + b"x" * 1_000_000, 100_000)
    signed = sigv4.parse(http)
    body = verified_body(source, http, signed, b"")
    assert body.read(10) == b"x" * 10
    assert source.given <= 200_000


def test_a_hash_and_no_hash() -> None:
    http, _, _ = request(sha256(WHOLE).hexdigest(), None)
    assert read(opened(http, WHOLE)) == WHOLE
    with pytest.raises(refusals.ContentHashMismatch):
        read(opened(http, WHOLE + b"x"))
    http, _, _ = request("UNSIGNED-PAYLOAD", None)
    assert read(opened(http, b"anything")) == b"anything"


def test_a_hash_in_a_presigned_query() -> None:
    declared = sha256(WHOLE).hexdigest()
    headers = [(b"host", b"s3.localhost")]
    query = f"X-Amz-Content-Sha256={declared}".encode()
    http = HttpRequest(method="PUT", raw_path=b"/b/k", query=query, headers=headers)
    signer = signers.v4(KEY_ID, SECRET, AMZ_DATE, "s3")
    http = signers.presigned(signer, http, payload_hash=declared)
    assert read(opened(http, WHOLE)) == WHOLE
    with pytest.raises(refusals.ContentHashMismatch):
        read(opened(http, WHOLE[1:]))


def test_chunks_are_signed_as_their_request_is() -> None:
    http, _, _ = request("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", 5)
    with pytest.raises(refusals.SignatureDoesNotMatch):
        opened(http, b"")


@pytest.mark.parametrize(
    ("name", "of_digits"),
    [
        ("crc32", "cbf43926"),
        ("crc32c", "e3069283"),
        ("crc64nvme", "ae8b14860a799888"),
        ("sha1", hashlib.sha1(b"123456789").hexdigest()),
        ("sha256", hashlib.sha256(b"123456789").hexdigest()),
    ],
)
def test_checksums(name: str, of_digits: str) -> None:
    checksum = CHECKSUMS[name]()
    checksum.update(b"1234")
    checksum.update(b"56789")
    assert checksum.digest().hex() == of_digits


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        unsigned(raw)
    except AwsError as error:
        assert 400 <= error.status < 500  # noqa: PT017
