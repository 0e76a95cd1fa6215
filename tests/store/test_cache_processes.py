# SPDX-License-Identifier: Apache-2.0
"""The promise of page.py with real processes, which are killed at the worst moments."""

from __future__ import annotations

import random
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.store.processes import Process, numbers, write
from tests.store.samples import HERE, THINGS, Thing

if TYPE_CHECKING:
    from pathlib import Path

    from stockade.store.store import Store
    from tests.store.conftest import Place


def number(store: Store) -> int:
    """Return the number as this process's cache has it."""
    with store.read() as unit:
        thing = unit.get(THINGS, HERE, "n")
        return (
            -1 if thing is None else unit.derive("n", lambda: derived(unit.get(THINGS, HERE, "n")))
        )


def derived(thing: Thing | None) -> int:
    assert thing is not None
    return thing.number


def stored(store: Store) -> int:
    """Return the number as the database has it."""
    with store.read() as unit:
        (thing,) = unit.list(THINGS, HERE) or [Thing("n", number=-1)]
        return thing.number


def test_what_another_process_was_told_is_seen_at_once(shared_place: Place) -> None:
    store = shared_place.open()
    with Process("step", shared_place) as process:
        for n in range(200):
            process.say(str(n))
            assert process.hear() == "written"
            assert number(store) == n


def test_processes_do_not_lose_each_others_writes(shared_place: Place) -> None:
    store = shared_place.open()
    write(store, 0)
    with Process("add", shared_place) as one, Process("add", shared_place) as two:
        for process in (one, two):
            process.say("50")
        for _ in range(50):
            with store.write() as unit:
                thing = unit.get(THINGS, HERE, "n")
                unit.put(THINGS, HERE, Thing("n", number=derived(thing) + 1))
        assert one.hear() == two.hear() == "added"
    assert number(store) == 150


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_a_writer_killed_at_any_moment_leaves_nobody_behind(shared_place: Place, seed: int) -> None:
    store = shared_place.open()
    with Process("count", shared_place) as process:
        last = next(numbers(process))
        threading.Timer(random.Random(seed).uniform(0.01, 0.1), process.kill).start()
        for last in numbers(process):
            assert number(store) >= last
    # The last write may be committed without its writer having said so.
    assert number(store) in {last, last + 1}
    assert_whole(store)


def assert_whole(store: Store) -> None:
    """Check that cache and database agree, that the page is at rest, that writing goes on."""
    assert number(store) == stored(store)
    assert not store.page.torn
    write(store, 1000)
    assert number(store) == stored(store) == 1000


@pytest.mark.parametrize("verb", ["hang", "die_before_commit", "die_after_commit"])
def test_a_writer_killed_at_each_step(shared_place: Place, verb: str) -> None:
    store = shared_place.open()
    write(store, 1)
    assert number(store) == 1
    with Process(verb, shared_place) as process:
        if verb == "hang":
            assert process.hear() == "writing"
            assert number(store) == 1
            process.kill()
        else:
            assert process.wait() == -signal.SIGKILL
            # PostgreSQL's listener may have set the page right already.
            assert store.page.torn or shared_place.kind == "postgres"
    assert number(store) == (99 if verb == "die_after_commit" else 1)
    assert_whole(store)


def test_a_torn_page_serves_memory_only_units_nothing(shared_place: Place) -> None:
    from stockade.store.errors import NotInMemory

    store = shared_place.open()
    write(store, 1)
    number(store)
    with Process("die_after_commit", shared_place) as process:
        process.wait()
    with pytest.raises(NotInMemory), store.read(memory_only=True):
        pass
    assert number(store) == 99


def test_a_page_that_was_lost_is_made_again(shared_place: Place) -> None:
    store = shared_place.open()
    write(store, 1)
    assert number(store) == 1
    store.close()
    (page,) = shared_place.directory.glob("*page*")
    page.unlink()
    store = shared_place.open()
    assert number(store) == 1
    write(store, 2)
    assert number(shared_place.open()) == 2


def test_another_host_hears_of_a_write_soon(postgres_place: Place, tmp_path: Path) -> None:
    here = postgres_place.open()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write(here, 0)
    settle(here)
    with Process("step", postgres_place, elsewhere) as process:
        for n in range(1, 6):
            process.say(str(n))
            assert process.hear() == "written"
            told = time.monotonic()
            while number(here) != n:
                assert time.monotonic() - told < 1.0
                time.sleep(0.002)


def settle(store: Store) -> None:
    """Wait until the listener trusts the page, so that the cache is really used."""
    deadline = time.monotonic() + 10
    while store._cache.word != store._cache.epoch * 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    "instead",
    [
        "DELETE FROM changes WHERE epoch = 2",
        "UPDATE changes SET id = 'other' WHERE epoch = 2",
    ],
)
def test_a_failover_that_lost_writes_empties_the_cache(postgres_place: Place, instead: str) -> None:
    store = postgres_place.open()
    write(store, 1)
    write(store, 2)
    settle(store)
    assert number(store) == 2
    with store.write() as unit:  # what a standby has that missed the last write
        unit.connection.exec_driver_sql(instead)
        unit.connection.exec_driver_sql(
            """UPDATE resources SET revision = 1, body = '{"name": "n", "number": 1}'"""
        )
        unit.connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    deadline = time.monotonic() + 10
    while number(store) != 1:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    write(store, 3)
    assert number(store) == stored(store) == 3
