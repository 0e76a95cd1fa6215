# SPDX-License-Identifier: Apache-2.0
"""Backups: whole, of one moment, into either kind of store, and never with a secret readable."""

from __future__ import annotations

import hashlib
import os
import stat
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select

import stockade
from stockade.store import backup
from stockade.store.backup import BackupError
from stockade.store.journal import Journal
from stockade.store.resources import Collection
from stockade.store.seal import RootKey, WrongSeal
from stockade.store.store import Store
from stockade.store.tables import lease, metadata
from stockade.store.vault import Sealed, Vault
from tests.store.appenders import record
from tests.store.conftest import Place
from tests.store.samples import GLOBAL, HERE, MOMENT, OTHERS, THERE, THINGS, Other, Thing

SEAL = RootKey("memory", bytes(32))
SECRET = b"a secret in the backup"
TAG = 'ü"\n\\'


class Secret(msgspec.Struct, frozen=True):
    value: Sealed


SECRETS = Collection(Secret, service="demo", kind="secret", id=lambda _: "a")


def fill(store: Store) -> None:
    """Put something of everything into a store."""
    vault, journal = Vault(SEAL, os.urandom), Journal(None, os.urandom)
    with store.write() as unit:
        vault.adopt(unit)
        unit.put(SECRETS, HERE, Secret(vault.seal(unit, HERE, "demo/secret", SECRET)))
        for scope in (HERE, THERE, GLOBAL):
            for number in range(30):
                unit.put(THINGS, scope, Thing(f"é{number}", f"c{number % 3}", ("x", TAG)))
        unit.put(OTHERS, HERE, Other("due", MOMENT))
    with store.write() as unit:
        unit.delete(THINGS, THERE, "é7")
        leader = {"name": "l", "holder": "h", "token": 1, "expires_at": 2}
        unit.connection.execute(insert(lease), leader)
    for number in range(20):
        journal.append(record(number))
    journal.ship(store)
    with store.write() as unit:
        journal.insert(unit, record(20))


def check(store: Store) -> None:
    """Find it all again."""
    vault, journal = Vault(SEAL, os.urandom), Journal(None, os.urandom)
    with store.read() as unit:
        vault.check(unit)
        assert len(unit.list(THINGS, HERE)) == len(unit.list(THINGS, THERE)) + 1 == 30
        assert unit.get(THINGS, HERE, "é5") == Thing("é5", "c2", ("x", TAG))
        assert len(unit.find(THINGS, HERE, "colour", "c1")) == 10
        assert len(unit.find_anywhere(THINGS, "tag", TAG)) == 89
        assert unit.next_due() == MOMENT
        secret = unit.get(SECRETS, HERE, "a")
        assert secret is not None
        assert vault.open(unit, HERE, "demo/secret", secret.value) == SECRET
        with pytest.raises(WrongSeal):
            Vault(RootKey("memory", b"x" * 32), os.urandom).check(unit)
    assert journal.ship(store) == 1
    with store.read() as unit:
        assert len(journal.lookup(unit, "111122223333", "eu-west-1")[0]) == 21
        assert journal.by_request_id(unit, "request-3") == [record(3)]


def is_empty(store: Store) -> bool:
    with store.read() as unit:
        counts = [
            unit.connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in backup.TABLES
        ]
    return sum(counts) == 1  # the number of the schema


