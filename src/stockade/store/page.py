# SPDX-License-Identifier: Apache-2.0
"""One page of memory that all processes of a host share: how new the data is, and what time it is.

The page is a small file beside the database (for an in-memory store: anonymous memory). Its
epoch word tells a worker in 50 ns whether anything was written since it last looked:

    2 * epoch        at rest: the database's last write was number `epoch`
    2 * epoch - 1    write number `epoch` is being committed, or its writer died doing so

Why no worker serves a value older than a write acknowledged before its request began:

 1. A writer makes the word odd before its COMMIT and even after it, and answers after that.
    So an acknowledged write is on the page.
 2. A worker compares the word with the one its cache is valid for when its unit begins. Equal
    means that nothing was committed since, and the cache may be used.
 3. Different (odd never equals): the worker reads the `changes` that the database holds beyond
    its cache's epoch, evicts exactly those, and only then uses the cache. The rows of `changes`
    are in the transaction of the write they tell of, so they and the new values appear together.
 4. A writer that dies leaves the word as it was (before the COMMIT nothing happened) or odd:
    then every unit takes step 3, until one of them gets the file lock, which the living hold
    while the word is odd, and sets the word to what the database says.
 5. The word is only a copy of the database's epoch: a page that is lost, or old after a power
    cut, is set right when a store is opened.

An aligned 8-byte word is written and read in one machine access, so a word is never torn. The
clock's words are kept twice, and a counter says which copy counts, so that a reader never sees
half of an update and a writer that dies between two words harms nobody.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stockade.store.errors import StoreError, StoreUnavailable
from stockade.store.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 4096
LAYOUT = 1
"""What the words mean; a page with another layout belongs to another version."""

_LAYOUT_WORD = 0
EPOCH_WORD = 1
_CLOCK_COUNTER = 2
_CLOCK_SLOTS = (3, 6)
"""Where each copy of the clock begins: offset, moment it stands still at, one word to spare."""


class Page:
    """The shared words, and the lock under which they change."""

    def __init__(self, path: Path | None = None) -> None:
        self._turn = Turn("writing")
        self._file = None if path is None else _open_file(path)
        self._memory = mmap.mmap(-1 if self._file is None else self._file, SIZE)
        self.words = memoryview(self._memory).cast("q")
        self.acquire()
        try:
            self._check_layout(path)
        finally:
            self.release()

    def _check_layout(self, path: Path | None) -> None:
        if self.words[_LAYOUT_WORD] == 0:
            self.words[_LAYOUT_WORD] = LAYOUT
        elif self.words[_LAYOUT_WORD] != LAYOUT:
            raise StoreError(
                f"{path} belongs to another version of Stockade: stop every process of that "
                "version, then delete the file"
            )

    def close(self) -> None:
        """Let go of the memory and the file; closing twice does nothing."""
        self.words.release()
        self._memory.close()
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)

    def acquire(self) -> None:
        """Wait for the lock: first among the threads of this process, then among processes.

        The kernel wakes the next process at once, which no polling does; behind a process that
        was stopped in its tracks one thread waits, and the others give up (turn.py).
        """
        self._turn.take()
        try:
            if self._file is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX)
        except BaseException:
            self._turn.give()
            raise

    def try_acquire(self) -> bool:
        """Take the lock if nobody alive holds it."""
        if not self._turn.try_take():
            return False
        try:
            if self._file is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._turn.give()
            return False
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._turn.give()

    @property
    def torn(self) -> bool:
        """Whether a write is being committed, or died while it was."""
        return self.words[EPOCH_WORD] % 2 == 1

    @contextmanager
    def committing(self, epoch: int) -> Iterator[None]:
        """Mark the commit of a write; the caller holds the lock.

        A commit that fails leaves the word odd: whether it took place is the database's to say.
        """
        self.words[EPOCH_WORD] = 2 * epoch - 1
        yield
        self.words[EPOCH_WORD] = 2 * epoch

    def settle(self, epoch: int) -> None:
        """Set the word to what the database says; the caller holds the lock."""
        self.words[EPOCH_WORD] = 2 * epoch

    def advance(self, epoch: int) -> None:
        """Take notice of write number `epoch`, of another host perhaps."""
        if self.words[EPOCH_WORD] >= 2 * epoch:
            return
        self.acquire()
        try:
            if self.words[EPOCH_WORD] < 2 * epoch:
                self.settle(epoch)
        finally:
            self.release()

    def read_clock(self) -> tuple[int, int]:
        """Return the clock's offset and the moment it stands still at, both in microseconds."""
        while True:
            counter = self.words[_CLOCK_COUNTER]
            slot = _CLOCK_SLOTS[counter % 2]
            state = self.words[slot], self.words[slot + 1]
            if self.words[_CLOCK_COUNTER] == counter:
                return state

    def write_clock(self, offset_us: int, frozen_at_us: int) -> None:
        """Move the clock of every process that shares the page."""
        self.acquire()
        try:
            counter = self.words[_CLOCK_COUNTER] + 1
            slot = _CLOCK_SLOTS[counter % 2]
            self.words[slot] = offset_us
            self.words[slot + 1] = frozen_at_us
            self.words[_CLOCK_COUNTER] = counter
        finally:
            self.release()


def _open_file(path: Path) -> int:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _make_room(file)
    except OSError as error:
        advice = "its directory must exist and belong to the user that runs Stockade"
        if error.errno == errno.ENOSPC:
            advice = "make room"
        raise StoreUnavailable(f"{path} cannot be written ({error.strerror}): {advice}") from error
    return file


def _make_room(file: int) -> None:
    """Write the page once: touching memory that the disk has no room for would kill us."""
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        missing = SIZE - os.fstat(file).st_size
        if missing > 0:
            os.pwrite(file, bytes(missing), SIZE - missing)
    except OSError:
        os.close(file)
        raise
    fcntl.flock(file, fcntl.LOCK_UN)
