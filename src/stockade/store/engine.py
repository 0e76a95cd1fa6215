# SPDX-License-Identifier: Apache-2.0
"""A database as a unit sees it: connections to read with, and one at a time to write with.

sqlite.py, memory.py and postgres.py say how each kind does that; the rest of the store does not
know which one it talks to.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from stockade.store.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

    from stockade.store.cache import Cache
    from stockade.store.page import Page


class Database(ABC):
    """One database, and the page its processes share on this host."""

    page: Page
    heard_at_once = True
    """Whether the page alone tells of every write; otherwise the cache waits to be trusted."""

    @abstractmethod
    def reader(self) -> Connection:
        """Return a connection that sees one snapshot from its first statement on."""

    @abstractmethod
    def release_reader(self, connection: Connection) -> None:
        """Give back a reader's connection."""

    @abstractmethod
    def writer(self) -> Connection:
        """Return a connection in the only write transaction there is at a time."""

    @abstractmethod
    def release_writer(self, connection: Connection) -> None:
        """Give back a writer's connection and the turn; what is not committed is undone."""

    @abstractmethod
    def commit(self, connection: Connection, epoch: int) -> None:
        """Commit write number `epoch`, and let every process know (page.py, rule 1)."""

    @abstractmethod
    def watch(self, cache: Cache) -> None:
        """Begin to hear of the writes that the page does not tell of."""

    @abstractmethod
    def tidy(self) -> bool:
        """Overwrite what was deleted, where the database keeps it; False when it is too busy."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection and the page."""


def parse_url(text: str) -> URL:
    """Return the address of a database, with the driver that Stockade uses for its kind."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise StoreError("the store's address must look like sqlite:///PATH") from None
    if url.drivername in {"sqlite", "sqlite+pysqlite"}:
        return url.set(drivername="sqlite+pysqlite")
    if url.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg")
    raise StoreError(
        f"the store cannot be {url.drivername}: use sqlite:///PATH or postgresql://HOST/DATABASE"
    )
