# SPDX-License-Identifier: Apache-2.0
"""Encrypt, Decrypt and ReEncrypt with RSA keys through boto3, and with openssl on the outside."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from stockade.app import Stockade
from stockade.crypto.oaep import largest_plaintext
from stockade.testing.transport import session

ALGORITHMS = ("RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256")
PLAINTEXT = b"attack at dawn"
NO_CONTEXT = (
    "ValidationException",
    "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.",
)
DRY_RUN = (
    "DryRunOperationException",
    "The request would have succeeded, but the DryRun option is set.",
)


class Deployment:
    """One deployment with an RSA key, another and a symmetric one."""

    def __init__(self, stockade: Stockade) -> None:
        self.kms: Any = session(stockade).client("kms")
        self.rsa = self.new(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
        self.other = self.new(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
        self.symmetric = self.new()
        self.public_der: bytes = self.kms.get_public_key(KeyId=self.rsa)["PublicKey"]

    def new(self, **arguments: str) -> str:
        return str(self.kms.create_key(**arguments)["KeyMetadata"]["Arn"])

    def encrypt(self, algorithm: str, plaintext: bytes = PLAINTEXT) -> bytes:
        answer = self.kms.encrypt(
            KeyId=self.rsa, Plaintext=plaintext, EncryptionAlgorithm=algorithm
        )
        assert answer["KeyId"] == self.rsa
        assert answer["EncryptionAlgorithm"] == algorithm
        return bytes(answer["CiphertextBlob"])


@pytest.fixture(scope="module")
def it() -> Iterator[Deployment]:
    stockade = Stockade.in_memory()
    yield Deployment(stockade)
    stockade.close()


def refusal(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error: Any = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.fact("kms-15")
@pytest.mark.fact("kms-16")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_openssl_encrypts_is_decrypted_here(
    it: Deployment, tmp_path: Path, algorithm: str
) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("there is no openssl")
    public = tmp_path / "public.der"
    public.write_bytes(it.public_der)
    hashed = "sha1" if algorithm.endswith("SHA_1") else "sha256"
    options = f"rsa_padding_mode:oaep rsa_oaep_md:{hashed} rsa_mgf1_md:{hashed}".split()
    command = [program, "pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", str(public)]
    for option in options:
        command += ["-pkeyopt", option]
    ended = subprocess.run(command, input=PLAINTEXT, capture_output=True, check=True)
    opened = it.kms.decrypt(
        KeyId=it.rsa, CiphertextBlob=ended.stdout, EncryptionAlgorithm=algorithm
    )
    assert opened["Plaintext"] == PLAINTEXT
    assert opened["KeyId"] == it.rsa
    assert opened["EncryptionAlgorithm"] == algorithm
    assert "KeyMaterialId" not in opened


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_blocks_are_bare_and_of_the_public_key(it: Deployment, algorithm: str) -> None:
    block = it.encrypt(algorithm)
    assert len(block) == 256
    assert block != it.encrypt(algorithm)
    contexts: tuple[dict[str, Any], ...] = ({}, {"EncryptionContext": {}})
    for context in contexts:
        opened = it.kms.decrypt(
            KeyId=it.rsa, CiphertextBlob=block, EncryptionAlgorithm=algorithm, **context
        )
        assert opened["Plaintext"] == PLAINTEXT


def test_what_cryptography_encrypts_is_decrypted_here(it: Deployment) -> None:
    public = load_der_public_key(it.public_der)
    assert isinstance(public, rsa.RSAPublicKey)
    hashed = hashes.SHA256()
    block = public.encrypt(b"", padding.OAEP(padding.MGF1(hashed), hashed, None))
    opened = it.kms.decrypt(
        KeyId=it.rsa, CiphertextBlob=block, EncryptionAlgorithm="RSAES_OAEP_SHA_256"
    )
    assert opened["Plaintext"] == b""


@pytest.mark.parametrize(
    ("bits", "algorithm", "largest"),
    [
        (2048, "RSAES_OAEP_SHA_1", 214),
        (2048, "RSAES_OAEP_SHA_256", 190),
        (3072, "RSAES_OAEP_SHA_1", 342),
        (3072, "RSAES_OAEP_SHA_256", 318),
        (4096, "RSAES_OAEP_SHA_1", 470),
        (4096, "RSAES_OAEP_SHA_256", 446),
    ],
)
def test_plaintext_is_limited_by_key_and_algorithm(
    it: Deployment, bits: int, algorithm: str, largest: int
) -> None:
    assert largest_plaintext(bits, algorithm) == largest
    if bits != 2048:
        return
    assert len(it.encrypt(algorithm, bytes(largest))) == 256
    text = f"Algorithm {algorithm} and key spec RSA_2048 cannot encrypt data larger than"
    expected = ("ValidationException", f"{text} {largest} bytes.")
    call = {"Plaintext": bytes(largest + 1), "EncryptionAlgorithm": algorithm}
    assert refusal(it.kms.encrypt, KeyId=it.rsa, **call) == expected
    assert refusal(it.kms.encrypt, KeyId=it.rsa, **call, DryRun=True) == expected


def test_decrypt_wants_the_key_named(it: Deployment) -> None:
    block = it.encrypt("RSAES_OAEP_SHA_256")
    call = {"CiphertextBlob": block, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    assert refusal(it.kms.decrypt, **call) == ("ValidationException", "KeyId must not be null")
    code, text = refusal(
        it.kms.re_encrypt,
        CiphertextBlob=block,
        SourceEncryptionAlgorithm="RSAES_OAEP_SHA_256",
        DestinationKeyId=it.symmetric,
    )
    assert (code, text) == ("ValidationException", "SourceKeyId must not be null")


def test_context_is_refused(it: Deployment) -> None:
    block = it.encrypt("RSAES_OAEP_SHA_1")
    call = {
        "KeyId": it.rsa,
        "EncryptionAlgorithm": "RSAES_OAEP_SHA_1",
        "EncryptionContext": {"a": "1"},
    }
    assert refusal(it.kms.encrypt, **call, Plaintext=b"x") == NO_CONTEXT
    assert refusal(it.kms.decrypt, **call, CiphertextBlob=block) == NO_CONTEXT


def test_any_other_block_key_or_algorithm_is_an_invalid_ciphertext(it: Deployment) -> None:
    block = it.encrypt("RSAES_OAEP_SHA_256")
    expected = ("InvalidCiphertextException", "")
    right = {"KeyId": it.rsa, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    for wrong in (
        right | {"CiphertextBlob": b"x" * 256},
        right | {"CiphertextBlob": block[:-1] + bytes([block[-1] ^ 1])},
        right | {"CiphertextBlob": block[:-1]},
        right | {"CiphertextBlob": block + b"\0"},
        right | {"CiphertextBlob": block, "KeyId": it.other},
        right | {"CiphertextBlob": block, "EncryptionAlgorithm": "RSAES_OAEP_SHA_1"},
        {"KeyId": it.rsa, "CiphertextBlob": block},
    ):
        assert refusal(it.kms.decrypt, **wrong) == expected
        assert refusal(it.kms.decrypt, **wrong, DryRun=True) == expected


def test_dry_run_comes_last(it: Deployment) -> None:
    block = it.encrypt("RSAES_OAEP_SHA_256")
    call = {"KeyId": it.rsa, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256", "DryRun": True}
    assert refusal(it.kms.encrypt, **call, Plaintext=b"x") == DRY_RUN
    assert refusal(it.kms.decrypt, **call, CiphertextBlob=block) == DRY_RUN


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_reencrypt_goes_both_ways(it: Deployment, algorithm: str) -> None:
    """Material ids are those of symmetric keys alone, as AWS was recorded."""
    moved = it.kms.re_encrypt(
        CiphertextBlob=it.encrypt(algorithm),
        SourceKeyId=it.rsa,
        SourceEncryptionAlgorithm=algorithm,
        DestinationKeyId=it.symmetric,
        DestinationEncryptionContext={"a": "1"},
    )
    assert moved["SourceEncryptionAlgorithm"] == algorithm
    assert moved["DestinationEncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    assert "SourceKeyMaterialId" not in moved
    assert len(moved["DestinationKeyMaterialId"]) == 64
    back = it.kms.re_encrypt(
        CiphertextBlob=moved["CiphertextBlob"],
        SourceEncryptionContext={"a": "1"},
        DestinationKeyId=it.other,
        DestinationEncryptionAlgorithm=algorithm,
    )
    assert (back["SourceKeyId"], back["KeyId"]) == (it.symmetric, it.other)
    assert "DestinationKeyMaterialId" not in back
    assert back["SourceKeyMaterialId"] == moved["DestinationKeyMaterialId"]
    opened = it.kms.decrypt(
        KeyId=it.other, CiphertextBlob=back["CiphertextBlob"], EncryptionAlgorithm=algorithm
    )
    assert opened["Plaintext"] == PLAINTEXT


def test_reencrypt_refuses_what_the_target_cannot_hold(it: Deployment) -> None:
    blob = it.kms.encrypt(KeyId=it.symmetric, Plaintext=bytes(191))["CiphertextBlob"]
    call = {
        "CiphertextBlob": blob,
        "DestinationKeyId": it.rsa,
        "DestinationEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
    }
    code, text = refusal(it.kms.re_encrypt, **call, DryRun=True)
    assert code == "ValidationException"
    assert text.endswith("cannot encrypt data larger than 190 bytes.")
    context = {"DestinationEncryptionContext": {"a": "1"}}
    assert refusal(it.kms.re_encrypt, **call, **context) == NO_CONTEXT


@pytest.mark.fact("kms-12")
def test_usage_and_algorithm_have_to_fit(it: Deployment) -> None:
    assert refusal(it.kms.encrypt, KeyId=it.rsa, Plaintext=b"x") == (
        "InvalidKeyUsageException",
        "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.",
    )
    for call in (it.kms.generate_data_key, it.kms.generate_data_key_without_plaintext):
        assert refusal(call, KeyId=it.rsa, KeySpec="AES_256") == (
            "InvalidKeyUsageException",
            "You cannot generate a data key with an asymmetric CMK",
        )
    signing = it.new(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    text = f"{signing} key usage is SIGN_VERIFY which is not valid for"
    call = {"KeyId": signing, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    assert refusal(it.kms.encrypt, **call, Plaintext=b"x")[1] == f"{text} Encrypt."
    assert refusal(it.kms.decrypt, **call, CiphertextBlob=b"x")[1] == f"{text} Decrypt."
    assert refusal(it.kms.decrypt, KeyId=signing, CiphertextBlob=b"x")[1] == f"{text} Decrypt."
    assert refusal(it.kms.generate_data_key, KeyId=signing, KeySpec="AES_256")[1] == (
        f"{text} GenerateDataKey."
    )
    assert refusal(
        it.kms.generate_data_key_without_plaintext, KeyId=signing, KeySpec="AES_256"
    ) == ("InvalidKeyUsageException", f"{text} GenerateDataKeyWithoutPlaintext.")


@pytest.mark.fact("kms-14")
def test_ecc_never_encrypts(it: Deployment) -> None:
    for spec in ("ECC_NIST_P256", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519"):
        assert refusal(it.kms.create_key, KeySpec=spec, KeyUsage="ENCRYPT_DECRYPT") == (
            "ValidationException",
            f"KeyUsage ENCRYPT_DECRYPT is not compatible with KeySpec {spec}",
        )


def test_disabled_is_said_before_the_algorithm(it: Deployment) -> None:
    key = it.new(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    it.kms.disable_key(KeyId=key)
    expected = ("DisabledException", f"{key} is disabled.")
    assert refusal(it.kms.encrypt, KeyId=key, Plaintext=b"x") == expected
    assert refusal(it.kms.generate_data_key, KeyId=key, KeySpec="AES_256") == expected
    assert (
        refusal(
            it.kms.decrypt,
            KeyId=key,
            CiphertextBlob=b"x" * 256,
            EncryptionAlgorithm="RSAES_OAEP_SHA_256",
        )
        == expected
    )
