# SPDX-License-Identifier: Apache-2.0
"""Progress is shown to a person, once something takes longer than a second, and leaves no trace."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

SLOW = """
import time
from stockade.cli.progress import progress
with progress("counting") as report:
    report(0.1)
    time.sleep(1.05)
    report(0.5)
print("done")
"""


def _run(stderr: int) -> bytes:
    command = [sys.executable, "-c", SLOW]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, check=True, timeout=30)
    return ended.stdout


def test_a_person_sees_how_far_it_is() -> None:
    terminal, side = pty.openpty()
    assert _run(side) == b"done\n"
    os.close(side)
    seen = os.read(terminal, 4096)
    os.close(terminal)
    bar = "[" + "#" * 15 + "-" * 15 + "]"
    assert seen == f"\rcounting  {bar}   50%\r\x1b[K".encode()


def test_a_script_sees_nothing() -> None:
    reader, writer = os.pipe()
    assert _run(writer) == b"done\n"
    os.close(writer)
    assert os.read(reader, 4096) == b""
    os.close(reader)
