# SPDX-License-Identifier: Apache-2.0
"""The root of trust: how seals are made and opened, and what is said when one is not right."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from stockade import seals
from stockade.crypto.aead import Tampered
from stockade.store import seal
from stockade.store.seal import FileChoice, RootKey, SealError, SealMissing, file_choice

KEY = bytes(range(32))
NONCE = bytes(12)


def parse_seal(text: str, directory: Path) -> FileChoice:
    choice = file_choice(text, directory)
    assert choice is not None
    return choice


def no_passphrase() -> str:
    raise AssertionError("nobody asked for a passphrase")


@pytest.fixture(params=["file", "passphrase"])
def setting(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"file:{tmp_path}/keys/seal" if request.param == "file" else "passphrase"


def test_a_seal_opens_what_it_wrapped_before(setting: str, tmp_path: Path) -> None:
    choice = parse_seal(setting, tmp_path)
    assert not choice.exists(no_passphrase)
    made = choice.create(os.urandom, lambda: "open sesame")
    assert choice.exists(no_passphrase)
    opened = choice.open(lambda: "open sesame")
    assert opened.describe() == made.describe()
    assert opened.unwrap(made.wrap(KEY, b"domain", NONCE), b"domain") == KEY


def test_its_file_is_private_and_never_replaced(setting: str, tmp_path: Path) -> None:
    choice = parse_seal(setting, tmp_path)
    choice.create(os.urandom, lambda: "open sesame")
    assert stat.S_IMODE(choice.path.stat().st_mode) == 0o600
    before = choice.path.read_bytes()
    with pytest.raises(SealError, match="there already is a seal"):
        choice.create(os.urandom, lambda: "another")
    assert choice.path.read_bytes() == before


def test_a_missing_seal_is_said_to_be_missing(setting: str, tmp_path: Path) -> None:
    with pytest.raises(SealMissing, match="there is no seal at") as caught:
        parse_seal(setting, tmp_path).open(lambda: "x")
    assert "safe copy" in caught.value.hint


def test_a_file_seal_asks_for_no_passphrase(tmp_path: Path) -> None:
    choice = parse_seal(f"file:{tmp_path}/seal", tmp_path)
    choice.create(os.urandom, no_passphrase)
    choice.open(no_passphrase)
    assert len(choice.path.read_bytes()) == 32


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_seal_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "seal"
    seal.create_file_seal(path, os.urandom)
    path.chmod(mode)
    with pytest.raises(SealError, match=f"can be read by others .mode 0{mode:o}") as caught:
        seal.open_file_seal(path)
    assert f"chmod 600 {path}" in caught.value.hint
    path.chmod(0o400)
    seal.open_file_seal(path)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_seal_of_another_size_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "seal"
    path.write_bytes(bytes(size))
    path.chmod(0o600)
    with pytest.raises(SealError, match=f"holds {size} bytes instead of 32"):
        seal.open_file_seal(path)


def test_what_cannot_be_read_or_written_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir(mode=0o700)
    with pytest.raises(SealError, match=r"cannot be read \(Is a directory\)"):
        seal.open_file_seal(tmp_path / "directory")
    (tmp_path / "file").touch()
    with pytest.raises(SealError, match=r"cannot be written \(File exists\)"):
        seal.create_file_seal(tmp_path / "file" / "seal", os.urandom)


def test_a_disk_without_room_leaves_no_seal_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SealError, match="No space left"):
        seal.create_file_seal(tmp_path / "seal", os.urandom)
    assert list(tmp_path.iterdir()) == []


def test_another_passphrase_is_another_seal(tmp_path: Path) -> None:
    choice = parse_seal("passphrase", tmp_path)
    right = choice.create(os.urandom, lambda: "open sesame")
    wrong = choice.open(lambda: "open barley")
    assert wrong.describe().fingerprint != right.describe().fingerprint
    with pytest.raises(Tampered):
        wrong.unwrap(right.wrap(KEY, b"", NONCE), b"")


def test_an_empty_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SealError, match="is empty"):
        parse_seal("passphrase", tmp_path).create(os.urandom, lambda: "")
    assert list(tmp_path.iterdir()) == []


def test_parameters_are_stored_and_can_be_put_back_from_the_description(tmp_path: Path) -> None:
    choice = parse_seal("passphrase", tmp_path)
    made = choice.create(os.urandom, lambda: "open sesame").describe()
    stored = msgspec.json.decode(choice.path.read_bytes())
    assert stored["kdf"] == "argon2id"
    assert stored["cost"] == {"memory_kib": 65536, "iterations": 3, "lanes": 4}
    choice.path.unlink()
    assert made.derivation is not None
    seal.restore_parameters(choice.path, made.derivation)
    assert choice.open(lambda: "open sesame").describe() == made


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"kdf":"md5","salt":""}', b'{"kdf":"argon2id","salt":"YWJj"}']
)
def test_damaged_parameters_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "seal.json").write_bytes(content)
    with pytest.raises(SealError, match="is damaged"):
        parse_seal("passphrase", tmp_path).open(no_passphrase)


def test_weakened_parameters_are_refused(tmp_path: Path) -> None:
    choice = parse_seal("passphrase", tmp_path)
    choice.create(os.urandom, lambda: "open sesame")
    weak = choice.path.read_text().replace("65536", "1024")
    choice.path.write_text(weak)
    with pytest.raises(SealError, match="is damaged"):
        choice.open(lambda: "open sesame")


@pytest.mark.parametrize("text", ["", "file:", "file", "passphrase:x", "Passphrase"])
def test_unknown_kinds_are_answered_with_the_known_ones(tmp_path: Path, text: str) -> None:
    with pytest.raises(SealError, match="there is no seal") as caught:
        seals.parse_seal(text, tmp_path)
    assert "file:PATH, passphrase, pkcs11:URI, aws-kms:KEY_ARN" in caught.value.hint


def test_a_wrapped_key_is_bound_to_its_associated_data_and_whole() -> None:
    root = RootKey("memory", KEY)
    blob = root.wrap(KEY, b"account|region|id", NONCE)
    assert root.unwrap(blob, b"account|region|id") == KEY
    changes: list[Callable[[], bytes]] = [
        lambda: root.unwrap(blob, b"account|region|other"),
        lambda: root.unwrap(blob[:-1], b"account|region|id"),
        lambda: root.unwrap(b"\x02" + blob[1:], b"account|region|id"),
        lambda: root.unwrap(b"", b"account|region|id"),
        lambda: RootKey("memory", KEY[::-1]).unwrap(blob, b"account|region|id"),
    ]
    for change in changes:
        with pytest.raises(Tampered):
            change()


def test_nothing_shows_the_root_key(tmp_path: Path) -> None:
    root = b"thirty-two bytes of root key ..."
    made = RootKey("file", root)
    assert "thirty" not in repr(made) + str(vars(made)) + repr(made.describe())
    assert root.hex() not in repr(made.describe())
    assert made.describe().fingerprint != RootKey("file", root[::-1]).describe().fingerprint
    assert len(made.describe().fingerprint) == 32
