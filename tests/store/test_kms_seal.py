# SPDX-License-Identifier: Apache-2.0
"""Seals in a KMS elsewhere: another Stockade, reached by its wire."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stockade import kms_seal
from stockade.app import Stockade
from stockade.core.clock import ManualClock
from stockade.crypto.aead import Tampered
from stockade.kms_seal import KmsChoice, KmsSeal
from stockade.seals import parse_seal
from stockade.store.errors import StoreUnavailable
from stockade.store.seal import SealError
from stockade.testing.transport import session

KEY = bytes(range(32))
ARN = "arn:aws:kms:eu-west-1:111122223333:key/12345678-1234-1234-1234-123456789012"


def nobody() -> str:
    raise AssertionError("nobody was asked")


@pytest.fixture
def remote() -> Iterator[Any]:
    app = Stockade.in_memory(clock=ManualClock.today())
    yield session(app).client("kms")
    app.close()


@pytest.fixture
def arn(remote: Any) -> str:
    return str(remote.create_key()["KeyMetadata"]["Arn"])


def test_a_seal_opens_what_it_wrapped_before(remote: Any, arn: str) -> None:
    seal = KmsSeal(lambda: remote, arn, "prod")
    seal.check()
    blob = seal.wrap(KEY, b"domain", b"")
    assert KmsSeal(lambda: remote, arn, "prod").unwrap(blob, b"domain") == KEY
    other = remote.create_key()["KeyMetadata"]["Arn"]
    for with_, changed, aad in (
        (seal, blob, b"another"),
        (KmsSeal(lambda: remote, arn, "test"), blob, b"domain"),
        (KmsSeal(lambda: remote, other, "prod"), blob, b"domain"),
        (seal, blob[:-1] + bytes([blob[-1] ^ 1]), b"domain"),
        (seal, b"\x01" + blob[1:], b"domain"),
    ):
        with pytest.raises(Tampered):
            with_.unwrap(changed, aad)


def test_the_context_names_deployment_and_domain_key(remote: Any, arn: str) -> None:
    blob = KmsSeal(lambda: remote, arn, "prod").wrap(KEY, b"9:us-east-1id", b"")
    context = {"stockade:deployment": "prod", "stockade:domain-key": "9:us-east-1id"}
    opened = remote.decrypt(CiphertextBlob=blob[1:], EncryptionContext=context)
    assert opened["Plaintext"] == KEY


def test_a_key_that_is_switched_off_refuses(remote: Any, arn: str) -> None:
    seal = KmsSeal(lambda: remote, arn, "prod")
    blob = seal.wrap(KEY, b"", b"")
    remote.disable_key(KeyId=arn)
    with pytest.raises(StoreUnavailable, match="answers DisabledException"):
        seal.unwrap(blob, b"")
    remote.enable_key(KeyId=arn)
    assert seal.unwrap(blob, b"") == KEY


def test_a_kms_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(kms_seal, "ATTEMPTS", 1)
    with pytest.raises(SealError, match=r"no KMS for .*EndpointConnectionError") as caught:
        parse_seal(f"aws-kms:{ARN}", tmp_path).open(nobody)
    assert "AWS_ENDPOINT_URL_KMS" in caught.value.hint


def test_without_credentials_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SealError, match="NoCredentialsError"):
        parse_seal(f"aws-kms:{ARN}", tmp_path).open(nobody)


def test_settings_name_a_key_and_a_deployment(tmp_path: Path) -> None:
    assert parse_seal(f"aws-kms:{ARN}", tmp_path) == KmsChoice(
        arn=ARN, region="eu-west-1", deployment="stockade"
    )
    named = parse_seal(f"aws-kms:{ARN}?deployment=prod", tmp_path)
    assert named == KmsChoice(arn=ARN, region="eu-west-1", deployment="prod")
    for text in ("aws-kms:", "aws-kms:alias/x", f"aws-kms:{ARN}?x=y", "aws-kms:12345678"):
        with pytest.raises(SealError, match="names no key of a KMS"):
            parse_seal(text, tmp_path)


def test_a_multi_region_key_is_one_seal_in_all_regions() -> None:
    one, two = (
        KmsSeal(
            lambda: None, f"arn:aws:kms:{region}:111122223333:key/mrk-{'0' * 32}", "prod"
        ).describe()
        for region in ("eu-west-1", "us-east-1")
    )
    assert one == two
    other = KmsSeal(lambda: None, ARN, "prod").describe()
    assert other.fingerprint != KmsSeal(lambda: None, ARN, "test").describe().fingerprint