def body(path: Path) -> list[bytes]:
    """Return a backup without its header, and without the sum that the header is part of."""
    return path.read_bytes().splitlines()[1:-1]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a backup of a filled store."""
    path = tmp_path_factory.mktemp("backup") / "store.backup"
    store = Store.open("sqlite://")
    fill(store)
    backup.write(store, path, MOMENT)
    store.close()
    return path


@pytest.fixture
def target() -> Iterator[Store]:
    store = Store.open("sqlite://")
    yield store
    store.close()


def test_every_table_is_in_a_backup_or_is_left_out_on_purpose() -> None:
    assert {*backup.TABLES, lease} == set(metadata.tables.values())


def test_from_every_kind_into_memory_and_back_to_the_same(
    place: Place, tmp_path: Path, target: Store
) -> None:
    store = place.open()
    fill(store)
    first = backup.write(store, tmp_path / "first", MOMENT)
    assert backup.verify(tmp_path / "first") == first
    assert backup.restore(target, tmp_path / "first") == first
    second = backup.write(target, tmp_path / "second", MOMENT)
    assert second == first
    assert body(tmp_path / "first") == body(tmp_path / "second")
    check(target)
    check(store)


def test_into_every_kind(place: Place, made: Path) -> None:
    store = place.open()
    backup.restore(store, made)
    check(store)
    if place.kind != "memory":
        check_opened_again(place)


def check_opened_again(place: Place) -> None:
    again = place.open()
    with again.read() as unit:
        assert unit.get(THINGS, HERE, "é5") is not None
        before = unit.revision(THINGS, HERE, "é5")
    with again.write() as unit:
        assert unit.put(THINGS, HERE, Thing("é5"), expected=before) > before
    with again.read() as unit:
        assert unit.get(THINGS, HERE, "é5") == Thing("é5")


def test_the_header_says_what_it_is(made: Path) -> None:
    header = backup.verify(made)
    assert header.stockade_backup == 1
    assert header.program == stockade.__version__
    assert header.created == MOMENT
    assert header.seal == SEAL.describe()
    assert header.rows["resources"] == 92
    assert header.rows["journal"] == 20
    assert header.rows["journal_inbox"] == 1
    assert header.total == sum(header.rows.values()) > 300


def test_a_backup_is_private_and_alone(place: Place, tmp_path: Path) -> None:
    store = place.open()
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "store.backup"
    (tmp_path / "out" / "store.backup.partial").write_bytes(b"left behind by a crash")
    backup.write(store, path, MOMENT)
    assert list(path.parent.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(BackupError, match="exists already"):
        backup.write(store, path, MOMENT)
    assert path.read_bytes() == before


def test_no_secret_is_in_a_backup(made: Path) -> None:
    content = made.read_bytes()
    assert SECRET not in content
    assert SECRET.hex().encode() not in content
    assert bytes(32) not in content
    assert b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" not in content  # the root key in base64


def test_progress_is_told(made: Path, tmp_path: Path, target: Store) -> None:
    total = backup.verify(made).total
    told: list[tuple[int, int]] = []
    backup.restore(target, made, lambda done, of: told.append((done, of)))
    backup.write(target, tmp_path / "b", MOMENT, lambda done, of: told.append((done, of)))
    assert told == sorted(told[: len(told) // 2]) * 2
    assert told[-1] == (total, total)
    assert len(told) > 10


def test_a_backup_is_of_one_moment(shared_place: Place, tmp_path: Path, target: Store) -> None:
    store, other = shared_place.open(), shared_place.open()
    fill(store)

    def write_meanwhile(done: int, _total: int) -> None:
        with other.write() as unit:
            unit.put(THINGS, HERE, Thing(f"late{done}", "c1", ("late",)))
            unit.delete(THINGS, HERE, "é5")
            Journal(None, os.urandom).insert(unit, record(100 + done))

    backup.write(store, tmp_path / "store.backup", MOMENT, write_meanwhile)
    backup.restore(target, tmp_path / "store.backup")
    check(target)


def test_a_store_with_anything_in_it_is_refused(store: Store, made: Path) -> None:
    with store.write() as unit:
        unit.put(THINGS, HERE, Thing("mine"))
    with pytest.raises(BackupError, match=r"not empty: it has rows in `resources`") as caught:
        backup.restore(store, made)
    assert "new store" in caught.value.hint
    with store.read() as unit:
        assert [thing.name for thing in unit.list(THINGS, HERE)] == ["mine"]


def test_a_store_with_a_seal_is_refused(target: Store, made: Path) -> None:
    with target.write() as unit:
        Vault(SEAL, os.urandom).adopt(unit)
    with pytest.raises(BackupError, match=r"not empty: it has rows in `meta`"):
        backup.restore(target, made)


def write_lines(path: Path, lines: list[bytes]) -> None:
    """Write lines with the sum that belongs to them."""
    content = b"".join(line + b"\n" for line in lines)
    path.write_bytes(content + b'{"sha256":"%s"}\n' % hashlib.sha256(content).hexdigest().encode())


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_changed_bit_is_noticed(made: Path, data: st.DataObject) -> None:
    content = bytearray(made.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    changed = made.with_name("changed")
    changed.write_bytes(content)
    with pytest.raises(BackupError):
        backup.verify(changed)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_missing_end_is_noticed(made: Path, data: st.DataObject) -> None:
    content = made.read_bytes()
    cut = made.with_name("cut")
    cut.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(BackupError):
        backup.verify(cut)


def test_a_damaged_backup_changes_nothing(store: Store, made: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(made.read_bytes().replace("é5".encode(), "é6".encode()))
    with pytest.raises(BackupError, match="is damaged"):
        backup.restore(store, damaged)
    damaged.write_bytes(made.read_bytes() + b"\n")
    with pytest.raises(BackupError, match="is damaged"):
        backup.restore(store, damaged)
    damaged.write_bytes(made.read_bytes()[:5000])
    with pytest.raises(BackupError, match="its end is missing"):
        backup.restore(store, damaged)
    assert is_empty(store)


def test_what_this_version_cannot_restore_is_refused_whole(
    store: Store, made: Path, tmp_path: Path
) -> None:
    path = tmp_path / "other"
    lines = made.read_bytes().splitlines()[:-1]
    write_lines(
        path, [lines[0].replace(b'"stockade_backup":1', b'"stockade_backup":2'), *lines[1:]]
    )
    with pytest.raises(BackupError, match="has format 2, and this Stockade knows 1"):
        backup.restore(store, path)
    write_lines(path, [lines[0].replace(b'"schema":1', b'"schema":0'), *lines[1:]])
    with pytest.raises(BackupError, match="tables of schema 0") as caught:
        backup.restore(store, path)
    assert f"restore it with Stockade {stockade.__version__}" in caught.value.hint
    write_lines(path, [*lines, b'{"table":"moon","columns":["a"]}', b"[1]"])
    with pytest.raises(BackupError, match="a table `moon`"):
        backup.restore(store, path)
    changed = [line.replace(b'["name","value"]', b'["name","other"]') for line in lines]
    write_lines(path, changed)
    with pytest.raises(BackupError, match="a table `meta`"):
        backup.restore(store, path)
    assert is_empty(store)
    backup.restore(store, made)


@pytest.mark.parametrize("content", [b"", b"\n", b"SQLite format 3\0", b"{}\n", b'{"a":1}\n[1]\n'])
def test_what_is_no_backup_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(BackupError, match="is not a backup of Stockade"):
        backup.verify(tmp_path / "file")


def test_what_cannot_be_read_or_written_is_said_in_a_sentence(
    target: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BackupError, match=r"cannot be read \(No such file or directory\)"):
        backup.verify(tmp_path / "missing")
    with pytest.raises(BackupError, match=r"cannot be written \(No such file or directory\)"):
        backup.write(target, tmp_path / "missing" / "file", MOMENT)

    def fail(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(BackupError, match="No space left"):
        backup.write(target, tmp_path / "file", MOMENT)
    assert list(tmp_path.iterdir()) == []


def test_a_store_larger_than_memory_streams(shared_place: Place, tmp_path: Path) -> None:
    store = shared_place.open()
    with store.write() as unit:
        for number in range(400):
            unit.put(THINGS, HERE, Thing(f"{number}", "x" * 50_000))
    tracemalloc.start()
    backup.write(store, tmp_path / "store.backup", MOMENT)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tmp_path / "store.backup").stat().st_size > 40_000_000
    assert peak < 25_000_000
