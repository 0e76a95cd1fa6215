# SPDX-License-Identifier: Apache-2.0
"""What a process remembers of the store: resources, and values derived from them.

The cache is valid for one epoch of the database (page.py says how that is checked and why it is
enough). Two rules keep it so:

 - what `changes` names is evicted before the cache is said to be valid for a newer epoch;
 - a value is kept only while the cache is still valid for the epoch at which the unit that read
   it began. The value may be newer than that epoch (then the eviction to come is needless), but
   never older than it.

Lookups take no lock: a unit has checked the epoch before it looks, so whatever it finds was valid
then. Everything that changes the cache takes the lock.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from stockade.store.resources import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

V = TypeVar("V")

ResourceKey = tuple[str, Scope, str]
"""The name of a collection, a scope, an id."""
Dependency = ResourceKey | tuple[str, Scope] | tuple[str]
"""One resource; any resource of a collection in one scope; any of a collection."""

SIZE = 8192
"""How many new entries make a generation; at most two generations are remembered."""

MISSING: Final = object()
NEVER: Final = -1
"""No page shows this word."""


class Derived(NamedTuple):
    """A derived value and what it was derived from."""

    value: Any
    dependencies: frozenset[Dependency]


class Generations(Generic[V]):
    """A mapping that forgets what was not used for a generation."""

    def __init__(self, lock: threading.Lock, size: int, forgot: Callable[[], None]) -> None:
        self._lock = lock
        self._size = size
        self._forgot = forgot
        self._added = 0
        self.young: dict[Hashable, V] = {}
        self.old: dict[Hashable, V] = {}

    def get(self, key: Hashable) -> V | Any:
        """Return the value, or MISSING."""
        value = self.young.get(key, MISSING)
        if value is MISSING and key in self.old:
            with self._lock:
                value = self.old.pop(key, MISSING)
                if value is not MISSING:
                    self.add(key, value)
        return value

    def add(self, key: Hashable, value: V | Any) -> None:
        """Remember a value, under the lock."""
        self.young[key] = value
        self._added += 1
        if self._added >= self._size:
            self.old, self.young, self._added = self.young, {}, 0
            self._forgot()

    def discard(self, key: Hashable) -> None:
        """Forget a value, under the lock."""
        self.young.pop(key, None)
        self.old.pop(key, None)

    def clear(self) -> None:
        """Forget everything, under the lock."""
        self.young, self.old, self._added = {}, {}, 0


class Cache:
    """The resources and derived values of one process, valid for one epoch."""

    def __init__(self, *, trusted: bool = True, size: int = SIZE) -> None:
        self._lock = threading.Lock()
        self._trusted = trusted
        self._epoch = 0
        self._resources: Generations[Any] = Generations(self._lock, size, lambda: None)
        self._derived: Generations[Derived] = Generations(self._lock, size, self._count_dependents)
        self._dependents: dict[Dependency, set[Hashable]] = {}
        self.word = NEVER
        """The word of a page for which the cache may be used without asking the database."""
        self.resource = self._resources.get
        self.derived = self._derived.get
        self.clear(0)

    @property
    def epoch(self) -> int:
        """The epoch the cache is valid for."""
        return self._epoch

    def keep(self, key: ResourceKey, value: object, epoch: int) -> None:
        """Remember a resource (None: that it is absent) read by a unit that began at `epoch`."""
        with self._lock:
            if self._epoch == epoch:
                self._resources.add(key, value)

    def keep_derived(self, key: Hashable, entry: Derived, epoch: int) -> None:
        """Remember a derived value computed by a unit that began at `epoch`."""
        with self._lock:
            if self._epoch == epoch:
                self._depend(key, entry)
                self._derived.add(key, entry)

    def advance(self, since: int, to: int, changed: Iterable[ResourceKey] | None) -> None:
        """Forget what changed after epoch `since` (None: anything); valid for `to` from then on.

        A database that went back behind `since` was restored or lost its last writes in a
        failover: then nothing remembered can be relied on.
        """
        with self._lock:
            if to < since:
                changed = None
            elif not since <= self._epoch < to:
                return
            if changed is None:
                self._forget()
            else:
                for key in changed:
                    self._evict(key)
            self._become(to)

    def clear(self, epoch: int) -> None:
        """Forget everything; an empty cache is valid for any epoch."""
        with self._lock:
            self._forget()
            self._become(epoch)

    def trust(self, *, trusted: bool) -> None:
        """Say whether the page can be relied on, which needs word from the other hosts."""
        with self._lock:
            self._trusted = trusted
            self._become(self._epoch)

    def _forget(self) -> None:
        self._resources.clear()
        self._derived.clear()
        self._dependents.clear()

    def _become(self, epoch: int) -> None:
        self._epoch = epoch
        self.word = 2 * epoch if self._trusted else NEVER

    def _evict(self, key: ResourceKey) -> None:
        name, scope, _ = key
        self._resources.discard(key)
        for dependency in (key, (name, scope), (name,)):
            for dependent in self._dependents.pop(dependency, ()):
                self._derived.discard(dependent)

    def _depend(self, key: Hashable, entry: Derived) -> None:
        for dependency in entry.dependencies:
            self._dependents.setdefault(dependency, set()).add(key)

    def _count_dependents(self) -> None:
        """Forget the dependents of a forgotten generation."""
        self._dependents.clear()
        for key, entry in self._derived.old.items():
            self._depend(key, entry)
