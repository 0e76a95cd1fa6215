# SPDX-License-Identifier: Apache-2.0
"""What a process remembers, and when it forgets: alone, in threads, and against other stores."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from stockade.store.cache import MISSING, Cache, Derived
from stockade.store.changes import MANY_CHANGES
from stockade.store.errors import NotInMemory
from tests.store.samples import HERE, OTHERS, THERE, THINGS, Other, Thing, put, undone

if TYPE_CHECKING:
    from stockade.store.cache import ResourceKey
    from stockade.store.resources import Scope
    from stockade.store.store import Store
    from stockade.store.unit import Unit
    from tests.store.conftest import Place


def key(name: str, scope: Scope = HERE) -> ResourceKey:
    return ("demo/thing", scope, name)


def number(store: Store, name: str = "a") -> int:
    with store.read() as unit:
        thing = unit.get(THINGS, HERE, name)
        return -1 if thing is None else thing.number


# The cache by itself


def test_a_value_read_before_a_write_is_not_kept_after_it() -> None:
    cache = Cache()
    cache.advance(0, 1, [key("a")])
    cache.keep(key("a"), "old", 0)
    cache.keep_derived("d", Derived("old", frozenset()), 0)
    assert cache.resource(key("a")) is MISSING
    assert cache.derived("d") is MISSING
    cache.keep(key("a"), "new", 1)
    assert cache.resource(key("a")) == "new"


def test_only_what_changed_is_forgotten() -> None:
    cache = Cache()
    for name in "abc":
        cache.keep(key(name), name, 0)
    cache.advance(0, 2, [key("a"), key("b", THERE)])
    assert [cache.resource(key(name)) for name in "abc"] == [MISSING, "b", "c"]
    assert (cache.epoch, cache.word) == (2, 4)


def test_news_that_skip_a_write_are_not_believed() -> None:
    cache = Cache()
    cache.keep(key("a"), "a", 0)
    cache.advance(4, 5, [])
    assert cache.epoch == 0
    cache.advance(0, 6, None)
    assert cache.resource(key("a")) is MISSING
    assert cache.epoch == 6


def test_old_news_do_not_turn_the_cache_back() -> None:
    cache = Cache()
    cache.advance(0, 5, [])
    cache.keep(key("a"), "a", 5)
    cache.advance(0, 3, [key("a")])
    cache.advance(3, 4, None)
    assert (cache.epoch, cache.resource(key("a"))) == (5, "a")


def test_a_database_that_went_back_empties_the_cache() -> None:
    cache = Cache()
    cache.advance(0, 5, [])
    cache.keep(key("a"), "lost", 5)
    cache.advance(5, 3, None)
    assert (cache.epoch, cache.resource(key("a"))) == (3, MISSING)


@pytest.mark.parametrize("changed", ["a", "b"])
def test_a_derived_value_goes_with_what_it_depends_on(changed: str) -> None:
    cache = Cache()
    cache.keep_derived("one", Derived(1, frozenset({key("a")})), 0)
    cache.keep_derived("scope", Derived(2, frozenset({("demo/thing", HERE)})), 0)
    cache.keep_derived("all", Derived(3, frozenset({("demo/thing",)})), 0)
    cache.keep_derived("there", Derived(4, frozenset({("demo/thing", THERE)})), 0)
    cache.advance(0, 1, [key(changed)])
    assert (cache.derived("one") is MISSING) == (changed == "a")
    assert cache.derived("scope") is MISSING
    assert cache.derived("all") is MISSING
    assert cache.derived("there").value == 4


def test_what_is_used_survives_and_the_cache_stays_small() -> None:
    cache = Cache(size=10)
    for n in range(1000):
        cache.keep(key(str(n)), n, 0)
        cache.keep_derived(n, Derived(n, frozenset({key(str(n))})), 0)
        cache.keep(key("used"), "used", 0) if n == 0 else cache.resource(key("used"))
    assert cache.resource(key("used")) == "used"
    assert len(cache._resources.young) + len(cache._resources.old) <= 20
    assert len(cache._dependents) <= 20
    cache.advance(0, 1, [key("999")])
    assert cache.derived(999) is MISSING
    assert cache.derived(998).value == 998


def test_a_cache_that_is_not_trusted_matches_no_page() -> None:
    cache = Cache(trusted=False)
    cache.advance(0, 5, [])
    assert (cache.epoch, cache.word) == (5, -1)
    cache.trust(trusted=True)
    assert cache.word == 10


# Memory-only units


def test_a_memory_only_unit_serves_what_is_remembered(store: Store) -> None:
    put(store, Thing("a", number=1))
    with pytest.raises(NotInMemory), store.read(memory_only=True) as unit:
        unit.get(THINGS, HERE, "a")
    warm(store)
    with store.read(memory_only=True) as unit:
        assert unit.get(THINGS, HERE, "a") == Thing("a", number=1)
        assert unit.get(THINGS, HERE, "absent") is None
        with pytest.raises(NotInMemory):
            unit.list(THINGS, HERE)


def warm(store: Store) -> None:
    """Look until the store may rely on its memory; PostgreSQL's listener starts in a thread."""
    deadline = time.monotonic() + 10
    while True:
        with store.read() as unit:
            unit.get(THINGS, HERE, "a")
            unit.get(THINGS, HERE, "absent")
        try:
            with store.read(memory_only=True) as unit:
                unit.get(THINGS, HERE, "a")
                unit.get(THINGS, HERE, "absent")
        except NotInMemory:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        else:
            return


