# SPDX-License-Identifier: Apache-2.0
"""From the start of a process to its first signed answer, and what it weighs while idle."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.operations import ENCRYPT
from bench.server import free_port, resident_mb, running

if TYPE_CHECKING:
    from bench.targets import Target

SETTLE_SECONDS = 1.0


@dataclass(frozen=True)
class Start:
    """One start of a server."""

    first_answer_seconds: float
    largest_process_mb: float
    processes: int
    total_mb: float


def startup(target: Target, times: int) -> Start:
    """Start a target some times in empty folders; return the median of each figure."""
    starts = [_start(target) for _ in range(times)]
    return Start(
        first_answer_seconds=median(each.first_answer_seconds for each in starts),
        largest_process_mb=median(each.largest_process_mb for each in starts),
        processes=starts[0].processes,
        total_mb=median(each.total_mb for each in starts),
    )


def _start(target: Target) -> Start:
    port = free_port()
    wire = target.wire(port, ENCRYPT)
    with tempfile.TemporaryDirectory(prefix="stockade-bench-") as name:
        folder = Path(name)
        with running(target.command(port, folder), port, folder, wire.answers) as server:
            time.sleep(SETTLE_SECONDS)
            sizes = resident_mb(server.pid)
    return Start(server.first_answer_seconds, max(sizes), len(sizes), sum(sizes))
