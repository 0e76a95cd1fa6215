# SPDX-License-Identifier: Apache-2.0
"""RSAES-OAEP by the names of AWS KMS's encryption algorithms.

The hash of the algorithm is that of the mask too, and the label is empty: what `openssl pkeyutl`
makes with the public key, `decrypt` opens.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_HASHES: Mapping[str, hashes.SHA1 | hashes.SHA256] = MappingProxyType(
    {
        "RSAES_OAEP_SHA_1": hashes.SHA1(),  # noqa: S303 - OAEP needs no hash without collisions
        "RSAES_OAEP_SHA_256": hashes.SHA256(),
    }
)


class NotOpened(Exception):
    """A ciphertext that does not open: deliberately without a reason."""


def largest_plaintext(bits: int, algorithm: str) -> int:
    """Return how many bytes a key of so many bits encrypts at most."""
    return bits // 8 - 2 * _HASHES[algorithm].digest_size - 2


def encrypt(public: rsa.RSAPublicKey, algorithm: str, plaintext: bytes) -> bytes:
    """Return the ciphertext of a plaintext that is not too large."""
    return public.encrypt(plaintext, _padding(algorithm))


def decrypt(private: rsa.RSAPrivateKey, algorithm: str, ciphertext: bytes) -> bytes:
    """Return the plaintext; raise `NotOpened` for any other key, algorithm or byte."""
    try:
        return private.decrypt(ciphertext, _padding(algorithm))
    except ValueError:
        raise NotOpened from None


def _padding(algorithm: str) -> padding.OAEP:
    hashed = _HASHES[algorithm]
    return padding.OAEP(padding.MGF1(hashed), hashed, None)
