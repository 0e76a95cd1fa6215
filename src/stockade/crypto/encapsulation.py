# SPDX-License-Identifier: Apache-2.0
"""ML-KEM (FIPS 203): a shared secret of 32 bytes, and its encapsulated form.

A changed or foreign ciphertext of the right length gives another secret and no error: FIPS 203's
implicit rejection. PyCryptodome, which ML-KEM-512 is left to, calls the two steps by internal
names, and has no others for them.
"""

from __future__ import annotations

from Crypto.PublicKey import MLKEM
from cryptography.hazmat.primitives.asymmetric import mlkem

PrivateKey = MLKEM.MLKEMKey | mlkem.MLKEM768PrivateKey | mlkem.MLKEM1024PrivateKey


class WrongLength(Exception):
    """A ciphertext that no key of this size can have made."""


def encapsulate(private: PrivateKey) -> tuple[bytes, bytes]:
    """Return a fresh secret and its form for the holder of the private key alone."""
    if isinstance(private, MLKEM.MLKEMKey):
        return private._encaps()  # noqa: SLF001
    return private.public_key().encapsulate()


def decapsulate(private: PrivateKey, ciphertext: bytes) -> bytes:
    """Return the secret of a ciphertext, whoever made it."""
    if len(ciphertext) != _ciphertext_size(private):
        raise WrongLength
    if isinstance(private, MLKEM.MLKEMKey):
        return private._decaps(ciphertext)  # noqa: SLF001
    return private.decapsulate(ciphertext)


def _ciphertext_size(private: PrivateKey) -> int:
    if isinstance(private, MLKEM.MLKEMKey):
        return 768
    return 1088 if isinstance(private, mlkem.MLKEM768PrivateKey) else 1568
