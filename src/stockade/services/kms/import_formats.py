# SPDX-License-Identifier: Apache-2.0
"""What imported key material has to look like: it has to match the key's spec (kms-20).

A symmetric key takes 32 bytes, an HMAC key a range of lengths, an RSA or ECC key a private key as
DER in PKCS #8; AWS says InvalidCiphertextException of all that does not match (recorded). Private
keys are written anew in one form, so that the same key is the same material whoever encoded it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from asn1crypto import parser
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from stockade.services.kms import specs
from stockade.services.kms.envelope import SYMMETRIC_SIZE
from stockade.services.kms.errors import InvalidCiphertextException, ValidationException

HMAC_SIZES: Mapping[str, range] = MappingProxyType(
    {
        "HMAC_224": range(28, 64 + 1),
        "HMAC_256": range(32, 64 + 1),
        "HMAC_384": range(48, 128 + 1),
        "HMAC_512": range(64, 128 + 1),
    }
)
CURVES: Mapping[str, str] = MappingProxyType(
    {
        "ECC_NIST_P256": "secp256r1",
        "ECC_NIST_P384": "secp384r1",
        "ECC_NIST_P521": "secp521r1",
        "ECC_SECG_P256K1": "secp256k1",
    }
)
IMPORTABLE = frozenset({"symmetric", "hmac", "rsa", "ecc", "edwards"})
"""The families of specs whose material AWS lets be imported."""

_CONTENT = 4
"""Where the parser's answer has a value's content."""
_SEQUENCE = b"\x30"


def must_be_importable(spec: str) -> None:
    """Refuse a spec of which AWS takes no material from outside."""
    if specs.SPECS[spec].family not in IMPORTABLE:
        raise ValidationException(f"KeySpec {spec} is not supported for Origin EXTERNAL")


def secret_of(spec: str, material: bytes) -> bytes:
    """Return imported material as the key is to keep it, or refuse it."""
    family = specs.SPECS[spec].family
    if family == "symmetric":
        return _of_size(material, range(SYMMETRIC_SIZE, SYMMETRIC_SIZE + 1))
    if family == "hmac":
        return _of_size(material, HMAC_SIZES[spec])
    private = _private_key(material)
    if not _matches(spec, private):
        raise InvalidCiphertextException
    return bytes(
        private.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def _of_size(material: bytes, sizes: range) -> bytes:
    if len(material) not in sizes:
        raise InvalidCiphertextException
    return material


def _private_key(material: bytes) -> Any:
    """Return the private key of a PKCS #8 structure; the loader alone takes older forms, too."""
    try:
        if _is_pkcs8(material):
            return serialization.load_der_private_key(material, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass
    raise InvalidCiphertextException


def _is_pkcs8(material: bytes) -> bool:
    """Tell whether DER is a version and then an algorithm, which is a sequence in PKCS #8 alone."""
    content = parser.parse(material, strict=True)[_CONTENT]
    algorithm = content[parser.peek(content) :]
    return bool(algorithm[:1] == _SEQUENCE)


def _matches(spec: str, private: object) -> bool:
    if isinstance(private, rsa.RSAPrivateKey):
        return spec == f"RSA_{private.key_size}"
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return CURVES.get(spec) == private.curve.name
    return isinstance(private, ed25519.Ed25519PrivateKey) and spec == "ECC_NIST_EDWARDS25519"
