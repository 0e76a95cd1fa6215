# SPDX-License-Identifier: Apache-2.0
"""SOPS encrypts a YAML file under a KMS key; it knows the server by AWS_ENDPOINT_URL alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.clients import Clients

pytestmark = pytest.mark.slow
PLAIN = b"database:\n    user: app\n    password: correct horse battery staple\n"


@pytest.fixture
def plain(clients: Clients) -> Path:
    """A YAML file with a secret."""
    return clients.file("secrets.yaml", PLAIN)


def encrypt(clients: Clients, plain: Path, *options: str) -> Path:
    """Encrypt a YAML file with SOPS into a new file."""
    text = clients.done("sops", "encrypt", *options, str(plain))
    return clients.file("secrets.enc.yaml", text.encode())


def decrypt(clients: Clients, sealed: Path) -> bytes:
    return clients.done("sops", "decrypt", str(sealed)).encode()


def test_a_yaml_file_comes_back(clients: Clients, key: str, plain: Path) -> None:
    sealed = encrypt(clients, plain, "--kms", key)
    text = sealed.read_text()
    assert "password: ENC[AES256_GCM" in text
    assert "correct horse" not in text
    assert key in text
    assert decrypt(clients, sealed) == PLAIN


def test_the_encryption_context_binds_it(clients: Clients, key: str, plain: Path) -> None:
    sealed = encrypt(clients, plain, "--kms", key, "--encryption-context", "stage:prod")
    assert decrypt(clients, sealed) == PLAIN
    sealed.write_text(sealed.read_text().replace("stage: prod", "stage: test"))
    ended = clients.run("sops", "decrypt", str(sealed))
    assert ended.returncode != 0
    assert "InvalidCiphertextException" in ended.stderr
    assert "correct horse" not in ended.stdout


@pytest.mark.fact("kms-4")
def test_a_disabled_key_does_not_open_it(clients: Clients, key: str, plain: Path) -> None:
    sealed = encrypt(clients, plain, "--kms", key)
    clients.aws("kms", "disable-key", "--key-id", key)
    ended = clients.run("sops", "decrypt", str(sealed))
    assert ended.returncode != 0
    assert "DisabledException" in ended.stderr


def test_the_data_key_is_rotated(clients: Clients, key: str, plain: Path) -> None:
    sealed = encrypt(clients, plain, "--kms", key)
    before = sealed.read_text()
    clients.done("sops", "rotate", "--in-place", str(sealed))
    assert sealed.read_text() != before
    assert decrypt(clients, sealed) == PLAIN
