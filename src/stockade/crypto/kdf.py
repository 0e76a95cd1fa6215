# SPDX-License-Identifier: Apache-2.0
"""Key derivation: NIST SP 800-108 in counter mode with HMAC-SHA-256, which AWS KMS itself uses.

Block i of the output is HMAC(key, [i] || label || 00 || context || [L]), with the counter i and
the output length L in bits as 32-bit big-endian numbers. Written on `hmac.digest`, because one
derivation stands on the way of every Encrypt and Decrypt; tests hold it against `cryptography`'s
KBKDFHMAC and NIST's vectors.
"""

from __future__ import annotations

import hmac

_BLOCK = 32
_FIRST = b"\x00\x00\x00\x01"
_SECOND = b"\x00\x00\x00\x02"
_MAXIMUM = 255 * _BLOCK


def counter_hmac_sha256(key: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """Derive `length` bytes (at most 8,160) from a key for a purpose (`label`) and a `context`."""
    fixed = b"%b\x00%b%b" % (label, context, (8 * length).to_bytes(4, "big"))
    return from_fixed_input(key, fixed, length)


def from_fixed_input(key: bytes, fixed: bytes, length: int) -> bytes:
    """Derive `length` bytes from a key and SP 800-108's fixed input data as they stand."""
    if 0 < length <= _BLOCK:
        return hmac.digest(key, _FIRST + fixed, "sha256")[:length]
    if length == 2 * _BLOCK:  # what every Encrypt and Decrypt derives
        first = hmac.digest(key, _FIRST + fixed, "sha256")
        return first + hmac.digest(key, _SECOND + fixed, "sha256")
    if not 0 < length <= _MAXIMUM:
        raise ValueError("a derived key is 1 to 8,160 bytes long")
    blocks = range(1, -(-length // _BLOCK) + 1)
    counters = (number.to_bytes(4, "big") for number in blocks)
    return b"".join(hmac.digest(key, counter + fixed, "sha256") for counter in counters)[:length]
