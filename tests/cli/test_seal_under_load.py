# SPDX-License-Identifier: Apache-2.0
"""`stockade seal rotate` while a server answers: nothing is refused, nothing is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any, Self

import pytest

from stockade.crypto.aead import Tampered
from stockade.store.seal import RootKey, create_file_seal
from stockade.succession import HANDOVER_FILE, Succession, hand_over
from tests.cli.conftest import Start
from tests.cli.programs import PROGRAM, Server, aws, init, serve, stockade
from tests.softhsm import PIN, SoftHsm

PASSPHRASES = {"STOCKADE_PASSPHRASE": "one", "STOCKADE_NEW_PASSPHRASE": "one"}


class Load:
    """Callers that never stop: new keys, old blobs, in Regions that have no domain key yet."""

    def __init__(self, server: Server, root: tuple[str, str]) -> None:
        self.server = server
        self.root = root
        self.failures: list[Exception] = []
        self.done = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in (0, 1)]

    def _work(self, number: int) -> None:
        kms: Any = aws("kms", self.server.endpoint, *self.root)
        blobs: list[bytes] = []
        while not self._stop.is_set():
            try:
                if len(blobs) < 20:
                    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
                    blobs.append(
                        kms.encrypt(KeyId=key_id, Plaintext=b"%d" % number)["CiphertextBlob"]
                    )
                for blob in blobs[-5:]:
                    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"%d" % number
                self.done += 1
            except Exception as fault:  # noqa: BLE001  whatever a client could get to see
                self.failures.append(fault)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def go_on(self) -> None:
        """Wait until every caller has been answered again."""
        enough = self.done + 8
        while self.done < enough and not self.failures:
            threading.Event().wait(0.02)


def _rotate(data: Path, to: str, environment: dict[str, str]) -> None:
    command = ("seal", "rotate", "--data", str(data), "--to", to)
    ended = stockade(*command, environment=environment)
    assert (ended.status, ended.err) == (0, "")
    assert "The running server follows" in ended.out


def _workers(server: Server) -> list[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(server.process.pid)],
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(pid) for pid in listed.stdout.split()]


@pytest.mark.slow
def test_a_running_server_follows_from_seal_to_seal(
    started: Start, softhsm: SoftHsm, tmp_path: Path
) -> None:
    softhsm.make_token("Seals")
    environment = {**softhsm.environment, **PASSPHRASES}
    data = tmp_path / "data"
    root = init(data)
    server = started(*serve(data), "--workers", "2", environment=environment)
    with Load(server, root) as load:
        load.go_on()
        _rotate(data, "passphrase", environment)
        load.go_on()
        assert b"one" not in (data / HANDOVER_FILE).read_bytes()
        two = {**environment, "STOCKADE_NEW_PASSPHRASE": "two"}
        _rotate(data, "passphrase", two)
        load.go_on()
        to_token = {**environment, "STOCKADE_PASSPHRASE": "two", "STOCKADE_NEW_PASSPHRASE": PIN}
        _rotate(data, softhsm.uri("Seals", "stockade"), to_token)
        load.go_on()
        assert load.failures == []
    # Workers that are started now begin with the seal of long ago.
    for pid in _workers(server):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    kms: Any = aws("kms", server.endpoint, *root)
    for _ in range(100):
        try:
            key_id = kms.create_key()["KeyMetadata"]["KeyId"]
            break
        except Exception:  # noqa: BLE001  until the new workers answer
            threading.Event().wait(0.1)
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"new workers")["CiphertextBlob"]
    assert server.stop() == 0
    server = started(*serve(data), environment={**environment, "STOCKADE_PASSPHRASE": PIN})
    assert not (data / HANDOVER_FILE).exists()
    kms = aws("kms", server.endpoint, *root)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"new workers"


@pytest.mark.slow
def test_rotations_that_are_killed_refuse_nobody_anything(started: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    root = init(data)
    server = started(*serve(data), "--workers", "2")
    with Load(server, root) as load:
        for attempt in range(6):
            to = f"file:{tmp_path / f'{attempt}.key'}"
            command = [PROGRAM, "seal", "rotate", "--data", str(data), "--to", to]
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.25 + 0.1 * attempt)
                process.kill()
            load.go_on()
        _rotate(data, f"file:{tmp_path / 'last.key'}", {})
        load.go_on()
        assert load.failures == []
    assert server.stop() == 0
    server = started(*serve(data))
    assert aws("sts", server.endpoint, *root).get_caller_identity()["Account"] == "000000000000"


@pytest.fixture
def seals() -> list[RootKey]:
    return [RootKey("memory", bytes([number]) * 32) for number in range(4)]


def test_who_has_no_seal_of_the_way_finds_no_other(tmp_path: Path, seals: list[RootKey]) -> None:
    new = create_file_seal(tmp_path / "new.key", os.urandom)
    wanted = new.describe().fingerprint
    setting = f"file:{tmp_path / 'new.key'}"
    assert Succession(tmp_path)(seals[0], wanted) is None
    hand_over(tmp_path, seals[0], new, setting, "secret", os.urandom)
    found = Succession(tmp_path)(seals[0], wanted)
    assert found is not None
    assert found.describe() == new.describe()
    assert Succession(tmp_path)(seals[1], wanted) is None
    assert b"secret" not in (tmp_path / HANDOVER_FILE).read_bytes()
    assert (tmp_path / HANDOVER_FILE).stat().st_mode & 0o077 == 0


def test_a_way_that_was_tampered_with_leads_nowhere(tmp_path: Path, seals: list[RootKey]) -> None:
    new = create_file_seal(tmp_path / "new.key", os.urandom)
    other = create_file_seal(tmp_path / "other.key", os.urandom)
    hand_over(tmp_path, seals[0], new, f"file:{tmp_path / 'new.key'}", "", os.urandom)
    path = tmp_path / HANDOVER_FILE
    one, two = new.describe().fingerprint, other.describe().fingerprint
    path.write_text(path.read_text().replace(one, two).replace("new.key", "other.key"))
    with pytest.raises(Tampered):
        Succession(tmp_path)(seals[0], two)
