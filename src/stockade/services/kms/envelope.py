# SPDX-License-Identifier: Apache-2.0
"""The CiphertextBlob of a symmetric key: what it looks like, and how it is made and opened.

    version     3   02 01 00
    account     5   the key's account as a number
    key id     36   as text
    material   32   KeyMaterialId: which backing key opens it, so that keys are never tried in turn
    nonce      16   input of the per-call key derivation
    iv         12   AES-GCM's
    commitment 32   binds the blob to one derived key (AES-GCM alone does not)
    ciphertext n    as long as the plaintext
    tag        16   AES-GCM's

152 bytes around the plaintext, as many as AWS's own blobs have: an AES_256 data key gives 184.

Per call, 64 bytes are derived from the backing key with the counter mode of NIST SP 800-108 and
HMAC-SHA-256: the AES-256 key and the commitment. The associated data is everything before the
ciphertext, then the encryption context, sorted by its UTF-8 bytes, each key and value with its
length in front, so that {"ab": "c"} never opens {"a": "bc"}.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import NamedTuple

from stockade.crypto import aead, kdf

VERSION = b"\x02\x01\x00"
OVERHEAD = 152
SYMMETRIC_SIZE = 32
"""Bytes of the backing key of a symmetric key."""

_HEADER = 3 + 5 + 36 + 32 + 16 + 12
_COMMITMENT = _HEADER + 32
_LABEL = b"stockade kms encrypt"
_MATERIAL_LABEL = b"stockade kms material id"


class NotABlob(Exception):
    """The bytes are no blob of ours, or do not open: deliberately without a reason."""


class Header(NamedTuple):
    """What a blob says of the key that made it; authenticated only once the blob was opened."""

    account: str
    key_id: str
    material_id: str


def material_id(material: bytes, key_id: str) -> str:
    """Return the KeyMaterialId of a backing key: 64 hex digits that reveal nothing of it."""
    context = key_id.encode()
    if len(material) != SYMMETRIC_SIZE:
        # HMAC pads its keys with zeros and hashes long ones: the length keeps them apart.
        context += len(material).to_bytes(4, "big")
    return kdf.counter_hmac_sha256(material, _MATERIAL_LABEL, context, 32).hex()


def read_header(blob: bytes) -> Header:
    """Return which key a blob asks for."""
    if len(blob) < OVERHEAD or blob[:3] != VERSION:
        raise NotABlob
    account = int.from_bytes(blob[3:8], "big")
    try:
        return Header(f"{account:012d}", blob[8:44].decode("ascii"), blob[44:76].hex())
    except UnicodeDecodeError:
        raise NotABlob from None


def seal(
    material: bytes, header: Header, plaintext: bytes, context: Mapping[str, str], *, nonce: bytes
) -> bytes:
    """Return the blob of a plaintext; `nonce` is 28 fresh random bytes."""
    head = (
        VERSION
        + int(header.account).to_bytes(5, "big")
        + header.key_id.encode("ascii")
        + bytes.fromhex(header.material_id)
        + nonce
    )
    derived = _derive(material, head)
    head += derived[32:]
    return head + aead.seal(derived[:32], nonce[16:], plaintext, head + canonical(context))


def open_blob(material: bytes, blob: bytes, context: Mapping[str, str]) -> bytes:
    """Return the plaintext of a blob; raise `NotABlob` for any other material, context or byte."""
    head = blob[:_COMMITMENT]
    derived = _derive(material, blob[:_HEADER])
    if not hmac.compare_digest(derived[32:], head[_HEADER:]):
        raise NotABlob
    try:
        return aead.open(
            derived[:32],
            head[_HEADER - 12 : _HEADER],
            blob[_COMMITMENT:],
            head + canonical(context),
        )
    except aead.Tampered:
        raise NotABlob from None


def canonical(context: Mapping[str, str]) -> bytes:
    """Return an encryption context as unambiguous bytes."""
    if not context:
        return b""
    pairs = sorted((key.encode(), value.encode()) for key, value in context.items())
    parts = [len(pairs).to_bytes(4, "big")]
    for key, value in pairs:
        parts += [len(key).to_bytes(4, "big"), key, len(value).to_bytes(4, "big"), value]
    return b"".join(parts)


def _derive(material: bytes, head: bytes) -> bytes:
    return kdf.counter_hmac_sha256(material, _LABEL, head, 64)
