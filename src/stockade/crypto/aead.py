# SPDX-License-Identifier: Apache-2.0
"""AES-256-GCM, the one authenticated cipher under the seal, the vault and KMS ciphertexts.

NIST SP 800-38D with a 96-bit nonce and a 128-bit tag behind the ciphertext. The caller brings the
nonce, because this layer knows no randomness, and whatever the box is bound to as associated data.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_SIZE = 32
NONCE_SIZE = 12
TAG_SIZE = 16


class Tampered(Exception):
    """A box that does not open: wrong key, wrong associated data, or changed bytes."""


def cipher(key: bytes) -> AESGCM:
    """Return the cipher of a 32-byte key, for callers that use one key many times."""
    if len(key) != KEY_SIZE:
        raise ValueError("an AES-256 key is 32 bytes long")
    return AESGCM(key)


def seal(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Return the ciphertext of `plaintext` with its 16-byte tag behind it."""
    return seal_with(cipher(key), nonce, plaintext, aad)


def open(key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:  # noqa: A001
    """Return the plaintext of what `seal` made, or raise Tampered."""
    return open_with(cipher(key), nonce, ciphertext, aad)


def seal_with(gcm: AESGCM, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Seal as `seal` does, with a cipher that is already set up."""
    if len(nonce) != NONCE_SIZE:
        raise ValueError("a GCM nonce is 12 bytes long")
    return gcm.encrypt(nonce, plaintext, aad)


def open_with(gcm: AESGCM, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
    """Open as `open` does, with a cipher that is already set up."""
    if len(nonce) != NONCE_SIZE or len(ciphertext) < TAG_SIZE:
        raise Tampered("the box is too short")
    try:
        return gcm.decrypt(nonce, ciphertext, aad)
    except InvalidTag:
        raise Tampered("the box does not open") from None
