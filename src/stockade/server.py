# SPDX-License-Identifier: Apache-2.0
"""The processes of a server: one that listens, restarts and stops; workers that answer.

The listener binds the socket and forks the workers before anything else is opened, so that a store,
a thread or a connection never crosses a fork. A worker that dies is replaced; the socket stays.
What a client may cost is bounded here too: the size of a request's head, and how long it may take.
"""

from __future__ import annotations

import ctypes
import logging
import os
import resource
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import msgspec
import uvicorn

from stockade.http11 import KEEP_ALIVE_SECONDS, HttpProtocol

log = logging.getLogger("stockade.server")

BACKLOG = 2048
RESTART_PAUSE = 0.2
STOP_SECONDS = 15.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


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
OPEN_FILES = 65_536
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4

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
    _allow_open_files()
    if keep is None and listen.workers == 1:
        work(sock)
        return
    tasks: list[Task] = [lambda: work(sock)] * listen.workers
    if keep is not None:
        tasks.append(_beside(sock, keep))
    Herd(tasks).run()


def _beside(sock: socket.socket, keep: Keep) -> Task:
    """Return the task that keeps: at low priority, and without a hand on the port."""

    def run() -> None:
        sock.close()
        os.nice(NICENESS)
        keep()

    return run


def _allow_open_files() -> None:
    """Take as many open files as this host allows: a connection is one, and 1,024 are few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Herd:
    """Child processes, each with its task; one that ends is started anew."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self._alive: dict[int, Task] = {}
        self._stopping = False

    def run(self) -> None:
        """Start every task and return when all have stopped."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._stop)
        for task in self._tasks:
            self._start(task)
        while self._alive:
            pid, status = os.wait()
            task = self._alive.pop(pid)
            if not self._stopping:
                code = os.waitstatus_to_exitcode(status)
                log.warning("worker %d ended (%d): a new one starts", pid, code)
                time.sleep(RESTART_PAUSE)
                self._start(task)

    def _start(self, task: Task) -> None:
        """Fork; a signal that says stop comes before it or after it, never in between."""
        listener = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            if self._stopping:
                return
            pid = os.fork()
            if pid == 0:
                _be_child(task, listener)
            self._alive[pid] = task
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

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


def _be_child(task: Task, listener: int) -> NoReturn:
    """Do a task in a new process, which ends with it."""
    code = 1
    try:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        _die_with(listener)
        task()
        code = 0
    except BaseException:
        log.exception("worker %d failed", os.getpid())
    finally:
        os._exit(code)


def _die_with(listener: int) -> None:
    """Have the kernel end this process when the listener is killed, so that the port is free.

    Linux only; elsewhere a worker whose listener was killed goes on until it is told to stop.
    """
    if _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM) and os.getppid() != listener:
        os.kill(os.getpid(), signal.SIGTERM)  # it was killed before we could ask


def keep_memory_private() -> None:
    """Have this process and its children leave no core dump, for their memory holds secrets.

    On Linux other processes of the same user may not look into it either (ptrace, /proc/PID/mem).
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(_PR_SET_DUMPABLE, 0)


def _prctl(option: int, value: int) -> bool:
    """Set an attribute of this process; False where the system has no prctl."""
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return False
    return bool(prctl(option, value, 0, 0, 0) == 0)


def run_uvicorn(app: object, sock: socket.socket, listen: Listen) -> None:
    """Answer on the socket until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        loop="uvloop",
        http=HttpProtocol,
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=10,
        ssl_certfile=listen.tls_cert,
        ssl_keyfile=listen.tls_key,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
    )
    uvicorn.Server(config).run(sockets=[sock])
