# SPDX-License-Identifier: Apache-2.0
"""A server to measure: started on a free loopback port, stopped with all it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

READY_WITHIN_SECONDS = 60.0
STOP_WITHIN_SECONDS = 10.0
POLL_SECONDS = 0.005


class ServerError(Exception):
    """A server did not come up, or went away."""


@dataclass(frozen=True)
class Command:
    """What starts a server."""

    arguments: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Server:
    """A started server that answers."""

    port: int
    pid: int
    first_answer_seconds: float
    """From the start of the process to the first answer to a signed request."""


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Command, port: int, folder: Path, answers: Callable[[], bool]
) -> Iterator[Server]:
    """Start a server in `folder`, hand it over once it answers, stop it afterwards."""
    log = folder / "server.log"
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command.arguments,
            env=_environment(command, folder),
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        _await_answer(process, answers, began, log)
        yield Server(port, process.pid, time.perf_counter() - began)
    finally:
        _stop(process)


def _environment(command: Command, folder: Path) -> dict[str, str]:
    """Give the server a home of its own and nothing of ours that is called AWS."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return ours | {"HOME": str(folder)} | dict(command.environment)


def _await_answer(
    process: subprocess.Popen[bytes], answers: Callable[[], bool], began: float, log: Path
) -> None:
    while not answers():
        if process.poll() is not None:
            raise ServerError(f"{process.args!r} ended at once:\n{_tail(log)}")
        if time.perf_counter() - began > READY_WITHIN_SECONDS:
            raise ServerError(f"{process.args!r} does not answer:\n{_tail(log)}")
        time.sleep(POLL_SECONDS)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to stop, then end what is left of its own process group."""
    process.terminate()
    try:
        process.wait(STOP_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and those below it have used."""
    return sum(_ticks(each) for each in _family(pid)) / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> int:
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(after_name[11]) + int(after_name[12])


def resident_mb(pid: int) -> list[float]:
    """Return the resident memory of a process and of each below it, in MB (VmRSS)."""
    return [_vm_rss_mb(each) for each in _family(pid)]


def _family(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    return [pid, *(each for child in children for each in _family(child))]


def _vm_rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
