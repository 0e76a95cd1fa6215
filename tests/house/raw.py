# SPDX-License-Identifier: Apache-2.0
"""Requests as bytes on a socket, for what no well-behaved client sends."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, NamedTuple, Self

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

if TYPE_CHECKING:
    from tests.house.server import Credentials

JSON = "application/x-amz-json-1.1"
PATIENCE_SECONDS = 15.0


class Answer(NamedTuple):
    """A response; status 0 where the connection was closed without one."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """A TCP connection to a server on this host."""

    def __init__(self, port: int, patience: float = PATIENCE_SECONDS) -> None:
        self._patience = patience
        self._socket = socket.create_connection(("127.0.0.1", port), patience)
        self._unread = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes; a server that has heard enough may have closed the connection."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def end(self) -> None:
        """Say that nothing more will come."""
        self._socket.shutdown(socket.SHUT_WR)

    def answer(self, *, head: bool = False) -> Answer:
        """Read one response."""
        while b"\r\n\r\n" not in self._unread:
            if not self._read():
                assert self._unread == b"", self._unread
                return Answer(0, {}, b"")
        start, _, self._unread = self._unread.partition(b"\r\n\r\n")
        line, *fields = start.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (f.partition(": ") for f in fields)}
        length = 0 if head else int(headers.get("content-length", 0))
        while len(self._unread) < length:
            assert self._read(), "the response is cut"
        body, self._unread = self._unread[:length], self._unread[length:]
        return Answer(int(line.split()[1]), headers, body)

    def piece(self) -> bytes:
        """Return what is there to be read, without waiting for more."""
        self._read()
        piece, self._unread = self._unread, b""
        return piece

    @property
    def is_open(self) -> bool:
        """Ask whether the server keeps the connection, within a moment."""
        self._socket.settimeout(0.2)
        try:
            return self._read()
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(self._patience)

    def _read(self) -> bool:
        try:
            data = self._socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self._unread += data
        return data != b""


def ask(port: int, data: bytes, *, head: bool = False) -> Answer:
    """Send bytes on a new connection and read one response."""
    with Connection(port) as connection:
        connection.send(data)
        return connection.answer(head=head)


def signed(port: int, who: Credentials, target: str, body: bytes, service: str = "kms") -> bytes:
    """Return a signed request of the JSON protocol."""
    headers = {"Content-Type": JSON, "X-Amz-Target": target}
    request = AWSRequest("POST", f"http://127.0.0.1:{port}/", headers=headers, data=body)
    SigV4Auth(BotoCredentials(*who), service, "us-east-1").add_auth(request)
    lines = [f"{name}: {value}" for name, value in request.headers.items()]
    lines += [f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}"]
    return ("\r\n".join(["POST / HTTP/1.1", *lines]) + "\r\n\r\n").encode() + body


def post(port: int, who: Credentials, target: str, body: bytes) -> Answer:
    """Send a signed request and read its response."""
    return ask(port, signed(port, who, target, body))
