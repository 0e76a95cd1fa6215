# SPDX-License-Identifier: Apache-2.0
"""The store of one Stockade: a database, this process's cache of it, and units to use them.

    store = Store.open("sqlite:////var/lib/stockade/store.db")
    with store.read() as unit:
        key = unit.get(KEYS, scope, key_id)

`sqlite://` is a store in memory that ends with the process. Open a store after a fork, not before.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stockade.store.cache import Cache
from stockade.store.changes import last_epoch
from stockade.store.engine import parse_url
from stockade.store.memory import MemoryDatabase
from stockade.store.reading import ReadUnit
from stockade.store.sqlite import SqliteDatabase
from stockade.store.upgrade import upgrade_tables
from stockade.store.writing import WriteUnit

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sqlalchemy import URL

    from stockade.store.engine import Database
    from stockade.store.page import Page
    from stockade.store.unit import Unit


class Store:
    """One database and one cache; any number of threads may use it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache = Cache(trusted=database.heard_at_once)

    @classmethod
    def open(cls, url: str, *, directory: Path | None = None) -> Store:
        """Open a store, creating or upgrading its tables.

        `directory` is where the processes of this host keep the page of a PostgreSQL store; an
        SQLite file has its page beside it.
        """
        store = cls(_open_database(parse_url(url), directory))
        try:
            store._prepare()
        except BaseException:
            store.close()
            raise
        return store

    def _prepare(self) -> None:
        connection = self._database.writer()
        try:
            upgrade_tables(connection)
            connection.commit()
        finally:
            self._database.release_writer(connection)
        self._settle_page()
        self._database.watch(self._cache)

    def _settle_page(self) -> None:
        """Set the page right: it may be new, or from before a power cut (page.py, rule 5)."""
        connection = self._database.reader()
        try:
            self.page.acquire()
            try:
                epoch = last_epoch(connection)
                self.page.settle(epoch)
                self._cache.clear(epoch)
            finally:
                self.page.release()
        finally:
            self._database.release_reader(connection)

    @property
    def page(self) -> Page:
        """What the processes of this host share: the epoch and the clock."""
        return self._database.page

    def read(self, memory_only: bool = False) -> AbstractContextManager[Unit, None]:
        """Return a unit that reads; with `memory_only` it raises NotInMemory rather than wait."""
        return ReadUnit(self._database, self._cache, memory_only)

    def write(self) -> AbstractContextManager[Unit, None]:
        """Return a unit that is one transaction."""
        return WriteUnit(self._database, self._cache)

    def clear(self) -> None:
        """Delete every resource: what a development server's reset does."""
        with self.write() as unit:
            unit.clear()

    def tidy(self) -> bool:
        """Overwrite what was deleted, where the database keeps it; False when it is too busy."""
        return self._database.tidy()

    def close(self) -> None:
        """Close the connections and the page."""
        self._database.close()


def _open_database(url: URL, directory: Path | None) -> Database:
    if url.get_backend_name() == "postgresql":
        # Its driver takes 80 ms and 10 MB to load, which a store in SQLite need not pay.
        from stockade.store.postgres import PostgresDatabase  # noqa: PLC0415

        return PostgresDatabase(url, directory)
    if url.database in {None, "", ":memory:"}:
        return MemoryDatabase(url)
    return SqliteDatabase(url, Path(url.database))
