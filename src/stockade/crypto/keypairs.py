# SPDX-License-Identifier: Apache-2.0
"""Key pairs by the names that AWS KMS gives them: made, and read again from PKCS #8.

OpenSSL's, through `cryptography`, except ML-KEM-512, which that leaves out and PyCryptodome has.
Post-quantum private keys are kept as their seeds (RFC 9881 and RFC 9935). The randomness is the
library's own, since none of them takes it from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from Crypto.PublicKey import MLKEM
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, mlkem, rsa

PrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | mldsa.MLDSA44PrivateKey
    | mldsa.MLDSA65PrivateKey
    | mldsa.MLDSA87PrivateKey
    | mlkem.MLKEM768PrivateKey
    | mlkem.MLKEM1024PrivateKey
    | MLKEM.MLKEMKey
)
"""The private half of a pair."""

_EXPONENT = 65537


def _rsa(bits: int) -> Callable[[], PrivateKey]:
    return lambda: rsa.generate_private_key(_EXPONENT, bits)


def _ecc(curve: ec.EllipticCurve) -> Callable[[], PrivateKey]:
    return lambda: ec.generate_private_key(curve)


def _ml_kem_512() -> PrivateKey:
    return MLKEM.generate(param_set=MLKEM.ML_KEM_512)


GENERATORS: Mapping[str, Callable[[], PrivateKey]] = MappingProxyType(
    {
        "RSA_2048": _rsa(2048),
        "RSA_3072": _rsa(3072),
        "RSA_4096": _rsa(4096),
        "ECC_NIST_P256": _ecc(ec.SECP256R1()),
        "ECC_NIST_P384": _ecc(ec.SECP384R1()),
        "ECC_NIST_P521": _ecc(ec.SECP521R1()),
        "ECC_SECG_P256K1": _ecc(ec.SECP256K1()),
        "ECC_NIST_EDWARDS25519": ed25519.Ed25519PrivateKey.generate,
        "ML_DSA_44": mldsa.MLDSA44PrivateKey.generate,
        "ML_DSA_65": mldsa.MLDSA65PrivateKey.generate,
        "ML_DSA_87": mldsa.MLDSA87PrivateKey.generate,
        "ML_KEM_512": _ml_kem_512,
        "ML_KEM_768": mlkem.MLKEM768PrivateKey.generate,
        "ML_KEM_1024": mlkem.MLKEM1024PrivateKey.generate,
    }
)
"""KeySpec -> what makes a key of it."""


def generate(spec: str) -> bytes:
    """Make a key pair and return its private key as PKCS #8 in DER."""
    return private_der(GENERATORS[spec]())


def load_private(der: bytes) -> PrivateKey:
    """Return the key of PKCS #8 that `generate` made or that was checked when it was imported.

    RSA keys are not proved again: that takes 35 to 260 ms, and what is stored is authenticated.
    """
    try:
        key = serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    except UnsupportedAlgorithm:
        return MLKEM.import_key(der)
    if not isinstance(key, PrivateKey):
        raise ValueError("this kind of key is none of KMS's")  # noqa: TRY004 - the DER is wrong
    return key


def private_der(private: PrivateKey) -> bytes:
    """Return a private key as PKCS #8 in DER."""
    if isinstance(private, MLKEM.MLKEMKey):
        return _exported(private)
    return private.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def public_der(private: PrivateKey) -> bytes:
    """Return the public half of a pair as SubjectPublicKeyInfo in DER."""
    if isinstance(private, MLKEM.MLKEMKey):
        return _exported(private.public_key())
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _exported(key: MLKEM.MLKEMKey) -> bytes:
    exported = key.export_key(format="DER")
    assert isinstance(exported, bytes), "text is for PEM"
    return exported
