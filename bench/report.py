# SPDX-License-Identifier: Apache-2.0
"""The results of a run: as JSON, and as the generated part of bench/README.md."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.throughput import middle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.load import Load, Measured
    from bench.micro import Timed
    from bench.policies import Loaded
    from bench.startup import Start
    from bench.targets import Target

FOLDER = Path(__file__).parent
README = FOLDER / "README.md"
RESULTS = FOLDER / "results.json"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
FIRST_ANSWER_SECONDS, IDLE_MB, POLICIES_MB = 1.0, 120.0, 2000.0


@dataclass
class Results:
    """What a run measured, part by part; a part that did not run is empty."""

    load: Load
    targets: Mapping[str, Target]
    rounds: dict[str, list[Measured]] = field(default_factory=dict)
    micro: dict[str, Timed] = field(default_factory=dict)
    starts: dict[str, Start] = field(default_factory=dict)
    policies: Loaded | None = None

    @property
    def complete(self) -> bool:
        """True when every part measured everything."""
        measured = self.rounds.keys() | self.starts.keys()
        return measured == self.targets.keys() and bool(self.micro and self.policies)


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "cpu": _cpu_model(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def ratio(results: Results, name: str) -> float | None:
    """Return how many times a target's rate Stockade reaches, if both were measured."""
    ours, theirs = results.rounds.get("stockade"), results.rounds.get(name)
    if not ours or not theirs or name == "stockade":
        return None
    return middle(ours).per_second / middle(theirs).per_second


def missed(results: Results) -> list[str]:
    """Return a sentence for each error seen and each budget that was not kept."""
    said = []
    for name, rounds in results.rounds.items():
        wanted, reached = results.targets[name].at_least, ratio(results, name)
        if middle(rounds).errors:
            said.append(f"{name}: {middle(rounds).errors} requests failed")
        if wanted and reached is not None and reached < wanted:
            said.append(f"{name}: {reached:.1f} x reached, {wanted:g} x wanted")
    for name, timed in results.micro.items():
        if timed.at_most_us is not None and timed.us > timed.at_most_us:
            said.append(f"{name}: {timed.us:.1f} us, at most {timed.at_most_us:g} us wanted")
    held = results.policies
    if held and held.megabytes >= POLICIES_MB:
        said.append(f"policies: {held.megabytes:.0f} MB, under {POLICIES_MB:.0f} wanted")
    return said + _missed_at_start(results.starts)


def _missed_at_start(starts: Mapping[str, Start]) -> list[str]:
    """Hold `stockade dev` to its first answer, and each worker to its memory."""
    said = []
    for name in ("stockade-dev", "stockade"):
        start = starts.get(name)
        if start and start.largest_process_mb >= IDLE_MB:
            said.append(f"{name}: {start.largest_process_mb:.0f} MB, under {IDLE_MB:.0f} wanted")
    first = starts.get("stockade-dev")
    if first and first.first_answer_seconds >= FIRST_ANSWER_SECONDS:
        said.append(f"first answer after {first.first_answer_seconds:.2f} s, under 1 s wanted")
    return said


def render(results: Results) -> str:
    """Return the tables in Markdown."""
    parts = [_conditions(results)]
    if results.rounds:
        parts.append(_throughput_table(results))
    if results.micro:
        parts.append(_micro_table(results))
    if results.starts:
        parts.append(_start_table(results))
    if held := results.policies:
        parts.append(
            f"{held.policies:,} policies of three statements, parsed and compiled: "
            f"{held.megabytes:.0f} MB (budget {POLICIES_MB:.0f}) after {held.seconds:.0f} s."
        )
    return "\n\n".join(parts)


def _conditions(results: Results) -> str:
    here, load = machine(), results.load
    rounds = max((len(each) for each in results.rounds.values()), default=0)
    others = max((middle(each).others_cores for each in results.rounds.values()), default=0.0)
    return (
        f"{here['date']}, {here['cores']} cores of {here['cpu']}, Linux {here['kernel']}, "
        f"Python {here['python']}.\n"
        f"Load: wrk, {load.threads} threads, {load.connections} connections, {load.seconds} s "
        f"after {load.warm_up_seconds} s of warming up, {load.requests:,} different requests, "
        f"medians of {rounds} interleaved rounds.\n"
        f"Processes that were not part of it kept {others:.2f} cores busy at most (median)."
    )


def _throughput_table(results: Results) -> str:
    rows = [_throughput_row(results, name) for name in results.rounds]
    head = [
        "Encrypt 32 bytes",
        "version",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "server CPU us",
        "errors",
        "Stockade is",
        "budget",
    ]
    return _table(head, rows)


def _throughput_row(results: Results, name: str) -> list[str]:
    target, figures = results.targets[name], middle(results.rounds[name])
    reached = ratio(results, name)
    return [
        target.title,
        target.version,
        f"{figures.per_second:,.0f}",
        f"{figures.p50_ms:.2f}",
        f"{figures.p99_ms:.2f}",
        f"{figures.cpu_us:.0f}",
        str(figures.errors),
        f"{reached:.1f} x" if reached is not None else "",
        f">= {target.at_least:g} x" if target.at_least else "",
    ]


def _micro_table(results: Results) -> str:
    rows = []
    for name, timed in results.micro.items():
        budget = f"<= {timed.at_most_us:g}" if timed.at_most_us is not None else ""
        times = f"{timed.ratio:.1f} x ours" if timed.ratio is not None else ""
        rows.append([name, f"{timed.us:.1f}", budget, times])
    return _table(["one step, in process", "us", "budget", "takes"], rows)


def _start_table(results: Results) -> str:
    rows = [
        [
            results.targets[name].title,
            f"{start.first_answer_seconds:.2f}",
            f"{start.largest_process_mb:.0f}",
            str(start.processes),
            f"{start.total_mb:.0f}",
        ]
        for name, start in results.starts.items()
    ]
    head = ["start", "first signed answer, s", "largest process, MB", "processes", "all, MB"]
    return _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(results: Results) -> None:
    """Write results.json and replace the generated part of the README."""
    said = {
        "machine": machine(),
        "load": asdict(results.load),
        "versions": {name: target.version for name, target in results.targets.items()},
        "rounds": {name: [asdict(one) for one in each] for name, each in results.rounds.items()},
        "micro": {name: asdict(timed) for name, timed in results.micro.items()},
        "starts": {name: asdict(start) for name, start in results.starts.items()},
        "policies": asdict(results.policies) if results.policies else None,
    }
    RESULTS.write_text(json.dumps(said, indent=1) + "\n")
    before, _, rest = README.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    README.write_text(f"{before}{BEGIN}\n{render(results)}\n{END}{after}")
