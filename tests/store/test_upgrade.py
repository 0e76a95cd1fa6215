# SPDX-License-Identifier: Apache-2.0
"""Data of every older version opens; data of a newer one is refused.

`golden/` has one SQLite dump for each schema of the tables. They are never changed: a new schema
adds a file, written by `python -m tests.store.test_upgrade`.
"""

from __future__ import annotations

import re
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from sqlalchemy import Connection, inspect

from stockade.store.errors import StoreTooNew
from stockade.store.resources import Collection
from stockade.store.store import Store
from stockade.store.upgrade import MIGRATIONS, SCHEMA, rewrite_outdated, upgrade_tables
from tests.store.samples import GLOBAL, HERE, MOMENT, THERE, THINGS, Thing

if TYPE_CHECKING:
    from tests.store.conftest import Place

GOLDEN = Path(__file__).with_name("golden")
RED = Thing("red ü", colour="red", tags=("x", "y"), due=MOMENT, number=7)


def fill(store: Store) -> None:
    """Write what the golden files hold."""
    with store.write() as unit:
        unit.put(THINGS, HERE, RED)
        unit.put(THINGS, THERE, Thing("gone"))
    with store.write() as unit:
        unit.put(THINGS, GLOBAL, Thing("plain"))
        unit.delete(THINGS, THERE, "gone")


def golden_path(schema: int) -> Path:
    return GOLDEN / f"sqlite-{schema}.sql"


def restore(schema: int, path: Path) -> str:
    """Make a database of a golden file and return its address."""
    with sqlite3.connect(path) as connection:
        connection.executescript(golden_path(schema).read_text())
    connection.close()
    return f"sqlite:///{path}"


@pytest.mark.parametrize("schema", range(1, SCHEMA + 1))
def test_a_store_of_every_schema_opens(schema: int, tmp_path: Path) -> None:
    store = Store.open(restore(schema, tmp_path / "store.db"))
    with store.read() as unit:
        assert unit.get(THINGS, HERE, RED.name) == RED
        assert unit.find(THINGS, HERE, "tag", "y") == [RED]
        assert unit.list(THINGS, GLOBAL) == [Thing("plain")]
        assert unit.scopes(THINGS) == [GLOBAL, HERE]
        assert unit.next_due() == MOMENT
        before = unit.revision(THINGS, HERE, RED.name)
    with store.write() as unit:
        assert unit.put(THINGS, HERE, RED) > before
    store.close()


def test_a_change_of_the_tables_has_a_new_schema(tmp_path: Path) -> None:
    """The shape in the golden file is the one that the program makes."""
    Store.open(f"sqlite:///{tmp_path}/new.db").close()
    restore(SCHEMA, tmp_path / "golden.db")
    golden = shape(tmp_path / "golden.db")
    today = shape(tmp_path / "new.db")
    assert golden == {name: today.get(name) for name in golden}


def shape(path: Path) -> dict[str, str]:
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    ).fetchall()
    connection.close()
    return {name: re.sub(r"\s+", " ", sql) for name, sql in rows}


def test_every_older_schema_has_its_migration() -> None:
    assert set(MIGRATIONS) == set(range(1, SCHEMA))
    assert golden_path(SCHEMA).exists()


def test_migrations_run_in_order_and_once(place: Place) -> None:
    store = place.open()

    def add(column: str) -> Any:
        def migrate(connection: Connection) -> None:
            connection.exec_driver_sql(f"ALTER TABLE lease ADD COLUMN {column} INTEGER")

        return migrate

    migrations = {1: add("two"), 2: add("three")}
    for _ in range(2):
        with store.write() as unit:
            upgrade_tables(unit.connection, 3, migrations)
    with store.read() as unit:
        columns = [column["name"] for column in inspect(unit.connection).get_columns("lease")]
    assert columns[-2:] == ["two", "three"]


def test_a_migration_that_fails_changes_nothing(place: Place) -> None:
    store = place.open()

    def migrate(connection: Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE lease ADD COLUMN two INTEGER")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), store.write() as unit:
        upgrade_tables(unit.connection, 2, {1: migrate})
    with store.read() as unit:
        columns = [column["name"] for column in inspect(unit.connection).get_columns("lease")]
        assert "two" not in columns


def test_a_newer_store_is_refused_with_a_sentence(shared_place: Place) -> None:
    store = shared_place.open()
    with store.write() as unit:
        unit.connection.exec_driver_sql("UPDATE meta SET value = '99' WHERE name = 'schema'")
    with pytest.raises(StoreTooNew, match=f"schema 99 and this Stockade knows {SCHEMA}"):
        shared_place.open()


def test_a_table_that_is_new_is_made(shared_place: Place) -> None:
    store = shared_place.open()
    with store.write() as unit:
        unit.connection.exec_driver_sql("DROP TABLE lease")
    store.close()
    with shared_place.open().read() as unit:
        assert inspect(unit.connection).has_table("lease")


class Newer(msgspec.Struct, frozen=True):
    name: str
    size: int


NEWER = Collection(
    Newer,
    service="demo",
    kind="thing",
    id=lambda newer: newer.name,
    indexes={"size": lambda newer: str(newer.size)},
    schema=2,
    upgrades={1: lambda document: {"name": document["name"], "size": document["number"]}},
)


def test_rewriting_makes_an_upgrade_last(place: Place) -> None:
    store = place.open()
    with store.write() as unit:
        for n in range(5):
            unit.put(THINGS, HERE, Thing(f"t{n}", colour="red", number=n % 2))
    with store.write() as unit:
        assert unit.find(NEWER, HERE, "size", "1") == []
        assert rewrite_outdated(unit, NEWER, limit=3) == 3
    with store.write() as unit:
        assert rewrite_outdated(unit, NEWER) == 2
        assert rewrite_outdated(unit, NEWER) == 0
        assert unit.find(NEWER, HERE, "size", "1") == [Newer("t1", 1), Newer("t3", 1)]
        assert unit.find(THINGS, HERE, "colour", "red") == []


def write_golden() -> None:
    """Write the golden file of today's schema, which must not exist yet."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "store.db"
        store = Store.open(f"sqlite:///{path}")
        fill(store)
        store.close()
        connection = sqlite3.connect(path)
        with golden_path(SCHEMA).open("x") as file:
            file.writelines(f"{line}\n" for line in connection.iterdump())
        connection.close()


if __name__ == "__main__":
    write_golden()
