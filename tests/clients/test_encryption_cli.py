# SPDX-License-Identifier: Apache-2.0
"""`aws-encryption-cli` encrypts a real file of 100 MB through a KMS key, bit for bit."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.clients import Clients

pytestmark = pytest.mark.slow
MEGABYTE = 1_000_000
SECONDS = 240.0
CONTEXT = ("--encryption-context", "purpose=client-test", "tenant=a")


def crypt(clients: Clients, how: str, key: str, source: Path, target: Path) -> None:
    arguments = arguments_for(how, key, source, target)
    clients.done("aws-encryption-cli", *arguments, *CONTEXT, seconds=SECONDS)


def arguments_for(how: str, key: str, source: Path, target: Path) -> list[str]:
    files = ["--input", str(source), "--output", str(target)]
    return [how, *files, "--wrapping-keys", f"key={key}", "--suppress-metadata"]


def digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@pytest.mark.fact("kms-8")
@pytest.mark.fact("kms-37")
def test_a_file_of_100_mb_comes_back_bit_for_bit(clients: Clients, key: str) -> None:
    source, sealed, opened = (clients.home / name for name in ("source", "sealed", "opened"))
    with source.open("wb") as file:
        for _ in range(100):
            file.write(os.urandom(MEGABYTE))
    crypt(clients, "--encrypt", key, source, sealed)
    assert sealed.stat().st_size > 100 * MEGABYTE
    crypt(clients, "--decrypt", key, sealed, opened)
    assert opened.stat().st_size == 100 * MEGABYTE
    assert digest(opened) == digest(source)


@pytest.fixture
def sealed(clients: Clients, key: str) -> Path:
    """A small file, encrypted under the key with CONTEXT."""
    target = clients.home / "sealed"
    crypt(clients, "--encrypt", key, clients.file("source", b"the ledger"), target)
    return target


def refused(clients: Clients, key: str, sealed: Path, *options: str) -> str:
    """Return what the CLI logs when it may not decrypt, and see that it left no output.

    The CLI says no more than "Unable to decrypt any data key" unless its log shows KMS's answer.
    """
    target = clients.home / "opened"
    arguments = arguments_for("--decrypt", key, sealed, target)
    ended = clients.run("aws-encryption-cli", *arguments, "-vvv", *options)
    assert "Operation failed: deleting output file" in ended.stderr
    assert not target.exists()
    return ended.stderr


def trail(clients: Clients, key: str) -> dict[str, Any]:
    """Return the newest CloudTrail record of each kind of call that touched the key."""
    attribute = f"AttributeKey=ResourceName,AttributeValue={key}"
    look = ["cloudtrail", "lookup-events", "--lookup-attributes", attribute]
    events = clients.aws(*look)["Events"]
    return {event["EventName"]: json.loads(event["CloudTrailEvent"]) for event in reversed(events)}


@pytest.mark.fact("kms-5")
def test_its_calls_are_in_the_trail(
    clients: Clients, key: str, sealed: Path, enforced: None
) -> None:
    crypt(clients, "--decrypt", key, sealed, clients.home / "opened")
    records = trail(clients, key)
    assert {"CreateKey", "GenerateDataKey", "Decrypt"} == records.keys()
    for name in ("GenerateDataKey", "Decrypt"):
        context = records[name]["requestParameters"]["encryptionContext"]
        assert context["purpose"] == "client-test"
        assert "aws-crypto-public-key" in context
        assert "awsencryptionsdkcli" in records[name]["userAgent"].lower()


def test_another_encryption_context_does_not_open_it(
    clients: Clients, key: str, sealed: Path
) -> None:
    said = refused(clients, key, sealed, "--encryption-context", "purpose=other")
    assert "encryption context did not match required elements" in said
    crypt(clients, "--decrypt", key, sealed, clients.home / "opened")


def test_a_changed_encryption_context_does_not_open_it(
    clients: Clients, key: str, sealed: Path
) -> None:
    message = sealed.read_bytes()
    assert message.count(b"client-test") == 1
    sealed.write_bytes(message.replace(b"client-test", b"client-tesT"))
    assert "(InvalidCiphertextException)" in refused(clients, key, sealed)


def test_another_key_does_not_open_it(clients: Clients, sealed: Path) -> None:
    other = clients.aws("kms", "create-key")["KeyMetadata"]["Arn"]
    refused(clients, other, sealed, *CONTEXT)


@pytest.mark.fact("kms-4")
def test_a_disabled_key_does_not_open_it(clients: Clients, key: str, sealed: Path) -> None:
    clients.aws("kms", "disable-key", "--key-id", key)
    assert "(DisabledException)" in refused(clients, key, sealed, *CONTEXT)
    clients.aws("kms", "enable-key", "--key-id", key)
    crypt(clients, "--decrypt", key, sealed, clients.home / "opened")
    assert (clients.home / "opened").read_bytes() == b"the ledger"
