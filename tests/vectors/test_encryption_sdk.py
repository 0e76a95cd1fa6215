# SPDX-License-Identifier: Apache-2.0
"""AWS's Encryption SDK vectors through KMS, account 658956600833, with policies enforced.

Every vector with a KMS key is run: one user encrypts, another decrypts, each may do nothing else.
Vectors with raw keys alone never reach KMS. Those with AES keys are run too, of the slow RSA keys a
sample (STOCKADE_VECTORS_ALL=1 runs them all, and flips every bit where a message is to be mutated).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from typing import Any

import pytest
from aws_encryption_sdk import (
    CommitmentPolicy,
    DefaultCryptoMaterialsManager,
    DiscoveryAwsKmsMasterKeyProvider,
    EncryptionSDKClient,
)
from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError
from aws_encryption_sdk.identifiers import AlgorithmSuite
from aws_encryption_sdk.key_providers.kms import DiscoveryFilter
from cryptography.exceptions import InvalidSignature, InvalidTag

from stockade.app import Stockade
from tests.vectors import encryption_sdk as sdk
from tests.vectors.encryption_sdk import ACCOUNT, DECRYPTABLE, ENCRYPT_ONLY, Vector, World

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (sdk.FOLDER / sdk.KEYS).is_file(), reason=f"no Encryption SDK vectors in {sdk.FOLDER}"
    ),
]

RSA_KEYS_EVERY = 1 if sdk.EVERYTHING else 20
BITS_EVERY = 1 if sdk.EVERYTHING else 13
REFUSALS = (AWSEncryptionSDKClientError, InvalidTag, InvalidSignature, ValueError, OverflowError)
"""What the SDK raises where a message is not what it was (the last two: text or length is none)."""
MANIFESTS = [sdk.ENCRYPTION, sdk.GENERATION]
NOT_KMS = "raw RSA keys alone, which KMS never sees: one in twenty is run"
ALGORITHMS = [f"{suite.algorithm_id:04x}" for suite in AlgorithmSuite]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Give a deployment of the vectors' account."""
    app = Stockade.in_memory(account=ACCOUNT, region=sdk.REGION)
    yield World(app)
    app.close()


@pytest.fixture(scope="module")
def manifests() -> dict[str, list[Vector]]:
    """Give both manifests, read once."""
    return {name: list(sdk.vectors(name)) for name in MANIFESTS}


def chosen(vectors: list[Vector]) -> tuple[list[Vector], Counter[str]]:
    """Return the vectors to run, and how many are left out for which reason."""
    run, left_out = [], Counter[str]()
    for place, vector in enumerate(vectors):
        if vector.kind == "rsa" and place % RSA_KEYS_EVERY:
            left_out[NOT_KMS] += 1
        else:
            run.append(vector)
    return run, left_out


def client_for(vector: Vector) -> Any:
    """Return a client that demands commitment where the vector's algorithm has it."""
    if vector.algorithm.is_committing():
        return EncryptionSDKClient()
    return EncryptionSDKClient(commitment_policy=CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT)


def encrypted(world: World, vector: Vector, materials: Any = None) -> bytes:
    """Return the message that a vector describes, made by the user who may encrypt alone."""
    keys = world.encrypting(vector.keys, world.writing)
    message, header = client_for(vector).encrypt(
        source=vector.plaintext,
        algorithm=vector.algorithm,
        frame_length=vector.frame_size,
        encryption_context=dict(vector.context),
        materials_manager=materials or DefaultCryptoMaterialsManager(keys),
    )
    assert len(header.encrypted_data_keys) == len(vector.keys)
    return bytes(message)


def decrypted(world: World, vector: Vector, message: bytes) -> bytes:
    """Return what the user who may decrypt alone reads, and see that the context came along."""
    keys = world.decrypting(vector.decryption_keys, world.reading)
    plaintext, header = client_for(vector).decrypt(source=message, key_provider=keys)
    assert vector.context.items() <= header.encryption_context.items()
    return bytes(plaintext)


def streamed_unsigned(world: World, vector: Vector, message: bytes) -> bytes:
    """Decrypt by the method that releases plaintext early, so that it takes no signed message."""
    keys = world.decrypting(vector.decryption_keys, world.reading)
    with client_for(vector).stream(
        mode="decrypt-unsigned", source=message, key_provider=keys
    ) as opener:
        return bytes(opener.read())


