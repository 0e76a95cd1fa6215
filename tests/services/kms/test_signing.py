# SPDX-License-Identifier: Apache-2.0
"""Sign, Verify and GetPublicKey through boto3, held against `cryptography` on the outside."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from botocore.exceptions import ClientError
from Crypto.Hash import SHA512
from Crypto.Signature import eddsa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from stockade.app import Stockade
from stockade.services.kms.specs import SPECS
from stockade.testing.transport import session

MESSAGE = b"attack at dawn"
HASHES: Mapping[str, Any] = MappingProxyType(
    {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
)
SIGNING_SPECS = tuple(
    name
    for name, spec in SPECS.items()
    if "SIGN_VERIFY" in spec.algorithms and name not in ("RSA_3072", "RSA_4096", "SM2")
)
"""RSA with 2,048 bits alone: larger keys take long to make and differ in nothing."""
ALGORITHMS = tuple(
    (name, algorithm)
    for name in SIGNING_SPECS
    for algorithm in SPECS[name].algorithms["SIGN_VERIFY"]
)
CURVES: Mapping[str, type[ec.EllipticCurve]] = MappingProxyType(
    {
        "ECC_NIST_P256": ec.SECP256R1,
        "ECC_NIST_P384": ec.SECP384R1,
        "ECC_NIST_P521": ec.SECP521R1,
        "ECC_SECG_P256K1": ec.SECP256K1,
    }
)


class Keys:
    """One deployment and a signing key of every spec in it, made when it is first asked for."""

    def __init__(self, stockade: Stockade) -> None:
        self.kms: Any = session(stockade).client("kms")
        self._made: dict[tuple[str, str], str] = {}

    def of(self, spec: str, usage: str = "SIGN_VERIFY") -> str:
        if (spec, usage) not in self._made:
            self._made[spec, usage] = self.new(spec, usage)
        return self._made[spec, usage]

    def new(self, spec: str, usage: str = "SIGN_VERIFY") -> str:
        return str(self.kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"])

    def public(self, spec: str) -> Any:
        return load_der_public_key(self.kms.get_public_key(KeyId=self.of(spec))["PublicKey"])


@pytest.fixture(scope="module")
def keys() -> Iterator[Keys]:
    stockade = Stockade.in_memory()
    yield Keys(stockade)
    stockade.close()


def refusal(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error: Any = caught.value.response["Error"]
    return error["Code"], error["Message"]


def digest(algorithm: str, message: bytes = MESSAGE) -> bytes:
    return hashlib.new(f"sha{algorithm[-3:]}", message).digest()


def forms(algorithm: str) -> dict[str, bytes]:
    """Return message type -> the message in it, for every type that an algorithm takes."""
    if algorithm == "ED25519_SHA_512" or algorithm.startswith("ML_DSA"):
        return {"RAW": MESSAGE}
    if algorithm == "ED25519_PH_SHA_512":
        return {"DIGEST": digest(algorithm)}
    return {"RAW": MESSAGE, "DIGEST": digest(algorithm)}


def check(public: Any, algorithm: str, signature: bytes) -> None:
    """Verify a signature of MESSAGE outside; raise where it does not hold."""
    if isinstance(public, rsa.RSAPublicKey):
        hashed = HASHES[algorithm[-3:]]
        pss = padding.PSS(padding.MGF1(hashed), hashed.digest_size)
        mode = padding.PKCS1v15() if "PKCS1" in algorithm else pss
        public.verify(signature, MESSAGE, mode, hashed)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        public.verify(signature, MESSAGE, ec.ECDSA(HASHES[algorithm[-3:]]))
    elif algorithm == "ED25519_PH_SHA_512":
        key = eddsa.import_public_key(public.public_bytes_raw())
        eddsa.new(key, "rfc8032").verify(SHA512.new(digest(algorithm)), signature)
    else:
        public.verify(signature, MESSAGE)


@pytest.mark.fact("kms-14")
@pytest.mark.fact("kms-15")
@pytest.mark.parametrize(("spec", "algorithm"), ALGORITHMS)
def test_what_is_signed_here_is_verified_everywhere(keys: Keys, spec: str, algorithm: str) -> None:
    made = [
        keys.kms.sign(
            KeyId=keys.of(spec), Message=message, MessageType=kind, SigningAlgorithm=algorithm
        )
        for kind, message in forms(algorithm).items()
    ]
    for answer in made:
        assert answer["KeyId"] == keys.of(spec)
        assert answer["SigningAlgorithm"] == algorithm
        check(keys.public(spec), algorithm, answer["Signature"])
        for kind, message in forms(algorithm).items():
            verified = keys.kms.verify(
                KeyId=keys.of(spec),
                Message=message,
                MessageType=kind,
                Signature=answer["Signature"],
                SigningAlgorithm=algorithm,
            )
            assert verified["SignatureValid"] is True
            assert verified["KeyId"] == keys.of(spec)
            assert verified["SigningAlgorithm"] == algorithm


@pytest.mark.parametrize(("spec", "algorithm"), ALGORITHMS)
def test_any_other_signature_is_an_error(keys: Keys, spec: str, algorithm: str) -> None:
    kind, message = next(iter(forms(algorithm).items()))
    call = {
        "KeyId": keys.of(spec),
        "Message": message,
        "MessageType": kind,
        "SigningAlgorithm": algorithm,
    }
    signature = keys.kms.sign(**call)["Signature"]
    changed = bytes([signature[0]]) + bytes([signature[1] ^ 1]) + signature[2:]
    for wrong in (changed, signature[:-1], signature + b"\0", b"invalid", bytes(len(signature))):
        expected = ("KMSInvalidSignatureException", "")
        assert refusal(keys.kms.verify, **call, Signature=wrong) == expected
        assert refusal(keys.kms.verify, **call, Signature=wrong, DryRun=True) == expected
    call["Message"] = bytes(len(message))
    assert refusal(keys.kms.verify, **call, Signature=signature)[0] == (
        "KMSInvalidSignatureException"
    )


def test_salt_of_pss_is_as_long_as_the_digest(keys: Keys) -> None:
    key, public = keys.of("RSA_2048"), keys.public("RSA_2048")
    for bits, hashed in HASHES.items():
        algorithm = f"RSASSA_PSS_SHA_{bits}"
        signature = keys.kms.sign(KeyId=key, Message=MESSAGE, SigningAlgorithm=algorithm)
        for salt in (0, 20, padding.calculate_max_pss_salt_length(public, hashed)):
            with pytest.raises(InvalidSignature):
                public.verify(
                    signature["Signature"],
                    MESSAGE,
                    padding.PSS(padding.MGF1(hashed), salt),
                    hashed,
                )


@pytest.mark.fact("kms-15")
@pytest.mark.parametrize("spec", SIGNING_SPECS)
def test_public_key_comes_with_what_it_is_for(keys: Keys, spec: str) -> None:
    answer = keys.kms.get_public_key(KeyId=keys.of(spec))
    assert answer["KeyId"] == keys.of(spec)
    assert answer["KeySpec"] == answer["CustomerMasterKeySpec"] == spec
    assert answer["KeyUsage"] == "SIGN_VERIFY"
    assert answer["SigningAlgorithms"] == list(SPECS[spec].algorithms["SIGN_VERIFY"])
    assert not {"EncryptionAlgorithms", "KeyAgreementAlgorithms"} & set(answer)
    public = load_der_public_key(answer["PublicKey"])
    if isinstance(public, rsa.RSAPublicKey):
        assert (public.key_size, public.public_numbers().e) == (2048, 65537)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        assert isinstance(public.curve, CURVES[spec])
    else:
        assert isinstance(
            public,
            {
                "ECC_NIST_EDWARDS25519": ed25519.Ed25519PublicKey,
                "ML_DSA_44": mldsa.MLDSA44PublicKey,
                "ML_DSA_65": mldsa.MLDSA65PublicKey,
                "ML_DSA_87": mldsa.MLDSA87PublicKey,
            }[spec],
        )


@pytest.mark.fact("kms-13")
@pytest.mark.parametrize(
    ("spec", "usage"),
    [("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"), ("HMAC_256", "GENERATE_VERIFY_MAC")],
)
def test_secret_keys_have_no_public_half(keys: Keys, spec: str, usage: str) -> None:
    assert refusal(keys.kms.get_public_key, KeyId=keys.of(spec, usage)) == (
        "UnsupportedOperationException",
        "",
    )


def test_public_key_of_a_disabled_key_is_given(keys: Keys) -> None:
    key = keys.new("ECC_NIST_P256")
    public = keys.kms.get_public_key(KeyId=key)["PublicKey"]
    keys.kms.disable_key(KeyId=key)
    assert keys.kms.get_public_key(KeyId=key)["PublicKey"] == public
    keys.kms.schedule_key_deletion(KeyId=key)
    assert refusal(keys.kms.get_public_key, KeyId=key) == (
        "KMSInvalidStateException",
        f"{key} is pending deletion.",
    )


def test_mu_and_message_are_the_same(keys: Keys) -> None:
    """FIPS 204: mu = SHAKE256(SHAKE256(public key) || 00 || length of the context || message)."""
    for spec in ("ML_DSA_44", "ML_DSA_65", "ML_DSA_87"):
        public = keys.public(spec)
        hashed = hashlib.shake_256(public.public_bytes_raw()).digest(64)
        mu = hashlib.shake_256(hashed + b"\0\0" + MESSAGE).digest(64)
        call = {"KeyId": keys.of(spec), "SigningAlgorithm": "ML_DSA_SHAKE_256"}
        raw = keys.kms.sign(**call, Message=MESSAGE)["Signature"]
        external = keys.kms.sign(**call, Message=mu, MessageType="EXTERNAL_MU")["Signature"]
        public.verify(external, MESSAGE)
        assert raw != external  # fresh randomness in each
        for signature in (raw, external):
            assert keys.kms.verify(**call, Message=MESSAGE, Signature=signature)["SignatureValid"]
            assert keys.kms.verify(
                **call, Message=mu, MessageType="EXTERNAL_MU", Signature=signature
            )["SignatureValid"]


@pytest.mark.parametrize(
    ("spec", "algorithm", "kind", "size", "message"),
    [
        ("RSA_2048", "RSASSA_PSS_SHA_256", "DIGEST", 31, "Digest is invalid length for algorithm"),
        ("RSA_2048", "RSASSA_PSS_SHA_512", "DIGEST", 32, "Digest is invalid length for algorithm"),
        ("ECC_NIST_P384", "ECDSA_SHA_384", "DIGEST", 49, "Digest is invalid length for algorithm"),
        (
            "ECC_NIST_EDWARDS25519",
            "ED25519_PH_SHA_512",
            "DIGEST",
            63,
            "Digest is invalid length for algorithm",
        ),
        ("ML_DSA_44", "ML_DSA_SHAKE_256", "EXTERNAL_MU", 63, "External Mu is invalid length for"),
        ("ML_DSA_87", "ML_DSA_SHAKE_256", "EXTERNAL_MU", 65, "External Mu is invalid length for"),
        (
            "ML_DSA_65",
            "ML_DSA_SHAKE_256",
            "DIGEST",
            64,
            "Message type DIGEST is incompatible with key spec ML_DSA_65.",
        ),
        (
            "ECC_NIST_P256",
            "ECDSA_SHA_256",
            "EXTERNAL_MU",
            64,
            "Message type EXTERNAL_MU is incompatible with key spec ECC_NIST_P256.",
        ),
        (
            "ECC_NIST_EDWARDS25519",
            "ED25519_SHA_512",
            "EXTERNAL_MU",
            64,
            "Message type EXTERNAL_MU is incompatible with key spec ECC_NIST_EDWARDS25519.",
        ),
        (
            "ECC_NIST_EDWARDS25519",
            "ED25519_SHA_512",
            "DIGEST",
            5,
            "Message type DIGEST is incompatible with algorithm ED25519_SHA_512.",
        ),
        (
            "ECC_NIST_EDWARDS25519",
            "ED25519_PH_SHA_512",
            "RAW",
            5,
            "Message type RAW is incompatible with algorithm ED25519_PH_SHA_512.",
        ),
    ],
)
def test_message_has_to_fit_its_type(
    keys: Keys, spec: str, algorithm: str, kind: str, size: int, message: str
) -> None:
    """The texts are AWS's, recorded in September 2026."""
    call = {
        "KeyId": keys.of(spec),
        "Message": bytes(size),
        "MessageType": kind,
        "SigningAlgorithm": algorithm,
    }
    expected = message if message.endswith(".") else f"{message.removesuffix(' algorithm')}"
    for refused in (
        refusal(keys.kms.sign, **call),
        refusal(keys.kms.sign, **call, DryRun=True),
        refusal(keys.kms.verify, **call, Signature=b"x"),
    ):
        assert refused[0] == "ValidationException"
        assert refused[1].startswith(expected)
        assert refused[1].endswith(".")
        assert algorithm in refused[1] or spec in refused[1]


