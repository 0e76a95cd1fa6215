# SPDX-License-Identifier: Apache-2.0
"""`stockade seal rotate`: a new seal, and what a crash at each of its steps leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stockade.cli import occupancy, rotation
from stockade.cli.deployment import open_store
from stockade.seals import parse_seal
from tests.cli.conftest import Start
from tests.cli.programs import PROGRAM, aws, here, init, serve, stockade

OLD, NEW = {"STOCKADE_PASSPHRASE": "old one"}, {"STOCKADE_PASSPHRASE": "new one"}
TO_NEW = {"STOCKADE_NEW_PASSPHRASE": "new one"}


def _nobody() -> str:
    raise AssertionError("no passphrase is needed")


def _rotate(data: Path, to: str, environment: dict[str, str] | None = None) -> None:
    command = ("seal", "rotate", "--data", str(data), "--to", to)
    ended = stockade(*command, environment=environment) if environment else here(*command)
    assert (ended.status, ended.err) == (0, "")
    assert "Keep the old seal as long as you keep backups made before" in ended.out


def _opens(
    started: Start, data: Path, root: tuple[str, str], environment: dict[str, str] | None = None
) -> None:
    """Assert that the directory opens, and that what was sealed in it does."""
    server = started(*serve(data), environment=environment)
    assert aws("sts", server.endpoint, *root).get_caller_identity()["Account"] == "000000000000"
    assert server.stop() == 0


def _setting(data: Path) -> str:
    setting: str = json.loads((data / "stockade.json").read_text())["seal"]
    return setting


def test_from_a_file_to_a_file(started: Start, tmp_path: Path) -> None:
    data, new = tmp_path / "data", tmp_path / "safe" / "new.key"
    root = init(data)
    _rotate(data, f"file:{new}")
    assert _setting(data) == f"file:{new}"
    assert (data / "seal.key").exists()
    assert not (data / "seal.next").exists()
    (data / "seal.key").unlink()
    _opens(started, data, root)


@pytest.mark.slow
def test_from_a_file_to_a_passphrase_to_another_and_back(started: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    root = init(data)
    _rotate(data, "passphrase", {"STOCKADE_NEW_PASSPHRASE": "old one"})
    first = (data / "seal.json").read_bytes()
    _opens(started, data, root, OLD)
    _rotate(data, "passphrase", OLD | TO_NEW)
    assert (data / "seal.json").read_bytes() != first
    assert stockade(*serve(data), environment=OLD).status == 1
    _opens(started, data, root, NEW)
    _rotate(data, f"file:{data / 'again.key'}", NEW)
    _opens(started, data, root)
    _rotate(data, "passphrase", TO_NEW)
    _opens(started, data, root, NEW)


def test_a_seal_is_never_overwritten(started: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    root = init(data)
    for path in (data / "seal.key", tmp_path / "other.key"):
        (tmp_path / "other.key").write_bytes(b"somebody's")
        before = path.read_bytes()
        ended = stockade("seal", "rotate", "--data", str(data), "--to", f"file:{path}")
        assert ended.status == 1
        assert f"there already is a seal at {path}" in ended.err
        assert path.read_bytes() == before
    _opens(started, data, root)


def test_one_rotation_at_a_time(tmp_path: Path) -> None:
    data = tmp_path / "data"
    init(data)
    to = f"file:{tmp_path / 'new.key'}"
    with occupancy.rotating(data) as running:
        assert not running
        ended = stockade("seal", "rotate", "--data", str(data), "--to", to)
    assert f"the seal of {data} is being changed" in ended.err
    assert not (tmp_path / "new.key").exists()
    _rotate(data, to)


def test_the_wrong_passphrase_changes_nothing(started: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    root = init(data, "--seal", "passphrase", environment=OLD)
    to = f"file:{tmp_path / 'new.key'}"
    ended = stockade("seal", "rotate", "--data", str(data), "--to", to, environment=NEW)
    assert ended.status == 1
    assert "seal" in ended.err
    _opens(started, data, root, OLD)
    _rotate(data, to, OLD)
    _opens(started, data, root)


def _next_is_written(data: Path, to: str) -> None:
    rotation.write_next(data, rotation.Next(seal=to))


def _seal_is_made(data: Path, to: str) -> None:
    _next_is_written(data, to)
    parse_seal(to, data).create(os.urandom, _nobody)


def _seal_is_known(data: Path, to: str) -> None:
    rotation.prepare(data, to, _nobody)


def _keys_are_wrapped(data: Path, to: str) -> None:
    old = parse_seal(f"file:{data / 'seal.key'}", data).open(_nobody)
    new = rotation.prepare(data, to, _nobody)
    with open_store(data) as store:
        rotation.wrap(store, old, new)


CRASHES = [_next_is_written, _seal_is_made, _seal_is_known, _keys_are_wrapped]


@pytest.mark.parametrize("crash", CRASHES)
def test_a_crash_after_any_step_leaves_what_opens(
    started: Start, tmp_path: Path, crash: Callable[[Path, str], None]
) -> None:
    data, to = tmp_path / "data", f"file:{tmp_path / 'new.key'}"
    root = init(data)
    crash(data, to)
    _opens(started, data, root)
    assert _setting(data) == (to if crash is _keys_are_wrapped else "")


@pytest.mark.parametrize("crash", CRASHES)
def test_the_same_command_goes_on_after_a_crash(
    started: Start, tmp_path: Path, crash: Callable[[Path, str], None]
) -> None:
    data, to = tmp_path / "data", f"file:{tmp_path / 'new.key'}"
    root = init(data)
    crash(data, to)
    _rotate(data, to)
    assert _setting(data) == to
    (data / "seal.key").unlink()
    _opens(started, data, root)


@pytest.mark.parametrize("crash", CRASHES)
def test_another_command_begins_anew_after_a_crash(
    started: Start, tmp_path: Path, crash: Callable[[Path, str], None]
) -> None:
    data, to = tmp_path / "data", f"file:{tmp_path / 'new.key'}"
    root = init(data)
    crash(data, to)
    _rotate(data, "passphrase", TO_NEW)
    _opens(started, data, root, NEW)


def test_a_crash_on_the_way_to_a_passphrase(started: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    root = init(data, "--seal", "passphrase", environment=OLD)
    old = parse_seal("passphrase", data).open(lambda: "old one")
    rotation.prepare(data, "passphrase", lambda: "mistyped")
    _opens(started, data, root, OLD)
    new = rotation.prepare(data, "passphrase", lambda: "new one")
    with open_store(data) as store:
        rotation.wrap(store, old, new)
    _opens(started, data, root, NEW)


@pytest.mark.slow
def test_killed_at_some_moment(started: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    root = init(data)
    for attempt in range(8):
        to = f"file:{tmp_path / f'{attempt}.key'}"
        command = [PROGRAM, "seal", "rotate", "--data", str(data), "--to", to]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            time.sleep(0.1 + 0.08 * attempt)
            process.send_signal(signal.SIGKILL)
    _opens(started, data, root)


def test_the_passphrase_is_in_no_file(tmp_path: Path) -> None:
    data = tmp_path / "data"
    init(data)
    _rotate(data, "passphrase", TO_NEW)
    for path in data.rglob("*"):
        assert path.is_dir() or b"new one" not in path.read_bytes()
