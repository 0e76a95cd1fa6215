# SPDX-License-Identifier: Apache-2.0
"""How key material is wrapped for its import: which key, which algorithm, which for what (kms-20).

RSAES_PKCS1_V1_5 is refused since October 2023, as AWS refuses it; SM2PKE is China's alone. Secret
keys go under RSA-OAEP, RSA private keys under an RSA_AES algorithm, the others under either; but
AWS takes no P-521 and no Ed25519 key under RSA-OAEP with a 2,048-bit wrapping key (recorded).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from stockade.core.context import Context
from stockade.crypto import keypairs, unwrapping
from stockade.services.kms import fresh, specs
from stockade.services.kms.errors import InvalidCiphertextException, ValidationException
from stockade.services.kms.resources import Key

KEY_SPECS = frozenset({"RSA_2048", "RSA_3072", "RSA_4096"})
SECRET = frozenset({"symmetric", "hmac"})
"""The families whose material RSA itself has to encrypt."""
LONGER = frozenset({"ECC_NIST_P521", "ECC_NIST_EDWARDS25519"})
"""The specs that RSA itself takes with a wrapping key of more than 2,048 bits alone."""


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
    known = algorithm in ALGORITHMS and wrapping_spec in KEY_SPECS
    if not known or not _suits(key.key_spec, wrapping_spec, direct=ALGORITHMS[algorithm].direct):
        raise ValidationException(
            f"Wrapping algorithm {algorithm} and wrapping key spec {wrapping_spec} cannot be used "
            f"to import a {key.key_spec} key."
        )


def _suits(spec: str, wrapping_spec: str, *, direct: bool) -> bool:
    """Tell whether material of a spec goes under RSA itself, or under AES and that under RSA."""
    family = specs.SPECS[spec].family
    if not direct:
        return family not in SECRET
    return family != "rsa" and (spec not in LONGER or wrapping_spec != "RSA_2048")


def fresh_key(ctx: Context, wrapping_spec: str) -> rsa.RSAPrivateKey:
    """Return a wrapping key that was never used."""
    private = keypairs.load_private(fresh.fresh_pair(ctx, wrapping_spec))
    assert isinstance(private, rsa.RSAPrivateKey), "wrapping keys are RSA keys"
    return private


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
