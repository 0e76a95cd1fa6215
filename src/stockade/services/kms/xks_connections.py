# SPDX-License-Identifier: Apache-2.0
"""HTTP to an external key store proxy within one deadline, however slowly and steadily it answers.

Names, TCP, TLS, the request and the answer share the time: every wait is given what is left of it.
Connections are kept, because a handshake alone may cost most of 250 ms. What the proxy sends is
hostile until it was read: lengths are bounded, redirects are not followed.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import select
import socket
import ssl
import threading
import time
import weakref
from concurrent.futures import Future
from typing import Any, NamedTuple, cast

from stockade.services.kms.xks_errors import (
    MALFORMED,
    NO_TLS,
    TIMED_OUT,
    UNREACHABLE,
    XksFailure,
)

LIMIT = 64 * 1024
"""Bytes of an answer that are read."""
KEPT_SECONDS = 20.0
"""How long an idle connection is used again: less than servers keep theirs."""
MOST_KEPT = 16
RESOLVED_SECONDS = 30.0
"""How long the addresses of a name are believed."""

_Found = list[tuple[Any, ...]]


class Address(NamedTuple):
    """Where a proxy listens."""

    host: str
    port: int
    tls: ssl.SSLContext | None


class Request(NamedTuple):
    """A signed request."""

    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """What came back, as bytes."""

    status: int
    body: bytes


class Deadline:
    """A moment by which everything is done."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left; raise TimeoutError when none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time is over")
        return left


class Names:
    """The addresses of one host; a name server that hangs makes nobody wait past a deadline."""

    def __init__(self, host: str, port: int) -> None:
        self._asked = (host, port)
        self._lock = threading.Lock()
        self._lookup: Future[_Found] | None = None
        self._at = 0.0

    def find(self, deadline: Deadline) -> _Found:
        """Return the addresses, or raise OSError."""
        with self._lock:
            lookup = self._lookup
            if lookup is None or (lookup.done() and self._too_old(lookup)):
                lookup = self._lookup = Future()
                self._at = time.monotonic()
                threading.Thread(target=self._look_up, args=(lookup,), daemon=True).start()
        return lookup.result(timeout=deadline.left())

    def _too_old(self, lookup: Future[_Found]) -> bool:
        failed = lookup.exception() is not None
        return failed or time.monotonic() - self._at > RESOLVED_SECONDS

    def _look_up(self, lookup: Future[_Found]) -> None:
        try:
            found = socket.getaddrinfo(*self._asked, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as problem:
            lookup.set_exception(OSError(str(problem)))
        else:
            lookup.set_result([*found])


class _Reader(io.RawIOBase):
    """Reads a socket, each time with what is left of the deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._deadline.left())
        return self._sock.recv_into(buffer)


class _Timed:
    """A socket as http.client uses it, with a deadline."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.deadline = Deadline(0)

    def sendall(self, data: bytes) -> None:
        self.sock.settimeout(self.deadline.left())
        self.sock.sendall(data)

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self.sock, self.deadline))

    def close(self) -> None:
        self.sock.close()


class Connection:
    """One connection to a proxy."""

    def __init__(self, address: Address, sock: socket.socket) -> None:
        self._timed = _Timed(sock)
        self._http = http.client.HTTPConnection(address.host, address.port)
        self._http.auto_open = 0
        self._http.sock = cast("socket.socket", self._timed)
        self._idle_since = 0.0

    def ask(self, request: Request, deadline: Deadline) -> tuple[Answer, bool]:
        """Return the answer, and whether the connection can be used again."""
        self._timed.deadline = deadline
        self._http.request("POST", request.path, request.body, request.headers)
        answer = self._http.getresponse()
        body = answer.read(LIMIT + 1)
        if len(body) > LIMIT:
            raise XksFailure(MALFORMED, "the answer is too long")
        if answer.length:
            raise XksFailure(MALFORMED, "the answer is cut short")
        return Answer(answer.status, body), answer.isclosed() and not answer.will_close

    def rest(self) -> None:
        """Begin to be idle."""
        self._idle_since = time.monotonic()

    def usable(self) -> bool:
        """Say whether the other side still has it open, as far as this side knows."""
        if time.monotonic() - self._idle_since > KEPT_SECONDS:
            return False
        waiting = select.poll()
        waiting.register(self._timed.sock, select.POLLIN)
        return not waiting.poll(0)  # nothing may come before it is asked for

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._http.close()


