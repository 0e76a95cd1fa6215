# SPDX-License-Identifier: Apache-2.0
"""Shows how far something is that takes longer than a second, on stderr and to people only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

QUIET_SECONDS = 1.0
STEP_SECONDS = 0.1
WIDTH = 30

Report = Callable[[float], None]
"""Takes how much is done, from 0 to 1."""


@contextmanager
def progress(label: str) -> Iterator[Report]:
    """Hand out what to report progress to; nothing is shown in the first second."""
    bar = _Bar(label)
    try:
        yield bar.show
    finally:
        bar.close()


class _Bar:
    def __init__(self, label: str) -> None:
        self._label = label
        self._next = time.monotonic() + QUIET_SECONDS
        self._shown = False

    def show(self, share: float) -> None:
        now = time.monotonic()
        if now < self._next or not sys.stderr.isatty():
            return
        self._next = now + STEP_SECONDS
        self._shown = True
        done = round(min(max(share, 0.0), 1.0) * WIDTH)
        bar = "#" * done + "-" * (WIDTH - done)
        click.echo(f"\r{self._label}  [{bar}]  {share:4.0%}", err=True, nl=False)

    def close(self) -> None:
        if self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)
