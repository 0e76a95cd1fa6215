# SPDX-License-Identifier: Apache-2.0
"""Bodies of any length pass through a real server without being held as a whole.

No service of ours streams yet, so a small one with S3's own model is made here.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import boto3
import pytest
from botocore.config import Config

from stockade.app import Stockade
from stockade.asgi import Shell
from stockade.core.access import Touched
from stockade.core.context import Context
from stockade.core.operation import Output, Service
from stockade.gateway import Gateway
from stockade.protocol.catalogue import ServiceEntry
from tests.house.test_http11 import serve

PIECE = 65_536
ACCOUNT = "000000000000"


class Deposit:
    """What the service remembers of bodies: their hashes, never the bodies."""

    def __init__(self) -> None:
        self.seen: dict[str, tuple[int, str]] = {}
        self.largest_read = 0
        self.closed = threading.Event()

    def take(self, key: str, body: Any) -> None:
        digest, size = sha256(), 0
        while piece := body.read(PIECE):
            digest.update(piece)
            size += len(piece)
            self.largest_read = max(self.largest_read, len(piece))
        self.seen[key] = (size, digest.hexdigest())

    def give(self, size: int) -> Iterator[bytes]:
        try:
            while size > 0:
                yield b"x" * min(PIECE, size)
                size -= PIECE
        finally:
            self.closed.set()


def storage(deposit: Deposit) -> Service:
    """Return a service with two of S3's operations."""
    s3 = Service(ServiceEntry("s3", "s3", None, s3_style=True))

    def access(_ctx: Context, _params: Any) -> Touched:
        return Touched(demands=())

    @s3.operation(access=access)
    def put_object(
        _ctx: Context, *, bucket: str, key: str, body: Any = None, content_length: int = 0
    ) -> Output:
        """Take an object."""
        assert content_length >= 0
        if key != "unread":
            deposit.take(f"{bucket}/{key}", body)
        return {"ETag": '"an-etag"'}

    @s3.operation(access=access, quick=True)
    def get_object(_ctx: Context, *, bucket: str, key: str, checksum_mode: str = "") -> Output:
        """Give as many bytes as the key says, or break off."""
        del bucket, checksum_mode
        if key == "broken":
            return {"Body": _broken(), "ContentLength": 3 * PIECE}
        return {"Body": deposit.give(int(key)), "ContentLength": int(key)}

    return s3


def _broken() -> Iterator[bytes]:
    yield b"y" * PIECE
    raise RuntimeError("no more")


class Streaming(Stockade):
    """A deployment that has the service too."""

    def add(self, service: Service) -> None:
        self.gateway = Gateway(
            services={**self.services, "s3": service},
            store=self.store,
            journal=self.journal,
            vault=self.vault,
            clock=self.clock,
            ports=self.gateway._ports,
            random=self.gateway._random,
            unknown_account=ACCOUNT,
            region="us-east-1",
            domains=(),
            proxies=None,
            quotas={},
        )


@pytest.fixture(scope="module")
def deposit() -> Deposit:
    return Deposit()


@pytest.fixture(scope="module")
def port(deposit: Deposit) -> int:
    app = Streaming.in_memory()
    assert isinstance(app, Streaming)
    app.add(storage(deposit))
    return serve(Shell(app))


@pytest.fixture
def client(port: int) -> Any:
    made = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path", "payload_signing_enabled": False},
            request_checksum_calculation="when_required",
            retries={"total_max_attempts": 1},
            signature_version="s3v4",
        ),
    )
    yield made
    made.close()


def presigned(client: Any, operation: str, key: str) -> str:
    params = {"Bucket": "bucket", "Key": key}
    url: str = client.generate_presigned_url(operation, Params=params)
    return url.partition("127.0.0.1")[2].partition("/")[2]


