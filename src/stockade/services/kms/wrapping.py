# SPDX-License-Identifier: Apache-2.0
"""How key material is wrapped for its import: which key, which algorithm, which for what (kms-20).

RSAES_PKCS1_V1_5 is refused since October 2023, as AWS refuses it; SM2PKE is China's alone. An RSA
private key is too long for RSA-OAEP and wants an RSA_AES algorithm; so does a P-521 key under a
2,048-bit wrapping key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from stockade.crypto import unwrapping
from stockade.services.kms import specs
from stockade.services.kms.errors import (
    InvalidCiphertextException,
    UnsupportedOperationException,
    ValidationException,
)
from stockade.services.kms.resources import Key

KEY_SIZES: Mapping[str, int] = MappingProxyType(
    {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
)


class Algorithm(NamedTuple):
    """One wrapping algorithm."""

    open: Callable[[rsa.RSAPrivateKey, hashes.HashAlgorithm, bytes], bytes]
    hash: hashes.HashAlgorithm

    @property
    def direct(self) -> bool:
        """Whether RSA encrypts the material itself."""
        return self.open is unwrapping.open_oaep


ALGORITHMS: Mapping[str, Algorithm] = MappingProxyType(
    {
        "RSAES_OAEP_SHA_1": Algorithm(unwrapping.open_oaep, hashes.SHA1()),  # noqa: S303 - AWS's
        "RSAES_OAEP_SHA_256": Algorithm(unwrapping.open_oaep, hashes.SHA256()),
        "RSA_AES_KEY_WRAP_SHA_1": Algorithm(unwrapping.open_rsa_aes, hashes.SHA1()),  # noqa: S303
        "RSA_AES_KEY_WRAP_SHA_256": Algorithm(unwrapping.open_rsa_aes, hashes.SHA256()),
    }
)


def must_suit(key: Key, algorithm: str, wrapping_spec: str) -> None:
    """Refuse a way of wrapping that AWS does not have, or not for this kind of key."""
    if algorithm not in ALGORITHMS:
        raise UnsupportedOperationException(f"The wrapping algorithm {algorithm} is not supported.")
    if wrapping_spec not in KEY_SIZES:
        raise UnsupportedOperationException(
            f"The wrapping key spec {wrapping_spec} is not supported."
        )
    if ALGORITHMS[algorithm].direct and _too_long(key.key_spec, wrapping_spec):
        raise UnsupportedOperationException(
            f"The wrapping algorithm {algorithm} with the wrapping key spec {wrapping_spec} is not "
            f"supported for key spec {key.key_spec}."
        )


def _too_long(spec: str, wrapping_spec: str) -> bool:
    """Tell whether material of a spec does not fit into one RSA ciphertext."""
    if specs.SPECS[spec].family == "rsa":
        return True
    return spec == "ECC_NIST_P521" and wrapping_spec == "RSA_2048"


def fresh_key(wrapping_spec: str) -> rsa.RSAPrivateKey:
    """Return a wrapping key that was never used."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=KEY_SIZES[wrapping_spec])


def unwrap(key: rsa.RSAPrivateKey, algorithm: str, wrapped: bytes) -> bytes:
    """Return the material that was wrapped under a wrapping key."""
    way = ALGORITHMS[algorithm]
    rest = len(wrapped) - unwrapping.modulus_size(key)
    if rest != 0 if way.direct else rest < 2 * unwrapping.SEMIBLOCK or rest % unwrapping.SEMIBLOCK:
        raise ValidationException("Invalid encrypted key size.")
    try:
        return way.open(key, way.hash, wrapped)
    except unwrapping.NotWrapped:
        raise InvalidCiphertextException from None
