# SPDX-License-Identifier: Apache-2.0
"""A lock among the threads of one process that never waits for itself and never for ever."""

from __future__ import annotations

import threading

from stockade.store.errors import StoreUnavailable

PATIENCE = 30.0
"""Seconds that a unit waits for its turn; a write takes milliseconds."""


class Turn:
    """Whose turn it is; a thread that already has it is told so instead of hanging."""

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose
        self._lock = threading.Lock()
        self._owner: int | None = None

    @property
    def mine(self) -> bool:
        """Whether the turn is this thread's."""
        return self._owner == threading.get_ident()

    def take(self) -> None:
        """Wait for the turn."""
        if self.mine:
            raise RuntimeError(f"this thread is already {self._purpose}: that does not nest")
        if not self._lock.acquire(timeout=PATIENCE):
            raise StoreUnavailable(
                f"the store is busy: another request has been {self._purpose} for {PATIENCE:.0f} s"
            )
        self._owner = threading.get_ident()

    def try_take(self) -> bool:
        """Take the turn if it is free at once."""
        if not self._lock.acquire(blocking=False):
            return False
        self._owner = threading.get_ident()
        return True

    def give(self) -> None:
        """Let the next one have it."""
        self._owner = None
        self._lock.release()
