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

from bench.operations import ENCRYPT
from bench.targets import RIVALS
from bench.throughput import middle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.creation import Creation
    from bench.crowd import Crowd
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
CREATE_KEY_MS = 20.0
THROUGHPUT_HEAD = (
    "requests/s",
    "p50 ms",
    "p99 ms",
    "server CPU us",
    "errors",
    "Stockade is",
    "budget",
)
SLOWER = 1.1
"""What Encrypt may take among many keys and grants, as a multiple: within noise."""


@dataclass
class Results:
    """What a run measured, part by part; a part that did not run is empty."""

    load: Load
    targets: Mapping[str, Target]
    rounds: dict[str, list[Measured]] = field(default_factory=dict)
    operations: dict[str, dict[str, list[Measured]]] = field(default_factory=dict)
    """The rounds by operation and target, of all operations but Encrypt."""
    micro: dict[str, Timed] = field(default_factory=dict)
    starts: dict[str, Start] = field(default_factory=dict)
    policies: Loaded | None = None
    crowd: Crowd | None = None
    creation: dict[str, Creation] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """True when every part measured everything."""
        measured = self.rounds.keys() | self.starts.keys()
        parts = (self.operations, self.micro, self.policies, self.crowd, self.creation)
        return measured == self.targets.keys() and all(parts)


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


def times(rounds: Mapping[str, list[Measured]], ours: str, theirs: str) -> float | None:
    """Return how many times the rate of a target another one reaches, if both were measured."""
    if ours not in rounds or theirs not in rounds:
        return None
    return middle(rounds[ours]).per_second / middle(rounds[theirs]).per_second


def _missed_operations(results: Results) -> list[str]:
    """Hold every operation to what Encrypt is held to."""
    said = []
    for title, rounds in results.operations.items():
        for name, each in rounds.items():
            if middle(each).errors:
                said.append(f"{title}, {name}: {middle(each).errors} requests failed")
        wanted, reached = results.targets[RIVALS[1]].at_least, times(rounds, *RIVALS)
        if wanted and reached is not None and reached < wanted:
            said.append(f"{title}: {reached:.1f} x reached, {wanted:g} x wanted")
    return said


def _missed_keys(results: Results) -> list[str]:
    """Hold CreateKey to its time, and Encrypt among many keys and grants to what it was alone."""
    said = []
    for spec, made in results.creation.items():
        if made.p50_ms >= CREATE_KEY_MS:
            said.append(f"CreateKey {spec}: {made.p50_ms:.0f} ms, under {CREATE_KEY_MS:g} wanted")
    if results.crowd and results.crowd.slower >= SLOWER:
        said.append(f"Encrypt among many: {results.crowd.slower:.2f} x, under {SLOWER:g} x wanted")
    return said


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
    said += _missed_operations(results) + _missed_keys(results)
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
    if results.operations:
        parts.append(_operations_table(results))
    if results.micro:
        parts.append(_micro_table(results))
    if results.creation:
        parts.append(_creation_table(results))
    if many := results.crowd:
        parts.append(
            f"Encrypt among {many.keys:,} keys, under one with {many.grants:,} grants: "
            f"{many.among_us:.1f} us in process, {many.alone_us:.1f} us under the only key "
            f"({many.slower:.2f} x, budget < {SLOWER:g} x)."
        )
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
    of_all = (results.rounds, *results.operations.values())
    measured = [each for one in of_all for each in one.values()]
    rounds = max((len(each) for each in measured), default=0)
    others = max((middle(each).others_cores for each in measured), default=0.0)
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
    return _table([ENCRYPT.title, "version", *THROUGHPUT_HEAD], rows)


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


def _operations_table(results: Results) -> str:
    """Return what the rivals reach, Encrypt first."""
    rows = []
    encrypt = {name: results.rounds[name] for name in RIVALS if name in results.rounds}
    for title, rounds in {ENCRYPT.title: encrypt, **results.operations}.items():
        for name, each in rounds.items():
            target, figures = results.targets[name], middle(each)
            reached = times(rounds, *RIVALS) if name == RIVALS[1] else None
            rows.append(
                [
                    title,
                    target.title,
                    f"{figures.per_second:,.0f}",
                    f"{figures.p50_ms:.2f}",
                    f"{figures.p99_ms:.2f}",
                    f"{figures.cpu_us:.0f}",
                    str(figures.errors),
                    f"{reached:.1f} x" if reached is not None else "",
                    f">= {target.at_least:g} x" if target.at_least else "",
                ]
            )
    head = ["operation", "target", *THROUGHPUT_HEAD]
    return _table(head, rows)


def _creation_table(results: Results) -> str:
    rows = [
        [f"CreateKey {spec}", str(made.keys), f"{made.p50_ms:.1f}", f"{made.longest_ms:.1f}"]
        for spec, made in results.creation.items()
    ]
    for row in rows:
        row.append(f"< {CREATE_KEY_MS:g}")
    return _table(["one after the other", "keys", "p50 ms", "longest ms", "p50 budget"], rows)


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
        "operations": {
            title: {name: [asdict(one) for one in each] for name, each in rounds.items()}
            for title, rounds in results.operations.items()
        },
        "crowd": asdict(results.crowd) if results.crowd else None,
        "creation": {spec: asdict(made) for spec, made in results.creation.items()},
        "policies": asdict(results.policies) if results.policies else None,
    }
    RESULTS.write_text(json.dumps(said, indent=1) + "\n")
    before, _, rest = README.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    README.write_text(f"{before}{BEGIN}\n{render(results)}\n{END}{after}")
