# SPDX-License-Identifier: Apache-2.0
"""The journal: every call leaves one record in it, written before its answer.

Two ways lead in, and both are done when they return:

 - `insert` puts the record of a change into the change's own transaction (the table
   `journal_inbox`): both are there or neither is.
 - `append` writes the records of reads and refusals as lines to this process's segment
   (segments.py), without a transaction.

`ship` moves what came in both ways to the records that lookups see (lines.py, blocks.py).
Without a directory the lines wait in memory, for a store that is in memory as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Table, Text, bindparam, delete, func, insert, select

from stockade.store import blocks, entries
from stockade.store.blocks import ANY, EVERYWHERE, Batch, Moment, Query
from stockade.store.lines import BATCH, Lines, SegmentLines
from stockade.store.resources import Scope, to_micros
from stockade.store.segments import JournalUnavailable
from stockade.store.tables import bytewise, metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy import Connection

    from stockade.store.entries import Attribute
    from stockade.store.store import Store
    from stockade.store.unit import Unit

__all__ = ["CLOUDTRAIL", "Journal", "JournalUnavailable", "Moment"]

CLOUDTRAIL = "cloudtrail"
"""The kind of the audit records; other journals will have kinds of their own."""
PRUNED_BLOCKS = 16

inbox = Table(
    "journal_inbox",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", bytewise, nullable=False),
    Column("record", Text, nullable=False),
)

# Writers take turns, so the next number is nobody else's: no sequence that a restore has to set.
_NEXT = select(func.coalesce(func.max(inbox.c.number), 0) + 1).scalar_subquery()
_INSERT = insert(inbox).values(number=_NEXT)
_WAITING = select(inbox).order_by(inbox.c.number).limit(BATCH)
_TAKEN = delete(inbox).where(inbox.c.number <= bindparam("last"))


class Journal:
    """The journal of one process; make it after a fork, close it at the end."""

    def __init__(self, data: Path | None, random: Callable[[int], bytes]) -> None:
        self._lines: Lines = Lines() if data is None else SegmentLines(data / "journal", random)
        self.append = self._lines.append
        """Writes the records of calls without a transaction, or raises JournalUnavailable."""

    def insert(self, unit: Unit, record: bytes) -> None:
        """Write the record of a change within the change's transaction."""
        entries.check(record)  # whatever is no record must fail here, not when it is shipped
        unit.connection.execute(_INSERT, {"kind": CLOUDTRAIL, "record": record.decode()})

    def ship(self, store: Store) -> int:
        """Make all that was written so far visible to lookups, and return how many records."""
        total = 0
        while count := self.ship_batch(store):
            total += count
        return total

    def ship_batch(self, store: Store) -> int:
        """Ship what fits into one short transaction, and return how many records that was."""
        batch = Batch(CLOUDTRAIL)
        with self._lines.taking(store, batch) as taken:
            if len(batch) or taken.anything or _is_waiting(store):
                with store.write() as unit:
                    _take_inbox(unit.connection, batch)
                    batch.write(unit.connection)
                    taken.note(unit.connection)
            taken.finish()
        return len(batch)

    def lookup(
        self,
        unit: Unit,
        account: str,
        region: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        attribute: Attribute | None = None,
        any_of: Sequence[Attribute] = (),
        before: Moment | None = None,
        limit: int = 50,
    ) -> tuple[list[bytes], Moment | None]:
        """Return a page of records, newest first, and where it ended if there is another one.

        `start` and `end` belong to the answer, which may be shorter than `limit` before its last
        page. The next page is asked for with `before`. Of the attributes `any_of` a record needs
        one. An empty Region means all of them, for the attributes that are kept so
        (`entries.account_attributes`).
        """
        query = Query(
            kind=CLOUDTRAIL,
            scope=Scope(account, region),
            attributes=tuple(any_of) or (attribute or ANY,),
            start=-blocks.FOREVER if start is None else to_micros(start),
            end=blocks.FOREVER if end is None else to_micros(end),
            before=before,
            limit=limit + 1,
        )
        moments = blocks.search(unit.connection, query)
        page = moments[:limit]
        return _fetch(unit, page, query), page[-1] if len(moments) > limit else None

    def by_request_id(self, unit: Unit, request_id: str) -> list[bytes]:
        """Return the records of a request, of whichever account and Region, newest first.

        The last one is the caller's own; the others are for the accounts whose resources it used.
        """
        asked = ((entries.REQUEST_ID, request_id),)
        query = Query(kind=CLOUDTRAIL, scope=EVERYWHERE, attributes=asked, limit=BATCH)
        return _fetch(unit, blocks.search(unit.connection, query), query)

    def sweep(
        self, store: Store, start: datetime, end: datetime
    ) -> Iterator[tuple[float, list[bytes]]]:
        """Yield all records of a time and some around it, a block at a time, in no sure order.

        Each comes with the share of them that was read by then. No transaction lasts longer than a
        block, so that nobody is kept waiting by somebody who counts millions.
        """
        with store.read() as unit:
            spans = blocks.spans(unit.connection, to_micros(start), to_micros(end))
        for number, (first, last) in enumerate(spans, 1):
            with store.read() as unit:
                yield number / len(spans), blocks.fetch_span(unit.connection, first, last)

    def prune(self, unit: Unit, before: datetime) -> int:
        """Forget records older than `before`, a bounded number at a time, and return how many."""
        micros = to_micros(before)
        return sum(blocks.drop_block(unit.connection, micros) for _ in range(PRUNED_BLOCKS))

    def forget(self, store: Store) -> None:
        """Forget every record (dev's reset)."""
        self.ship(store)
        with store.write() as unit:
            for table in (blocks.records, blocks.postings, blocks.blocks):
                unit.connection.execute(delete(table))

    def check(self) -> None:
        """Raise JournalUnavailable where `append` would at the moment, as far as can be known."""
        self._lines.check()

    def close(self) -> None:
        """Sync what was appended, and leave it for others to ship."""
        self._lines.close()


def _fetch(unit: Unit, moments: list[Moment], query: Query) -> list[bytes]:
    found = blocks.fetch(unit.connection, moments)
    return [record for record in found if _matches(entries.parse(record), query)]


def _matches(entry: entries.Entry, query: Query) -> bool:
    if query.scope == EVERYWHERE:
        return (entries.REQUEST_ID, entry.request_id) in query.attributes
    account, region = query.scope
    if entry.account != account or region not in ("", entry.region):
        return False
    return ANY in query.attributes or any(entry.has(each) for each in query.attributes)


def _is_waiting(store: Store) -> bool:
    with store.read() as unit:
        return unit.connection.execute(_WAITING.limit(1)).first() is not None


def _take_inbox(connection: Connection, batch: Batch) -> None:
    rows = connection.execute(_WAITING).all()
    for row in rows:
        batch.add(row.record.encode())
    if rows:
        connection.execute(_TAKEN, {"last": rows[-1].number})
