# SPDX-License-Identifier: Apache-2.0
"""A unit that reads: from the process's cache, after one look at the page (page.py says why).

It opens its connection only when it has to, and then sees one snapshot. A `memory_only` unit never
opens one: where it would have to, it raises NotInMemory, and its caller runs the operation again
on a thread that may wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Self

from stockade.store.changes import last_epoch
from stockade.store.errors import NotInMemory
from stockade.store.page import EPOCH_WORD
from stockade.store.unit import Unit

if TYPE_CHECKING:
    from types import TracebackType

    from sqlalchemy import Connection

    from stockade.store.cache import Cache
    from stockade.store.engine import Database


class ReadUnit(Unit):
    """A unit that only reads."""

    __slots__ = ("_memory_only",)

    def __init__(self, database: Database, cache: Cache, memory_only: bool) -> None:
        super().__init__(database, cache)
        self._memory_only = memory_only

    def __enter__(self) -> Self:
        self._epoch = self._cache.epoch
        if self._database.page.words[EPOCH_WORD] != self._cache.word:
            self._begin_behind()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            self._release()

    def _begin_behind(self) -> None:
        """Ask the database what changed, before the cache is used."""
        since = self._cache.epoch
        try:
            self._mend_page()
            self._catch_up(since)
        except BaseException:
            self._release()
            raise

    def _mend_page(self) -> None:
        """Set the page right if a writer died in its commit (page.py, rule 4)."""
        page, connection = self._database.page, self._connected()
        if not page.torn or not page.try_acquire():
            return
        try:
            if page.torn:
                # This begins the snapshot, under the lock: nobody can commit meanwhile.
                page.settle(last_epoch(connection))
        finally:
            page.release()

    @property
    def memory_only(self) -> bool:
        return self._memory_only

    def rest(self) -> None:
        """Let go of the connection until it is needed again; it may see more then."""
        self._release()

    def _release(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._database.release_reader(connection)

    def _connected(self) -> Connection:
        if self._connection is None:
            if self._memory_only:
                raise NotInMemory
            self._connection = self._database.reader()
        return self._connection

    def _transaction(self) -> NoReturn:
        raise RuntimeError("a read unit cannot write")

    _begin_change = _transaction