def start(port: int, line: bytes, *headers: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    head = [line, b"Host: 127.0.0.1:%d" % port, *headers]
    connection.sendall(b"\r\n".join(head) + b"\r\n\r\n")
    return connection


def rest(connection: socket.socket) -> bytes:
    received = b""
    while part := connection.recv(PIECE):
        received += part
    return received


def test_an_upload_passes_through_in_pieces(client: Any, deposit: Deposit, port: int) -> None:
    size = 24 * 1024 * 1024
    target = f"PUT /{presigned(client, 'put_object', 'a key/with+more')} HTTP/1.1".encode()
    length, close = b"Content-Length: %d" % size, b"Connection: close"
    with start(port, target, length, close) as connection:
        for _ in range(size // PIECE):
            connection.sendall(b"z" * PIECE)
        assert rest(connection).startswith(b"HTTP/1.1 200 ")
    assert deposit.seen["bucket/a key/with+more"] == (size, sha256(b"z" * size).hexdigest())
    assert deposit.largest_read <= PIECE


def test_an_upload_in_chunks_passes_too(client: Any, deposit: Deposit, port: int) -> None:
    target = f"PUT /{presigned(client, 'put_object', 'chunks')} HTTP/1.1".encode()
    chunked = b"Transfer-Encoding: chunked"
    with start(port, target, chunked, b"Connection: close") as connection:
        connection.sendall(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert rest(connection).startswith(b"HTTP/1.1 200 ")
    assert deposit.seen["bucket/chunks"] == (5, sha256(b"abcde").hexdigest())


def test_a_small_signed_body_is_read_the_same_way(client: Any, deposit: Deposit) -> None:
    answer = client.put_object(Bucket="bucket", Key="small", Body=b"abc")
    assert answer["ETag"] == '"an-etag"'
    assert deposit.seen["bucket/small"] == (3, sha256(b"abc").hexdigest())


def test_a_body_that_breaks_off_is_not_taken(client: Any, deposit: Deposit, port: int) -> None:
    target = f"PUT /{presigned(client, 'put_object', 'cut')} HTTP/1.1".encode()
    with start(port, target, b"Content-Length: 100000") as connection:
        connection.sendall(b"a" * 50_000)
    with start(port, b"GET /_stockade/live HTTP/1.1", b"Connection: close") as connection:
        assert rest(connection).startswith(b"HTTP/1.1 200 ")
    assert "bucket/cut" not in deposit.seen


def test_a_body_that_nobody_reads_holds_nobody_up(client: Any, port: int) -> None:
    target = f"PUT /{presigned(client, 'put_object', 'unread')} HTTP/1.1".encode()
    with start(port, target, b"Content-Length: 100000000") as connection:
        connection.sendall(b"a" * 1_000_000)
        received = connection.recv(PIECE)
        connection.sendall(b"a" * 1_000_000)  # the sender may go on for a while
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in received


def test_a_sender_that_waits_is_refused_before_it_sends(client: Any, port: int) -> None:
    target = f"PUT /{presigned(client, 'put_object', 'one')} HTTP/1.1".encode()
    expect = b"Expect: 100-continue"
    with start(port, target[:-9] + b"0 HTTP/1.1", b"Content-Length: 5", expect) as connection:
        received = rest(connection)
    assert received.startswith(b"HTTP/1.1 403 ")
    assert b"<Code>SignatureDoesNotMatch</Code>" in received


def test_a_sender_that_waits_is_told_to_send(client: Any, deposit: Deposit, port: int) -> None:
    target = f"PUT /{presigned(client, 'put_object', 'told')} HTTP/1.1".encode()
    expect = b"Expect: 100-continue"
    with start(port, target, b"Content-Length: 5", expect, b"Connection: close") as connection:
        assert connection.recv(PIECE).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"abcde")
        assert rest(connection).startswith(b"HTTP/1.1 200 ")
    assert deposit.seen["bucket/told"] == (5, sha256(b"abcde").hexdigest())


def test_a_body_is_refused_where_its_hash_is_signed(client: Any, deposit: Deposit) -> None:
    def forge(request: Any, **_: Any) -> None:
        request.body = b"another"

    signed = Config(s3={"addressing_style": "path", "payload_signing_enabled": True})
    made = boto3.client(
        "s3",
        endpoint_url=client.meta.endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
        config=signed.merge(Config(request_checksum_calculation="when_required")),
    )
    made.meta.events.register("before-send.s3.PutObject", forge)
    with pytest.raises(made.exceptions.ClientError) as refused:
        made.put_object(Bucket="bucket", Key="forged", Body=b"genuine")
    made.close()
    assert refused.value.response["Error"]["Code"] == "XAmzContentSHA256Mismatch"
    assert "bucket/forged" not in deposit.seen


def test_a_download_comes_in_pieces(client: Any) -> None:
    size = 24 * 1024 * 1024 + 1
    answer = client.get_object(Bucket="bucket", Key=str(size))
    assert answer["ContentLength"] == size
    assert sum(map(len, answer["Body"].iter_chunks(PIECE))) == size
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-id-2"]


def test_a_receiver_that_leaves_ends_the_download(client: Any, deposit: Deposit, port: int) -> None:
    target = f"GET /{presigned(client, 'get_object', str(10**12))} HTTP/1.1".encode()
    deposit.closed.clear()
    with start(port, target) as connection:
        assert connection.recv(PIECE).startswith(b"HTTP/1.1 200 ")
    assert deposit.closed.wait(10)


def test_a_download_that_breaks_off_does_not_look_whole(client: Any, port: int) -> None:
    target = f"GET /{presigned(client, 'get_object', 'broken')} HTTP/1.1".encode()
    with start(port, target) as connection:
        head, _, body = rest(connection).partition(b"\r\n\r\n")
    assert b"content-length: %d" % (3 * PIECE) in head
    assert body == b"y" * PIECE


def test_a_route_that_nothing_has_is_told_in_s3s_words(port: int) -> None:
    line, host = b"PATCH /bucket/key HTTP/1.1", b"Connection: close"
    with start(port, line, host) as connection:
        received = rest(connection)
    assert received.startswith(b"HTTP/1.1 4")
