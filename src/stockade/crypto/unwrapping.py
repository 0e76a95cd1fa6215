# SPDX-License-Identifier: Apache-2.0
"""Key material as it travels to a KMS: wrapped under an RSA key, directly or by way of AES.

    RSAES_OAEP          RSA-OAEP(material), hash and mask generation with the same hash function
    RSA_AES_KEY_WRAP    RSA-OAEP(an AES key) || AES-KWP(that key, material), RFC 5649

The second is PKCS #11's CKM_RSA_AES_KEY_WRAP; it takes material of any length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import keywrap
from cryptography.hazmat.primitives.asymmetric import padding

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

SEMIBLOCK = 8
"""What AES-KWP cuts its input into: a ciphertext has at least two."""


class NotWrapped(Exception):
    """The bytes do not open: deliberately without a reason."""


def modulus_size(key: RSAPrivateKey) -> int:
    """Return how many bytes the ciphertext of an RSA key has."""
    return key.key_size // 8


def open_oaep(key: RSAPrivateKey, hash_: HashAlgorithm, wrapped: bytes) -> bytes:
    """Return what was encrypted by RSA-OAEP."""
    try:
        return key.decrypt(wrapped, padding.OAEP(padding.MGF1(hash_), hash_, label=None))
    except ValueError:
        raise NotWrapped from None


def open_rsa_aes(key: RSAPrivateKey, hash_: HashAlgorithm, wrapped: bytes) -> bytes:
    """Return what was wrapped under an AES key that is wrapped by RSA-OAEP in front of it."""
    size = modulus_size(key)
    wrapping_key = open_oaep(key, hash_, wrapped[:size])
    try:
        return keywrap.aes_key_unwrap_with_padding(wrapping_key, wrapped[size:])
    except (ValueError, keywrap.InvalidUnwrap):
        raise NotWrapped from None
