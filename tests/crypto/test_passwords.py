# SPDX-License-Identifier: Apache-2.0
"""Argon2id against the reference tool's vectors, and the rules of `derive`."""

from __future__ import annotations

import pytest

from stockade.crypto import passwords
from stockade.crypto.passwords import Cost

SALT = b"0123456789abcdef"


@pytest.mark.parametrize(
    ("memory", "iterations", "lanes", "expected"),
    [  # printf password | argon2 pycasalt -id -t T -k M -p P -l N
        (50, 4, 4, "e469b777841e543f"),
        (8, 1, 1, "009c7809"),
    ],
)
def test_argon2_tool(memory: int, iterations: int, lanes: int, expected: str) -> None:
    cost = Cost(memory_kib=memory, iterations=iterations, lanes=lanes)
    output = bytes.fromhex(expected)
    assert passwords.argon2id(b"password", b"pycasalt", cost, len(output)) == output


def test_derive_depends_on_everything() -> None:
    keys = {
        passwords.derive("correct horse", SALT, Cost()),
        passwords.derive("correct horse ", SALT, Cost()),
        passwords.derive("correct horse", SALT[::-1], Cost()),
        passwords.derive("correct horse", SALT, Cost(iterations=4)),
    }
    assert len(keys) == 4
    assert passwords.derive("correct horse", SALT, Cost()) in keys


def test_unicode_spellings_of_one_passphrase_are_one() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert passwords.derive(composed, SALT, Cost()) == passwords.derive(decomposed, SALT, Cost())


def test_weak_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="64 MiB"):
        passwords.derive("x", SALT, Cost(memory_kib=1024))
    with pytest.raises(ValueError, match="16 bytes"):
        passwords.derive("x", b"short", Cost())
