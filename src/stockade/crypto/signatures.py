# SPDX-License-Identifier: Apache-2.0
"""Signatures by the names of AWS KMS's signing algorithms: made and verified.

RSA, ECDSA, Ed25519 and ML-DSA are OpenSSL's through `cryptography`; Ed25519ph is PyCryptodome's,
since that has no such thing. The salt of a PSS signature is as long as the digest, an ECDSA
signature is DER, and ML-DSA's context is empty.

What a message is, its message type says: RAW is hashed here, DIGEST has been hashed by the caller,
EXTERNAL_MU is the 64-byte representative of FIPS 204, section 6.2. The digest that comes with
ED25519_PH_SHA_512 is a message like any other: it is hashed once more, as AWS documents and does.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from Crypto.Hash import SHA512
from Crypto.Signature import eddsa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

MessageType = Literal["RAW", "DIGEST", "EXTERNAL_MU"]
PrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
)
"""The private half of a pair that signs."""
PublicKey = (
    rsa.RSAPublicKey
    | ec.EllipticCurvePublicKey
    | ed25519.Ed25519PublicKey
    | mldsa.MLDSA44PublicKey
    | mldsa.MLDSA65PublicKey
    | mldsa.MLDSA87PublicKey
)
"""The public half."""

MU_SIZE = 64
DIGEST_SIZES: Mapping[str, int] = MappingProxyType({"256": 32, "384": 48, "512": 64})
_HASHES: Mapping[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = MappingProxyType(
    {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
)


def digest_size(algorithm: str) -> int:
    """Return how long the digest of an algorithm is: its name ends in that of the hash."""
    return DIGEST_SIZES[algorithm[-3:]]


def sign(private: PrivateKey, algorithm: str, message: bytes, message_type: MessageType) -> bytes:
    """Return the signature of a message whose type and size go with the algorithm."""
    if isinstance(private, rsa.RSAPrivateKey):
        return private.sign(message, _padding(algorithm), _hash(algorithm, message_type))
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return private.sign(message, ec.ECDSA(_hash(algorithm, message_type)))
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(message) if message_type == "RAW" else _sign_ph(private, message)
    if message_type == "EXTERNAL_MU":
        return private.sign_mu(message)
    return private.sign(message)


def verify(
    public: PublicKey, algorithm: str, message: bytes, message_type: MessageType, signature: bytes
) -> bool:
    """Return whether a signature is that of the message."""
    try:
        _verify(public, algorithm, message, message_type, signature)
    except InvalidSignature:
        return False
    return True


def _verify(
    public: PublicKey, algorithm: str, message: bytes, message_type: MessageType, signature: bytes
) -> None:
    if isinstance(public, rsa.RSAPublicKey):
        hashed = _hash(algorithm, message_type)
        public.verify(signature, message, _padding(algorithm), hashed)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        public.verify(signature, message, ec.ECDSA(_hash(algorithm, message_type)))
    elif isinstance(public, ed25519.Ed25519PublicKey):
        if message_type == "RAW":
            public.verify(signature, message)
        else:
            _verify_ph(public, message, signature)
    elif message_type == "EXTERNAL_MU":
        public.verify_mu(signature, message)
    else:
        public.verify(signature, message)


def _hash(algorithm: str, message_type: MessageType) -> hashes.HashAlgorithm | Prehashed:
    hashed = _HASHES[algorithm[-3:]]
    return Prehashed(hashed) if message_type == "DIGEST" else hashed


def _padding(algorithm: str) -> padding.AsymmetricPadding:
    if algorithm.startswith("RSASSA_PKCS1"):
        return padding.PKCS1v15()
    return padding.PSS(padding.MGF1(_HASHES[algorithm[-3:]]), padding.PSS.DIGEST_LENGTH)


def _sign_ph(private: ed25519.Ed25519PrivateKey, digest: bytes) -> bytes:
    key = eddsa.import_private_key(private.private_bytes_raw())
    return eddsa.new(key, "rfc8032").sign(SHA512.new(digest))


def _verify_ph(public: ed25519.Ed25519PublicKey, digest: bytes, signature: bytes) -> None:
    key = eddsa.import_public_key(public.public_bytes_raw())
    try:
        eddsa.new(key, "rfc8032").verify(SHA512.new(digest), signature)
    except ValueError:
        raise InvalidSignature from None