@pytest.mark.fact("kms-36")
@pytest.mark.fact("kms-37")
@pytest.mark.parametrize("manifest", MANIFESTS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_one_user_encrypts_and_another_decrypts(
    world: World, manifests: dict[str, list[Vector]], manifest: str, algorithm: str
) -> None:
    run, _ = chosen(manifests[manifest])
    suite = AlgorithmSuite.get_by_id(int(algorithm, 16))
    mine = [vector for vector in run if vector.ordinary and vector.algorithm is suite]
    assert sum(vector.kind == "kms" for vector in mine) == 40
    for vector in mine:
        assert decrypted(world, vector, encrypted(world, vector)) == vector.plaintext, vector.id


def test_every_vector_is_accounted_for(manifests: dict[str, list[Vector]]) -> None:
    total = {sdk.ENCRYPTION: 3300, sdk.GENERATION: 3306}
    for name, vectors in manifests.items():
        run, left_out = chosen(vectors)
        ran = Counter(vector.kind for vector in run)
        print(f"{name}: {len(run)} run {dict(ran)}, left out: {dict(left_out)}")
        assert len(run) + left_out.total() == total[name]
        assert ran["kms"] == 440
        assert ran["aes"] == (660 if name == sdk.ENCRYPTION else 666)
        assert left_out.keys() <= {NOT_KMS}


@pytest.fixture
def special(manifests: dict[str, list[Vector]]) -> dict[str, Vector]:
    """Give the six vectors that ask for more, by what they ask for."""
    asked = {}
    for vector in manifests[sdk.GENERATION]:
        if isinstance(vector.tampering, dict):
            asked["provider info"] = vector
        elif vector.tampering:
            asked[vector.tampering] = vector
        elif vector.streamed_unsigned:
            asked["signed stream" if vector.error else "stream"] = vector
    assert len(asked) == 6
    return asked


def test_an_unsigned_message_is_streamed(world: World, special: dict[str, Vector]) -> None:
    vector = special["stream"]
    assert streamed_unsigned(world, vector, encrypted(world, vector)) == vector.plaintext


def test_a_signed_message_is_not_streamed_as_if_unsigned(
    world: World, special: dict[str, Vector]
) -> None:
    vector = special["signed stream"]
    message = encrypted(world, vector)
    assert vector.error == "Signed message input to streaming unsigned-only decryption method"
    with pytest.raises(AWSEncryptionSDKClientError, match="Cannot decrypt signed message"):
        streamed_unsigned(world, vector, message)


def test_a_truncated_message_does_not_open(world: World, special: dict[str, Vector]) -> None:
    vector = special["truncate"]
    message = encrypted(world, vector)
    for size in range(1, len(message)):
        must_not_open(world, vector, message[:size])


def test_a_mutated_message_does_not_open(world: World, special: dict[str, Vector]) -> None:
    vector = special["mutate"]
    message = encrypted(world, vector)
    for bit in range(0, len(message) * 8, BITS_EVERY):
        changed = bytearray(message)
        changed[bit // 8] ^= 1 << bit % 8
        must_not_open(world, vector, bytes(changed))


def test_a_half_signed_message_does_not_open(world: World, special: dict[str, Vector]) -> None:
    """Its context has a public key, but its algorithm no signature: somebody took it off."""
    vector = special["half-sign"]
    keys = world.encrypting(vector.keys, world.writing)
    must_not_open(world, vector, encrypted(world, vector, HalfSigning(keys)))


def test_a_data_key_that_names_an_alias_does_not_open(
    world: World, special: dict[str, Vector]
) -> None:
    vector = special["provider info"]
    (named,) = vector.tampering["change-edk-provider-info"]
    keys = world.encrypting(vector.keys, world.writing)
    must_not_open(world, vector, encrypted(world, vector, Renaming(keys, named)))


class HalfSigning(DefaultCryptoMaterialsManager):  # type: ignore[misc]
    """Materials of an algorithm with a signature, for one without."""

    def get_encryption_materials(self, request: Any) -> Any:
        signing = copy(request)
        signing.algorithm = AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
        materials = super().get_encryption_materials(signing)
        materials.algorithm, materials.signing_key = request.algorithm, None
        return materials


class Renaming(DefaultCryptoMaterialsManager):  # type: ignore[misc]
    """Materials whose data keys say that they were encrypted by another key."""

    def __init__(self, master_key_provider: Any, name: str) -> None:
        super().__init__(master_key_provider)
        self._name = name

    def get_encryption_materials(self, request: Any) -> Any:
        materials = super().get_encryption_materials(request)
        for data_key in materials.encrypted_data_keys:
            data_key.key_provider.key_info = self._name
        return materials


def must_not_open(world: World, vector: Vector, message: bytes) -> None:
    """See that no plaintext comes of a message."""
    try:
        decrypted(world, vector, message)
    except REFUSALS:
        return
    pytest.fail(f"{vector.id} opened a message that was tampered with")


# What is enforced: the vectors' users may do what their policies say and no more.


def ordinary_kms(manifests: dict[str, list[Vector]], *names: str) -> Vector:
    """Return the first vector whose message is encrypted under exactly these KMS keys."""
    wanted = list(names)
    return next(
        vector
        for vector in manifests[sdk.ENCRYPTION]
        if [key["key"] for key in vector.keys] == wanted and vector.algorithm.is_committing()
    )


def refusals(world: World, name: str) -> list[tuple[str, str]]:
    """Return what the trail says of a user's refused calls: the operation, and the error code."""
    trail: Any = world.root.client("cloudtrail")
    look = {"AttributeKey": "Username", "AttributeValue": name}
    events = trail.lookup_events(LookupAttributes=[look])["Events"]
    records = [json.loads(event["CloudTrailEvent"]) for event in events]
    return [(each["eventName"], each["errorCode"]) for each in records if "errorCode" in each]


@pytest.mark.fact("kms-3")
def test_who_may_encrypt_alone_cannot_read_it_again(
    world: World, manifests: dict[str, list[Vector]]
) -> None:
    vector = ordinary_kms(manifests, DECRYPTABLE)
    statement = world.allowed(sdk.ENCRYPTING, DECRYPTABLE)
    user = world.user("encrypts-alone", statement).client("kms")
    keys = world.encrypting(vector.keys, user)
    message, _ = EncryptionSDKClient().encrypt(source=vector.plaintext, key_provider=keys)
    with pytest.raises(AWSEncryptionSDKClientError, match="Unable to decrypt any data key"):
        EncryptionSDKClient().decrypt(
            source=message, key_provider=world.decrypting(vector.keys, user)
        )
    assert refusals(world, "encrypts-alone") == [("Decrypt", "AccessDenied")]


@pytest.mark.fact("kms-3")
def test_who_may_decrypt_alone_cannot_encrypt(
    world: World, manifests: dict[str, list[Vector]]
) -> None:
    vector = ordinary_kms(manifests, DECRYPTABLE)
    user = world.user("decrypts-alone", world.allowed(("kms:Decrypt",), DECRYPTABLE)).client("kms")
    with pytest.raises(AWSEncryptionSDKClientError, match="unable to generate data key"):
        EncryptionSDKClient().encrypt(
            source=vector.plaintext, key_provider=world.encrypting(vector.keys, user)
        )
    assert refusals(world, "decrypts-alone") == [("GenerateDataKey", "AccessDenied")]


def test_what_only_the_encrypting_key_wrapped_stays_shut(
    world: World, manifests: dict[str, list[Vector]]
) -> None:
    both = ordinary_kms(manifests, DECRYPTABLE, ENCRYPT_ONLY)
    vector = replace(both, keys=both.keys[1:], decryption_keys=both.keys[1:])
    message = encrypted(world, vector)
    with pytest.raises(AWSEncryptionSDKClientError, match="Unable to decrypt any data key"):
        decrypted(world, vector, message)


def test_discovery_goes_past_a_key_that_refuses(
    world: World, manifests: dict[str, list[Vector]]
) -> None:
    both = ordinary_kms(manifests, DECRYPTABLE, ENCRYPT_ONLY)
    vector = replace(both, keys=both.keys[::-1])
    message = encrypted(world, vector)
    session = world.user("discovers", world.allowed(("kms:Decrypt",), DECRYPTABLE))
    provider = DiscoveryAwsKmsMasterKeyProvider(
        botocore_session=session._session,
        discovery_filter=DiscoveryFilter(account_ids=[ACCOUNT], partition="aws"),
    )
    plaintext, header = EncryptionSDKClient().decrypt(source=message, key_provider=provider)
    wrapped = [key.key_provider.key_info.decode() for key in header.encrypted_data_keys]
    assert sorted(wrapped) == sorted(world.arns.values())
    assert plaintext == vector.plaintext
    # The message holds its data keys in no order: the key that refuses may never have been asked.
    assert set(refusals(world, "discovers")) <= {("Decrypt", "AccessDenied")}


def test_a_mutated_message_under_a_kms_key_does_not_open(
    world: World, manifests: dict[str, list[Vector]]
) -> None:
    vector = replace(ordinary_kms(manifests, DECRYPTABLE), plaintext=b"ten bytes.")
    message = encrypted(world, vector)
    for bit in range(0, len(message) * 8, BITS_EVERY):
        changed = bytearray(message)
        changed[bit // 8] ^= 1 << bit % 8
        must_not_open(world, vector, bytes(changed))
