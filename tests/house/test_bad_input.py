# SPDX-License-Identifier: Apache-2.0
"""What clients send that no client should, over a real socket.

Each gets the right 4xx in the words of its protocol, nothing of the program's inside shows, nothing
changes, and nobody else has to wait.
"""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tests.house.raw import JSON, Answer, Connection, ask, post, signed
from tests.house.server import Credentials, Server, init

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIMIT = 1_048_576
STRANGER = Credentials("AKIAAAAAAAAAAAAAAAAA", "nobody's")


class Target(NamedTuple):
    """A server that bad input is sent to."""

    server: Server
    root: Credentials

    def keys(self) -> int:
        return len(self.server.client("kms", self.root).list_keys()["Keys"])


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    data = tmp_path_factory.mktemp("bad-input") / "data"
    root = init(data)
    with Server(data) as server:
        yield Target(server, root)
        log = server.log.read_text()
    assert "Traceback" not in log
    assert "ERROR" not in log


@pytest.fixture(autouse=True)
def _changes_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever is sent to the target, it has as many keys afterwards, and all its processes."""
    if "target" not in request.fixturenames:
        yield
        return
    target: Target = request.getfixturevalue("target")
    keys, family = target.keys(), target.server.children()
    yield
    assert target.keys() == keys
    assert target.server.children() == family


HEAD = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nX-Amz-Target: ".encode()
KMS = HEAD + b"TrentService.CreateKey\r\n"
IAM = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def must_be(answer: Answer, status: int, code: str = "", family: str = "json") -> None:
    """Check an answer's status, and its code in the words of its protocol."""
    assert answer.status == status, answer
    assert b"Traceback" not in answer.body
    assert b"stockade" not in answer.body.lower()
    if not code:
        return
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-amzn-requestid"])
    if family == "json":
        assert answer.headers["content-type"] == JSON
        assert msgspec.json.decode(answer.body)["__type"] == code
    else:
        assert answer.headers["content-type"] == "text/xml"
        assert f"<Code>{code}</Code>".encode() in answer.body


NO_TOKEN = "MissingAuthenticationToken"


@pytest.mark.parametrize(
    ("request_", "status", "code", "family"),
    [
        (KMS + b"Content-Length: 2\r\n\r\n{}", 400, f"{NO_TOKEN}Exception", "json"),
        (
            IAM + b"Content-Length: 36\r\n\r\nAction=ListUsers&Version=2010-05-08&",
            403,
            NO_TOKEN,
            "",
        ),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 403, NO_TOKEN, "xml"),
        (b"PUT / HTTP/1.1\r\nHost: x\r\n\r\n", 403, NO_TOKEN, "xml"),
        (b"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", 403, NO_TOKEN, "xml"),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 403, NO_TOKEN, "xml"),
        (b"GET /a/%00/../b?x=%zz&&=& HTTP/1.1\r\nHost: x\r\n\r\n", 403, NO_TOKEN, "xml"),
        (HEAD + b"\xff\xfe\r\nContent-Length: 2\r\n\r\n{}", 400, f"{NO_TOKEN}Exception", "json"),
        (HEAD + b"None.Such\r\nContent-Length: 2\r\n\r\n{}", 400, f"{NO_TOKEN}Exception", "json"),
        (KMS + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n", 400, f"{NO_TOKEN}Exception", "json"),
        (KMS + b"Content-Length: 99999999999999\r\n\r\n{}", 413, "RequestEntityTooLarge", "json"),
        (IAM + b"Content-Length: 99999999999999\r\n\r\n", 413, "RequestEntityTooLarge", "xml"),
    ],
    ids=[
        *("unsigned json", "unsigned query", "get", "put", "delete", "options", "odd path"),
        *("target not utf-8", "unknown target", "chunked", "absurd length", "absurd query length"),
    ],
)
def test_unsigned(target: Target, request_: bytes, status: int, code: str, family: str) -> None:
    answer = ask(target.server.port, request_)
    if status == 413 and family == "json":
        code += "Exception"
    must_be(answer, status, code, family)


