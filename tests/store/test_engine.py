# SPDX-License-Identifier: Apache-2.0
"""How databases are addressed and opened."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from stockade.store.engine import parse_url
from stockade.store.errors import StoreError
from stockade.store.store import Store
from tests.store.processes import Process
from tests.store.samples import HERE, THINGS, Thing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.store.conftest import Place


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("sqlite://", "sqlite+pysqlite"),
        ("sqlite:////var/lib/stockade/store.db", "sqlite+pysqlite"),
        ("postgresql://me@host/base", "postgresql+psycopg"),
        ("postgres://me@host/base", "postgresql+psycopg"),
        ("postgresql+psycopg://me@host/base", "postgresql+psycopg"),
    ],
)
def test_an_address_says_which_database(text: str, driver: str) -> None:
    assert parse_url(text).drivername == driver


@pytest.mark.parametrize("text", ["", "store.db", "mysql://me:secret@host/base", "nonsense://"])
def test_other_addresses_are_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(StoreError, match="sqlite:///PATH") as refusal:
        Store.open(text)
    assert "secret" not in str(refusal.value)


def test_a_file_is_durable_and_overwrites_what_is_deleted(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/store.db")
    with store.read() as unit:
        found = {
            name: unit.connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "secure_delete")
        }
    store.close()
    assert found == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}


def test_every_file_is_its_owners_alone(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/store.db")
    with store.write() as unit:
        unit.put(THINGS, HERE, Thing("a"))
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    store.close()
    assert files == dict.fromkeys(
        ("store.db", "store.db-wal", "store.db-shm", "store.db-page"), 0o600
    )


def test_a_store_outlives_its_process(shared_place: Place) -> None:
    store = shared_place.open()
    with store.write() as unit:
        revision = unit.put(THINGS, HERE, Thing("a", colour="red"))
    store.close()
    store = shared_place.open()
    with store.read() as unit:
        assert unit.find(THINGS, HERE, "colour", "red") == [Thing("a", colour="red")]
        assert unit.revision(THINGS, HERE, "a") == revision


def test_stores_in_memory_have_nothing_in_common() -> None:
    one, two = Store.open("sqlite://"), Store.open("sqlite:///:memory:")
    with one.write() as unit:
        unit.put(THINGS, HERE, Thing("a"))
    with two.read() as unit:
        assert unit.get(THINGS, HERE, "a") is None
    one.close()
    two.close()


def test_a_store_can_be_closed_twice(place: Place) -> None:
    store = place.open()
    store.close()
    store.close()


def test_many_may_open_a_new_store_at_once(shared_place: Place) -> None:
    with Process("step", shared_place) as process, ThreadPoolExecutor(3) as pool:
        stores = list(pool.map(lambda _: shared_place.open(), range(3)))
        process.say("5")
        assert process.hear() == "written"
        for store in stores:
            with store.read() as unit:
                assert unit.get(THINGS, HERE, "n") == Thing("n", number=5)


def test_readers_do_not_wait_for_a_writer(shared_place: Place) -> None:
    store = shared_place.open()
    with store.write() as unit:
        unit.put(THINGS, HERE, Thing("n", number=1))
    with Process("hang", shared_place) as process:
        assert process.hear() == "writing"
        with store.read() as unit:
            assert unit.list(THINGS, HERE) == [Thing("n", number=1)]


def test_a_read_unit_sees_one_moment(shared_place: Place) -> None:
    ours, theirs = shared_place.open(), shared_place.open()
    with ours.read() as unit:
        assert unit.list(THINGS, HERE) == []
        with theirs.write() as other:
            other.put(THINGS, HERE, Thing("a"))
        assert unit.list(THINGS, HERE) == []
        assert unit.get(THINGS, HERE, "a") is None
    with ours.read() as unit:
        assert unit.get(THINGS, HERE, "a") == Thing("a")