class Connections:
    """The connections to one proxy; safe for many threads."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._names = Names(address.host, address.port)
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        weakref.finalize(self, _close_all, self._idle)

    def ask(self, request: Request, seconds: float) -> Answer:
        """Return the proxy's answer, or raise XksFailure.

        One case is tried twice: a kept connection that the proxy had closed meanwhile. There is no
        other retry, as there is no time for one; KMS's caller decides about it.
        """
        deadline = Deadline(seconds)
        kept = self._take()
        if kept is not None:
            with contextlib.suppress(ConnectionError):
                return self._ask(kept, request, deadline)
        return self._ask_new(request, deadline)

    def close(self) -> None:
        """Close what is idle; that happens too when nobody holds this object any more."""
        with self._lock:
            _close_all(self._idle)

    def _ask_new(self, request: Request, deadline: Deadline) -> Answer:
        connection = Connection(self._address, self._open(deadline))
        try:
            return self._ask(connection, request, deadline)
        except ConnectionError as problem:
            raise XksFailure(UNREACHABLE, _said(problem)) from None

    def _ask(self, connection: Connection, request: Request, deadline: Deadline) -> Answer:
        again = False
        try:
            answer, again = connection.ask(request, deadline)
        except TimeoutError:
            raise XksFailure(TIMED_OUT) from None
        except ssl.SSLError as problem:
            raise XksFailure(NO_TLS, _said(problem)) from None
        except ConnectionError:
            raise
        except OSError as problem:
            raise XksFailure(UNREACHABLE, _said(problem)) from None
        except (http.client.HTTPException, ValueError) as problem:
            raise XksFailure(MALFORMED, type(problem).__name__) from None
        finally:
            if again:
                self._give_back(connection)
            else:
                connection.close()
        return answer

    def _open(self, deadline: Deadline) -> socket.socket:
        """Return a connected socket, its TLS verified."""
        try:
            sock = self._connect(deadline)
        except OSError as problem:  # TimeoutError is one
            raise XksFailure(UNREACHABLE, _said(problem)) from None
        if self._address.tls is None:
            return sock
        try:
            sock.settimeout(deadline.left())
            return self._address.tls.wrap_socket(sock, server_hostname=self._address.host)
        except TimeoutError:
            reason, said = TIMED_OUT, "in the TLS handshake"
        except (OSError, ValueError) as problem:  # ssl.SSLError is an OSError
            reason, said = NO_TLS, _said(problem)
        sock.close()
        raise XksFailure(reason, said)

    def _connect(self, deadline: Deadline) -> socket.socket:
        """Return a socket that is connected to the first address that answers."""
        last = OSError("there is no address")
        for family, kind, protocol, _, place in self._names.find(deadline):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(deadline.left())
                sock.connect(place)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as problem:
                sock.close()
                last = problem
            else:
                return sock
        raise last

    def _take(self) -> Connection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if connection.usable():
                return connection
            connection.close()

    def _give_back(self, connection: Connection) -> None:
        connection.rest()
        with self._lock:
            if len(self._idle) < MOST_KEPT:
                self._idle.append(connection)
                return
        connection.close()


def _close_all(idle: list[Connection]) -> None:
    while idle:
        idle.pop().close()


def _said(problem: OSError | ValueError) -> str:
    """Return what the system says of a failure, without what the other side wrote."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return problem.verify_message
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return type(problem).__name__
