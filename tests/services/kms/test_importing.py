# SPDX-License-Identifier: Apache-2.0
"""Key material from outside: wrapped, sent, expired, deleted, brought back; only what fits."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.serialization import load_der_public_key
from hypothesis import given, settings
from hypothesis import strategies as st

from stockade.app import Stockade
from stockade.services.kms.resources import MATERIALS
from stockade.store.resources import Scope
from stockade.testing.plugin import TestClock
from stockade.testing.transport import session
from tests.services.kms.imports import OAEP, RSA_AES, bring, in_memory, parameters, ready, wrapped

ACCOUNT = "000000000000"
SCOPE = Scope(ACCOUNT, "us-east-1")
MATERIAL = bytes(range(32))
ALGORITHMS = (OAEP, "RSAES_OAEP_SHA_1")
"""What material of a symmetric key may be wrapped with."""


_one_store = pytest.fixture(in_memory, name="stockade")  # test_rotation.py imports on both


@pytest.fixture
def kms(aws: boto3.Session) -> Any:
    return aws.client("kms")


@pytest.fixture
def key(kms: Any) -> str:
    return str(kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"])


def arn(key: str) -> str:
    return f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{key}"


def refusal(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error: Any = caught.value.response["Error"]
    return error["Code"], error["Message"]


def metadata(kms: Any, key: str) -> Any:
    return kms.describe_key(KeyId=key)["KeyMetadata"]


def events(aws: boto3.Session, name: str) -> list[Any]:
    found = aws.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}]
    )["Events"]
    return [json.loads(event["CloudTrailEvent"]) for event in found]


@pytest.mark.fact("kms-20")
def test_material_comes_in_and_works(kms: Any, key: str) -> None:
    made = metadata(kms, key)
    assert (made["KeyState"], made["Enabled"], made["Origin"]) == (
        "PendingImport",
        False,
        "EXTERNAL",
    )
    assert {"ExpirationModel", "ValidTo", "CurrentKeyMaterialId"}.isdisjoint(made)
    assert refusal(kms.encrypt, KeyId=key, Plaintext=b"x") == (
        "KMSInvalidStateException",
        f"{arn(key)} is pending import.",
    )
    answer = bring(kms, key, MATERIAL)
    assert answer["KeyId"] == arn(key)
    there = metadata(kms, key)
    assert (there["KeyState"], there["Enabled"]) == ("Enabled", True)
    assert there["ExpirationModel"] == "KEY_MATERIAL_DOES_NOT_EXPIRE"
    assert there["CurrentKeyMaterialId"] == answer["KeyMaterialId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["KeyMaterialId"] == answer["KeyMaterialId"]


@pytest.mark.fact("kms-20")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_way_of_wrapping(kms: Any, key: str, algorithm: str, stockade: Stockade) -> None:
    made = bring(kms, key, MATERIAL, algorithm)
    with stockade.store.read() as unit:
        row = unit.get(MATERIALS, SCOPE, made["KeyMaterialId"])
        assert row is not None
        assert row.sealed is not None
        assert stockade.vault.open(unit, SCOPE, row.place, row.sealed) == MATERIAL


@pytest.mark.fact("kms-20")
@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_the_wrapping_key_is_as_asked_for(kms: Any, key: str, clock: TestClock, bits: int) -> None:
    got = parameters(kms, key, OAEP, f"RSA_{bits}")
    public: Any = load_der_public_key(got["PublicKey"])
    assert public.key_size == bits
    assert got["KeyId"] == arn(key)
    assert got["ParametersValidTo"] == clock.now + timedelta(hours=24)
    assert len(got["ImportToken"]) <= 6144
    kms.import_key_material(**ready(got, MATERIAL))


@pytest.mark.fact("kms-20")
@pytest.mark.parametrize(
    ("algorithm", "spec"),
    [("RSAES_PKCS1_V1_5", "RSA_2048"), ("SM2PKE", "SM2"), (OAEP, "SM2"), ("SM2PKE", "RSA_2048")],
)
def test_ways_that_aws_no_longer_has(kms: Any, key: str, algorithm: str, spec: str) -> None:
    text = (
        f"Wrapping algorithm {algorithm} and wrapping key spec {spec} cannot be used to import a "
        "SYMMETRIC_DEFAULT key."
    )
    with pytest.raises(ClientError, match=f"ValidationException.*{text}"):
        parameters(kms, key, algorithm, spec)


def test_the_token_holds_for_a_day_and_more_than_once(kms: Any, key: str, clock: TestClock) -> None:
    got = parameters(kms, key)
    clock.advance(hours=23.9)
    for _ in range(2):
        kms.import_key_material(**ready(got, MATERIAL))
    clock.advance(hours=0.1)
    code, _ = refusal(kms.import_key_material, **ready(got, MATERIAL))
    assert code == "ExpiredImportTokenException"


def test_the_token_is_for_one_key(kms: Any, key: str) -> None:
    other = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    got = parameters(kms, key)
    foreign = ready({**got, "KeyId": other}, MATERIAL)
    assert refusal(kms.import_key_material, **foreign)[0] == "InvalidImportTokenException"


def test_the_token_and_the_public_key_go_together(kms: Any, key: str) -> None:
    got, other = parameters(kms, key), parameters(kms, key)
    mixed = ready({**got, "PublicKey": other["PublicKey"]}, MATERIAL)
    assert refusal(kms.import_key_material, **mixed) == ("InvalidCiphertextException", "")
    with_sha_1 = ready(got, MATERIAL, "RSAES_OAEP_SHA_1")
    assert refusal(kms.import_key_material, **with_sha_1) == ("InvalidCiphertextException", "")


def test_wrapped_material_has_the_size_of_its_algorithm(kms: Any, key: str) -> None:
    wrong = ("ValidationException", "Invalid encrypted key size.")
    got = parameters(kms, key)
    for size in (1, 255, 257, 296):
        members = ready(got, MATERIAL) | {"EncryptedKeyMaterial": os.urandom(size)}
        assert refusal(kms.import_key_material, **members) == wrong
    pair = kms.create_key(Origin="EXTERNAL", KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    got = parameters(kms, pair["KeyMetadata"]["KeyId"], RSA_AES)
    for size in (256, 264, 273):
        members = ready(got, MATERIAL, RSA_AES) | {"EncryptedKeyMaterial": os.urandom(size)}
        assert refusal(kms.import_key_material, **members) == wrong
    members = ready(got, MATERIAL, RSA_AES) | {
        "EncryptedKeyMaterial": wrapped(got["PublicKey"], b"short")[:256] + bytes(40)
    }
    assert refusal(kms.import_key_material, **members)[0] == "InvalidCiphertextException"


@pytest.mark.parametrize("size", [16, 31, 33, 64])
def test_a_symmetric_key_takes_32_bytes(kms: Any, key: str, size: int) -> None:
    assert refusal(bring, kms=kms, key=key, material=bytes(size)) == (
        "InvalidCiphertextException",
        "",
    )
    assert metadata(kms, key)["KeyState"] == "PendingImport"


def test_a_key_that_is_not_for_import(kms: Any) -> None:
    own = kms.create_key()["KeyMetadata"]["KeyId"]
    text = f"{arn(own)} origin is AWS_KMS which is not valid for this operation."
    refused = ("UnsupportedOperationException", text)
    wanted = {"KeyId": own, "WrappingAlgorithm": OAEP, "WrappingKeySpec": "RSA_2048"}
    assert refusal(kms.get_parameters_for_import, **wanted) == refused
    blobs = {"KeyId": own, "ImportToken": b"x", "EncryptedKeyMaterial": b"x"}
    assert refusal(kms.import_key_material, **blobs) == refused
    assert refusal(kms.delete_imported_key_material, KeyId=own) == refused


def test_the_end_and_its_model_go_together(kms: Any, key: str, clock: TestClock) -> None:
    got = parameters(kms, key)
    day = timedelta(days=1)
    expires, stays = "KEY_MATERIAL_EXPIRES", "KEY_MATERIAL_DOES_NOT_EXPIRE"
    no_end = f"A validTo date must be set if the ExpirationModel is {expires}"
    an_end = f"A validTo date cannot be set if the ExpirationModel is {stays}"
    cases = [
        (None, expires, no_end),
        (clock.now + day, stays, an_end),
        (clock.now, expires, "ValidTo must be in the future"),
        (clock.now + 366 * day, expires, "ValidTo must be less than 365 days in the future"),
    ]
    for end, model, text in cases:
        members = ready(got, MATERIAL, ExpirationModel=model)
        if end is not None:
            members["ValidTo"] = end
        assert refusal(kms.import_key_material, **members) == ("ValidationException", text)


@pytest.mark.fact("kms-20")
def test_material_expires_by_the_clock_and_comes_back(
    aws: boto3.Session, kms: Any, key: str, clock: TestClock, stockade: Stockade
) -> None:
    end = (clock.now + timedelta(days=365)).replace(microsecond=0)
    made = bring(kms, key, MATERIAL, ValidTo=end)
    there = metadata(kms, key)
    assert (there["ExpirationModel"], there["ValidTo"]) == ("KEY_MATERIAL_EXPIRES", end)
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    clock.set(end - timedelta(seconds=1))
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    clock.set(end)
    gone = metadata(kms, key)
    assert (gone["KeyState"], gone["Enabled"]) == ("PendingImport", False)
    assert {"ExpirationModel", "ValidTo"}.isdisjoint(gone)
    assert refusal(kms.decrypt, CiphertextBlob=blob)[0] == "KMSInvalidStateException"
    with stockade.store.read() as unit:
        row = unit.get(MATERIALS, SCOPE, made["KeyMaterialId"])
        assert row is not None
        assert row.sealed is None
    (told,) = events(aws, "DeleteExpiredKeyMaterial")
    assert told["eventType"] == "AwsServiceEvent"
    assert told["serviceEventDetails"] == {"keyId": key, "keyMaterialId": made["KeyMaterialId"]}
    with pytest.raises(ClientError, match="IncorrectKeyMaterialException"):
        bring(kms, key, bytes(32))
    assert bring(kms, key, MATERIAL)["KeyMaterialId"] == made["KeyMaterialId"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    clock.advance(days=3650)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


@pytest.mark.fact("kms-20")
def test_deleted_material_comes_back_identical_only(kms: Any, key: str) -> None:
    made = bring(kms, key, MATERIAL)
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    answer = kms.delete_imported_key_material(KeyId=key)
    assert (answer["KeyId"], answer["KeyMaterialId"]) == (arn(key), made["KeyMaterialId"])
    assert metadata(kms, key)["KeyState"] == "PendingImport"
    kms.delete_imported_key_material(KeyId=key)  # no effect
    assert refusal(kms.decrypt, CiphertextBlob=blob)[0] == "KMSInvalidStateException"
    with pytest.raises(ClientError, match="IncorrectKeyMaterialException"):
        bring(kms, key, bytes(32))
    bring(kms, key, MATERIAL)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_deleting_before_anything_was_imported(kms: Any, key: str) -> None:
    answer = kms.delete_imported_key_material(KeyId=key)
    assert (answer["KeyId"], "KeyMaterialId" in answer) == (arn(key), False)
    missing = refusal(kms.delete_imported_key_material, KeyId=key, KeyMaterialId="a" * 64)
    assert missing == (
        "ValidationException",
        f"Key material (id: {'a' * 64}) has never been imported into KMS key {arn(key)}.",
    )


def test_material_that_is_not_the_expected(kms: Any, key: str) -> None:
    made = bring(kms, key, MATERIAL)["KeyMaterialId"]
    text = "Imported key material does not have the expected identifier ({})."
    incorrect = "IncorrectKeyMaterialException"
    assert refusal(bring, kms=kms, key=key, material=bytes(32)) == (incorrect, text.format(made))
    other = "0" * 64
    assert refusal(bring, kms=kms, key=key, material=MATERIAL, KeyMaterialId=other) == (
        incorrect,
        text.format(other),
    )
    new = {"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialId": made}
    assert refusal(bring, kms=kms, key=key, material=MATERIAL, **new) == (
        "ValidationException",
        "Input parameter keyMaterialId cannot be used with NEW_KEY_MATERIAL importType.",
    )


def test_an_end_is_kept_in_whole_seconds(kms: Any, key: str, clock: TestClock) -> None:
    end = (clock.now + timedelta(days=1)).replace(microsecond=955_686)
    bring(kms, key, MATERIAL, ValidTo=end)
    assert metadata(kms, key)["ValidTo"] == end.replace(microsecond=0)


def test_importing_again_changes_the_end(kms: Any, key: str, clock: TestClock) -> None:
    bring(kms, key, MATERIAL, ValidTo=clock.now + timedelta(days=1))
    bring(kms, key, MATERIAL)
    assert "ValidTo" not in metadata(kms, key)
    clock.advance(days=2)
    assert metadata(kms, key)["KeyState"] == "Enabled"


def test_a_key_that_waits_for_its_deletion(kms: Any, key: str, clock: TestClock) -> None:
    bring(kms, key, MATERIAL, ValidTo=clock.now + timedelta(days=2))
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    text = f"{arn(key)} is pending deletion."
    wanted = {"KeyId": key, "WrappingAlgorithm": OAEP, "WrappingKeySpec": "RSA_2048"}
    refused = ("KMSInvalidStateException", text)
    assert refusal(kms.get_parameters_for_import, **wanted) == refused
    clock.advance(days=3)
    assert metadata(kms, key)["KeyState"] == "PendingDeletion", "it expired; the state stays"
    kms.cancel_key_deletion(KeyId=key)
    assert metadata(kms, key)["KeyState"] == "PendingImport"
    bring(kms, key, MATERIAL)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    kms.cancel_key_deletion(KeyId=key)
    assert metadata(kms, key)["KeyState"] == "Disabled"
    bring(kms, key, MATERIAL)
    assert metadata(kms, key)["KeyState"] == "Enabled", "importing again enables"


def test_a_deleted_key_takes_its_material_along(
    kms: Any, key: str, clock: TestClock, stockade: Stockade
) -> None:
    made = bring(kms, key, MATERIAL)
    kms.delete_imported_key_material(KeyId=key)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    clock.advance(days=7)
    with stockade.store.read() as unit:
        assert unit.get(MATERIALS, SCOPE, made["KeyMaterialId"]) is None


def test_the_same_material_in_two_keys_has_two_ids(kms: Any, key: str) -> None:
    other = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    ids = {bring(kms, each, MATERIAL)["KeyMaterialId"] for each in (key, other)}
    assert len(ids) == 2


def test_the_record_has_no_material(aws: boto3.Session, kms: Any, key: str) -> None:
    bring(kms, key, MATERIAL, KeyMaterialDescription="the first")
    (record,) = events(aws, "ImportKeyMaterial")
    assert record["requestParameters"] == {
        "keyId": arn(key),
        "expirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
        "keyMaterialDescription": "the first",
    }
    assert record["responseElements"]["keyId"] == arn(key)
    (record,) = events(aws, "GetParametersForImport")
    assert record["readOnly"] is True
    assert record["responseElements"] is None


def test_policies_say_how_material_may_be_imported(aws: boto3.Session, stockade: Stockade) -> None:
    iam = aws.client("iam")
    iam.create_user(UserName="carrier")
    allowed = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "kms:GetParametersForImport",
                "Resource": "*",
                "Condition": {
                    "StringEquals": {
                        "kms:WrappingAlgorithm": OAEP,
                        "kms:WrappingKeySpec": "RSA_2048",
                    }
                },
            },
            {
                "Effect": "Allow",
                "Action": "kms:ImportKeyMaterial",
                "Resource": "*",
                "Condition": {
                    "StringEquals": {"kms:ExpirationModel": "KEY_MATERIAL_EXPIRES"},
                    "DateLessThan": {"kms:ValidTo": "2100-01-01T00:00:00Z"},
                },
            },
        ],
    }
    iam.put_user_policy(UserName="carrier", PolicyName="p", PolicyDocument=json.dumps(allowed))
    made = iam.create_access_key(UserName="carrier")["AccessKey"]
    kms = session(
        stockade,
        access_key_id=made["AccessKeyId"],
        secret_access_key=made["SecretAccessKey"],
    ).client("kms")
    key = aws.client("kms").create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    with pytest.raises(ClientError, match="AccessDeniedException"):
        parameters(kms, key, "RSAES_OAEP_SHA_1")
    got = parameters(kms, key)
    code, _ = refusal(kms.import_key_material, **ready(got, MATERIAL))
    assert code == "AccessDeniedException"
    end = stockade.clock.now() + timedelta(days=1)
    kms.import_key_material(
        **ready(got, MATERIAL, ValidTo=end, ExpirationModel="KEY_MATERIAL_EXPIRES")
    )


def test_damaged_tokens_and_material_are_refused(aws: boto3.Session, kms: Any, key: str) -> None:
    """Whatever is sent instead of the token or the material, nothing comes in or breaks."""
    unchecked = aws.client("kms", config=Config(parameter_validation=False))
    members = ready(parameters(kms, key), MATERIAL)
    expected = {
        "ImportToken": {"InvalidImportTokenException"},
        "EncryptedKeyMaterial": {"InvalidCiphertextException", "ValidationException"},
    }

    @settings(max_examples=50, deadline=None)
    @given(data=st.data(), name=st.sampled_from(sorted(expected)))
    def check(data: st.DataObject, name: str) -> None:
        changed = members | {name: data.draw(damaged(members[name]))}
        assert refusal(unchecked.import_key_material, **changed)[0] in expected[name]

    check()
    assert metadata(kms, key)["KeyState"] == "PendingImport"


def damaged(good: bytes) -> st.SearchStrategy[bytes]:
    """Return what is not `good`: a bit turned, cut, longer, or anything."""
    bits = st.integers(0, 8 * len(good) - 1).map(lambda bit: turned(good, bit))
    cut = st.integers(1, len(good) - 1).map(lambda size: good[:size])
    longer = st.binary(min_size=1, max_size=40).map(lambda more: good + more)
    return st.one_of(bits, cut, longer, st.binary(min_size=1, max_size=600)).filter(
        lambda value: value != good
    )


def turned(good: bytes, bit: int) -> bytes:
    number = int.from_bytes(good, "big") ^ (1 << bit)
    return number.to_bytes(len(good), "big")
