# SPDX-License-Identifier: Apache-2.0
"""SQLite in memory: a store for tests and for trying things out, which ends with its process.

There is one connection, since a second one would be another database. Threads take turns on it:
a read unit from its first statement to its end, a write unit from end to end. As on a file, a
thread may write while it has a read unit open; that one's snapshot ends then, and it must be left
alone until the write is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from stockade.store.engine import Database
from stockade.store.faults import translate_errors
from stockade.store.page import Page
from stockade.store.sqlite import begin_ourselves, reason_of
from stockade.store.turn import Turn

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

    from stockade.store.cache import Cache


class MemoryDatabase(Database):
    """An SQLite database in memory."""

    def __init__(self, url: URL) -> None:
        self.page = Page()
        self._turn = Turn("using the database")
        self._reading: Connection | None = None
        self._engine = create_engine(
            url,
            poolclass=StaticPool,
            connect_args={"check_same_thread": False},
            hide_parameters=True,
        )
        begin_ourselves(self._engine)
        # The connection is the data: it is kept, whatever happens on it.
        translate_errors(self._engine, "the store in memory", reason_of, discard=False)

    def reader(self) -> Connection:
        self._turn.take()
        self._reading = self._engine.connect()
        return self._reading

    def release_reader(self, connection: Connection) -> None:
        connection.close()
        self._reading = None
        self._give_turn()

    def writer(self) -> Connection:
        self._take_turn()
        try:
            self.page.acquire()
        except BaseException:
            self._give_turn()
            raise
        connection = self._engine.connect()
        connection.begin()
        return connection

    def release_writer(self, connection: Connection) -> None:
        connection.close()
        self.page.release()
        self._give_turn()

    def _take_turn(self) -> None:
        """Wait for the turn, or take the place of this thread's own read unit."""
        if self._reading is not None and self._turn.mine:
            self._reading.rollback()
        else:
            self._turn.take()

    def _give_turn(self) -> None:
        if self._reading is None:
            self._turn.give()

    def commit(self, connection: Connection, epoch: int) -> None:
        with self.page.committing(epoch):
            connection.commit()

    def watch(self, cache: Cache) -> None:
        """Do nothing: there is no other process."""

    def tidy(self) -> bool:
        """Do nothing: memory keeps nothing that was deleted."""
        return True

    def close(self) -> None:
        self._engine.dispose()
        self.page.close()
