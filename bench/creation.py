# SPDX-License-Identifier: Apache-2.0
"""How long CreateKey takes where the key is one of RSA, which is made ahead.

The server rests first, so that its pool fills, and a little between two keys, as a person or a
deployment tool does; whoever asks faster than keys can be made waits for the making.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.operations import ENCRYPT
from bench.server import free_port, running
from bench.targets import targets
from bench.wires import AwsWire

if TYPE_CHECKING:
    from typing import Any

SPECS = ("RSA_2048", "RSA_4096")
KEYS = 10
SETTLE_SECONDS, PAUSE_SECONDS = 40.0, 3.0


@dataclass(frozen=True)
class Creation:
    """Keys of one spec, made one after the other."""

    keys: int
    p50_ms: float
    longest_ms: float


def creation(
    keys: int = KEYS, settle: float = SETTLE_SECONDS, pause: float = PAUSE_SECONDS
) -> dict[str, Creation]:
    """Start a server and make keys of each spec."""
    target, port = targets()["stockade"], free_port()
    wire = AwsWire(port, ENCRYPT, user=False)
    with tempfile.TemporaryDirectory(prefix="stockade-bench-") as name:
        folder = Path(name)
        with running(target.command(port, folder), port, folder, wire.answers):
            time.sleep(settle)
            return {spec: _create(wire.kms, spec, keys, pause) for spec in SPECS}


def _create(kms: Any, spec: str, keys: int, pause: float) -> Creation:
    times = []
    for _ in range(keys):
        began = time.perf_counter()
        kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")
        times.append((time.perf_counter() - began) * 1000)
        time.sleep(pause)
    return Creation(keys, median(times), max(times))
