# SPDX-License-Identifier: Apache-2.0
"""QR codes: codes that another implementation has read, and the PNG around them."""

from __future__ import annotations

import hashlib
import struct
import zlib

import pytest

from stockade.services.iam.qr_code import QUIET, SCALE, matrix, png

TEXT = "otpauth://totp/phone@000000000000?secret=" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" * 20
READ = {
    20: (45, "ad878201d48637db"),
    154: (45, "2a83e3fe4786784d"),
    155: (49, "145bf8accf0443c7"),
    271: (57, "25768976f9dca4e4"),
    300: (61, "685b498194900a5f"),
    425: (69, "dddaa7f636472a92"),
}
"""Length of the text -> size and hash of a code that OpenCV's reader gave back."""


@pytest.mark.parametrize("length", READ)
def test_codes_are_those_that_were_read(length: int) -> None:
    modules = matrix(TEXT[:length].encode())
    bits = "".join("01"[dark] for row in modules for dark in row)
    digest = hashlib.sha256(bits.encode()).hexdigest()[:16]
    assert (len(modules), digest) == READ[length]


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        matrix(bytes(426))


def test_the_picture_has_every_module() -> None:
    picture, modules = png(TEXT[:120]), matrix(TEXT[:120].encode())
    width, height, depth, colour = struct.unpack(">IIBB", picture[16:26])
    side = (len(modules) + 2 * QUIET) * SCALE
    assert (width, height, depth, colour) == (side, side, 1, 0)
    length = struct.unpack(">I", picture[33:37])[0]
    rows = zlib.decompress(picture[41 : 41 + length])
    stride = 1 + -(-side // 8)
    assert len(rows) == stride * side

    def dark(x: int, y: int) -> bool:
        return not rows[y * stride + 1 + x // 8] >> (7 - x % 8) & 1

    middle = SCALE // 2
    for down, row in enumerate(modules):
        for right, module in enumerate(row):
            at = (QUIET + right) * SCALE + middle, (QUIET + down) * SCALE + middle
            assert dark(*at) is module
