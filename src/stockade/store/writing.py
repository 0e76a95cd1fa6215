# SPDX-License-Identifier: Apache-2.0
"""A unit that writes: one transaction, and the only one that writes at that moment.

So the cache, brought up to date when the unit begins, serves it as well as the database would,
until its own first change; from then on it reads the database, its own changes included, and
nothing of what it sees is remembered. The page is marked around the commit alone (page.py, rule
1), and not at all by a unit that changed no resource.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from stockade.store.changes import record_changes
from stockade.store.unit import Transaction, Unit

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy import Connection

    from stockade.store.cache import Cache
    from stockade.store.engine import Database


class WriteUnit(Unit):
    """A transaction: committed when the block ends, undone when an exception leaves it."""

    __slots__ = ("_work",)

    writes = True

    def __init__(self, database: Database, cache: Cache) -> None:
        super().__init__(database, cache)
        self._work = Transaction()

    def __enter__(self) -> Self:
        since = self._cache.epoch
        self._connection = self._database.writer()
        try:
            self._catch_up(since)
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._commit()
        finally:
            self._release()
        if kind is None:
            for action in self._work.actions:
                action()

    def _commit(self) -> None:
        connection, epoch = self._connected(), self._work.epoch
        if not self._work.changed:
            connection.commit()
            return
        record_changes(connection, epoch, self._work.changed)
        self._database.commit(connection, epoch)
        self._cache.advance(epoch - 1, epoch, self._work.changed)

    def rest(self) -> None:
        """Do nothing: a transaction ends with its unit."""

    def _release(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._database.release_writer(connection)

    def _connected(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("this unit is over")
        return self._connection

    def _transaction(self) -> Transaction:
        return self._work

    def _begin_change(self) -> Transaction:
        if self._trace is not None:
            raise RuntimeError("a derived value must not write")
        if not self._work.epoch:
            self._work.epoch = self._epoch + 1
            self._use_cache = False
        return self._work
