# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL: the same store for many hosts.

Writes serialise: every write transaction first takes one advisory lock for the whole database.
That is simple and right (epochs are in commit order, revisions need no retry loop), and it bounds
the write rate of an installation to what one connection can commit, some thousands a second.
Reads, which are nearly everything, do not touch the lock.

Workers of one host share a page, as on SQLite. Of the writes of other hosts each worker hears by
LISTEN, and asks every 200 ms in case a message was lost. While it cannot ask, its cache is not
trusted: every unit then asks the database itself, and fails if that is gone.
"""

from __future__ import annotations

import hashlib
import threading
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from stockade.store.changes import last_epoch
from stockade.store.engine import Database
from stockade.store.errors import StoreUnavailable
from stockade.store.faults import translate_errors
from stockade.store.page import Page
from stockade.store.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.pool import ConnectionPoolEntry

    from stockade.store.cache import Cache

POLL_SECONDS = 0.2
CHANNEL = "stockade_epoch"
WRITE_LOCK = 0x5354_4F43_4B41_4445
"""The key of the advisory lock: "STOCKADE"."""

_TAKE_WRITE_LOCK = text(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")
_NOTIFY = text(f"NOTIFY {CHANNEL}")

_NOTICE_DEATH = (("connect_timeout", 5), ("keepalives_idle", 5), ("tcp_user_timeout", 5000))
"""How soon a connection notices that the other end is gone (seconds, seconds, milliseconds)."""

_SESSION = "SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'"
"""A writer that was stopped in its tracks must not hold the lock for ever."""


_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "08": "the connection was lost",
        "0A000": "the server is read-only (a standby?)",  # it refuses to begin a write
        "25006": "the server is read-only (a standby?)",
        "28": "the server refuses these credentials",
        "3D000": "this database does not exist",
        "40": "the transaction was interrupted: try again",
        "42501": "the server denies access to the tables",
        "53100": "the server's disk is full",
        "53300": "the server takes no more connections",
        "53": "the server is out of resources",
        "55P03": "another process has been writing for too long",
        "57": "the server is shutting down or starting",
        "58": "the server's disk reports an error",
    }
)
"""By SQLSTATE, or by its class."""


class PostgresDatabase(Database):
    """A PostgreSQL database; `directory` is where the workers of this host keep their page."""

    heard_at_once = False

    def __init__(self, url: URL, directory: Path | None) -> None:
        self.page = Page(directory and directory / f"page-{_fingerprint(url)}")
        self._engine = _engine(url)
        self._snapshots = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        name = f"PostgreSQL at {url.host or 'the local socket'}"
        translate_errors(self._engine, name, reason_of)
        self._turn = Turn("writing")
        self._listener: Listener | None = None

    def reader(self) -> Connection:
        return _connect(self._snapshots)

    def release_reader(self, connection: Connection) -> None:
        connection.close()

    def writer(self) -> Connection:
        # Threads queue here first, so that those who wait hold no connection.
        self._turn.take()
        try:
            return self._begin_writing()
        except BaseException:
            self._turn.give()
            raise

    def _begin_writing(self) -> Connection:
        connection = _connect(self._engine)
        try:
            connection.execute(_TAKE_WRITE_LOCK)
        except BaseException:
            connection.close()
            raise
        return connection

    def release_writer(self, connection: Connection) -> None:
        try:
            connection.close()
        finally:
            self._turn.give()

    def commit(self, connection: Connection, epoch: int) -> None:
        connection.execute(_NOTIFY)
        self.page.acquire()
        try:
            with self.page.committing(epoch):
                connection.commit()
        finally:
            self.page.release()

    def watch(self, cache: Cache) -> None:
        self._listener = Listener(self._engine, self.page, cache)
        self._listener.start()

    def tidy(self) -> bool:
        """Do nothing: PostgreSQL's vacuum and its log's recycling are its operator's to set."""
        return True

    def close(self) -> None:
        if self._listener is not None:
            self._listener.stop()
        self._engine.dispose()
        self.page.close()


class Listener(threading.Thread):
    """Keeps the page up with the writes of other hosts, and says whether it can."""

    def __init__(self, engine: Engine, page: Page, cache: Cache) -> None:
        super().__init__(name="stockade-listener", daemon=True)
        self._engine = engine
        self._page = page
        self._cache = cache
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End the thread: at once when the server can still wake it, else within one poll."""
        self._stopping.set()
        with suppress(StoreUnavailable), _connect(self._engine) as connection:
            connection.execute(_NOTIFY)
            connection.commit()
        self.join()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                with suppress(StoreUnavailable, SQLAlchemyError, psycopg.Error):
                    self._follow()
            finally:
                self._cache.trust(trusted=False)
            self._stopping.wait(POLL_SECONDS)

    def _follow(self) -> None:
        """Follow the epoch on one connection until it breaks."""
        with _connect(self._engine.execution_options(isolation_level="AUTOCOMMIT")) as connection:
            connection.execute(text(f"LISTEN {CHANNEL}"))
            self._start_anew(connection)
            driver: Any = connection.connection.driver_connection
            while not self._stopping.is_set():
                self._page.advance(last_epoch(connection))
                for _ in driver.notifies(timeout=POLL_SECONDS, stop_after=1):
                    pass
            connection.invalidate()  # a connection that listens is of no use to others

    def _start_anew(self, connection: Connection) -> None:
        """Forget what was learnt on another connection: a failover may have undone writes."""
        self._page.acquire()
        try:
            epoch = last_epoch(connection)
            self._page.settle(epoch)
            self._cache.clear(epoch)
            self._cache.trust(trusted=True)
        finally:
            self._page.release()


def _connect(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except PoolTimeoutError:
        raise StoreUnavailable("PostgreSQL: all connections are busy") from None


def _engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        pool_pre_ping=True,  # a server that was restarted is noticed before it matters
        max_overflow=20,
        use_native_hstore=False,
        connect_args=dict(_NOTICE_DEATH),
        hide_parameters=True,
    )
    event.listen(engine, "connect", _configure)
    return engine


def _configure(connection: psycopg.Connection, _: ConnectionPoolEntry) -> None:
    connection.execute(_SESSION)
    connection.commit()


def _fingerprint(url: URL) -> str:
    where = f"{url.host}:{url.port}/{url.database}?{sorted(url.query.items())}"
    return hashlib.sha256(where.encode()).hexdigest()[:16]


def reason_of(error: BaseException) -> str | None:
    """Return why the database does not work, or None when that is not what the error tells."""
    if not isinstance(error, psycopg.Error):
        return None
    state = error.sqlstate
    if state is None:
        lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return "the server cannot be reached" if lost else None
    return _REASONS.get(state) or _REASONS.get(state[:2])
