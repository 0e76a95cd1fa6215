# SPDX-License-Identifier: Apache-2.0
"""The CiphertextBlob of a key in a CloudHSM key store: made by the key in its token.

    version     3   02 03 00
    account     5   the key's account as a number
    key id     36   as text
    iv         12   AES-GCM's, random: a key is good for 2**32 blobs (NIST SP 800-38D, 8.3)
    ciphertext  n   as long as the plaintext
    tag        16   AES-GCM's

The token authenticates the first 44 bytes and the encryption context, canonical as in envelope.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stockade.crypto import aead
from stockade.services.kms import envelope
from stockade.services.kms.envelope import Header, NotABlob

VERSION = b"\x02\x03\x00"
OVERHEAD = 72

_HEADER = 3 + 5 + 36
_BOX = _HEADER + aead.NONCE_SIZE

Encrypt = Callable[[bytes, bytes, bytes], bytes]
"""(nonce, plaintext, AAD) -> ciphertext and tag: `TokenKey.encrypt`."""
Decrypt = Callable[[bytes, bytes, bytes], bytes]
"""(nonce, ciphertext and tag, AAD) -> plaintext, or Tampered: `TokenKey.decrypt`."""


def read_header(blob: bytes) -> Header:
    """Return which key a blob asks for; such keys have no KeyMaterialId."""
    if len(blob) < OVERHEAD or blob[:3] != VERSION:
        raise NotABlob
    account = int.from_bytes(blob[3:8], "big")
    try:
        return Header(f"{account:012d}", blob[8:_HEADER].decode("ascii"), "")
    except UnicodeDecodeError:
        raise NotABlob from None


def seal(
    account: str,
    key_id: str,
    plaintext: bytes,
    context: Mapping[str, str],
    *,
    nonce: bytes,
    encrypt: Encrypt,
) -> bytes:
    """Return the blob of a plaintext; `nonce` is 12 fresh random bytes."""
    head = VERSION + int(account).to_bytes(5, "big") + key_id.encode("ascii")
    return head + nonce + encrypt(nonce, plaintext, head + envelope.canonical(context))


def open_blob(blob: bytes, context: Mapping[str, str], decrypt: Decrypt) -> bytes:
    """Return the plaintext of a blob; raise `NotABlob` where the token does not open it."""
    read_header(blob)
    aad = blob[:_HEADER] + envelope.canonical(context)
    try:
        return decrypt(blob[_HEADER:_BOX], blob[_BOX:], aad)
    except aead.Tampered:
        raise NotABlob from None
