# SPDX-License-Identifier: Apache-2.0
"""Who works in a data directory: servers share it, a restore wants it alone.

A new seal can be made beside running servers, by one command at a time (`seal.lock`).

An flock on `stockade.lock` says so; the kernel takes it back from whoever dies.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from stockade.cli.problems import Problem
from stockade.succession import HANDOVER_FILE, forget

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_FILE = "stockade.lock"
ROTATION_FILE = "seal.lock"
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

        with _rotation(data):
            rotation.settle(data)
    if (data / HANDOVER_FILE).exists():
        # The last server of before is gone: nobody has to follow to another seal any more.
        with suppress(Problem), alone(data):
            forget(data)
    with shared(data):
        yield


@contextmanager
def rotating(data: Path) -> Iterator[bool]:
    """Change the seal of a data directory; yield whether servers go on working in it meanwhile."""
    with ExitStack() as stack:
        stack.enter_context(_rotation(data))
        try:
            stack.enter_context(alone(data))
            running = False
        except Problem:
            stack.enter_context(shared(data))
            running = True
        yield running


@contextmanager
def _rotation(data: Path) -> Iterator[None]:
    hint = "wait until that is done, then try again"
    with _lock(data, fcntl.LOCK_EX, f"the seal of {data} is being changed", hint, ROTATION_FILE):
        yield


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """Work in a data directory that no server uses."""
    with _lock(data, fcntl.LOCK_EX, f"{data} is in use", "stop the server first"):
        yield


@contextmanager
def _lock(data: Path, kind: int, sentence: str, hint: str, name: str = LOCK_FILE) -> Iterator[None]:
    try:
        fd = os.open(data / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
