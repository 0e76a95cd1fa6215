# SPDX-License-Identifier: Apache-2.0
"""The checksums that a client of S3 may send: CRC32, CRC32C, CRC64NVME, SHA-1, SHA-256.

The two that Python has no fast code for are computed byte by byte over a table.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final, Protocol


class Checksum(Protocol):
    """A checksum that is computed piece by piece."""

    def update(self, data: bytes, /) -> object: ...
    def digest(self) -> bytes: ...


class Crc32:
    """CRC32, as zlib has it."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


class ReflectedCrc:
    """A CRC whose polynomial is given bit-reversed; all ones go in and come out inverted."""

    def __init__(self, polynomial: int, bits: int) -> None:
        self._table = _table(polynomial)
        self._bits = bits
        self._value = self._ones = (1 << bits) - 1

    def update(self, data: bytes) -> None:
        table, value = self._table, self._value
        for byte in data:
            value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
        self._value = value

    def digest(self) -> bytes:
        return (self._value ^ self._ones).to_bytes(self._bits // 8, "big")


@cache
def _table(polynomial: int) -> tuple[int, ...]:
    """Return what each byte does to a reflected CRC."""
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (polynomial if value & 1 else 0)
        table.append(value)
    return tuple(table)


CHECKSUMS: Final[Mapping[str, Callable[[], Checksum]]] = MappingProxyType(
    {
        "crc32": Crc32,
        "crc32c": lambda: ReflectedCrc(0x82F63B78, 32),
        "crc64nvme": lambda: ReflectedCrc(0x9A6C9329AC4BC9B5, 64),
        "sha1": lambda: hashlib.sha1(usedforsecurity=False),
        "sha256": hashlib.sha256,
    }
)
"""By the name after `x-amz-checksum-`."""
