# SPDX-License-Identifier: Apache-2.0
"""Servers whose seal is in a token or in another KMS, and the way from each kind to each other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Start
from tests.cli.programs import PROGRAM, aws, init, serve, stockade
from tests.softhsm import PIN, SoftHsm

HOW_TO_ASK = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


class Kinds:
    """A seal of every kind, and the environment in which all of them open."""

    def __init__(self, softhsm: SoftHsm, started: Start, directory: Path) -> None:
        softhsm.make_token("Seals")
        pin = directory / "pin"
        pin.write_text(PIN)
        pin.chmod(0o600)
        self.remote = started("dev", "--port", "0")
        kms: Any = aws("kms", self.remote.endpoint)
        arn = kms.create_key()["KeyMetadata"]["Arn"]
        self.environment = {
            **softhsm.environment,
            **HOW_TO_ASK,
            "AWS_ENDPOINT_URL_KMS": self.remote.endpoint,
            "STOCKADE_PASSPHRASE": "open sesame",
            "STOCKADE_NEW_PASSPHRASE": "open sesame",
        }
        self.seals = {
            "file": f"file:{directory / 'seal.key'}",
            "passphrase": "passphrase",
            "pkcs11": softhsm.uri("Seals", "stockade", pin),
            "aws-kms": f"aws-kms:{arn}",
        }

    def rotate(self, data: Path, kind: str) -> None:
        command = ("seal", "rotate", "--data", str(data), "--to", self.seals[kind])
        ended = stockade(*command, environment=self.environment)
        assert (ended.status, ended.err) == (0, "")
        assert json.loads((data / "stockade.json").read_text())["seal"] == self.seals[kind]


@pytest.fixture
def kinds(softhsm: SoftHsm, started: Start, tmp_path: Path) -> Kinds:
    return Kinds(softhsm, started, tmp_path)


@pytest.mark.parametrize("kind", ["pkcs11", "aws-kms"])
def test_a_server_with_workers_keeps_what_it_is_given(
    started: Start, kinds: Kinds, tmp_path: Path, kind: str
) -> None:
    data = tmp_path / "data"
    root = init(data, "--seal", kinds.seals[kind], environment=kinds.environment)
    assert not (data / "seal.key").exists()
    blob = b""
    for _ in range(2):
        server = started(*serve(data), "--workers", "2", environment=kinds.environment)
        kms: Any = aws("kms", server.endpoint, *root)
        if not blob:
            key_id = kms.create_key()["KeyMetadata"]["KeyId"]
            blob = kms.encrypt(KeyId=key_id, Plaintext=b"kept")["CiphertextBlob"]
        assert [kms.decrypt(CiphertextBlob=blob)["Plaintext"] for _ in range(6)] == [b"kept"] * 6
        assert server.stop() == 0


def test_without_its_seal_a_server_does_not_start(kinds: Kinds, tmp_path: Path) -> None:
    data = tmp_path / "data"
    init(data, "--seal", kinds.seals["aws-kms"], environment=kinds.environment)
    kinds.remote.stop()
    ended = stockade(*serve(data), environment=kinds.environment)
    assert ended.status == 1
    assert "the seal cannot be used: no KMS for arn:aws:kms:" in ended.err
    assert "hint: credentials and endpoint are found as AWS's SDKs find them" in ended.err


@pytest.mark.slow
def test_from_every_kind_to_the_next(started: Start, kinds: Kinds, tmp_path: Path) -> None:
    data = tmp_path / "data"
    root = init(data)
    for kind in ("pkcs11", "aws-kms", "passphrase", "pkcs11", "passphrase", "aws-kms", "file"):
        kinds.rotate(data, kind)
    server = started(*serve(data))
    assert aws("sts", server.endpoint, *root).get_caller_identity()["Account"] == "000000000000"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pkcs11", "aws-kms"])
def test_killed_at_some_moment(started: Start, kinds: Kinds, tmp_path: Path, kind: str) -> None:
    """Back and forth between a passphrase and the kind, killed on the way."""
    data = tmp_path / "data"
    root = init(data, "--seal", "passphrase", environment=kinds.environment)
    for attempt in range(6):
        to = kinds.seals[kind if attempt % 2 == 0 else "passphrase"]
        command = [PROGRAM, "seal", "rotate", "--data", str(data), "--to", to]
        environment = {**os.environ, **kinds.environment}
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
            time.sleep(0.3 + 0.12 * attempt)
            process.send_signal(signal.SIGKILL)
    server = started(*serve(data), environment=kinds.environment)
    assert aws("sts", server.endpoint, *root).get_caller_identity()["Account"] == "000000000000"
