# SPDX-License-Identifier: Apache-2.0
"""The appended half of the journal: lines on their way from a segment, or memory, to the records.

How far a segment is shipped stands in the database, in the transaction that ships it: so whatever
dies when, each line arrives once. A segment is deleted when all of it has arrived and its owner,
who holds its lock while he lives, has ended or gone on to another one. The segments of all
processes are shipped by whoever comes first, also those of processes and hosts that are no more.
"""

from __future__ import annotations

import os
import re
import socket
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import BigInteger, Column, Table, bindparam, delete, insert, select, update

from stockade.store import entries
from stockade.store.segments import Segment, SegmentWriter, shipping
from stockade.store.tables import bytewise, metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from stockade.store.blocks import Batch
    from stockade.store.store import Store

BATCH = 4096
BATCH_BYTES = 8 * 1024 * 1024
OPEN_SEGMENTS = 64

progress = Table(
    "journal_segments",
    metadata,
    Column("name", bytewise, primary_key=True),
    Column("shipped", BigInteger, nullable=False),
)

_PROGRESS = select(progress)
_START = insert(progress)
_ADVANCE = update(progress).where(progress.c.name == bindparam("of_name"))
_FORGET = delete(progress).where(progress.c.name == bindparam("of_name"))


class Taken:
    """What a batch holds of the lines in memory, until it is in the database."""

    def __init__(self, waiting: list[bytes], count: int) -> None:
        self._waiting = waiting
        self._count = count

    @property
    def anything(self) -> bool:
        """Whether the shipping transaction has anything to note."""
        return self._count > 0

    def note(self, connection: Connection) -> None:
        """Write into the shipping transaction how far it goes."""

    def finish(self) -> None:
        """Let go of the lines: they are in the database."""
        del self._waiting[: self._count]


class Lines:
    """Lines that wait in memory."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._lock = threading.Lock()

    def append(self, *lines: bytes) -> None:
        """Keep lines."""
        for line in lines:
            entries.check(line)  # there is no file in which what is no record could be set aside
        self._waiting.extend(lines)

    @contextmanager
    def taking(self, store: Store, batch: Batch) -> Iterator[Taken]:
        """Fill a batch with the oldest lines; the block ships it."""
        del store
        with self._lock:
            lines = self._waiting[:BATCH]
            for line in lines:
                batch.add(line)
            yield Taken(self._waiting, len(lines))

    def check(self) -> None:
        """Find nothing wrong with memory."""

    def close(self) -> None:
        """Keep the lines: there is nothing to close."""


class SegmentLines(Lines):
    """Lines in this process's segments, shipped together with those of all others."""

    def __init__(self, directory: Path, random: Callable[[int], bytes]) -> None:
        super().__init__()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        host = re.sub("[^A-Za-z0-9.]", "_", socket.gethostname())
        # The random part is for a later process that gets the same number.
        self._writer = SegmentWriter(directory, f"{host}-{os.getpid()}-{random(8).hex()}")
        self._memory = _Memory()

    def append(self, *lines: bytes) -> None:
        """Write lines to the segment, or raise JournalUnavailable."""
        self._writer.append(*lines)

    @contextmanager
    def taking(self, store: Store, batch: Batch) -> Iterator[Taken]:
        """Fill a batch with the next lines of the segments; the block ships it."""
        with shipping(self._directory) as paths, ExitStack() as stack:
            taken = _TakenFromSegments(_progress(store), self._memory)
            for path in paths:
                if len(batch) < BATCH and batch.size < BATCH_BYTES and taken.may_open:
                    taken.take(Segment(path), batch, stack)
            yield taken

    def check(self) -> None:
        """Raise JournalUnavailable where a line cannot be kept."""
        self._writer.check()

    def close(self) -> None:
        """Sync and close this process's segment."""
        self._writer.close()


class _Memory:
    """What is remembered from one batch to the next."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        """Segments that are gone, and whose progress can go too."""
        self.doubtful: dict[str, tuple[int, bytes]] = {}
        """The line of a living segment that could not be read: where it was, and what was read."""


class _TakenFromSegments(Taken):
    """What a batch holds of segments."""

    def __init__(self, known: dict[str, int], memory: _Memory) -> None:
        super().__init__([], 0)
        self._known = known
        self._memory = memory
        self._reached: dict[str, int] = {}
        self._exhausted: list[Segment] = []

    @property
    def anything(self) -> bool:
        return bool(self._reached)

    @property
    def may_open(self) -> bool:
        """Whether another segment may be opened: those to be deleted stay open until then."""
        return len(self._exhausted) < OPEN_SEGMENTS

    def take(self, segment: Segment, batch: Batch, stack: ExitStack) -> None:
        """Add a segment's next lines to the batch; an exhausted one stays open, and so locked."""
        with ExitStack() as opened:
            opened.enter_context(segment)
            name = segment.path.name
            start = self._known.get(name, 0)
            end = self._add_lines(segment, start, batch)
            if end > start:
                self._reached[name] = end
            if segment.abandoned and not segment.read(end, BATCH_BYTES):
                self._exhausted.append(segment)
                stack.push(opened.pop_all())

    def _add_lines(self, segment: Segment, offset: int, batch: Batch) -> int:
        """Add the lines from an offset on, and return where they end."""
        for line in segment.read(offset, BATCH_BYTES)[: BATCH - len(batch)]:
            try:
                batch.add(line)
            except (msgspec.MsgspecError, ValueError):
                if not self._is_damaged(segment, offset, line):
                    break
                segment.set_aside(line)
            offset += len(line) + 1
        return offset

    def _is_damaged(self, segment: Segment, offset: int, line: bytes) -> bool:
        """Return whether a line will never be a record.

        A reader may see halves of two lines while a living owner takes back the first; but not
        twice the same.
        """
        seen, doubt = self._memory.doubtful, (offset, line)
        if segment.abandoned or seen.pop(segment.path.name, None) == doubt:
            return True
        seen[segment.path.name] = doubt
        return False

    def note(self, connection: Connection) -> None:
        for name, offset in self._reached.items():
            if name in self._known:
                connection.execute(_ADVANCE, {"of_name": name, "shipped": offset})
            else:
                connection.execute(_START, {"name": name, "shipped": offset})
        while self._memory.deleted:
            connection.execute(_FORGET, {"of_name": self._memory.deleted.pop()})

    def finish(self) -> None:
        for segment in self._exhausted:
            segment.remove()
            self._memory.deleted.append(segment.path.name)


def _progress(store: Store) -> dict[str, int]:
    with store.read() as unit:
        return {row.name: row.shipped for row in unit.connection.execute(_PROGRESS)}
