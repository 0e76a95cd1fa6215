# SPDX-License-Identifier: Apache-2.0
"""Who works in a data directory: servers share it, a restore or a new seal wants it alone.

An flock on `stockade.lock` says so; the kernel takes it back from whoever dies.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stockade.cli.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_FILE = "stockade.lock"
NEXT_FILE = "seal.next"
"""There while the seal is being changed, or was when something crashed (rotation.py)."""


@contextmanager
def shared(data: Path) -> Iterator[None]:
    """Work in a data directory together with other servers; workers inherit the right."""
    hint = "wait until it is done, then start again"
    with _lock(data, fcntl.LOCK_SH, f"{data} is being restored, or its seal changed", hint):
        yield


@contextmanager
def settled(data: Path) -> Iterator[None]:
    """Work in a data directory as `shared` does, after finishing what a crash left undone."""
    if (data / NEXT_FILE).exists():
        from stockade.cli import rotation

        with alone(data):
            rotation.settle(data)
    with shared(data):
        yield


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """Work in a data directory that no server uses."""
    with _lock(data, fcntl.LOCK_EX, f"{data} is in use", "stop the server first"):
        yield


@contextmanager
def _lock(data: Path, kind: int, sentence: str, hint: str) -> Iterator[None]:
    try:
        fd = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        reason = (error.strerror or "").lower()
        advice = "it must exist and belong to the user that runs Stockade"
        raise Problem(f"the data directory {data} cannot be written ({reason})", advice) from None
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Problem(sentence, hint) from None
    finally:
        os.close(fd)
