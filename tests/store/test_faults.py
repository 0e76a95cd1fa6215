# SPDX-License-Identifier: Apache-2.0
"""When the database does not work: one clear sentence, nothing half done, and it heals."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError, PendingRollbackError

from stockade.store import postgres, sqlite
from stockade.store.errors import StoreUnavailable
from stockade.store.store import Store
from stockade.store.tables import meta
from tests.store.samples import HERE, THINGS, Thing, put

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres import PostgresServer
    from tests.store.conftest import Place

BIG = Thing("big", colour="SECRET" * 50_000)


def test_the_programs_own_mistakes_pass_unchanged(place: Place) -> None:
    store = place.open()
    twice = [{"name": "twice", "value": "SECRET"}] * 2
    with pytest.raises(IntegrityError) as mistake, store.write() as unit:
        unit.connection.execute(insert(meta), twice)
    assert "SECRET" not in str(mistake.value)
    with store.write() as unit:
        unit.put(THINGS, HERE, Thing("a"))


def test_errors_that_are_no_faults_have_no_reason() -> None:
    assert sqlite.reason_of(sqlite3.OperationalError("no such table")) is None
    assert postgres.reason_of(psycopg.errors.UniqueViolation()) is None
    for reason_of in (sqlite.reason_of, postgres.reason_of):
        assert reason_of(ValueError()) is None


def test_every_way_a_server_can_be_gone_has_a_reason() -> None:
    assert postgres.reason_of(psycopg.OperationalError("connection refused")) is not None
    for error in (
        psycopg.errors.AdminShutdown,
        psycopg.errors.CannotConnectNow,
        psycopg.errors.DiskFull,
        psycopg.errors.InvalidPassword,
        psycopg.errors.ReadOnlySqlTransaction,
        psycopg.errors.TooManyConnections,
        psycopg.errors.SerializationFailure,
        psycopg.errors.LockNotAvailable,
    ):
        assert postgres.reason_of(error()) is not None


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="its directory must exist"):
        Store.open(f"sqlite:///{tmp_path}/absent/store.db")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("a shopping list\n" * 1000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        Store.open(f"sqlite:///{tmp_path}/store.db")


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """Yield a directory that other users can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="stockade-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def as_anybody() -> Iterator[None]:
    """Be a user without rights for a while; only root needs to, and can."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("exists", [False, True])
def test_a_read_only_directory(public_directory: Path, exists: bool) -> None:
    url = f"sqlite:///{public_directory}/store.db"
    if exists:
        Store.open(url).close()
        for path in public_directory.iterdir():
            path.chmod(0o444)
    public_directory.chmod(0o555)
    try:
        with as_anybody(), pytest.raises(StoreUnavailable, match="cannot be written"):
            Store.open(url)
    finally:
        public_directory.chmod(0o755)


@contextmanager
def no_room(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes for a while."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_error_undoes_the_write(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/store.db")
    put(store, Thing("a", number=1))
    with no_room(100_000):
        with pytest.raises(StoreUnavailable, match="disk") as failure:
            put(store, Thing("a", number=2), BIG)
        assert "SECRET" not in str(failure.value)
        check_undone(store)
    with store.write() as unit:
        unit.put(THINGS, HERE, BIG)
    with store.read() as unit:
        assert unit.get(THINGS, HERE, "big") == BIG
    store.close()


def check_undone(store: Store) -> None:
    with store.read() as unit:
        assert unit.get(THINGS, HERE, "a") == Thing("a", number=1)
        assert unit.list(THINGS, HERE) == [Thing("a", number=1)]
    assert not store.page.torn


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a file system of 1 MiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk_undoes_the_write(small_disk: Path) -> None:
    store = Store.open(f"sqlite:///{small_disk}/store.db")
    put(store, Thing("a", number=1))
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space"):
        ballast.write_bytes(bytes(2**20))
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        put(store, Thing("a", number=2), BIG)
    check_undone(store)
    ballast.unlink()
    with store.write() as unit:
        unit.put(THINGS, HERE, Thing("b"))
    store.close()


def test_who_swallows_a_fault_cannot_write_half(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/store.db")
    put(store, Thing("a", number=1))

    def swallow() -> None:
        with store.write() as unit:
            unit.put(THINGS, HERE, Thing("whole"))
            with suppress(StoreUnavailable):
                for n in range(100):
                    unit.put(THINGS, HERE, Thing(f"big{n}", colour=BIG.colour))
            unit.put(THINGS, HERE, Thing("half"))

    with no_room(100_000), pytest.raises(PendingRollbackError):
        swallow()
    check_undone(store)
    store.close()


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached") as failure:
        Store.open("postgresql://me:SECRET@127.0.0.1:1/base")
    assert "SECRET" not in str(failure.value)


def test_a_database_that_is_not_there(postgres_server: PostgresServer) -> None:
    with pytest.raises(StoreUnavailable):
        Store.open(postgres_server.url("absent"))


def test_a_server_that_restarts(postgres_place: Place, postgres_server: PostgresServer) -> None:
    store = postgres_place.open()
    put(store, Thing("a", number=1))
    with store.read() as unit:
        unit.get(THINGS, HERE, "a")
    postgres_server.stop()
    try:
        with pytest.raises(StoreUnavailable, match="PostgreSQL"), store.write() as unit:
            unit.put(THINGS, HERE, Thing("a", number=2))
        wait_until_unavailable(store)
    finally:
        postgres_server.start()
    with store.write() as unit:
        thing = unit.get(THINGS, HERE, "a")
        assert thing == Thing("a", number=1)
        unit.put(THINGS, HERE, Thing("a", number=2))
    with store.read() as unit:
        assert unit.get(THINGS, HERE, "a") == Thing("a", number=2)


def test_a_restart_between_two_requests_is_not_noticed(
    postgres_place: Place, postgres_server: PostgresServer
) -> None:
    store = postgres_place.open()
    database: Any = store._database
    database._listener.stop()  # it would notice first
    put(store, Thing("a", number=1))
    with store.read() as unit:
        unit.list(THINGS, HERE)
    postgres_server.stop()
    postgres_server.start()
    put(store, Thing("a", number=2))
    with store.read() as unit:
        assert unit.list(THINGS, HERE) == [Thing("a", number=2)]


def wait_until_unavailable(store: Store) -> None:
    """Memory is not served for long when nobody can say whether it is still true."""
    deadline = time.monotonic() + 2
    while True:
        try:
            with store.read() as unit:
                unit.get(THINGS, HERE, "a")
        except StoreUnavailable:
            return
        assert time.monotonic() < deadline
        time.sleep(0.01)


def write_while_it_stops(store: Store, server: PostgresServer) -> None:
    with store.write() as unit:
        unit.put(THINGS, HERE, Thing("a", number=2))
        server.stop()


def test_a_server_that_goes_in_mid_write(
    postgres_place: Place, postgres_server: PostgresServer
) -> None:
    store = postgres_place.open()
    put(store, Thing("a", number=1))
    try:
        with pytest.raises(StoreUnavailable):
            write_while_it_stops(store, postgres_server)
    finally:
        postgres_server.start()
    with store.read() as unit:
        assert unit.get(THINGS, HERE, "a") == Thing("a", number=1)
    assert not store.page.torn