def test_head_has_no_body(target: Target) -> None:
    with Connection(target.server.port) as connection:
        connection.send(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.answer(head=True).status == 403
        connection.send(b"HEAD /_stockade/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.answer(head=True).status == 200


@pytest.mark.parametrize(
    "request_",
    [
        bytes(range(256)) * 16,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        KMS + b"X-A: " + b"a" * 100_000 + b"\r\n\r\n",
        KMS + b"".join(b"X-%d: a\r\n" % number for number in range(10_000)) + b"\r\n",
        KMS + b"X-A: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
        KMS + b" folded: x\r\nContent-Length: 2\r\n\r\n{}",
        KMS + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
        KMS + b"Content-Length: -1\r\n\r\n{}",
        KMS + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
        KMS + b"Content-Length: 2\r\n" + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n",
        KMS + CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n",
        KMS + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}",
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
    ids=[
        *("garbage", "tls", "http2", "connect", "path bytes", "version", "long line"),
        *("100 kB header", "10,000 headers", "nul", "fold", "length overflow", "length negative"),
        *("two lengths", "length and chunks", "bad chunk", "upgrade", "websocket"),
    ],
)
def test_not_http(target: Target, request_: bytes) -> None:
    """What is no HTTP/1.1 gets a bare 400, and its connection is closed."""
    with Connection(target.server.port) as connection:
        connection.send(request_)
        must_be(connection.answer(), 400)
        assert not connection.is_open


def test_too_large(target: Target) -> None:
    port = target.server.port
    body = b'{"Description": "' + b"a" * LIMIT + b'"}'
    sent = signed(port, target.root, "TrentService.CreateKey", body)
    must_be(ask(port, sent), 413, "RequestEntityTooLargeException")
    fits = b'{"Description": "' + b"a" * 8193 + b'"}'
    must_be(post(port, target.root, "TrentService.CreateKey", fits), 400, "ValidationException")


def test_too_large_in_chunks(target: Target) -> None:
    body = chunk(b"a" * 65_536) * 17 + b"0\r\n\r\n"
    answer = ask(target.server.port, KMS + CHUNKED + b"\r\n" + body)
    must_be(answer, 413, "RequestEntityTooLargeException")


def test_a_body_without_end(target: Target) -> None:
    """It is read for a while, then answered and cut off."""
    with Connection(target.server.port) as connection:
        connection.send(KMS + CHUNKED + b"\r\n")
        for _ in range(400):
            connection.send(chunk(b"a" * 65_536))
        assert connection.answer().status in {413, 0}
        assert not connection.is_open


def test_half_a_request_asks_for_nothing(target: Target) -> None:
    """Not even where what has arrived would be a whole one with a good signature."""
    whole = signed(target.server.port, target.root, "TrentService.CreateKey", b"{}")
    for half in (
        whole.replace(b"Content-Length: 2", b"Transfer-Encoding: chunked")[:-2] + chunk(b"{}"),
        whole[:-1],
        whole[:-40],
    ):
        with Connection(target.server.port) as connection:
            connection.send(half)
            connection.end()
            assert connection.answer().status == 0
    broken = whole.replace(b"Content-Length: 2", b"Transfer-Encoding: chunked")[:-2]
    with Connection(target.server.port) as connection:
        connection.send(broken + chunk(b"{}") + b"zz\r\n")
        must_be(connection.answer(), 400)


def test_signed_and_wrong(target: Target) -> None:
    port, root = target.server.port, target.root
    create = "TrentService.CreateKey"
    for body in (b"{", b"[]", b"\xff", b'"x"', b'{"Tags": 1}', b"{" * 10_000, b"[" * 100_000):
        must_be(post(port, root, create, body), 400)
    unknown = "UnknownOperationException"
    for name in ("TrentService.Nope", "Nope.CreateKey", "TrentService", "."):
        must_be(post(port, root, name, b"{}"), 400, unknown)
    whole = signed(port, root, create, b"{}")
    must_be(ask(port, whole.replace(b"TrentService.CreateKey", b"\xff\x80")), 400, unknown)
    must_be(post(port, STRANGER, create, b"{}"), 400, "UnrecognizedClientException")
    tampered = whole.replace(b"\r\n\r\n{}", b"\r\n\r\n[]")
    must_be(ask(port, tampered), 400, "InvalidSignatureException")


def test_an_answer_comes_whole(target: Target) -> None:
    """So that nobody has half of one when a worker is killed: SDKs do not look at the length."""
    alias = b'{"AliasName": "alias/none"}'
    for request in (
        signed(target.server.port, target.root, "TrentService.DeleteAlias", alias),
        b"GET /_stockade/health HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        for _ in range(50):
            with Connection(target.server.port) as connection:
                connection.send(request)
                head, _, body = connection.piece().partition(b"\r\n\r\n")
                assert b"content-length: %d" % len(body) in head.lower()


def test_http_1_0_and_pipelining(target: Target) -> None:
    request = signed(target.server.port, target.root, "TrentService.ListKeys", b"{}")
    slow = b"GET /_stockade/health HTTP/1.1\r\nHost: x\r\n\r\n"
    with Connection(target.server.port) as connection:
        connection.send((request + slow + slow.replace(b"GET", b"HEAD") + request) * 3)
        for head in (False, False, True, False) * 3:
            assert connection.answer(head=head).status == 200
        connection.send(request.replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert connection.answer().status == 200
        assert not connection.is_open


def test_expect_continue(target: Target) -> None:
    request = signed(target.server.port, target.root, "TrentService.ListKeys", b"{}")
    head = request[:-2].replace(b"Host:", b"Expect: 100-continue\r\nHost:")
    with Connection(target.server.port) as connection:
        connection.send(head)
        assert connection.answer().status == 100
        connection.send(b"{}")
        assert connection.answer().status == 200


def test_half_requests_keep_nobody_waiting(target: Target) -> None:
    """Three hundred of them; others are answered as if they were not there."""
    request = signed(target.server.port, target.root, "TrentService.ListKeys", b"{}")
    slow = [Connection(target.server.port) for _ in range(300)]
    try:
        for number, connection in enumerate(slow):
            connection.send(request[: 1 + number % (len(request) - 1)])
        began = time.monotonic()
        for _ in range(50):
            assert ask(target.server.port, request).status == 200
        assert time.monotonic() - began < 10
    finally:
        for connection in slow:
            connection.__exit__()


IMPATIENT = (
    "import stockade.http11, stockade.cli.main, sys;"
    "stockade.http11.REQUEST_SECONDS = 1.0;"
    "sys.exit(stockade.cli.main.main())"
)


def test_half_requests_are_cut_off_in_time(tmp_path: Path) -> None:
    data = tmp_path / "data"
    root = init(data)
    with Server(data, program=(sys.executable, "-c", IMPATIENT)) as server:
        request = signed(server.port, root, "TrentService.ListKeys", b"{}")
        with Connection(server.port) as silent, Connection(server.port) as slow:
            slow.send(request[:-1])
            for connection in (silent, slow):
                assert connection.answer().status == 0
        with Connection(server.port) as steady:
            for _ in range(4):
                steady.send(request)
                assert steady.answer().status == 200
                time.sleep(0.5)


@examples(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_request_with_bytes_changed(target: Target, data: st.DataObject) -> None:
    """Some bytes of a good request are replaced: there is a clean answer, or none."""
    request = bytearray(signed(target.server.port, target.root, "TrentService.ListKeys", b"{}"))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(request) - 1))
        request[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with Connection(target.server.port, patience=0.5) as connection:
        connection.send(bytes(request))
        try:
            answer = connection.answer()
        except TimeoutError:
            return  # it waits for more
    assert answer.status in {0, 200, 400, 403, 404, 405, 413}
    assert b"Traceback" not in answer.body
