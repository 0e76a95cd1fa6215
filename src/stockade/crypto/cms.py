# SPDX-License-Identifier: Apache-2.0
"""CMS EnvelopedData (RFC 5652) for one RSA key, in the form that AWS KMS answers an enclave with.

One KeyTransRecipientInfo (version 2, subjectKeyIdentifier, RSAES-OAEP with SHA-256 and MGF1 with
SHA-256), content under AES-256-CBC. The outer structures have BER's indefinite length, as in a
recorded answer of AWS: readers made for those do not have to take anything else.

CBC without authentication is AWS's format; who receives it has the integrity of TLS and of KMS.
"""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

CONTENT_KEY_SIZE = 32
IV_SIZE = 16

_VERSION_2 = bytes.fromhex("020102")
_ENVELOPED_DATA = bytes.fromhex("06092a864886f70d010703")
_DATA = bytes.fromhex("06092a864886f70d010701")
_OAEP_SHA256 = bytes.fromhex(
    "303c" "06092a864886f70d010107"  # id-RSAES-OAEP
    "302f"
    "a00f" "300d" "0609608648016503040201" "0500"  # SHA-256
    "a11c" "301a" "06092a864886f70d010108"  # id-mgf1
    "300d" "0609608648016503040201" "0500"  # with SHA-256
)  # fmt: skip
_AES256_CBC = bytes.fromhex("060960864801650304012a")

_OCTETS, _SEQUENCE, _SET, _CONTENT, _KEY_ID = 0x04, 0x30, 0x31, 0xA0, 0x80


def enveloped(
    recipient: RSAPublicKey, key_id: bytes, plaintext: bytes, *, content_key: bytes, iv: bytes
) -> bytes:
    """Return an EnvelopedData that only the private key of `recipient` opens.

    `content_key` and `iv` are 32 and 16 fresh random bytes; `key_id` tells the recipient which of
    its keys is meant.
    """
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    padder = PKCS7(8 * IV_SIZE).padder()
    padded = padder.update(plaintext) + padder.finalize()
    encryptor = Cipher(AES256(content_key), CBC(iv)).encryptor()
    ciphertext = encryptor.update(padded) + encryptor.finalize()
    return encoded(key_id, recipient.encrypt(content_key, oaep), iv, ciphertext)


def encoded(key_id: bytes, encrypted_key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """Return the structure around its four values."""
    recipient = _closed(
        _SEQUENCE,
        _VERSION_2,
        _closed(_KEY_ID, key_id),
        _OAEP_SHA256,
        _closed(_OCTETS, encrypted_key),
    )
    content = _open(
        _SEQUENCE,
        _DATA,
        _closed(_SEQUENCE, _AES256_CBC, _closed(_OCTETS, iv)),
        _open(_CONTENT, _closed(_OCTETS, ciphertext)),
    )
    data = _open(_SEQUENCE, _VERSION_2, _closed(_SET, recipient), content)
    return _open(_SEQUENCE, _ENVELOPED_DATA, _open(_CONTENT, data))


def _closed(tag: int, *parts: bytes) -> bytes:
    """Return an element with its length in front."""
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _open(tag: int, *parts: bytes) -> bytes:
    """Return an element whose end is marked."""
    return bytes((tag, 0x80)) + b"".join(parts) + b"\x00\x00"
