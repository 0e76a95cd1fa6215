# SPDX-License-Identifier: Apache-2.0
"""The kinds of keys: which KeySpec goes with which KeyUsage, and with which algorithms (kms-14).

The usage is fixed when a key is made. RSA either encrypts or signs; the NIST curves either sign or
agree on a secret, secp256k1 and Ed25519 only sign; ECC never encrypts.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from stockade.services.kms.errors import ValidationException

Family = Literal["symmetric", "rsa", "ecc", "edwards", "hmac", "ml_dsa", "ml_kem", "sm2"]

SYMMETRIC = "SYMMETRIC_DEFAULT"


class KeySpec(msgspec.Struct, frozen=True, kw_only=True):
    """What AWS says of one KeySpec."""

    name: str
    family: Family
    algorithms: Mapping[str, tuple[str, ...]]
    """KeyUsage -> the algorithms that a key of this spec has for it."""

    @property
    def default_usage(self) -> str | None:
        """What CreateKey takes where it is told no usage."""
        return "ENCRYPT_DECRYPT" if self.family == "symmetric" else None


_OAEP = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
_RSA_SIGNING = (
    "RSASSA_PKCS1_V1_5_SHA_256",
    "RSASSA_PKCS1_V1_5_SHA_384",
    "RSASSA_PKCS1_V1_5_SHA_512",
    "RSASSA_PSS_SHA_256",
    "RSASSA_PSS_SHA_384",
    "RSASSA_PSS_SHA_512",
)


def _spec(name: str, family: Family, **algorithms: tuple[str, ...]) -> KeySpec:
    return KeySpec(name=name, family=family, algorithms=MappingProxyType(algorithms))


def _rsa(bits: int) -> KeySpec:
    return _spec(f"RSA_{bits}", "rsa", ENCRYPT_DECRYPT=_OAEP, SIGN_VERIFY=_RSA_SIGNING)


def _nist(name: str, bits: int) -> KeySpec:
    signing = (f"ECDSA_SHA_{bits}",)
    return _spec(f"ECC_NIST_{name}", "ecc", SIGN_VERIFY=signing, KEY_AGREEMENT=("ECDH",))


def _hmac(bits: int) -> KeySpec:
    return _spec(f"HMAC_{bits}", "hmac", GENERATE_VERIFY_MAC=(f"HMAC_SHA_{bits}",))


_EVERY = (
    _spec(SYMMETRIC, "symmetric", ENCRYPT_DECRYPT=(SYMMETRIC,)),
    *map(_rsa, (2048, 3072, 4096)),
    _nist("P256", 256),
    _nist("P384", 384),
    _nist("P521", 512),
    _spec("ECC_SECG_P256K1", "ecc", SIGN_VERIFY=("ECDSA_SHA_256",)),
    _spec(
        "ECC_NIST_EDWARDS25519", "edwards", SIGN_VERIFY=("ED25519_PH_SHA_512", "ED25519_SHA_512")
    ),
    *map(_hmac, (224, 256, 384, 512)),
    *(_spec(f"ML_DSA_{n}", "ml_dsa", SIGN_VERIFY=("ML_DSA_SHAKE_256",)) for n in (44, 65, 87)),
    *(
        _spec(f"ML_KEM_{n}", "ml_kem", ENCAPSULATE_DECAPSULATE=("ML_KEM",))
        for n in (512, 768, 1024)
    ),
    _spec(
        "SM2",
        "sm2",
        ENCRYPT_DECRYPT=("SM2PKE",),
        SIGN_VERIFY=("SM2DSA",),
        KEY_AGREEMENT=("ECDH",),
    ),
)
SPECS: Mapping[str, KeySpec] = MappingProxyType({spec.name: spec for spec in _EVERY})
"""Every KeySpec of the model; a test holds the two together."""

ALGORITHMS_MEMBER: Mapping[str, str] = MappingProxyType(
    {
        "ENCRYPT_DECRYPT": "EncryptionAlgorithms",
        "SIGN_VERIFY": "SigningAlgorithms",
        "GENERATE_VERIFY_MAC": "MacAlgorithms",
        "KEY_AGREEMENT": "KeyAgreementAlgorithms",
        "ENCAPSULATE_DECAPSULATE": "EncapsulationAlgorithms",
    }
)
"""KeyUsage -> the member of an answer that lists its algorithms."""


def chosen(spec: str | None, old_spec: str | None, usage: str | None) -> tuple[KeySpec, str]:
    """Return spec and usage that CreateKey is asked for, or refuse them in AWS's words."""
    if spec is not None and old_spec is not None:
        raise ValidationException(
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
            "CustomerMasterKeySpec is deprecated."
        )
    wanted = SPECS[spec or old_spec or SYMMETRIC]
    usage = usage or wanted.default_usage
    if usage is None:
        raise ValidationException(
            "You must specify a KeyUsage value for all KMS keys except for symmetric "
            "encryption keys."
        )
    if usage not in wanted.algorithms:
        raise ValidationException(f"KeyUsage {usage} is not compatible with KeySpec {wanted.name}")
    return wanted, usage


def algorithms(spec: str, usage: str) -> tuple[str, ...]:
    """Return the algorithms of a key."""
    return SPECS[spec].algorithms[usage]
