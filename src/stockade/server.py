# SPDX-License-Identifier: Apache-2.0
"""The processes of a server: one that listens, restarts and stops; workers that answer.

The listener binds the socket and forks the workers before anything else is opened, so that a store,
a thread or a connection never crosses a fork. A worker that dies is replaced; the socket stays.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = logging.getLogger("stockade.server")

BACKLOG = 2048
HEAD_LIMIT = 65_536
"""Bytes of a request's line and headers."""
RESTART_PAUSE = 0.2
STOP_SECONDS = 15.0


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how a server listens."""

    host: str
    port: int
    workers: int = 1
    tls_cert: Path | None = None
    tls_key: Path | None = None

    @property
    def scheme(self) -> str:
        return "https" if self.tls_cert else "http"


NICENESS = 10
_PR_SET_PDEATHSIG = 1

Work = Callable[[socket.socket], None]
"""What a worker does with the socket until it is told to stop."""
Keep = Callable[[], None]
"""What is done beside the answering until told to stop."""
Task = Callable[[], None]


def bind(listen: Listen) -> socket.socket:
    """Return the listening socket; raise `OSError` where the port is taken."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((listen.host, listen.port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def serve(listen: Listen, sock: socket.socket, work: Work, keep: Keep | None = None) -> None:
    """Run the workers until a signal says stop.

    `keep` runs in a process of its own, at low priority: what it does (time, the journal) must not
    wait for the workers, and they not for it. Without it a single worker needs no second process.
    """
    if keep is None and listen.workers == 1:
        work(sock)
        return
    tasks: list[Task] = [lambda: work(sock)] * listen.workers
    if keep is not None:
        tasks.append(_at_low_priority(keep))
    Herd(tasks).run()


def _at_low_priority(keep: Keep) -> Task:
    def run() -> None:
        os.nice(NICENESS)
        keep()

    return run


class Herd:
    """Child processes, each with its task; one that ends is started anew."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self._alive: dict[int, Task] = {}
        self._stopping = False

    def run(self) -> None:
        """Start every task and return when all have stopped."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for task in self._tasks:
            self._start(task)
        while self._alive:
            pid, status = os.wait()
            task = self._alive.pop(pid)
            if not self._stopping:
                log.warning("worker %d ended (%d): a new one starts", pid, status)
                time.sleep(RESTART_PAUSE)
                self._start(task)

    def _start(self, task: Task) -> None:
        pid = os.fork()
        if pid:
            self._alive[pid] = task
            if self._stopping:
                os.kill(pid, signal.SIGTERM)
            return
        code = 1
        try:
            _die_with_parent()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            task()
            code = 0
        except BaseException:
            log.exception("worker %d failed", os.getpid())
        finally:
            os._exit(code)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        for pid in tuple(self._alive):
            os.kill(pid, signal.SIGTERM)
        timer = threading.Timer(STOP_SECONDS, self._kill)
        timer.daemon = True
        timer.start()

    def _kill(self) -> None:
        """End what does not stop by itself."""
        for pid in tuple(self._alive):
            os.kill(pid, signal.SIGKILL)


def _die_with_parent() -> None:
    """Have the kernel end this process when the listener is killed, so that the port is free.

    Linux only; elsewhere a worker whose listener was killed goes on until it is told to stop.
    """
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return
    prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class OneWrite:
    """A transport that sends the head of a response together with the body that follows at once.

    uvicorn writes them apart, which costs a second system call, packet and wake-up for each of our
    small answers. A head that stays alone is sent when the event loop comes round.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._head = b""

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 "):
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with a limit on the head of a request, which it lacks: 400 beyond it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(OneWrite(transport))  # type: ignore[arg-type]

    def on_message_begin(self) -> None:
        self._head = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._head += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head += len(name) + len(value)
        if self._head > HEAD_LIMIT:
            raise ValueError("the head of the request is too large")
        super().on_header(name, value)


def run_uvicorn(app: object, sock: socket.socket, listen: Listen) -> None:
    """Answer on the socket until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        loop="uvloop",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=10,
        ssl_certfile=listen.tls_cert,
        ssl_keyfile=listen.tls_key,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
    )
    uvicorn.Server(config).run(sockets=[sock])