def test_messages_have_at_most_4096_bytes(keys: Keys) -> None:
    call = {"KeyId": keys.of("ML_DSA_44"), "SigningAlgorithm": "ML_DSA_SHAKE_256"}
    assert keys.kms.sign(**call, Message=bytes(4096))["Signature"]
    code, text = refusal(keys.kms.sign, **call, Message=bytes(4097))
    assert code == "ValidationException"
    assert "Member must have length less than or equal to 4096" in text


def test_key_and_algorithm_have_to_go_together(keys: Keys) -> None:
    for spec, algorithm in (
        ("ECC_NIST_P256", "RSASSA_PSS_SHA_256"),
        ("ECC_NIST_P256", "ECDSA_SHA_384"),
        ("ECC_NIST_EDWARDS25519", "ECDSA_SHA_512"),
        ("ML_DSA_44", "ECDSA_SHA_256"),
        ("RSA_2048", "ML_DSA_SHAKE_256"),
    ):
        call = {"KeyId": keys.of(spec), "Message": MESSAGE, "SigningAlgorithm": algorithm}
        expected = (
            "InvalidKeyUsageException",
            f"Algorithm {algorithm} is incompatible with key spec {spec}.",
        )
        assert refusal(keys.kms.sign, **call) == expected
        assert refusal(keys.kms.verify, **call, Signature=b"x") == expected


