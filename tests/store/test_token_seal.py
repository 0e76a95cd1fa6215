# SPDX-License-Identifier: Apache-2.0
"""Seals in PKCS#11 tokens, on SoftHSM 2."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stockade.crypto.aead import Tampered
from stockade.seals import parse_seal
from stockade.store.errors import StoreUnavailable
from stockade.store.seal import SealError, SealMissing
from stockade.store.token_uri import TokenUri
from stockade.store.tokens import Token
from tests.softhsm import MODULE, PIN, SoftHsm

KEY = bytes(range(32))
NONCE = bytes(12)


def pin() -> str:
    return PIN


def nobody() -> str:
    raise AssertionError("nobody was asked")


@pytest.fixture
def setting(softhsm: SoftHsm) -> str:
    softhsm.make_token("Seals")
    return softhsm.uri("Seals", "stockade")


def test_a_seal_opens_what_it_wrapped_before(setting: str, tmp_path: Path) -> None:
    choice = parse_seal(setting, tmp_path)
    assert not choice.exists(pin)
    made = choice.create(os.urandom, pin)
    assert choice.exists(pin)
    opened = parse_seal(setting, tmp_path).open(pin)
    assert opened.describe() == made.describe()
    assert made.describe().kind == "pkcs11"
    blob = made.wrap(KEY, b"domain", NONCE)
    assert opened.unwrap(blob, b"domain") == KEY
    assert KEY not in blob
    for changed, aad in ((blob, b"other"), (blob[:-1], b"domain"), (b"\x01" + blob[1:], b"domain")):
        with pytest.raises(Tampered):
            opened.unwrap(changed, aad)


def test_two_keys_are_two_seals(softhsm: SoftHsm, setting: str, tmp_path: Path) -> None:
    one = parse_seal(setting, tmp_path).create(os.urandom, pin)
    two = parse_seal(softhsm.uri("Seals", "next"), tmp_path).create(os.urandom, pin)
    assert one.describe().fingerprint != two.describe().fingerprint
    with pytest.raises(Tampered):
        two.unwrap(one.wrap(KEY, b"", NONCE), b"")


def test_a_key_that_is_there_is_taken(setting: str, tmp_path: Path) -> None:
    token = Token(TokenUri(module=MODULE, token="Seals"), PIN)
    token.key("stockade", b"from a ceremony").generate()
    made = parse_seal(setting, tmp_path).create(os.urandom, pin)
    assert parse_seal(setting, tmp_path).open(pin).describe() == made.describe()


def test_a_key_without_an_id_is_refused(setting: str, tmp_path: Path) -> None:
    Token(TokenUri(module=MODULE, token="Seals"), PIN).key("stockade", b"1").generate()
    with pytest.raises(SealError, match="no CKA_ID that tells it from others"):
        parse_seal(setting, tmp_path).open(pin)


def test_the_pin_is_in_a_private_file(softhsm: SoftHsm, tmp_path: Path) -> None:
    softhsm.make_token("Seals")
    file = tmp_path / "pin"
    file.write_text(PIN + "\n")
    choice = parse_seal(softhsm.uri("Seals", "stockade", file), tmp_path)
    file.chmod(0o644)
    with pytest.raises(SealError, match=r"the PIN file .* can be read by others"):
        choice.create(os.urandom, nobody)
    file.chmod(0o600)
    choice.create(os.urandom, nobody)


def test_a_token_or_key_that_is_not_there(softhsm: SoftHsm, setting: str, tmp_path: Path) -> None:
    with pytest.raises(SealMissing, match="the token Seals has not the seal"):
        parse_seal(setting, tmp_path).open(pin)
    with pytest.raises(SealError, match="refuses the PIN"):
        parse_seal(setting, tmp_path).open(lambda: "wrong pin")
    with pytest.raises(SealError, match="the token Other is not there"):
        parse_seal(softhsm.uri("Other", "stockade"), tmp_path).open(pin)
    for text in ("pkcs11:object=a?module-path=/m.so", "pkcs11:token=a?module-path=/m.so"):
        with pytest.raises(SealError, match="names no"):
            parse_seal(text, tmp_path)


def test_a_token_that_is_gone_refuses_and_may_come_back(
    softhsm: SoftHsm, setting: str, tmp_path: Path
) -> None:
    seal = parse_seal(setting, tmp_path).create(os.urandom, pin)
    blob = seal.wrap(KEY, b"", NONCE)
    away = tmp_path / "away"
    softhsm.directory.rename(away)
    softhsm.directory.mkdir()
    softhsm.begin_anew()
    with pytest.raises(StoreUnavailable, match="the seal cannot be used: the token Seals"):
        seal.unwrap(blob, b"")
    softhsm.directory.rmdir()
    away.rename(softhsm.directory)
    softhsm.begin_anew()
    assert seal.unwrap(blob, b"") == KEY
