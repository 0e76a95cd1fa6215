# SPDX-License-Identifier: Apache-2.0
"""QR codes (ISO/IEC 18004) as PNG, as far as authenticator apps need them.

Byte mode, error correction level L, versions 7 to 13: up to 425 bytes. The mask is always the first
one: choosing among all eight helps poor prints, not screens.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

VERSIONS: Final[Mapping[int, tuple[int, tuple[int, ...]]]] = MappingProxyType(
    {
        7: (20, (78, 78)),
        8: (24, (97, 97)),
        9: (30, (116, 116)),
        10: (18, (68, 68, 69, 69)),
        11: (20, (81, 81, 81, 81)),
        12: (24, (92, 92, 93, 93)),
        13: (26, (107, 107, 107, 107)),
    }
)
"""Version -> codewords of error correction a block, codewords of data in each block."""
FORMAT = 0x77C4
"""Level L with the first mask, protected by its own code."""
QUIET, SCALE = 4, 4
"""Modules around the code; pixels of a module."""

Matrix = list[list[bool]]


def png(text: str) -> bytes:
    """Return the QR code of a text as a black and white PNG."""
    rows = [_pixels(row) for row in _framed(matrix(text.encode()))]
    width = len(rows[0])
    packed = b"".join(
        (b"\0" + int(row, 2).to_bytes(len(row) // 8, "big")) * SCALE
        for row in (row.ljust(-(-width // 8) * 8, "1") for row in rows)
    )
    header = struct.pack(">IIBBBBB", width, width, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(packed, 9))
        + _chunk(b"IEND", b"")
    )


def matrix(content: bytes) -> Matrix:
    """Return the modules of a QR code, row by row; True is dark."""
    version = next((v for v in VERSIONS if len(content) <= _capacity(v)), None)
    if version is None:
        raise ValueError("too long for a QR code of these versions")
    fixed = _patterns(version)
    size = 4 * version + 17
    bits = "".join(f"{word:08b}" for word in _codewords(content, version))
    free = [place for place in _zigzag(size) if place not in fixed]
    modules = dict(fixed)
    for (row, column), bit in zip(free, bits.ljust(len(free), "0"), strict=True):
        modules[row, column] = (bit == "1") ^ ((row + column) % 2 == 0)
    return [[modules[row, column] for column in range(size)] for row in range(size)]


def _capacity(version: int) -> int:
    """Return how many bytes fit beside the mode and the length."""
    return sum(VERSIONS[version][1]) - (2 if version < 10 else 3)


def _codewords(content: bytes, version: int) -> Iterator[int]:
    """Yield the codewords of all blocks, interleaved: data, then error correction."""
    correction, sizes = VERSIONS[version]
    length = 8 if version < 10 else 16
    bits = f"0100{len(content):0{length}b}" + "".join(f"{byte:08b}" for byte in content) + "0000"
    data = [int(bits[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(bits), 8)]
    data += [(0xEC, 0x11)[at % 2] for at in range(sum(sizes) - len(data))]
    blocks, at = [], 0
    for each in sizes:
        blocks.append(data[at : at + each])
        at += each
    checks = [_correction(block, correction) for block in blocks]
    for part in (blocks, checks):
        for place in range(max(map(len, part))):
            yield from (block[place] for block in part if place < len(block))


def _correction(data: Sequence[int], count: int) -> list[int]:
    """Return the Reed-Solomon codewords of a block: what is left by the generator."""
    generator = [1]
    for power in range(count):
        root = _power(power)
        scaled = [0, *(_times(root, each) for each in generator)]
        generator = [a ^ b for a, b in zip([*generator, 0], scaled, strict=True)]
    left = [*data, *([0] * count)]
    for at in range(len(data)):
        factor = left[at]
        for offset, each in enumerate(generator):
            left[at + offset] ^= _times(factor, each)
    return left[len(data) :]


def _times(a: int, b: int) -> int:
    """Return the product in GF(256) over x^8 + x^4 + x^3 + x^2 + 1."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = (a << 1) ^ (0x11D if a & 0x80 else 0)
        b >>= 1
    return product


def _power(exponent: int) -> int:
    power = 1
    for _ in range(exponent):
        power = _times(power, 2)
    return power


def _patterns(version: int) -> dict[tuple[int, int], bool]:
    """Return the modules that every code of a version has."""
    size = 4 * version + 17
    fixed: dict[tuple[int, int], bool] = {}
    for at in range(size):
        fixed[6, at] = fixed[at, 6] = at % 2 == 0
    last = size - 7
    middle = (6 + last) // 2
    for row in (6, middle, last):
        for column in (6, middle, last):
            if (row, column) not in ((6, 6), (6, last), (last, 6)):
                _rings(fixed, row, column, 2, size)
    for row, column in ((3, 3), (3, size - 4), (size - 4, 3)):
        _rings(fixed, row, column, 4, size)
    _format(fixed, size)
    _version(fixed, size, version)
    return fixed


def _rings(
    fixed: dict[tuple[int, int], bool], row: int, column: int, radius: int, size: int
) -> None:
    """Draw a square of rings; a corner's (radius 4) includes its light border."""
    for down in range(-radius, radius + 1):
        for right in range(-radius, radius + 1):
            place = row + down, column + right
            if min(place) >= 0 and max(place) < size:
                ring = max(abs(down), abs(right))
                fixed[place] = ring not in (2, 4) if radius == 4 else ring != 1


def _format(fixed: dict[tuple[int, int], bool], size: int) -> None:
    near = [(row, 8) for row in (0, 1, 2, 3, 4, 5, 7, 8)]
    near += [(8, column) for column in (7, 5, 4, 3, 2, 1, 0)]
    far = [(8, size - 1 - at) for at in range(8)] + [(size - 7 + at, 8) for at in range(7)]
    for places in (near, far):
        for at, place in enumerate(places):
            fixed[place] = bool(FORMAT >> at & 1)
    fixed[size - 8, 8] = True


def _version(fixed: dict[tuple[int, int], bool], size: int, version: int) -> None:
    left = version << 12
    for bit in range(17, 11, -1):
        left ^= 0x1F25 << bit - 12 if left >> bit & 1 else 0
    value = version << 12 | left
    for at in range(18):
        far, near = size - 11 + at % 3, at // 3
        fixed[near, far] = fixed[far, near] = bool(value >> at & 1)


def _zigzag(size: int) -> Iterator[tuple[int, int]]:
    """Yield all places in the order of the bits: pairs of columns from the right, up and down."""
    columns = [*range(size - 1, 6, -2), *range(5, 0, -2)]
    for turn, right in enumerate(columns):
        rows = range(size) if turn % 2 else range(size - 1, -1, -1)
        for row in rows:
            yield row, right
            yield row, right - 1


def _framed(modules: Matrix) -> Matrix:
    side = [False] * QUIET
    line = [False] * (len(modules) + 2 * QUIET)
    return [line] * QUIET + [[*side, *row, *side] for row in modules] + [line] * QUIET


def _pixels(row: Sequence[bool]) -> str:
    """Return a row as bits, where 1 is light."""
    return "".join(("0" if dark else "1") * SCALE for dark in row)


def _chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
