# SPDX-License-Identifier: Apache-2.0
"""The short cut for answers from memory gives the same answers as the way through ASGI."""

from __future__ import annotations

import re
import socket
import threading

import pytest

from stockade.app import Stockade
from stockade.asgi import Asker, Shell, Turn
from stockade.protocol.http import HttpRequest
from stockade.server import Listen, bind, run_uvicorn


class Never(Turn):
    """A turn in which nothing is answered."""

    def add(self, http: HttpRequest, asker: Asker) -> None:
        del http
        asker.hand_over()


class Slow(Shell):
    """A shell that never answers at once."""

    def __init__(self, app: Stockade) -> None:
        super().__init__(app)
        self.turn = Never(app)


def serve(shell: Shell) -> int:
    """Serve in a thread for the length of the test run; return the port."""
    sock = bind(Listen(host="127.0.0.1", port=0))
    listen = Listen(host="127.0.0.1", port=sock.getsockname()[1])
    thread = threading.Thread(target=run_uvicorn, args=(shell, sock, listen), daemon=True)
    thread.start()
    return listen.port


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    app = Stockade.in_memory()
    return serve(Shell(app)), serve(Slow(app))


def exchange(port: int, raw: bytes, answers: int = 1) -> bytes:
    """Send bytes and return what comes back until `answers` bodies are there or it is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(raw)
        received = b""
        while received.count(b"x-amzn-requestid") < answers or not complete(received):
            part = connection.recv(65_536)
            if not part:
                break
            received += part
        return received


def complete(received: bytes) -> bool:
    head, found, body = received.rpartition(b"\r\n\r\n")
    lengths = re.findall(rb"content-length: (\d+)", head)
    return bool(found and lengths) and len(body) >= int(lengths[-1])


def plain(received: bytes) -> bytes:
    """Return an answer without what differs from call to call."""
    text = re.sub(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", b"ID", received)
    text = re.sub(rb"date: [^\r]*", b"date: D", text)
    lines = text.split(b"\r\n\r\n")[0].split(b"\r\n")
    return b"\r\n".join([lines[0], *sorted(lines[1:])]) + text[text.find(b"\r\n\r\n") :]


def post(body: bytes, *more: bytes, version: bytes = b"1.1") -> bytes:
    head = [
        b"POST / HTTP/" + version,
        b"Host: localhost",
        b"X-Amz-Target: TrentService.Encrypt",
        b"Content-Type: application/x-amz-json-1.1",
        b"Content-Length: %d" % len(body),
        *more,
    ]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


REQUESTS = [
    post(b"{}"),
    post(b""),
    post(b"{}", b"Connection: close"),
    post(b"{}", version=b"1.0"),
    post(b"x" * 70_000),
    post(b"{}", b"Expect: 100-continue"),
    b"GET /?Action=GetCallerIdentity HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /a%2Fb/../c?x=%20 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET //[x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("raw", REQUESTS, ids=range(len(REQUESTS)))
def test_both_ways_answer_alike(ports: tuple[int, int], raw: bytes) -> None:
    quick, slow = (plain(exchange(port, raw)) for port in ports)
    assert quick.startswith(b"HTTP/1.1 ")
    assert quick == slow


def test_pipelined_requests_are_answered_in_order(ports: tuple[int, int]) -> None:
    raw = post(b"{}") + b"GET /?Action=Nothing HTTP/1.1\r\nHost: localhost\r\n\r\n" + post(b"{")
    quick, slow = (plain(exchange(port, raw, answers=3)) for port in ports)
    assert quick.count(b"HTTP/1.1 ") == 3
    assert [line for line in quick.split(b"\r\n") if line.startswith(b"HTTP")] == [
        line for line in slow.split(b"\r\n") if line.startswith(b"HTTP")
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_absurd_heads_get_a_400(ports: tuple[int, int], raw: bytes) -> None:
    for port in ports:
        assert exchange(port, raw).startswith(b"HTTP/1.1 400 ")


def test_an_absurd_head_is_refused_after_the_answers_before_it(ports: tuple[int, int]) -> None:
    raw = b"GET /?Action=Nothing HTTP/1.1\r\nHost: localhost\r\n\r\n" + b"\x16\x03\x01 nothing"
    received = exchange(ports[0], raw, answers=2)
    assert received.count(b"HTTP/1.1 ") == 2
    assert received.index(b"<ErrorResponse") < received.index(b"Invalid HTTP request")


def test_many_answers_of_one_turn_leave_together(ports: tuple[int, int]) -> None:
    raw = b"GET /?Action=Nothing HTTP/1.1\r\nHost: localhost\r\n\r\n" * 40
    received = exchange(ports[0], raw, answers=40)
    identifiers = set(re.findall(rb"x-amzn-requestid: ([0-9a-f-]{36})", received))
    assert len(identifiers) == 40
