# SPDX-License-Identifier: Apache-2.0
"""The load generator: `wrk` with requests made beforehand, the same for every target."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.server import cpu_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.server import Server

SCRIPT = Path(__file__).with_name("requests.lua")
ANSWER_WITHIN_SECONDS = 5


class LoadError(Exception):
    """The load could not be driven."""


@dataclass(frozen=True)
class Load:
    """How hard and how long: one setting for all targets of a run."""

    threads: int = 2
    connections: int = 32
    seconds: int = 6
    warm_up_seconds: int = 2
    requests: int = 2000
    """How many different requests are cycled through."""


@dataclass(frozen=True)
class Measured:
    """What one round against one target gave."""

    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    """Answers above HTTP 399, broken connections and time-outs."""
    cpu_us: float
    """Processor time that the server took for a request: what a busy machine disturbs least."""
    others_cores: float = 0.0
    """How many cores processes that are not ours kept busy in this turn."""


def require_generator() -> str:
    """Return the path of wrk, or say how to get it."""
    path = shutil.which("wrk")
    if path is None:
        raise LoadError("wrk, the load generator, is missing: apt-get install wrk")
    return path


def drive(server: Server, requests: Iterable[bytes], load: Load, folder: Path) -> Measured:
    """Warm the server up with these requests, then measure it."""
    file = folder / "requests"
    file.write_bytes(b"\0".join(requests))
    _wrk(server.port, file, load, load.warm_up_seconds)
    before = cpu_seconds(server.pid)
    said = _wrk(server.port, file, load, load.seconds)
    return _measured(said, cpu_seconds(server.pid) - before)


def _wrk(port: int, file: Path, load: Load, seconds: int) -> dict[str, int]:
    command = [
        require_generator(),
        f"--threads={load.threads}",
        f"--connections={load.connections}",
        f"--duration={seconds}s",
        f"--timeout={ANSWER_WITHIN_SECONDS}s",
        f"--script={SCRIPT}",
        f"http://127.0.0.1:{port}/",
        "--",
        str(file),
    ]
    limit = seconds + 30
    done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    if done.returncode != 0:
        raise LoadError(done.stderr.strip() or done.stdout.strip())
    said: dict[str, int] = json.loads(done.stdout.strip().splitlines()[-1])
    return said


def _measured(said: dict[str, int], cpu: float) -> Measured:
    return Measured(
        per_second=said["requests"] * 1e6 / said["microseconds"],
        p50_ms=said["p50_us"] / 1000,
        p99_ms=said["p99_us"] / 1000,
        errors=said["refused"] + said["broken"],
        cpu_us=cpu * 1e6 / max(said["requests"], 1),
    )