def test_a_write_of_this_process_leaves_the_rest_in_memory(store: Store) -> None:
    put(store, Thing("a", number=1))
    warm(store)
    put(store, Thing("b"))
    with store.read(memory_only=True) as unit:
        assert unit.get(THINGS, HERE, "a") == Thing("a", number=1)
        with pytest.raises(NotInMemory):
            unit.get(THINGS, HERE, "b")


def test_a_unit_that_changes_no_resource_disturbs_nobody(store: Store) -> None:
    warm(store)
    epoch = store._cache.epoch
    with store.write() as unit:
        unit.delete(THINGS, HERE, "absent")
    assert store._cache.epoch == epoch
    with store.read(memory_only=True) as unit:
        assert unit.get(THINGS, HERE, "a") is None


# Derived values


class Builder:
    """Derives a value and counts how often."""

    def __init__(self, build: Callable[[Unit], object]) -> None:
        self.build = build
        self.times = 0

    def derive(self, store: Store) -> object:
        with store.read() as unit:
            return unit.derive("value", lambda: self.run(unit))

    def run(self, unit: Unit) -> object:
        self.times += 1
        return self.build(unit)


def _get(unit: Unit) -> object:
    return unit.get(THINGS, HERE, "a")


def _list(unit: Unit) -> object:
    return unit.list(THINGS, HERE)


def _find(unit: Unit) -> object:
    return unit.find(THINGS, HERE, "colour", "red")


def _find_anywhere(unit: Unit) -> object:
    return [thing for _, thing in unit.find_anywhere(THINGS, "colour", "red")]


def _nested(unit: Unit) -> object:
    return unit.derive("inner", lambda: unit.get(THINGS, HERE, "a"))


@pytest.mark.parametrize("build", [_get, _list, _find, _find_anywhere, _nested])
def test_a_derived_value_is_built_once_until_it_changes(
    store: Store, build: Callable[[Unit], object]
) -> None:
    warm(store)
    builder = Builder(build)
    before = builder.derive(store)
    assert builder.derive(store) == before
    assert builder.times == 1
    put(store, Thing("a", colour="red", number=7))
    after = builder.derive(store)
    assert after in (Thing("a", colour="red", number=7), [Thing("a", colour="red", number=7)])
    builder.derive(store)
    assert builder.times == 2
    with store.write() as unit:
        unit.put(OTHERS, HERE, Other("a"))
        unit.put(THINGS, THERE, Thing("a"))
    builder.derive(store)
    assert builder.times == (3 if build is _find_anywhere else 2)


def test_an_inner_value_taken_from_memory_counts_for_the_outer(store: Store) -> None:
    warm(store)
    with store.read() as unit:
        unit.derive("inner", lambda: unit.get(THINGS, HERE, "a"))
        assert unit.derive("outer", lambda: _nested(unit)) is None
    put(store, Thing("a"))
    with store.read() as unit:
        assert unit.derive("outer", lambda: _nested(unit)) == Thing("a")


def test_a_write_unit_uses_what_is_derived_until_it_changes_something(store: Store) -> None:
    warm(store)
    builder = Builder(_get)
    builder.derive(store)
    with store.write() as unit:
        unit.derive("value", lambda: builder.run(unit))
        assert builder.times == 1
        unit.put(THINGS, HERE, Thing("a"))
        assert unit.derive("value", lambda: builder.run(unit)) == Thing("a")
        assert builder.times == 2


