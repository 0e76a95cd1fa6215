# SPDX-License-Identifier: Apache-2.0
"""Sealed fields: they open in their own place, under their own seal, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockade.crypto.aead import Tampered
from stockade.store import backup
from stockade.store.errors import NotInMemory
from stockade.store.journal import Journal
from stockade.store.resources import Collection, Scope
from stockade.store.seal import RootKey, SealError, WrongSeal
from stockade.store.store import Store
from stockade.store.vault import DOMAIN_KEYS, Sealed, Vault, describe
from tests.postgres import PostgresServer
from tests.store.conftest import Place
from tests.store.samples import GLOBAL, HERE, MOMENT, THERE

SEAL = RootKey("memory", bytes(32))
OTHER_SEAL = RootKey("memory", bytes([1]) * 32)
PLACE = "demo/secret/a/value"


class Secret(msgspec.Struct, frozen=True):
    name: str
    value: Sealed


SECRETS = Collection(Secret, service="demo", kind="secret", id=lambda secret: secret.name)


def new_vault(seal: RootKey = SEAL) -> Vault:
    return Vault(seal, os.urandom)


def seal(store: Store, vault: Vault, plaintext: bytes = b"secret", scope: Scope = HERE) -> Sealed:
    with store.write() as unit:
        return vault.seal(unit, scope, PLACE, plaintext)


def open_(store: Store, vault: Vault, sealed: Sealed, scope: Scope = HERE) -> bytes:
    with store.read() as unit:
        return vault.open(unit, scope, PLACE, sealed)


def test_round_trip_through_a_resource(store: Store) -> None:
    vault = new_vault()
    with store.write() as unit:
        for scope in (HERE, THERE, GLOBAL):
            value = vault.seal(unit, scope, PLACE, scope.region.encode())
            unit.put(SECRETS, scope, Secret("a", value))
    with store.read() as unit:
        for scope in (HERE, THERE, GLOBAL):
            secret = unit.get(SECRETS, scope, "a")
            assert secret is not None
            assert vault.open(unit, scope, PLACE, secret.value) == scope.region.encode()
        assert (
            len({key.id for s in (HERE, THERE, GLOBAL) for key in unit.list(DOMAIN_KEYS, s)}) == 3
        )


def test_another_process_opens_it(shared_place: Place) -> None:
    sealed = seal(shared_place.open(), new_vault())
    assert open_(shared_place.open(), new_vault(), sealed) == b"secret"


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300), st.text(max_size=30))
def test_any_bytes_in_any_place(plaintext: bytes, place: str) -> None:
    store, vault = Store.open("sqlite://"), new_vault()
    with store.write() as unit:
        sealed = vault.seal(unit, HERE, place, plaintext)
        assert len(sealed.box) == 45 + len(plaintext)
        assert vault.open(unit, HERE, place, sealed) == plaintext
        assert vault.seal(unit, HERE, place, plaintext) != sealed
    store.close()


def test_a_scope_has_one_domain_key(store: Store) -> None:
    vault = new_vault()
    with store.write() as unit:
        boxes = [vault.seal(unit, HERE, PLACE, b"x") for _ in range(3)]
    boxes += [seal(store, vault), seal(store, new_vault())]
    assert len({sealed.box[:17] for sealed in boxes}) == 1
    with store.read() as unit:
        assert len(unit.list(DOMAIN_KEYS, HERE)) == 1


def test_a_box_in_another_place_does_not_open(store: Store) -> None:
    vault = new_vault()
    sealed = seal(store, vault)
    seal(store, vault, scope=THERE)
    with store.read() as unit:
        for scope, place in [
            (HERE, "demo/secret/b/value"),
            (HERE, "demo/secret/a/other"),
            (HERE, ""),
            (THERE, PLACE),
            (GLOBAL, PLACE),
            (Scope(HERE.account, HERE.region[:-1]), HERE.region[-1] + PLACE),
        ]:
            with pytest.raises(Tampered) as caught:
                vault.open(unit, scope, place, sealed)
            assert place in str(caught.value)
        assert vault.open(unit, HERE, PLACE, sealed) == b"secret"


def test_a_domain_key_moved_to_another_scope_does_not_open(store: Store) -> None:
    vault = new_vault()
    sealed = seal(store, vault)
    with store.write() as unit:
        unit.put(DOMAIN_KEYS, THERE, unit.list(DOMAIN_KEYS, HERE)[0])
    with pytest.raises(Tampered, match="domain key of account 444455556666 in us-east-1"):
        open_(store, vault, sealed, THERE)


def test_every_changed_byte_is_noticed(store: Store) -> None:
    vault = new_vault()
    sealed = seal(store, vault)
    with store.read() as unit:
        for position in range(len(sealed.box)):
            box = bytearray(sealed.box)
            box[position] ^= 1
            with pytest.raises(Tampered):
                vault.open(unit, HERE, PLACE, Sealed(bytes(box)))
        for length in range(len(sealed.box)):
            with pytest.raises(Tampered):
                vault.open(unit, HERE, PLACE, Sealed(sealed.box[:length]))


def test_a_domain_key_that_was_not_committed_is_not_remembered(store: Store) -> None:
    vault = new_vault()

    def fail() -> None:
        with store.write() as unit:
            lost = vault.seal(unit, HERE, PLACE, b"lost")
            assert vault.open(unit, HERE, PLACE, lost) == b"lost"
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    sealed = seal(store, vault)
    assert open_(store, new_vault(), sealed) == b"secret"


def test_a_deleted_domain_key_is_not_remembered_either(store: Store) -> None:
    vault = new_vault()
    sealed = seal(store, vault)
    with store.write() as unit:
        unit.delete(DOMAIN_KEYS, HERE, sealed.box[1:17].hex())
    with pytest.raises(Tampered, match="no key for the sealed demo/secret"):
        open_(store, vault, sealed)
    assert open_(store, new_vault(), seal(store, vault)) == b"secret"


def test_the_first_secret_of_a_scope_wants_a_writer(store: Store) -> None:
    vault = new_vault()
    with store.read() as unit, pytest.raises(RuntimeError, match="cannot write"):
        vault.seal(unit, HERE, PLACE, b"secret")
    sealed = seal(store, vault)
    with store.read() as unit:
        again = vault.seal(unit, HERE, PLACE, b"more")
        assert vault.open(unit, HERE, PLACE, again) == b"more"
    with store.read(memory_only=True) as unit:
        assert vault.open(unit, HERE, PLACE, sealed) == b"secret"
        with pytest.raises(NotInMemory):
            vault.open(unit, THERE, PLACE, sealed)


def test_a_store_remembers_its_seal(store: Store) -> None:
    vault = new_vault()
    with store.read() as unit:
        assert describe(unit) is None
        with pytest.raises(SealError, match="does not say which seal"):
            vault.check(unit)
    for _ in range(2):
        with store.write() as unit:
            vault.adopt(unit)
    with store.read() as unit:
        assert describe(unit) == SEAL.describe()
        vault.check(unit)


def test_a_wrong_seal_is_told_apart_from_damage(store: Store) -> None:
    vault, wrong = new_vault(), new_vault(OTHER_SEAL)
    sealed = seal(store, vault)
    with store.read() as unit, pytest.raises(WrongSeal, match="the store's seal is") as caught:
        wrong.check(unit)
    assert "right seal file or passphrase" in caught.value.hint
    with store.write() as unit:
        key = unit.list(DOMAIN_KEYS, HERE)[0]
        unit.put(DOMAIN_KEYS, HERE, msgspec.structs.replace(key, wrapped=key.wrapped[:-1] + b"?"))
    with pytest.raises(Tampered, match="restore a backup"):
        open_(store, vault, sealed)
    with pytest.raises(WrongSeal):
        open_(store, wrong, sealed)


def test_a_wrong_seal_cannot_seal_or_adopt(store: Store) -> None:
    seal(store, new_vault())
    wrong = new_vault(OTHER_SEAL)
    for scope in (HERE, THERE):
        with pytest.raises(WrongSeal):
            seal(store, wrong, scope=scope)
    with store.write() as unit, pytest.raises(WrongSeal):
        wrong.adopt(unit)
    with store.read() as unit:
        assert unit.scopes(DOMAIN_KEYS) == [HERE]


def test_rotation_wraps_every_domain_key_anew(store: Store) -> None:
    vault, elsewhere = new_vault(), new_vault()
    scopes = [GLOBAL, HERE, THERE]
    boxes = {scope: seal(store, vault, scope=scope) for scope in scopes}
    with store.write() as unit:
        assert vault.rotate(unit, OTHER_SEAL) == 3
    for mine in (vault, new_vault(OTHER_SEAL)):
        assert {open_(store, mine, box, scope) for scope, box in boxes.items()} == {b"secret"}
        with store.read() as unit:
            mine.check(unit)
    for old in (elsewhere, new_vault()):
        with pytest.raises(WrongSeal) as caught:
            open_(store, old, boxes[HERE])
        assert "restart with the new seal" in caught.value.hint
        with pytest.raises(WrongSeal):
            seal(store, old, scope=Scope("999999999999", "eu-west-1"))
    with store.read() as unit:
        assert describe(unit) == OTHER_SEAL.describe()


def test_rotation_is_all_or_nothing(store: Store) -> None:
    vault = new_vault()
    boxes = {scope: seal(store, vault, scope=scope) for scope in (GLOBAL, HERE, THERE)}
    with store.write() as unit:
        key = unit.list(DOMAIN_KEYS, THERE)[0]
        unit.put(DOMAIN_KEYS, THERE, msgspec.structs.replace(key, wrapped=b""))
    with pytest.raises(Tampered), store.write() as unit:
        vault.rotate(unit, OTHER_SEAL)
    with store.read() as unit:
        vault.check(unit)
    assert open_(store, vault, boxes[HERE]) == b"secret"
    assert open_(store, new_vault(), boxes[GLOBAL], GLOBAL) == b"secret"


def test_rotation_wants_the_right_seal_first(store: Store) -> None:
    seal(store, new_vault())
    with store.write() as unit, pytest.raises(WrongSeal):
        new_vault(OTHER_SEAL).rotate(unit, RootKey("memory", b"x" * 32))


def test_a_sealed_field_shows_nothing() -> None:
    sealed = Sealed(b"0123456789")
    assert repr(sealed) == str(sealed) == "Sealed(10 bytes)"
    assert "0123" not in repr(Secret("a", sealed))
    assert msgspec.json.encode(sealed) == b'{"box":"MDEyMzQ1Njc4OQ=="}'
    assert msgspec.json.decode(b'{"box":"MDEyMzQ1Njc4OQ=="}', type=Sealed) == sealed


def _files_with(directory: Path, needles: list[bytes]) -> list[Path]:
    found = []
    for path in directory.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found += [path for needle in needles if needle in content]
    return found


def test_no_file_has_the_plaintext(
    shared_place: Place, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    store, vault = (
        shared_place.open(),
        new_vault(RootKey("memory", b"root key of thirty-two bytes")),
    )
    journal = Journal(tmp_path, os.urandom)
    plaintext = b"correct horse battery staple " + os.urandom(8).hex().encode()
    with store.write() as unit:
        unit.put(SECRETS, HERE, Secret("a", vault.seal(unit, HERE, PLACE, plaintext)))
        unit.put(SECRETS, HERE, Secret("marker", Sealed(b"in the clear")))
        domain_key = vault._unwrap(HERE, unit.list(DOMAIN_KEYS, HERE)[0])
    journal.append(b'{"sealed":"no plaintext is ever given to the journal"}')
    backup.write(store, tmp_path / "store.backup", MOMENT)
    directory = tmp_path
    if shared_place.kind == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        directory = server._data
        write_everything_out(shared_place.url)
    assert _files_with(directory, [b"marker"])
    needles = [plaintext, domain_key, b"root key of thirty-two"]
    for where in {directory, tmp_path}:
        encoded = [form for needle in needles for form in (needle, needle.hex().encode())]
        assert _files_with(where, encoded) == []
    journal.close()


def write_everything_out(url: str) -> None:
    """Have a server write all that it holds in memory to its files."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("CHECKPOINT")


def test_a_seal_is_asked_once_for_each_domain_key(store: Store) -> None:
    """Also within transactions that change something, where nothing else is remembered."""
    asked: list[bytes] = []

    class FarAway(RootKey):
        def unwrap(self, blob: bytes, aad: bytes) -> bytes:
            asked.append(aad)
            return super().unwrap(blob, aad)

    seal(store, new_vault())
    vault = new_vault(FarAway("memory", bytes(32)))
    for _ in range(3):
        with store.write() as unit:
            unit.put(SECRETS, HERE, Secret("a", vault.seal(unit, HERE, PLACE, b"secret")))
            unit.put(SECRETS, HERE, Secret("b", vault.seal(unit, HERE, PLACE, b"secret")))
    assert len(asked) == 1
