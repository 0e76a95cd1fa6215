# SPDX-License-Identifier: Apache-2.0
"""Requests per second: targets take turns in rounds, medians over the rounds.

Each turn starts its server anew in an empty folder and stops it afterwards, so that nothing else
runs beside the one that is measured.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple, Self

from bench.load import Load, Measured, drive
from bench.operations import ENCRYPT, Operation
from bench.server import free_port, running

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.targets import Target

DATA_BYTES = 32


def throughput(
    measured: Sequence[Target], load: Load, rounds: int, operation: Operation = ENCRYPT
) -> dict[str, list[Measured]]:
    """Return each target's rounds by its name."""
    results: dict[str, list[Measured]] = {target.name: [] for target in measured}
    for number in range(1, rounds + 1):
        for target in measured:
            result = measure(target, load, operation)
            results[target.name].append(result)
            print(_progress(number, rounds, f"{target.name} {operation.name}", result), flush=True)
    return results


def measure(target: Target, load: Load, operation: Operation) -> Measured:
    """Start a target, check one answer, drive the load, stop it."""
    before = _Used.now()
    port = free_port()
    wire = target.wire(port, operation)
    data = [secrets.token_bytes(DATA_BYTES) for _ in range(load.requests)]
    with tempfile.TemporaryDirectory(prefix="stockade-bench-") as name:
        folder = Path(name)
        with running(target.command(port, folder), port, folder, wire.answers) as server:
            wire.prepare()
            wire.check(data[0])
            result = drive(server, wire.requests(data), load, folder)
            wire.check(data[-1])
    return replace(result, others_cores=_Used.now().others_since(before))


class _Used(NamedTuple):
    """Processor time up to a moment: of all processes, and of us and those we waited for."""

    moment: float
    everybody: float
    us: float

    @classmethod
    def now(cls) -> Self:
        user, nice, system, *_ = (int(each) for each in _first_line("/proc/stat").split()[1:])
        everybody = (user + nice + system) / os.sysconf("SC_CLK_TCK")
        return cls(time.perf_counter(), everybody, sum(os.times()[:4]))

    def others_since(self, before: Self) -> float:
        """Return how many cores others kept busy."""
        others = (self.everybody - before.everybody) - (self.us - before.us)
        return max(0.0, others / (self.moment - before.moment))


def _first_line(path: str) -> str:
    return Path(path).read_text().partition("\n")[0]


def middle(rounds: Sequence[Measured]) -> Measured:
    """Return the median of each figure, and the sum of the errors."""
    return Measured(
        per_second=median(each.per_second for each in rounds),
        p50_ms=median(each.p50_ms for each in rounds),
        p99_ms=median(each.p99_ms for each in rounds),
        errors=sum(each.errors for each in rounds),
        cpu_us=median(each.cpu_us for each in rounds),
        others_cores=median(each.others_cores for each in rounds),
    )


def _progress(number: int, rounds: int, name: str, result: Measured) -> str:
    return (
        f"  round {number}/{rounds}  {name:<24} {result.per_second:>9,.0f}/s"
        f"  p50 {result.p50_ms:.2f} ms  p99 {result.p99_ms:.2f} ms  cpu {result.cpu_us:.0f} us"
        f"  errors {result.errors}  others {result.others_cores:.2f} cores"
    )
