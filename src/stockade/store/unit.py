# SPDX-License-Identifier: Apache-2.0
"""A unit of work: everything that one request, or one step of the reconciler, reads and writes.

What both kinds have in common; reading.py and writing.py say where they differ.

A value can be derived from resources (a compiled policy, say) and is remembered until one of them
changes: what `build` reads through the unit is noted while it runs, absent resources too.
"""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import msgspec

from stockade.store import rows
from stockade.store.cache import MISSING, Derived, ResourceKey
from stockade.store.changes import changes_since
from stockade.store.resources import Collection, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from collections.abc import Collection as Sized
    from datetime import datetime

    from sqlalchemy import Connection

    from stockade.store.cache import Cache, Dependency
    from stockade.store.engine import Database

__all__ = ["Scope", "Unit"]

T = TypeVar("T", bound=msgspec.Struct)
V = TypeVar("V")


class Transaction:
    """What a write unit has done so far."""

    def __init__(self) -> None:
        self.epoch = 0
        """The number of this write, once it has changed a resource."""
        self.changed: set[ResourceKey] = set()
        self.actions: list[Callable[[], None]] = []


class Unit(ABC):
    """A view of the store with which one thread works; `store.read()` and `.write()` make them."""

    __slots__ = ("_cache", "_connection", "_database", "_epoch", "_trace", "_use_cache")

    writes: ClassVar[bool] = False
    """Whether it can change anything."""

    @property
    def memory_only(self) -> bool:
        """Whether it never asks the database, and raises NotInMemory where it would have to."""
        return False

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache
        self._connection: Connection | None = None
        self._trace: set[Dependency] | None = None
        self._use_cache = True
        self._epoch = 0

    @property
    def connection(self) -> Connection:
        """The SQLAlchemy connection of this unit, for tables other than the resources'."""
        if self._trace is not None:
            raise RuntimeError("a derived value can depend on resources only")
        return self._connected()

    def get(self, collection: Collection[T], scope: Scope, id: str) -> T | None:  # noqa: A002
        """Return a resource, or None when there is none of this id."""
        key = (collection.name, scope, id)
        if self._trace is not None:
            self._trace.add(key)
        if not self._use_cache:
            return rows.fetch(self._connected(), collection, scope, id)
        value: Any = self._cache.resource(key)
        if value is MISSING:
            value = rows.fetch(self._connected(), collection, scope, id)
            self._cache.keep(key, value, self._epoch)
        resource: T | None = value
        return resource

    def list(
        self,
        collection: Collection[T],
        scope: Scope,
        *,
        after: str = "",
        limit: int | None = None,
        prefix: str = "",
    ) -> builtins.list[T]:
        """Return the resources of a scope ordered by the bytes of their ids."""
        self._depend((collection.name, scope))
        return rows.scan(
            self._connected(), collection, scope, after=after, limit=limit, prefix=prefix
        )

    def count(self, collection: Collection[T], scope: Scope) -> int:
        """Return how many resources a scope has."""
        self._depend((collection.name, scope))
        return rows.count(self._connected(), collection, scope)

    def find(
        self,
        collection: Collection[T],
        scope: Scope,
        index: str,
        value: str,
        *,
        after: str = "",
        limit: int | None = None,
    ) -> builtins.list[T]:
        """Return the resources of a scope that an index has under `value`, ordered by id."""
        _must_have(collection, index)
        self._depend((collection.name, scope))
        return rows.find(
            self._connected(), collection, scope, index, value, after=after, limit=limit
        )

    def find_anywhere(
        self, collection: Collection[T], index: str, value: str
    ) -> builtins.list[tuple[Scope, T]]:
        """Return the resources of every scope that an index has under `value`."""
        _must_have(collection, index)
        self._depend((collection.name,))
        return rows.find_anywhere(self._connected(), collection, index, value)

    def scopes(self, collection: Collection[T]) -> builtins.list[Scope]:
        """Return the scopes in which the collection has resources."""
        self._depend((collection.name,))
        return rows.scopes(self._connected(), collection)

    def revision(self, collection: Collection[T], scope: Scope, id: str) -> int:  # noqa: A002
        """Return the number of the write that last stored the resource; 0 when it is absent."""
        self._depend((collection.name, scope, id))
        return rows.revision(self._connected(), collection, scope, id)

    def due(
        self, collections: Sized[Collection[Any]], before: datetime, limit: int
    ) -> builtins.list[tuple[Collection[Any], Scope, str, datetime]]:
        """Return what is due at `before` or earlier, in due order."""
        return rows.due(self.connection, collections, before, limit)

    def next_due(self) -> datetime | None:
        """Return the earliest moment at which any resource is due."""
        return rows.next_due(self.connection)

    def put(
        self, collection: Collection[T], scope: Scope, resource: T, *, expected: int | None = None
    ) -> int:
        """Store a resource and return its revision.

        With `expected`, only if it is at that revision (0: absent), else Conflict is raised.
        """
        change = self._begin_change()
        resource_id = rows.store(
            self._connected(), collection, scope, resource, epoch=change.epoch, expected=expected
        )
        change.changed.add((collection.name, scope, resource_id))
        return change.epoch

    def delete(self, collection: Collection[T], scope: Scope, id: str) -> bool:  # noqa: A002
        """Delete a resource; False when there is none of this id."""
        change = self._begin_change()
        deleted = rows.remove(self._connected(), collection, scope, id)
        if deleted:
            change.changed.add((collection.name, scope, id))
        return deleted

    def clear(self) -> None:
        """Delete every resource of every collection."""
        change = self._begin_change()
        change.changed.update(rows.remove_all(self._connected()))

    @abstractmethod
    def rest(self) -> None:
        """Let go of what is held for reading, before another unit is begun that writes.

        Who waits for a turn to write with an old snapshot in hand keeps the database from
        throwing old content away (`Store.tidy`).
        """

    def on_commit(self, action: Callable[[], None]) -> None:
        """Call `action` once the unit is committed."""
        self._transaction().actions.append(action)

    def derive(self, key: Hashable, build: Callable[[], V]) -> V:
        """Return what `build` makes of resources, remembered until one of them changes."""
        entry: Any = self._cache.derived(key) if self._use_cache else MISSING
        if entry is MISSING:
            entry = self._build(key, build)
        if self._trace is not None:
            self._trace |= entry.dependencies
        value: V = entry.value
        return value

    def _build(self, key: Hashable, build: Callable[[], V]) -> Derived:
        outer, self._trace = self._trace, set()
        try:
            entry = Derived(build(), frozenset(self._trace))
        finally:
            self._trace = outer
        if self._use_cache:
            self._cache.keep_derived(key, entry, self._epoch)
        return entry

    def _depend(self, dependency: Dependency) -> None:
        if self._trace is not None:
            self._trace.add(dependency)

    def _catch_up(self, since: int) -> None:
        """Bring the cache to the epoch that this unit's connection sees.

        `since` is the cache's epoch from before the connection was opened: so the connection
        sees at least as much.
        """
        self._epoch, changed = changes_since(self._connected(), since)
        self._cache.advance(since, self._epoch, changed)

    @abstractmethod
    def _connected(self) -> Connection:
        """Return the unit's connection, opened on demand."""

    @abstractmethod
    def _transaction(self) -> Transaction:
        """Return the unit's transaction, if it is one that writes."""

    @abstractmethod
    def _begin_change(self) -> Transaction:
        """Return the transaction, ready for a change of resources."""


def _must_have(collection: Collection[T], index: str) -> None:
    if index not in collection.indexes:
        raise KeyError(f"{collection.name} has no index {index}")
