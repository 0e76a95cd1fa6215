# SPDX-License-Identifier: Apache-2.0
"""Journal segments: where a record goes that has no transaction of its own.

A process appends whole lines to a file that it alone writes, `DIRECTORY/<name>-<n>.jsonl`, with
one `write(2)` before the answers leave, so that a killed process loses nothing it answered for. A
thread syncs the file at most every 50 ms, so that a power cut loses no more than that.

While it lives, the owner of a segment holds an flock on it. Whoever gets that lock knows that
nothing will be added, ships the rest (journal.py) and deletes the file. A line without its newline
at the end of such a file was never answered for, and is dropped.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from stockade.store import files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

log = logging.getLogger("stockade.store.segments")

SUFFIX = ".jsonl"
ROLL_AT = 32 * 1024 * 1024
SYNC_EVERY = 0.05
ROOM = 64 * 1024
"""A disk with less room than this is full."""
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class JournalUnavailable(Exception):
    """Raised when a record cannot be written: the call it belongs to must fail."""


class SegmentWriter:
    """Appends lines to this process's own segments; safe for many threads, not across a fork.

    The first segment is made by the first line.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        *,
        roll_at: int = ROLL_AT,
        sync_every: float = SYNC_EVERY,
    ) -> None:
        self._directory = directory
        self._name = name
        self._roll_at = roll_at
        self._lock = threading.Lock()
        self._fd = -1
        self._size = roll_at  # so that the first line opens a segment
        self._number = 0
        self._syncer = _Syncer(sync_every)

    def append(self, *lines: bytes) -> None:
        """Write lines with one system call, or raise JournalUnavailable and leave no trace."""
        data = b"\n".join(lines) + b"\n"
        if data.count(b"\n") != len(lines):
            raise ValueError("a record is one line")
        length = len(data)
        with self._lock:
            self._must_keep()
            if self._size + length > self._roll_at:
                self._roll()
            try:
                written = os.write(self._fd, data)
            except OSError as error:
                raise self._taken_back(error.strerror) from None
            if written != length:
                raise self._taken_back("the disk took only a part of it")
            self._size += length
        self._syncer.dirty()

    def check(self) -> None:
        """Raise JournalUnavailable where a line cannot be kept: the disk is broken or full."""
        self._must_keep()
        try:
            disk = os.statvfs(self._directory)
        except OSError as error:
            raise JournalUnavailable(f"no journal segment can be made: {error.strerror}") from None
        if disk.f_bavail * disk.f_frsize < ROOM:
            raise JournalUnavailable("the disk is full: make room, nothing was changed")

    def close(self) -> None:
        """Sync and close; the lock on the segment goes with it."""
        with self._lock:
            self._retire()
            self._size = self._roll_at
        self._syncer.stop()

    def _must_keep(self) -> None:
        if self._syncer.failed:
            raise JournalUnavailable("the disk failed to keep what the journal wrote before")

    def _roll(self) -> None:
        """Go on in a new segment."""
        try:
            fd = _create(self._directory / f"{self._name}-{self._number}{SUFFIX}")
        except OSError as error:
            raise JournalUnavailable(f"no journal segment can be made: {error.strerror}") from None
        self._retire()
        self._fd, self._size = fd, 0
        self._number += 1
        self._syncer.follow(fd)

    def _retire(self) -> None:
        if self._fd >= 0:
            self._syncer.retire(self._fd)
            self._fd = -1

    def _taken_back(self, reason: str | None) -> JournalUnavailable:
        """Cut a half-written line off, or leave the segment with it, for shipping to drop."""
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            self._retire()
            self._size = self._roll_at
        return JournalUnavailable(f"the journal cannot be written: {reason}")


class _Syncer:
    """Makes written lines durable behind the writer's back, and closes what it has done with.

    After a failed fsync the kernel no longer knows which pages were not written, so there is no
    trying again: `failed` stays, and the process journals nothing more.
    """

    def __init__(self, every: float) -> None:
        self._every = every
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._current = -1
        self._retired: list[int] = []
        self._thread: threading.Thread | None = None
        self.failed = False

    def dirty(self) -> None:
        """Say that there is something to sync."""
        if not self._wake.is_set():
            self._wake.set()

    def follow(self, fd: int) -> None:
        """Sync this file from now on."""
        self._current = fd
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="journal-sync", daemon=True)
            self._thread.start()

    def retire(self, fd: int) -> None:
        """Sync this file once more, then close it."""
        self._current = -1
        self._retired.append(fd)
        self.dirty()

    def stop(self) -> None:
        """Sync everything and end the thread."""
        if self._thread is not None:
            self._stop.set()
            self._wake.set()
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait()
            self._wake.clear()
            self._sync()
            self._stop.wait(self._every)
        self._sync()

    def _sync(self) -> None:
        try:
            current = self._current
            if current >= 0:
                os.fsync(current)
            while self._retired:
                os.fsync(self._retired[0])
                os.close(self._retired.pop(0))
        except OSError:
            self.failed = True
            log.exception("the journal cannot be synced; calls fail until the process restarts")


def _create(path: Path) -> int:
    """Create a segment and take its lock."""
    fd = os.open(path, _FLAGS, files.PRIVATE)
    fcntl.flock(fd, fcntl.LOCK_EX)
    if os.fstat(fd).st_nlink == 0:
        # Shipping had the lock first and took the empty file for one that was left behind.
        os.close(fd)
        return _create(path)
    files.sync_directory(path.parent)
    return fd


@contextmanager
def shipping(directory: Path) -> Iterator[list[Path]]:
    """Hold the one right to ship from a directory, and give the segments in it, oldest first."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        found = [path for path in directory.iterdir() if path.suffix == SUFFIX]
        yield sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))
    finally:
        os.close(fd)


class Segment:
    """A segment as shipping sees it; `abandoned` when nothing will ever be added to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.abandoned = self._try_lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._fd)

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def read(self, offset: int, limit: int) -> list[bytes]:
        """Return whole lines from `offset` on: about `limit` bytes, or one longer line."""
        data = os.pread(self._fd, limit, offset)
        end = data.rfind(b"\n")
        if end < 0:
            return self.read(offset, 2 * limit) if len(data) == limit else []
        return data[:end].split(b"\n")

    def remove(self) -> None:
        """Delete the file: everything in it is in the store."""
        self.path.unlink()

    def set_aside(self, line: bytes) -> None:
        """Keep a line that is no record (a power cut may leave one) for a person to look at."""
        log.error("a damaged line of the journal is kept in %s", self._damaged)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        with os.fdopen(os.open(self._damaged, flags, files.PRIVATE), "ab") as file:
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())

    @property
    def _damaged(self) -> Path:
        return self.path.with_suffix(".damaged")
