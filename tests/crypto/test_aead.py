# SPDX-License-Identifier: Apache-2.0
"""AES-256-GCM against Wycheproof's vectors and against every single changed bit."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.crypto import aead

VECTORS = Path(
    os.environ.get("STOCKADE_VECTORS", str(Path(__file__).parents[2] / "../shared/vectors"))
)
KEYS = st.binary(min_size=32, max_size=32)
NONCES = st.binary(min_size=12, max_size=12)


def wycheproof() -> list[dict[str, Any]]:
    path = VECTORS / "wycheproof" / "aes_gcm_test.json"
    if not path.exists():
        return []
    groups = json.loads(path.read_text())["testGroups"]
    wanted = [g for g in groups if (g["keySize"], g["ivSize"], g["tagSize"]) == (256, 96, 128)]
    return [test for group in wanted for test in group["tests"]]


@pytest.mark.skipif(not wycheproof(), reason="no Wycheproof vectors (set STOCKADE_VECTORS)")
def test_wycheproof() -> None:
    for test in wycheproof():
        key, nonce, aad, message, sealed, tag = (
            bytes.fromhex(test[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")
        )
        if test["result"] == "valid":
            assert aead.seal(key, nonce, message, aad) == sealed + tag, test["tcId"]
            assert aead.open(key, nonce, sealed + tag, aad) == message, test["tcId"]
        else:
            with pytest.raises(aead.Tampered):
                aead.open(key, nonce, sealed + tag, aad)


@given(KEYS, NONCES, st.binary(max_size=200), st.binary(max_size=50))
def test_round_trip(key: bytes, nonce: bytes, message: bytes, aad: bytes) -> None:
    box = aead.seal(key, nonce, message, aad)
    assert len(box) == len(message) + aead.TAG_SIZE
    assert aead.open(key, nonce, box, aad) == message
    assert aead.open_with(aead.cipher(key), nonce, box, aad) == message


def test_every_changed_bit_is_noticed() -> None:
    key, nonce, aad = bytes(range(32)), bytes(12), b"row 7"
    box = aead.seal(key, nonce, b"secret", aad)
    for position in range(8 * len(box)):
        changed = bytearray(box)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(aead.Tampered):
            aead.open(key, nonce, bytes(changed), aad)


@pytest.mark.parametrize("size", [0, 15])
def test_a_box_without_a_whole_tag_is_refused(size: int) -> None:
    with pytest.raises(aead.Tampered):
        aead.open(bytes(32), bytes(12), bytes(size), b"")


def test_other_key_nonce_or_data_does_not_open() -> None:
    box = aead.seal(bytes(32), bytes(12), b"secret", b"a")
    for key, nonce, aad in [
        (bytes([1] * 32), bytes(12), b"a"),
        (bytes(32), bytes([1] * 12), b"a"),
        (bytes(32), bytes(12), b"b"),
        (bytes(32), bytes(11), b"a"),
    ]:
        with pytest.raises(aead.Tampered):
            aead.open(key, nonce, box, aad)


def test_lengths_are_enforced() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        aead.seal(bytes(16), bytes(12), b"", b"")
    with pytest.raises(ValueError, match="12 bytes"):
        aead.seal(bytes(32), bytes(16), b"", b"")


def test_tampered_says_nothing_of_the_contents() -> None:
    with pytest.raises(aead.Tampered) as caught:
        aead.open(bytes(32), bytes(12), b"very secret bytes, 30 of them!", b"aad")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
