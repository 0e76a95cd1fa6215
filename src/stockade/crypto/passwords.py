# SPDX-License-Identifier: Apache-2.0
"""Keys from passphrases: Argon2id (RFC 9106), which makes every guess cost memory and time.

The parameters travel with whatever was derived, so that they can grow without locking anybody out.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated

import msgspec
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

SALT_SIZE = 16
LEAST_MEMORY_KIB = 64 * 1024


class Cost(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one guess costs; the defaults are RFC 9106's second recommended option."""

    memory_kib: Annotated[int, msgspec.Meta(ge=LEAST_MEMORY_KIB)] = LEAST_MEMORY_KIB
    iterations: Annotated[int, msgspec.Meta(ge=1)] = 3
    lanes: Annotated[int, msgspec.Meta(ge=1)] = 4


def derive(passphrase: str, salt: bytes, cost: Cost, length: int = 32) -> bytes:
    """Return the key of a passphrase; the same letters give the same key however they are typed.

    The passphrase goes through Unicode NFC first, as RFC 8265 asks of passwords.
    """
    if len(salt) < SALT_SIZE:
        raise ValueError("an Argon2id salt is at least 16 bytes long")
    if cost.memory_kib < LEAST_MEMORY_KIB:
        raise ValueError("Argon2id is not used with less than 64 MiB of memory")
    text = unicodedata.normalize("NFC", passphrase)
    return argon2id(text.encode(), salt, cost, length)


def argon2id(secret: bytes, salt: bytes, cost: Cost, length: int) -> bytes:
    """Return the bare Argon2id output, without the rules of `derive`."""
    function = Argon2id(
        salt=salt,
        length=length,
        iterations=cost.iterations,
        lanes=cost.lanes,
        memory_cost=cost.memory_kib,
    )
    return function.derive(secret)
