# SPDX-License-Identifier: Apache-2.0
"""Randomness and identifiers: with `core/clock.py` the one place that asks the host for entropy.

AWS's identifiers have a shape that clients and people recognise: a UUID for keys, requests and
events, `AKIA`/`ASIA` plus 16 base32 letters for access keys, `AIDA`, `AROA`, `ANPA` for users,
roles and policies. The eight letters after the prefix carry the account, as AWS's own do, so that
an access key id names its account without a look-up.
"""

from __future__ import annotations

import base64
import os
import weakref
from collections.abc import Callable
from datetime import datetime

Random = Callable[[int], bytes]
"""Something that returns n random bytes: `os.urandom` in production, a seeded source in tests."""

_ACCOUNT_BITS = 40
_VARIANTS = "89ab"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def system_random(size: int) -> bytes:
    """Return `size` bytes from the operating system's generator."""
    return os.urandom(size)


class RandomPool:
    """Cuts pieces of one size from larger draws of the operating system.

    One system call per 256 pieces instead of one each. For identifiers and nonces, which are no
    secrets; never for key material. A forked child begins with an empty pool, so that no piece is
    handed out twice.
    """

    def __init__(self, source: Random = system_random, size: int = 16) -> None:
        self._source = source
        self._size = size
        self._pieces: list[bytes] = []
        pool = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _empty(pool()))

    def piece(self) -> bytes:
        """Return random bytes that are handed out once."""
        try:
            return self._pieces.pop()
        except IndexError:
            size = self._size
            block = self._source(256 * size)
            self._pieces = [block[i : i + size] for i in range(size, len(block), size)]
            return block[:size]

    def empty(self) -> None:
        """Forget the pieces that were drawn."""
        self._pieces.clear()

    def uuid(self) -> str:
        """Return a random (version 4) UUID as text."""
        return uuid_of(self.piece())

    def uuid_at(self, moment: datetime) -> str:
        """Return a UUID that sorts by time, as text."""
        return ordered_uuid(int(moment.timestamp() * 1000), self.piece())


def uuid_of(random: bytes) -> str:
    """Return 16 random bytes as a version 4 UUID."""
    text = random.hex()
    variant = _VARIANTS[random[8] & 3]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"


def ordered_uuid(milliseconds: int, random: bytes) -> str:
    """Return a UUID that sorts by time (version 7): milliseconds since 1970, then randomness."""
    time = f"{milliseconds:012x}"
    text = random.hex()
    variant = _VARIANTS[random[8] & 3]
    return f"{time[:8]}-{time[8:]}-7{text[:3]}-{variant}{text[3:6]}-{text[6:18]}"


def _empty(pool: RandomPool | None) -> None:
    if pool is not None:
        pool.empty()


def unique_id(prefix: str, account: str, random: Random) -> str:
    """Return an AWS unique id: a 4-letter prefix, 8 letters of the account, 8 random letters.

    Examples: `AKIA...` a user's access key, `ASIA...` a session's, `AIDA...` a user.
    """
    account_part = int(account).to_bytes(_ACCOUNT_BITS // 8, "big")
    return prefix + base64.b32encode(account_part).decode() + random_letters(8, random)


def random_letters(count: int, random: Random) -> str:
    """Return `count` random base32 letters."""
    return "".join(_LETTERS[byte & 31] for byte in random(count))


def account_of(unique: str) -> str | None:
    """Return the 12-digit account that a unique id carries, or None if it carries none."""
    if len(unique) != 20 or any(letter not in _LETTERS for letter in unique[4:]):
        return None
    number = int.from_bytes(base64.b32decode(unique[4:12]), "big")
    return f"{number:012d}" if number < 10**12 else None


def secret_access_key(random: Random) -> str:
    """Return a secret access key: 40 letters of base64 from 30 random bytes."""
    return base64.b64encode(random(30)).decode()