def test_a_value_derived_in_an_undone_unit_is_not_remembered(store: Store) -> None:
    with undone(store) as unit:
        unit.put(THINGS, HERE, Thing("a"))
        unit.derive("value", lambda: unit.get(THINGS, HERE, "a"))
    assert Builder(_get).derive(store) is None


def test_a_build_that_fails_leaves_nothing_behind(store: Store) -> None:
    with store.read() as unit:
        with pytest.raises(ZeroDivisionError):
            unit.derive("value", lambda: 1 / 0)
        assert unit.derive("value", lambda: 1) == 1


def test_a_derived_value_depends_on_resources_alone(store: Store) -> None:
    with store.write() as unit:
        for build in (
            lambda: unit.connection,
            unit.next_due,
            lambda: unit.put(THINGS, HERE, Thing("a")),
            lambda: unit.delete(THINGS, HERE, "a"),
        ):
            with pytest.raises(RuntimeError, match="derived value"):
                unit.derive("value", build)


# Two stores on one database stand for two processes


def test_a_write_elsewhere_is_seen_by_the_next_unit(shared_place: Place) -> None:
    ours, theirs = shared_place.open(), shared_place.open()
    for n in range(20):
        put(theirs, Thing("a", number=n))
        assert number(ours) == n
        put(ours, Thing("a", number=100 + n))
        assert number(theirs) == 100 + n


def test_a_memory_only_unit_does_not_serve_what_was_written_elsewhere(shared_place: Place) -> None:
    ours, theirs = shared_place.open(), shared_place.open()
    warm(ours)
    put(theirs, Thing("b"))
    with pytest.raises(NotInMemory), ours.read(memory_only=True):
        pass
    with ours.read():
        pass
    with ours.read(memory_only=True) as unit:
        assert unit.get(THINGS, HERE, "a") is None


def test_a_cache_far_behind_starts_anew(shared_place: Place) -> None:
    ours, theirs = shared_place.open(), shared_place.open()
    put(ours, Thing("a", number=1))
    warm(ours)
    with theirs.write() as unit:
        for n in range(MANY_CHANGES + 1):
            unit.put(OTHERS, HERE, Other(str(n)))
        unit.put(THINGS, HERE, Thing("a", number=2))
    assert number(ours) == 2


def test_old_changes_are_pruned(store: Store) -> None:
    for name in "ab":
        put(store, Thing(name, number=1))
    with store.write() as unit:  # as if very many writes lay between
        unit.connection.exec_driver_sql(
            f"UPDATE changes SET epoch = {MANY_CHANGES + 255} WHERE epoch = 2"
        )
    put(store, Thing("b", number=2))
    with store.read() as unit:
        rows = unit.connection.exec_driver_sql("SELECT epoch FROM changes ORDER BY epoch").all()
    assert [epoch for (epoch,) in rows] == [MANY_CHANGES + 255, MANY_CHANGES + 256]
    assert number(store, "b") == 2


# Threads


def test_threads_never_see_less_than_what_was_acknowledged(place: Place) -> None:
    store = place.open()
    put(store, Thing("a", number=0))
    acknowledged = 0
    done = threading.Event()

    def read() -> int:
        reads = 0
        while not done.is_set():
            least = acknowledged
            assert number(store) >= least
            with store.read() as unit:
                assert unit.derive("twice", lambda: 2 * number_in(unit)) >= 2 * least
            reads += 1
        return reads

    def number_in(unit: Unit) -> int:
        thing = unit.get(THINGS, HERE, "a")
        assert thing is not None
        return thing.number

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        for n in range(1, 31):
            put(store, Thing("a", number=n))
            acknowledged = n
        done.set()
        assert all(reader.result() for reader in readers)


def test_threads_do_not_lose_each_others_writes(place: Place) -> None:
    stores = [place.open() for _ in range(1 if place.kind == "memory" else 2)]

    def add(store: Store) -> None:
        for _ in range(20):
            with store.write() as unit:
                thing = unit.get(THINGS, HERE, "a") or Thing("a")
                unit.put(THINGS, HERE, Thing("a", number=thing.number + 1))

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(add, stores[n % len(stores)]) for n in range(4)]:
            future.result()
    assert {number(store) for store in stores} == {80}
