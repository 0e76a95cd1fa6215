# SPDX-License-Identifier: Apache-2.0
"""GetKeyLastUsage: the last use of a key, as the audit trail has it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from stockade.app import Stockade
from stockade.services.kms.last_usage import OPERATIONS, TRACKED
from tests.services.iam.helpers import account, allow, refused, user


@pytest.fixture
def kms(aws: boto3.Session) -> Any:
    return aws.client("kms")


@pytest.fixture
def key_id(kms: Any) -> str:
    return str(kms.create_key()["KeyMetadata"]["KeyId"])


def later(stockade: Stockade, **by: int) -> None:
    stockade.travel(stockade.clock.now() + timedelta(**by))


def request_id(answer: Any) -> str:
    return str(answer["ResponseMetadata"]["RequestId"])


def used(kms: Any, key_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = kms.get_key_last_usage(KeyId=key_id)
    return answer


def test_the_operations_are_the_models(kms: Any) -> None:
    shape = kms.meta.service_model.shape_for("KeyLastUsageTrackingOperation")
    assert list(OPERATIONS) == shape.enum


def test_a_key_that_was_never_used_has_nothing_to_tell(
    stockade: Stockade, kms: Any, key_id: str
) -> None:
    made = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    answer = used(kms, key_id)
    assert answer["KeyId"] == made["Arn"]
    assert answer["KeyLastUsage"] == {}
    assert answer["KeyCreationDate"] == answer["TrackingStartDate"] == made["CreationDate"]


@pytest.mark.fact("kms-5")
def test_the_last_use_is_told_with_its_record(
    stockade: Stockade, aws: boto3.Session, kms: Any, key_id: str
) -> None:
    blob = kms.encrypt(KeyId=key_id, Plaintext=b"a")["CiphertextBlob"]
    later(stockade, hours=1)
    moment = stockade.clock.now().replace(microsecond=0)
    done = kms.decrypt(CiphertextBlob=blob)
    later(stockade, hours=1)
    kms.describe_key(KeyId=key_id)
    usage = used(kms, key_id)["KeyLastUsage"]
    record = json.loads(stockade.find_record(request_id(done)) or b"")
    assert usage == {
        "Operation": "Decrypt",
        "Timestamp": moment,
        "CloudTrailEventId": record["eventID"],
        "KmsRequestId": request_id(done),
    }
    kms.encrypt(KeyId=key_id, Plaintext=b"a")
    assert used(kms, key_id)["KeyLastUsage"]["Operation"] == "Encrypt"


def test_what_was_refused_is_no_use(
    stockade: Stockade, aws: boto3.Session, kms: Any, key_id: str
) -> None:
    kms.generate_data_key(KeyId=key_id, KeySpec="AES_256")
    later(stockade, hours=1)
    refused(kms.encrypt, KeyId=key_id, Plaintext=b"a", DryRun=True)
    refused(user(stockade, aws, "mallory").client("kms").encrypt, KeyId=key_id, Plaintext=b"a")
    kms.disable_key(KeyId=key_id)
    refused(kms.encrypt, KeyId=key_id, Plaintext=b"a")
    assert used(kms, key_id)["KeyLastUsage"]["Operation"] == "GenerateDataKey"


def test_both_keys_of_a_reencryption_were_used(kms: Any, key_id: str) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=other, Plaintext=b"a")["CiphertextBlob"]
    done = kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key_id)
    for key in (other, key_id):
        assert used(kms, key)["KeyLastUsage"]["KmsRequestId"] == request_id(done)


def test_a_use_from_another_account_is_told_by_the_owners_record(
    stockade: Stockade, kms: Any, key_id: str
) -> None:
    metadata = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    everybody = allow("kms:*") | {"Principal": {"AWS": "*"}}
    kms.put_key_policy(
        KeyId=key_id, Policy=json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
    )
    other = account(stockade, "111122223333").client("kms")
    done = other.encrypt(KeyId=metadata["Arn"], Plaintext=b"a")
    usage = used(kms, key_id)["KeyLastUsage"]
    assert usage["KmsRequestId"] == request_id(done)
    with stockade.store.read() as unit:
        records = [json.loads(r) for r in stockade.journal.by_request_id(unit, request_id(done))]
    mine = [r for r in records if r["recipientAccountId"] == metadata["AWSAccountId"]]
    assert [r["eventID"] for r in mine] == [usage["CloudTrailEventId"]]
    assert refused(other.get_key_last_usage, KeyId=metadata["Arn"])[0] == "AccessDeniedException"


def test_the_trail_reaches_back_ninety_days_and_says_so(
    stockade: Stockade, kms: Any, key_id: str
) -> None:
    kms.encrypt(KeyId=key_id, Plaintext=b"a")
    later(stockade, days=91)
    answer = used(kms, key_id)
    assert answer["KeyLastUsage"] == {}
    assert answer["TrackingStartDate"] == stockade.clock.now() - TRACKED
    assert answer["TrackingStartDate"] > answer["KeyCreationDate"]


def test_an_alias_is_not_taken(kms: Any, key_id: str) -> None:
    kms.create_alias(AliasName="alias/a", TargetKeyId=key_id)
    with pytest.raises(ClientError) as caught:
        kms.get_key_last_usage(KeyId="alias/a")
    assert caught.value.response["Error"]["Message"] == (
        "Key Aliases are not supported for this operation."
    )


def test_it_needs_its_own_permission(
    stockade: Stockade, aws: boto3.Session, kms: Any, key_id: str
) -> None:
    alice = user(stockade, aws, "alice", allow("kms:GetKeyLastUsage")).client("kms")
    assert used(alice, key_id)["KeyLastUsage"] == {}
    bob = user(stockade, aws, "bob", allow("kms:DescribeKey")).client("kms")
    assert "kms:GetKeyLastUsage" in refused(bob.get_key_last_usage, KeyId=key_id)[2]
