# SPDX-License-Identifier: Apache-2.0
"""Encrypt, Decrypt, ReEncrypt and data keys through boto3."""

from __future__ import annotations

import base64
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from stockade.services.kms import envelope

CONTEXTS = st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=6)


@pytest.fixture
def kms(aws: boto3.Session) -> Any:
    return aws.client("kms")


@pytest.fixture
def key_id(kms: Any) -> str:
    return str(kms.create_key()["KeyMetadata"]["KeyId"])


def refusal(call: Any, **arguments: Any) -> tuple[str, str, int]:
    """Return code, message and status of a call that has to be refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response: Any = caught.value.response
    error = response["Error"]
    return error["Code"], error["Message"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.fact("kms-9")
def test_decrypt_needs_no_key_id(kms: Any, key_id: str) -> None:
    made = kms.encrypt(KeyId=key_id, Plaintext=b"attack at dawn")
    assert made["KeyId"].endswith(f":key/{key_id}")
    assert made["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"])
    assert opened["Plaintext"] == b"attack at dawn"
    assert opened["KeyId"] == made["KeyId"]
    metadata = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    assert opened["KeyMaterialId"] == metadata["CurrentKeyMaterialId"]
    assert len(opened["KeyMaterialId"]) == 64


@pytest.mark.fact("kms-8")
def test_plaintext_is_limited_to_4096_bytes(kms: Any, key_id: str) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=bytes(4096))["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == bytes(4096)
    code, message, status = refusal(kms.encrypt, KeyId=key_id, Plaintext=bytes(4097))
    assert (code, status) == ("ValidationException", 400)
    assert "'plaintext' failed to satisfy constraint" in message
    assert "Member must have length less than or equal to 4096" in message


def test_sizes_are_those_of_aws(kms: Any, key_id: str) -> None:
    data_key = kms.generate_data_key(KeyId=key_id, KeySpec="AES_256")
    assert (len(data_key["CiphertextBlob"]), len(data_key["Plaintext"])) == (184, 32)
    data_key = kms.generate_data_key(KeyId=key_id, KeySpec="AES_128")
    assert (len(data_key["CiphertextBlob"]), len(data_key["Plaintext"])) == (168, 16)


@pytest.mark.fact("kms-36")
def test_data_key_is_stored_wrapped_beside_the_data(kms: Any, key_id: str) -> None:
    context = {"purpose": "test"}
    made = kms.generate_data_key(KeyId=key_id, NumberOfBytes=64, EncryptionContext=context)
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
    assert opened["Plaintext"] == made["Plaintext"]
    without = kms.generate_data_key_without_plaintext(KeyId=key_id, KeySpec="AES_256")
    assert "Plaintext" not in without
    assert len(kms.decrypt(CiphertextBlob=without["CiphertextBlob"])["Plaintext"]) == 32


def test_data_key_wants_exactly_one_size(kms: Any, key_id: str) -> None:
    expected = ("ValidationException", "Please specify either number of bytes or key spec.", 400)
    assert refusal(kms.generate_data_key, KeyId=key_id) == expected
    both = {"NumberOfBytes": 32, "KeySpec": "AES_256"}
    assert refusal(kms.generate_data_key, KeyId=key_id, **both) == expected


def test_context_has_to_be_the_same(kms: Any, key_id: str) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x", EncryptionContext={"ab": "c"})[
        "CiphertextBlob"
    ]
    for context in ({}, {"a": "bc"}, {"ab": "C"}, {"ab": "c", "d": ""}):
        code, message, status = refusal(kms.decrypt, CiphertextBlob=blob, EncryptionContext=context)
        assert (code, message, status) == ("InvalidCiphertextException", "", 400)
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext={"ab": "c"})["Plaintext"] == b"x"


def test_every_changed_byte_is_refused(kms: Any, key_id: str) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    codes = set()
    for position in range(len(blob)):
        changed = bytearray(blob)
        changed[position] ^= 1
        codes.add(refusal(kms.decrypt, CiphertextBlob=bytes(changed))[0])
    assert codes <= {"InvalidCiphertextException", "AccessDeniedException"}


def test_unknown_key_in_a_blob_is_no_oracle(kms: Any, key_id: str) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    head = envelope.read_header(blob)
    for foreign in (
        blob.replace(head.key_id.encode(), b"00000000-0000-4000-8000-000000000000"),
        blob[:3] + (123456789012).to_bytes(5, "big") + blob[8:],
    ):
        code, message, _ = refusal(kms.decrypt, CiphertextBlob=foreign)
        assert code == "AccessDeniedException"
        assert message == (
            "The ciphertext refers to a customer master key that does not exist, does not exist "
            "in this region, or you are not allowed to access."
        )


def test_named_key_has_to_be_the_right_one(kms: Any, key_id: str) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    assert refusal(kms.decrypt, CiphertextBlob=blob, KeyId=other) == (
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
        400,
    )
    assert kms.decrypt(CiphertextBlob=blob, KeyId=key_id)["Plaintext"] == b"x"


def test_reencrypt_moves_to_another_key_and_context(kms: Any, key_id: str) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x", EncryptionContext={"a": "1"})
    moved = kms.re_encrypt(
        CiphertextBlob=blob["CiphertextBlob"],
        SourceEncryptionContext={"a": "1"},
        DestinationKeyId=other,
        DestinationEncryptionContext={"b": "2"},
    )
    assert moved["SourceKeyId"].endswith(key_id)
    assert moved["KeyId"].endswith(other)
    opened = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"b": "2"})
    assert opened["Plaintext"] == b"x"
    assert opened["KeyMaterialId"] == moved["DestinationKeyMaterialId"]


def test_random_bytes(kms: Any) -> None:
    one = kms.generate_random(NumberOfBytes=1024)["Plaintext"]
    assert len(one) == 1024
    assert one != kms.generate_random(NumberOfBytes=1024)["Plaintext"]
    assert refusal(kms.generate_random) == (
        "ValidationException",
        "NumberOfBytes is required.",
        400,
    )


def test_dry_run_says_that_it_would_have_succeeded(kms: Any, key_id: str) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    expected = (
        "DryRunOperationException",
        "The request would have succeeded, but the DryRun option is set.",
        400,
    )
    for call, arguments in (
        (kms.encrypt, {"KeyId": key_id, "Plaintext": b"x"}),
        (kms.decrypt, {"CiphertextBlob": blob}),
        (kms.generate_data_key, {"KeyId": key_id, "KeySpec": "AES_256"}),
        (kms.re_encrypt, {"CiphertextBlob": blob, "DestinationKeyId": key_id}),
    ):
        assert refusal(call, DryRun=True, **arguments) == expected


def test_unknown_grant_tokens_are_refused(kms: Any, key_id: str) -> None:
    assert refusal(kms.encrypt, KeyId=key_id, Plaintext=b"x", GrantTokens=["abc"])[0] == (
        "InvalidGrantTokenException"
    )


def test_ciphertext_has_to_be_given(kms: Any, key_id: str) -> None:
    text = (
        "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy "
        "constraint: Member must not be null"
    )
    expected = ("ValidationException", text, 400)
    assert refusal(kms.decrypt) == expected
    assert refusal(kms.re_encrypt, DestinationKeyId=key_id) == expected


def test_algorithm_has_to_fit(kms: Any, key_id: str) -> None:
    assert refusal(
        kms.encrypt, KeyId=key_id, Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_256"
    ) == (
        "InvalidKeyUsageException",
        "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.",
        400,
    )


@given(one=CONTEXTS, other=CONTEXTS)
def test_canonical_context_is_unambiguous(one: dict[str, str], other: dict[str, str]) -> None:
    assert (envelope.canonical(one) == envelope.canonical(other)) == (one == other)
    assert envelope.canonical(dict(reversed(one.items()))) == envelope.canonical(one)


@given(plaintext=st.binary(min_size=1, max_size=4096), context=CONTEXTS)
def test_envelope_round_trip(plaintext: bytes, context: dict[str, str]) -> None:
    material, nonce = bytes(range(32)), bytes(28)
    key_id = "12345678-1234-4234-8234-123456789012"
    header = envelope.Header("123456789012", key_id, envelope.material_id(material, key_id))
    blob = envelope.seal(material, header, plaintext, context, nonce=nonce)
    assert len(blob) == len(plaintext) + envelope.OVERHEAD
    assert envelope.read_header(blob) == header
    assert envelope.open_blob(material, blob, context) == plaintext
    with pytest.raises(envelope.NotABlob):
        envelope.open_blob(bytes(32), blob, context)


@given(noise=st.binary(max_size=400))
def test_noise_is_no_blob(noise: bytes) -> None:
    for blob in (noise, envelope.VERSION + noise):
        try:
            envelope.read_header(blob)
        except envelope.NotABlob:
            continue
        with pytest.raises(envelope.NotABlob):
            envelope.open_blob(bytes(32), blob, {})


def test_garbage_is_an_invalid_ciphertext(kms: Any) -> None:
    for blob in (b"x", base64.b64decode("AQICAHh=="), bytes(200), envelope.VERSION + bytes(181)):
        assert refusal(kms.decrypt, CiphertextBlob=blob)[:2] == ("InvalidCiphertextException", "")
