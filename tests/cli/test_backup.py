# SPDX-License-Identifier: Apache-2.0
"""`stockade backup` and `stockade restore`, with real servers on both sides."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Run, Start
from tests.cli.programs import aws, here, init, serve, stockade

PASSPHRASE = {"STOCKADE_PASSPHRASE": "a passphrase"}


def _backup(data: Path, file: Path) -> None:
    ended = here("backup", "--data", str(data), str(file))
    assert (ended.status, ended.err) == (0, "")


def test_a_backup_of_a_running_server_comes_back_elsewhere(started: Start, tmp_path: Path) -> None:
    data, file, other = tmp_path / "data", tmp_path / "backup", tmp_path / "other"
    root = init(data, "--account", "111122223333")
    server = started(*serve(data), "--workers", "2")
    kms = aws("kms", server.endpoint, *root)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"for later")["CiphertextBlob"]
    request = kms.list_keys()["ResponseMetadata"]["RequestId"]
    _backup(data, file)
    server.stop()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert root[1].encode() not in file.read_bytes()
    assert (data / "seal.key").read_bytes() not in file.read_bytes()
    seal = f"file:{data / 'seal.key'}"
    ended = here("restore", "--data", str(other), "--seal", seal, str(file))
    assert (ended.status, ended.err) == (0, "")
    assert json.loads((other / "stockade.json").read_text())["account"] == "111122223333"

    again = started(*serve(other))
    kms = aws("kms", again.endpoint, *root)
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"for later"
    told = here("explain", "--data", str(other), request)
    assert "called kms:ListKeys" in told.out


def test_into_the_directory_whose_store_was_lost(started: Start, tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "backup"
    root = init(data)
    _backup(data, file)
    for path in data.glob("stockade.db*"):
        path.unlink()
    assert here("restore", "--data", str(data), str(file)).status == 0
    server = started(*serve(data))
    assert aws("sts", server.endpoint, *root).get_caller_identity()


def test_with_a_passphrase_nothing_but_the_file_is_needed(started: Start, tmp_path: Path) -> None:
    data, file, other = tmp_path / "data", tmp_path / "backup", tmp_path / "other"
    root = init(data, "--seal", "passphrase", environment=PASSPHRASE)
    _backup(data, file)
    wrong = {"STOCKADE_PASSPHRASE": "another"}
    command = ("restore", "--data", str(other), str(file))
    ended = stockade(*command, environment=wrong)
    assert ended.status == 1
    assert "the backup was sealed with the seal" in ended.err
    assert stockade(*command, environment=PASSPHRASE).status == 0
    server = started(*serve(other), environment=PASSPHRASE)
    assert aws("sts", server.endpoint, *root).get_caller_identity()


def test_a_backup_from_before_the_seal_was_changed(started: Start, tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "backup"
    root = init(data)
    _backup(data, file)
    new = f"file:{tmp_path / 'new.key'}"
    assert here("seal", "rotate", "--data", str(data), "--to", new).status == 0
    for path in data.glob("stockade.db*"):
        path.unlink()
    ended = here("restore", "--data", str(data), str(file))
    assert ended.status == 1
    assert "give the seal of that time with --seal" in ended.err
    old = f"file:{data / 'seal.key'}"
    assert here("restore", "--data", str(data), "--seal", old, str(file)).status == 0
    server = started(*serve(data))
    assert aws("sts", server.endpoint, *root).get_caller_identity()


def test_what_is_there_is_never_overwritten(run: Run, tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "backup"
    init(data)
    _backup(data, file)
    content = file.read_bytes()
    ended = run("backup", "--data", str(data), str(file))
    assert ended.status == 1
    assert f"{file} exists already" in ended.err
    assert file.read_bytes() == content
    ended = run("restore", "--data", str(data), str(file))
    assert ended.status == 1
    assert "the store is not empty" in ended.err


def test_not_under_a_running_server(started: Start, tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "backup"
    init(data)
    _backup(data, file)
    started(*serve(data))
    ended = here("restore", "--data", str(data), str(file))
    assert ended.err == f"stockade: error: {data} is in use\nhint: stop the server first\n"


@pytest.mark.parametrize("damage", ["cut", "changed", "another", "missing"])
def test_a_file_that_is_no_whole_backup(run: Run, tmp_path: Path, damage: str) -> None:
    data, file, other = tmp_path / "data", tmp_path / "backup", tmp_path / "other"
    init(data)
    _backup(data, file)
    content = file.read_bytes()
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "changed":
        at = content.rindex(b"AKIA")
        file.write_bytes(content[:at] + b"X" + content[at + 1 :])
    elif damage == "another":
        file.write_bytes(os.urandom(5000))
    else:
        file.unlink()
    ended = run("restore", "--data", str(other), str(file))
    assert ended.status == 1
    assert str(file) in ended.err
    assert len(ended.err.splitlines()) <= 2
    assert not other.exists()


def test_a_directory_without_a_stockade(run: Run, tmp_path: Path) -> None:
    ended = run("backup", "--data", str(tmp_path), str(tmp_path / "backup"))
    assert ended.err == (
        f"stockade: error: {tmp_path} holds no Stockade\n"
        f"hint: make one: stockade init --data {tmp_path}\n"
    )
    ended = run("explain", "--data", str(tmp_path), "x")
    assert "holds no Stockade" in ended.err


def test_into_a_folder_that_is_not_there(run: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    init(data)
    ended = run("backup", "--data", str(data), str(tmp_path / "none" / "backup"))
    assert ended.status == 1
    assert "cannot be written" in ended.err
