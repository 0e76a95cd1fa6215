# SPDX-License-Identifier: Apache-2.0
"""HMAC (RFC 2104) by the names of AWS KMS's MAC algorithms."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from types import MappingProxyType

_HASHES: Mapping[str, str] = MappingProxyType(
    {
        "HMAC_SHA_224": "sha224",
        "HMAC_SHA_256": "sha256",
        "HMAC_SHA_384": "sha384",
        "HMAC_SHA_512": "sha512",
    }
)


def generate(secret: bytes, algorithm: str, message: bytes) -> bytes:
    """Return the whole HMAC of a message."""
    return hmac.digest(secret, message, _HASHES[algorithm])


def verify(secret: bytes, algorithm: str, message: bytes, mac: bytes) -> bool:
    """Return whether `mac` is the whole HMAC of the message, in a time that tells nothing."""
    return hmac.compare_digest(generate(secret, algorithm, message), mac)
