# SPDX-License-Identifier: Apache-2.0
"""Signature Version 4A: one asymmetric signature that is good in several Regions.

What differs from Signature Version 4 (sigv4.py): the scope has no Region, the signed
`X-Amz-Region-Set` says where the request may be answered, and the key is an ECDSA key on P-256
that both sides derive from the secret, whatever the day and the service. We keep the public half.

Sources: aws-c-auth's key derivation and its suite of vectors.
"""

from __future__ import annotations

import hmac
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from stockade.protocol import refusals, wording

ALGORITHM: Final = "AWS4-ECDSA-P256-SHA256"
PublicKey = ec.EllipticCurvePublicKey

_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_CURVE: Final = ec.SECP256R1()
_ECDSA: Final = ec.ECDSA(hashes.SHA256())
_LONGEST_KEY_ID: Final = 128
_LONGEST_SIGNATURE: Final = 144
"""Hex digits of the longest DER signature on P-256; in chunks shorter ones are padded to it."""
_LONGEST_REGION_SET: Final = 1024


def private_value(access_key_id: str, secret: str) -> int:
    """Derive the private scalar of an access key: FIPS 186-4 B.4.2 over an HMAC counter KDF."""
    seed = b"AWS4A" + secret.encode()
    for counter in range(1, 255):
        context = access_key_id.encode() + bytes([counter])
        block = b"\x00\x00\x00\x01" + ALGORITHM.encode() + b"\x00" + context + b"\x00\x00\x01\x00"
        candidate = int.from_bytes(hmac.digest(seed, block, "sha256"), "big")
        if candidate <= _ORDER - 2:
            return candidate + 1
    raise AssertionError("254 of 254 candidates were above the order of the curve")


def public_key(access_key_id: str, secret: str) -> PublicKey:
    """Derive what verifies the signatures of an access key."""
    return ec.derive_private_key(private_value(access_key_id, secret), _CURVE).public_key()


def matches(key: PublicKey, text: bytes, signature: str) -> bool:
    """Return whether the lower-case hex of a DER signature signs this text."""
    if len(signature) > _LONGEST_SIGNATURE or not signature.isascii():
        return False
    try:
        raw = bytes.fromhex(signature)
        if raw.hex() != signature:
            return False
        key.verify(raw, text, _ECDSA)
    except (ValueError, InvalidSignature):
        return False
    return True


def read_region_set(raw: bytes | None) -> str:
    """Return the value of X-Amz-Region-Set, or refuse a request without one."""
    text = (raw or b"").decode("latin-1").strip()
    if not text or len(text) > _LONGEST_REGION_SET:
        raise refusals.IncompleteSignature(wording.REGION_SET_MISSING)
    return text


def region_in(region_set: str, default: str) -> str:
    """Return the Region in which a request is answered, or refuse one that is not for us.

    `default` is the Region of the endpoint. Where the set does not cover it, a set that names one
    Region chooses that one, as the Region in the scope does in Signature Version 4.
    """
    patterns = [pattern.strip() for pattern in region_set.split(",")]
    if any(_covers(pattern, default) for pattern in patterns):
        return default
    if len(patterns) == 1 and "*" not in region_set:
        return region_set
    raise refusals.SignatureDoesNotMatch(wording.WRONG_REGION)


def _covers(pattern: str, region: str) -> bool:
    """Match a name with stars, in one walk from left to right."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == region
    *middle, last = rest
    if not region.startswith(first):
        return False
    at = len(first)
    for piece in middle:
        found = region.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return region.endswith(last) and len(region) - len(last) >= at
