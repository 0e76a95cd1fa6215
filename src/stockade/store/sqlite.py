# SPDX-License-Identifier: Apache-2.0
"""SQLite in a file: the store of one host.

It is in WAL mode, so that readers never wait; a commit is on the disk before it returns
(synchronous=FULL); deleted content is overwritten (secure_delete). Writers queue on the page's
lock rather than on SQLite's busy handler, which polls.
"""

from __future__ import annotations

import os
import sqlite3
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, event
from sqlalchemy.pool import QueuePool

from stockade.store.engine import Database
from stockade.store.errors import StoreUnavailable
from stockade.store.faults import translate_errors
from stockade.store.page import Page

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.pool import ConnectionPoolEntry

    from stockade.store.cache import Cache

BUSY_MS = 30_000
"""How long SQLite itself waits for a writer that does not queue with us (a backup tool, say)."""
TIDY_MS = 250
"""How long `tidy` waits for readers."""


_REASONS: Mapping[int, str] = MappingProxyType(
    {
        sqlite3.SQLITE_FULL: "the disk is full: make room, nothing was changed",
        sqlite3.SQLITE_READONLY: "the file or its directory is read-only",
        sqlite3.SQLITE_CANTOPEN: "it cannot be opened: its directory must exist and be writable",
        sqlite3.SQLITE_PERM: "the file system denies access",
        sqlite3.SQLITE_BUSY: "another process has been writing for too long",
        sqlite3.SQLITE_LOCKED: "another process has been writing for too long",
        sqlite3.SQLITE_IOERR: "the disk reports an error: check its health and its free space",
        sqlite3.SQLITE_CORRUPT: "the file is damaged: restore the last backup",
        sqlite3.SQLITE_NOTADB: "the file is not a database",
        sqlite3.SQLITE_NOMEM: "there is no memory left",
    }
)


class SqliteDatabase(Database):
    """An SQLite database in a file."""

    def __init__(self, url: URL, path: Path) -> None:
        path = path.absolute()
        _create_private(path)
        # The page stands beside the file, so that whoever opens the one shares the other.
        self.page = Page(path.with_name(f"{path.name}-page"))
        # As many connections as threads ask for: they are cheap, and threads are few.
        self._engine = create_engine(
            url, poolclass=QueuePool, max_overflow=-1, hide_parameters=True
        )
        event.listen(self._engine, "connect", _configure)
        begin_ourselves(self._engine)
        translate_errors(self._engine, str(path), reason_of)
        try:
            self._enter_wal_mode()
        except BaseException:
            self.close()
            raise

    def _enter_wal_mode(self) -> None:
        """Connect for the first time while nobody else does."""
        self.page.acquire()
        try:
            self._engine.connect().close()
        finally:
            self.page.release()

    def reader(self) -> Connection:
        return self._engine.connect()

    def release_reader(self, connection: Connection) -> None:
        connection.close()

    def writer(self) -> Connection:
        self.page.acquire()
        try:
            return self._begin_writing()
        except BaseException:
            self.page.release()
            raise

    def _begin_writing(self) -> Connection:
        connection = self._engine.connect().execution_options(immediate=True)
        try:
            connection.begin()
        except BaseException:
            connection.close()
            raise
        return connection

    def release_writer(self, connection: Connection) -> None:
        try:
            connection.close()
        finally:
            self.page.release()

    def commit(self, connection: Connection, epoch: int) -> None:
        with self.page.committing(epoch):
            connection.commit()

    def tidy(self) -> bool:
        """Bring the write-ahead log into the file and empty it: deleted content may be in it.

        That has to wait for those who read, and writers wait with it, so it is given up soon.
        """
        self.page.acquire()
        try:
            return self._empty_log()
        finally:
            self.page.release()

    def _empty_log(self) -> bool:
        connection = self._engine.raw_connection()  # a checkpoint cannot be in a transaction
        try:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA busy_timeout = {TIDY_MS}")
            busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        except sqlite3.Error as error:
            connection.invalidate()
            raise StoreUnavailable(f"the write-ahead log stays: {reason_of(error)}") from None
        finally:
            connection.close()
        return not busy

    def watch(self, cache: Cache) -> None:
        """Do nothing: all who write to the file share its page."""

    def close(self) -> None:
        self._engine.dispose()
        self.page.close()


def begin_ourselves(engine: Engine) -> None:
    """Take transactions out of the driver's hands: it would begin them late."""
    event.listen(engine, "connect", _say_begin)
    event.listen(engine, "begin", _begin)


def _say_begin(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _configure(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.execute("PRAGMA temp_store = MEMORY")
    cursor.close()


def _create_private(path: Path) -> None:
    """Create the file before SQLite does, for its owner alone; WAL and index take its mode over."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreUnavailable(
            f"{path} cannot be written ({error.strerror}): "
            "its directory must exist and belong to the user that runs Stockade"
        ) from error


def reason_of(error: BaseException) -> str | None:
    """Return why the database does not work, or None when that is not what the error tells."""
    if not isinstance(error, sqlite3.DatabaseError):
        return None
    # The low byte is the error, the others say more about it.
    return _REASONS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
