# SPDX-License-Identifier: Apache-2.0
"""A started server as an operator sees it: a listener, workers and a keeper that can be killed.

Every wait is bounded, and what is stopped is what was started here, by its own process ids.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = str(Path(sys.executable).with_name("stockade"))
READY_SECONDS = 30.0
STOP_SECONDS = 20.0
END_SECONDS = 10.0
COMMAND_SECONDS = 120.0


class Credentials(NamedTuple):
    """Whom a client calls as."""

    key_id: str
    secret: str
    token: str | None = None


KNOWN = Credentials("test", "test")
"""What every dev server knows."""


def run(
    *arguments: str, status: int = 0, before: Sequence[str] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of the program to its end and check its status."""
    ended = subprocess.run(
        [*before, PROGRAM, *arguments],
        env=environment() | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert ended.returncode == status, ended.stdout + ended.stderr
    return ended


def init(data: Path, *options: str) -> Credentials:
    """Make a data directory and return the credentials of its root."""
    file = data.with_name(f"{data.name}-root.json")
    run("init", "--data", str(data), "--credentials-file", str(file), *options)
    root = json.loads(file.read_bytes())
    return Credentials(root["AccessKeyId"], root["SecretAccessKey"])


class Server:
    """One server on one data directory, on the same port each time it is started."""

    def __init__(
        self,
        data: Path,
        *options: str,
        mode: str = "serve",
        workers: int = 2,
        debug: bool = False,
        before: Sequence[str] = (),
        program: Sequence[str] = (PROGRAM,),
    ) -> None:
        self.data = data
        self.log = data.with_name(f"{data.name}.log")
        self.port = free_port()
        address = (
            ("--port", str(self.port)) if mode == "dev" else ("--listen", f"127.0.0.1:{self.port}")
        )
        self._command = [
            *(*before, *program, *(("--debug",) if debug else ()), mode, "--data", str(data)),
            *("--workers", str(workers), *address, *options),
        ]
        self._workers = workers
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        """The address for clients."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def listener(self) -> int:
        """The process that holds the socket and starts the others."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and return when it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.await_ready()

    def await_ready(self, without: int = 0) -> None:
        """Wait until all processes but one that was killed are there, and a worker answers."""
        deadline = time.monotonic() + READY_SECONDS
        while not (self._is_complete(without) and self.ready()):
            assert self._process is not None
            assert self._process.poll() is None, self.complaints()
            assert time.monotonic() < deadline, self.complaints()
            time.sleep(0.02)

    def _is_complete(self, without: int) -> bool:
        found = self.children()
        return without not in found and len(found) == self._workers + 1

    def ready(self) -> bool:
        """Ask whether it serves."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"GET /_stockade/ready HTTP/1.0\r\n\r\n")
                return connection.recv(64).startswith(b"HTTP/1.1 200 ")
        except OSError:
            return False

    def children(self) -> list[int]:
        """Return the process ids of workers and keeper."""
        return [] if self._process is None else children(self._process.pid)

    def workers(self) -> list[int]:
        """Return the processes that answer."""
        usual = os.getpriority(os.PRIO_PROCESS, self.listener)
        return [pid for pid in self.children() if niceness(pid) == usual]

    def keepers(self) -> list[int]:
        """Return the process that keeps, which runs at low priority."""
        usual = os.getpriority(os.PRIO_PROCESS, self.listener)
        return [pid for pid in self.children() if niceness(pid) > usual]

    def kill(self) -> None:
        """Kill all of it at once, and see that all of it is gone."""
        self._kill(self.children())

    def kill_listener(self) -> None:
        """Kill the listener alone, and see that the others end by themselves."""
        self._kill([])

    def _kill(self, others: Sequence[int]) -> None:
        if self._process is None:
            return
        family = self.children()
        for pid in (self._process.pid, *others):
            kill(pid)
        self._process.wait(END_SECONDS)
        self._process = None
        for pid in family:
            _await_end(pid)

    def stop(self) -> int:
        """Stop it as a service manager does, and return its status."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._process = None
        return status

    def complaints(self) -> str:
        """Return the end of the log."""
        return self.log.read_text(errors="replace")[-4000:]

    def client(self, service: str, who: Credentials = KNOWN) -> Any:
        """Return a boto3 client that tries once."""
        import boto3
        from botocore.config import Config

        session = boto3.Session(who.key_id, who.secret, who.token, region_name="us-east-1")
        once = Config(retries={"max_attempts": 0}, connect_timeout=10, read_timeout=45)
        return session.client(service, endpoint_url=self.endpoint, config=once)


def children(pid: int) -> list[int]:
    """Return the process ids of a process's living children."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [child for child in map(int, listed.split()) if alive(child)]


def alive(pid: int) -> bool:
    """Say whether any thread of a process is there, and not merely its exit status."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    state, threads = fields[0], int(fields[17])
    return state not in "ZX" or threads > 1


def niceness(pid: int) -> int:
    """Return a process's niceness; a very polite one where it has ended."""
    try:
        return os.getpriority(os.PRIO_PROCESS, pid)
    except ProcessLookupError:
        return -100


def kill(pid: int) -> None:
    """Kill a process, if it is still there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_end(pid: int) -> None:
    deadline = time.monotonic() + END_SECONDS
    while alive(pid):
        assert time.monotonic() < deadline, f"process {pid} outlives its kill"
        time.sleep(0.005)


def environment() -> dict[str, str]:
    """Return the environment without what the developer has in it for AWS."""
    drop = ("AWS_", "STOCKADE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(drop)}
