# SPDX-License-Identifier: Apache-2.0
"""The strict CBOR reader: what it takes it reads as cbor2 does, everything else it refuses."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.crypto.cbor import NotCbor, Tagged, decode

LEAVES = st.none() | st.integers(-(2**64), 2**64 - 1) | st.binary() | st.text()
KEYS = st.integers(-(2**64), 2**64 - 1) | st.text()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20
)


@given(value=VALUES)
def test_reads_what_cbor2_writes(value: Any) -> None:
    assert decode(cbor2.dumps(value), depth=30) == value


@given(noise=st.binary(max_size=64))
def test_noise_is_read_as_cbor2_reads_it_or_refused(noise: bytes) -> None:
    try:
        value = decode(noise)
    except NotCbor:
        return
    if not holds_tag(value):  # cbor2 makes something of its own of many tags
        assert cbor2.loads(noise) == value


def holds_tag(value: Any) -> bool:
    if isinstance(value, Tagged):
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(holds_tag(each) for each in inner)


def test_open_maps_and_lists_are_read() -> None:
    assert decode(bytes.fromhex("bf 6161 01 6162 9f 02 03 ff ff")) == {"a": 1, "b": [2, 3]}
    assert decode(bytes.fromhex("d2 81 f6")) == Tagged(18, [None])


@pytest.mark.parametrize(
    "data",
    [
        "",
        "ff",
        "0101",  # something behind it
        "18",  # a number that is not there
        "1c",  # reserved
        "5bffffffffffffffff",  # a length that nobody has
        "9bffffffffffffffff",
        "5f4161ff",  # strings in pieces
        "7f6161ff",
        "bf616101",  # no end
        "bf6161ff",  # half an entry
        "61ff",  # no UTF-8
        "a2616101616102",  # a key that comes twice
        "a2010118 0102",
        "a1f601",  # keys that are neither integer nor text
        "a1416101",
        "a18001",
        "f5",
        "f7",
        "fb3ff0000000000000",
        "81818181818100",  # too deep
        "c6c6c6c6c6c600",
    ],
)
def test_everything_else_is_refused(data: str) -> None:
    with pytest.raises(NotCbor):
        decode(bytes.fromhex(data))


def test_a_long_nest_does_not_overflow_the_stack() -> None:
    for opening in (b"\x81", b"\x9f", b"\xa1\x01", b"\xc6"):
        with pytest.raises(NotCbor):
            decode(opening * 100_000)