def test_key_has_to_be_for_signing(keys: Keys) -> None:
    key = keys.of("RSA_2048", "ENCRYPT_DECRYPT")
    call = {"KeyId": key, "Message": MESSAGE, "SigningAlgorithm": "RSASSA_PSS_SHA_256"}
    text = f"{key} key usage is ENCRYPT_DECRYPT which is not valid for"
    assert refusal(keys.kms.sign, **call) == ("InvalidKeyUsageException", f"{text} Sign.")
    assert refusal(keys.kms.verify, **call, Signature=b"x") == (
        "InvalidKeyUsageException",
        f"{text} Verify.",
    )


def test_disabled_is_said_before_usage_and_algorithm(keys: Keys) -> None:
    key = keys.new("ECC_NIST_P256")
    keys.kms.disable_key(KeyId=key)
    call = {"KeyId": key, "Message": MESSAGE, "SigningAlgorithm": "RSASSA_PSS_SHA_256"}
    expected = ("DisabledException", f"{key} is disabled.")
    assert refusal(keys.kms.sign, **call) == expected
    assert refusal(keys.kms.verify, **call, Signature=b"x") == expected


def test_dry_run_comes_last(keys: Keys) -> None:
    call = {
        "KeyId": keys.of("ECC_NIST_P256"),
        "Message": MESSAGE,
        "SigningAlgorithm": "ECDSA_SHA_256",
    }
    expected = (
        "DryRunOperationException",
        "The request would have succeeded, but the DryRun option is set.",
    )
    assert refusal(keys.kms.sign, **call, DryRun=True) == expected
    signature = keys.kms.sign(**call)["Signature"]
    assert refusal(keys.kms.verify, **call, Signature=signature, DryRun=True) == expected
    assert refusal(keys.kms.sign, **call, GrantTokens=["none"])[0] == "InvalidGrantTokenException"


def test_signing_key_neither_encrypts_nor_makes_macs(keys: Keys) -> None:
    key = keys.of("RSA_2048")
    text = f"{key} key usage is SIGN_VERIFY which is not valid for"
    assert refusal(keys.kms.encrypt, KeyId=key, Plaintext=b"x") == (
        "InvalidKeyUsageException",
        f"{text} Encrypt.",
    )
    assert refusal(keys.kms.generate_mac, KeyId=key, Message=b"x", MacAlgorithm="HMAC_SHA_256") == (
        "InvalidKeyUsageException",
        f"{text} GenerateMac.",
    )
