# SPDX-License-Identifier: Apache-2.0
"""External key store proxies for tests: one that answers as told, byte by byte if need be."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

from stockade.protocol.xks import RequestMetadata
from stockade.services.kms.xks import ProxyCredential, XksProxy

CREDENTIAL = ProxyCredential("AAAABBBBCCCCDDDDEEEE", "c2VjcmV0" * 6)
PATH = "/example/kms/xks/v1"
REGION = "eu-west-1"
ASKED = RequestMetadata(
    kms_operation="Encrypt", kms_request_id="4112f4d6-db54-4af4-ae30-c55a22a8dfae"
)

Serve = Callable[[socket.socket], None]
"""Serves one connection; it is closed afterwards."""


@contextmanager
def listening(serve: Serve) -> Iterator[str]:
    """Give every connection to `serve`, and return the endpoint."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stopped = threading.Event()
        thread = threading.Thread(target=_accept, args=(server, serve, stopped), daemon=True)
        thread.start()
        host, port = server.getsockname()
        try:
            yield f"http://{host}:{port}"
        finally:
            stopped.set()
            with socket.create_connection((host, port)):
                pass
            thread.join()


def _accept(server: socket.socket, serve: Serve, stopped: threading.Event) -> None:
    while True:
        connection, _ = server.accept()
        with connection:
            if stopped.is_set():
                return
            connection.settimeout(5)
            try:
                serve(connection)
            except OSError:  # the client had enough
                continue


def read_request(connection: socket.socket) -> tuple[bytes, bytes]:
    """Return the head and the body of one request; nothing where there is none."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65_536)
        if not piece:
            return b"", b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65_536)
    return head, body


def response(status: int, body: bytes) -> bytes:
    """Return a whole response."""
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
    return (head + f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def answering(*answers: bytes) -> Serve:
    """Return what answers the requests of a connection one after the other, then closes it."""

    def serve(connection: socket.socket) -> None:
        for answer in answers:
            if not read_request(connection)[0]:
                return
            connection.sendall(answer)

    return serve


def refusing(status: int, name: str, message: str = "no") -> Serve:
    """Return what refuses a request as the specification says."""
    return answering(
        response(status, msgspec.json.encode({"errorName": name, "errorMessage": message}))
    )


@contextmanager
def asking(serve: Serve, **given: Any) -> Iterator[XksProxy]:
    """Return KMS's side of a proxy that is served here."""
    with listening(serve) as endpoint, closing(proxy(endpoint, **given)) as client:
        yield client


def proxy(endpoint: str, credential: ProxyCredential = CREDENTIAL, **given: Any) -> XksProxy:
    """Return KMS's side of a proxy on this host."""
    return XksProxy(
        endpoint,
        given.pop("path", PATH),
        credential,
        region=REGION,
        now=lambda: datetime.now(UTC),
        loopback=True,
        **given,
    )
