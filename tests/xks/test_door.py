# SPDX-License-Identifier: Apache-2.0
"""The proxy against the specification: the checks of AWS's own test client, and what it leaves out.

The first half repeats aws-kms-xksproxy-test-client request by request: health, metadata, encrypt
and decrypt, and the key that is for neither.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stockade.app import Stockade
from stockade.core.clock import ManualClock
from stockade.protocol.http import HttpRequest
from stockade.protocol.xks import STATUSES
from stockade.services.kms.resources import KEYS
from stockade.store.errors import NotInMemory
from stockade.store.resources import Scope
from tests.xks.conftest import ACCOUNT, policy
from tests.xks.kms import AAD, PLAINTEXT, TOLD, Kms

FAILED = "AuthenticationFailedException"
OTHER_AAD = "cHJvamVjdD1ibHVlLGRlcGFydG1lbnQ9ZmluYW5jZQ=="
HEALTH = {"requestMetadata": {"kmsOperation": "KmsHealthCheck", "kmsRequestId": "1124f4d6"}}
APIS = ("health", "keys/{key}/metadata", "keys/{key}/encrypt", "keys/{key}/decrypt")


def test_health(other: Kms) -> None:
    answer = other.ask("health", HEALTH)
    assert answer.status == 200
    assert answer.body["xksProxyFleetSize"] == 1
    assert answer.body["ekmFleetDetails"][0]["healthStatus"] == "ACTIVE"
    named = ("xksProxyVendor", "xksProxyModel", "ekmVendor")
    assert all(answer.body[name].startswith("Stockade") for name in named)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("body", [{}, {"requestMetadata": {}}, b"", b"{", b"[]", b"\xff"])
def test_without_the_metadata_that_is_required(other: Kms, key: str, api: str, body: Any) -> None:
    answer = other.ask(api.format(key=key), body)
    assert (answer.status, answer.error) == (400, "ValidationException")


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    "wrong",
    [
        {"access_key_id": "INVALIDAAAABBBBCCCCDDDD"},
        {"secret": "Invalid" * 7},
        {"service": "kms"},
    ],
)
def test_an_invalid_signature(other: Kms, key: str, api: str, wrong: dict[str, str]) -> None:
    answer = other.ask(api.format(key=key), HEALTH, **wrong)
    assert (answer.status, answer.error) == (401, "AuthenticationFailedException")


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("path", ["/nile/invalid/kms/xks/v1", "/other/kms/xks/v1", "/kms/xks/v1"])
def test_an_invalid_uri_path(other: Kms, key: str, api: str, path: str) -> None:
    answer = other.ask(api.format(key=key), HEALTH, path=path)
    assert (answer.status, answer.error) == (404, "InvalidUriPathException")


@pytest.mark.parametrize("operation", ["DescribeKey", "CreateKey", "BulkDescribeKey"])
def test_metadata(other: Kms, key: str, operation: str) -> None:
    answer = other.metadata(key, kmsOperation=operation)
    assert answer.body == {
        "keySpec": "AES_256",
        "keyUsage": ["ENCRYPT", "DECRYPT"],
        "keyStatus": "ENABLED",
    }


def test_createkey_has_no_key_of_its_own_yet(other: Kms, key: str) -> None:
    assert other.metadata(key, kmsOperation="CreateKey", kmsKeyArn=None).status == 200


@pytest.mark.parametrize(
    "key_id", ["non_existing_key", "..", "1234abcd-12ab-34cd-56ef-1234567890ab"]
)
def test_a_key_that_does_not_exist(other: Kms, key_id: str) -> None:
    for answer in (other.metadata(key_id), other.encrypt(key_id)):
        assert (answer.status, answer.error) == (404, "KeyNotFoundException")


def test_encrypt_without_plaintext(other: Kms, key: str) -> None:
    for plaintext in (None, ""):
        assert other.encrypt(key, plaintext=plaintext).error == "ValidationException"


@pytest.mark.parametrize("aad", [None, AAD])
@pytest.mark.parametrize("algorithm", [None, "SHA_256"])
def test_encrypt_then_decrypt(other: Kms, key: str, aad: str | None, algorithm: str | None) -> None:
    encrypted = other.encrypt(
        key, additionalAuthenticatedData=aad, ciphertextDataIntegrityValueAlgorithm=algorithm
    ).body
    parts = {name: base64.b64decode(value) for name, value in encrypted.items()}
    assert len(parts["ciphertext"]) == len(b"Hello World!")
    assert len(parts["initializationVector"]) in {12, 16}
    assert len(parts["authenticationTag"]) == 16
    assert len(parts["ciphertextMetadata"]) <= 20
    if algorithm is not None:
        names = ("ciphertextMetadata", "initializationVector", "ciphertext", "authenticationTag")
        covered = base64.b64decode(aad or "") + b"".join(parts[name] for name in names)
        assert parts["ciphertextDataIntegrityValue"] == hashlib.sha256(covered).digest()
    decrypted = other.decrypt(key, encrypted, additionalAuthenticatedData=aad)
    assert decrypted.body == {"plaintext": PLAINTEXT}


@pytest.mark.parametrize("aad", [None, OTHER_AAD])
def test_decrypt_with_another_aad(other: Kms, key: str, aad: str | None) -> None:
    encrypted = other.encrypt(key, additionalAuthenticatedData=AAD).body
    answer = other.decrypt(key, encrypted, additionalAuthenticatedData=aad)
    assert (answer.status, answer.error) == (400, "InvalidCiphertextException")


def test_large_plaintext_and_large_aad(other: Kms, key: str) -> None:
    plaintext = base64.b64encode(os.urandom(4300)).decode()
    aad = base64.b64encode(os.urandom(8192)).decode()
    encrypted = other.encrypt(key, plaintext=plaintext, additionalAuthenticatedData=aad).body
    answer = other.decrypt(key, encrypted, additionalAuthenticatedData=aad)
    assert answer.body == {"plaintext": plaintext}


@pytest.mark.parametrize(
    ("spec", "usage"), [("RSA_2048", "SIGN_VERIFY"), ("HMAC_256", "GENERATE_VERIFY_MAC")]
)
def test_a_key_that_is_for_neither(
    stockade: Stockade, other: Kms, key: str, spec: str, usage: str
) -> None:
    with stockade.store.write() as unit:
        kept = unit.get(KEYS, Scope(ACCOUNT, "us-east-1"), key)
        assert kept is not None
        unit.put(KEYS, kept.scope, replace(kept, key_spec=spec, key_usage=usage))
    for algorithm in (None, "SHA_256"):
        answer = other.encrypt(key, ciphertextDataIntegrityValueAlgorithm=algorithm)
        assert (answer.status, answer.error) == (400, "InvalidKeyUsageException")
    told = other.metadata(key).body
    assert (told["keySpec"], told["keyUsage"]) == (spec, [usage])


# What AWS's test client leaves out.


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("api", APIS)
def test_other_methods(other: Kms, key: str, api: str, method: str) -> None:
    http = other.request(api.format(key=key), b"", method=method)
    assert other.send(http).status == 405


def test_a_signature_is_good_for_five_minutes(stockade: Stockade, other: Kms) -> None:
    http = other.request("health", HEALTH)
    host = datetime.now(UTC)
    for minutes, status in ((4, 200), (6, 401), (-4, 200), (-6, 401)):
        stockade.clock = _Shifted(host + timedelta(minutes=minutes))
        other.door = stockade.xks_door()
        assert other.send(http).status == status


class _Shifted(ManualClock):
    """A host whose clock is elsewhere."""

    def host(self) -> datetime:
        return self.now()


def test_nothing_of_a_request_can_be_changed(other: Kms, key: str) -> None:
    http = other.request(f"keys/{key}/metadata", {"requestMetadata": TOLD})
    assert other.send(http).status == 200
    changed = [
        HttpRequest(
            method="POST", raw_path=http.raw_path, headers=http.headers, body=http.body + b" "
        ),
        HttpRequest(
            method="POST",
            raw_path=http.raw_path.replace(b"metadata", b"decrypt"),
            headers=http.headers,
            body=http.body,
        ),
        HttpRequest(
            method="POST",
            raw_path=http.raw_path,
            query=b"a=b",
            headers=http.headers,
            body=http.body,
        ),
        HttpRequest(method="POST", raw_path=http.raw_path, body=http.body),
    ]
    assert {other.send(each).error for each in changed} == {"AuthenticationFailedException"}


def test_iam_s_credentials_open_nothing(other: Kms, key: str) -> None:
    answer = other.ask("health", HEALTH, access_key_id="test", secret="test")
    assert answer.error == "AuthenticationFailedException"


def test_its_own_credentials_open_nothing_else(stockade: Stockade, other: Kms) -> None:
    http = other.request("health", b"{}", service="kms")
    http.headers += [(b"x-amz-target", b"TrentService.ListKeys")]
    assert stockade.answer(http).status in {400, 403}


def test_only_keys_that_let_aws_in_are_there(other: Kms, kms: Any) -> None:
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    for answer in (other.metadata(key), other.encrypt(key)):
        assert (answer.status, answer.error) == (404, "KeyNotFoundException")


def test_what_a_policy_does_not_allow(other: Kms, kms: Any) -> None:
    key = kms.create_key(Policy=policy("kms:Encrypt", "kms:DescribeKey"))["KeyMetadata"]["KeyId"]
    encrypted = other.encrypt(key).body
    answer = other.decrypt(key, encrypted)
    assert (answer.status, answer.error) == (403, "AccessDeniedException")


@pytest.mark.parametrize(
    ("condition", "told", "allowed"),
    [
        ({"StringEquals": {"aws:SourceAccount": "123456789012"}}, {}, True),
        ({"StringEquals": {"aws:SourceAccount": "123456789012"}}, {"kmsKeyArn": None}, True),
        ({"StringEquals": {"aws:SourceAccount": "999999999999"}}, {}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:kms:us-east-2:123456789012:*"}}, {}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:kms:us-east-2:999999999999:*"}}, {}, False),
        ({"StringEquals": {"kms:ViaService": "ebs"}}, {}, True),
        ({"StringEquals": {"kms:ViaService": "ebs"}}, {"kmsViaService": None}, False),
        ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, {"awsSourceVpce": "vpce-1"}, True),
        ({"StringEquals": {"aws:SourceVpc": "vpc-1"}}, {"awsSourceVpc": "vpc-2"}, False),
    ],
    ids=str,
)
def test_conditions_on_what_the_other_kms_tells(
    other: Kms, kms: Any, condition: Any, told: Any, allowed: bool
) -> None:
    key = kms.create_key(Policy=policy(Condition=condition))["KeyMetadata"]["KeyId"]
    assert (other.metadata(key, **told).status == 200) is allowed


def test_keys_of_another_region_are_not_there(stockade: Stockade, other: Kms, key: str) -> None:
    with stockade.changing_key_stores() as stores:
        elsewhere = Kms(stockade, stores.create("elsewhere", ACCOUNT, "eu-west-1"))
    assert elsewhere.metadata(key).error == "KeyNotFoundException"


def test_a_disabled_key(other: Kms, kms: Any, key: str) -> None:
    encrypted = other.encrypt(key).body
    kms.disable_key(KeyId=key)
    assert other.metadata(key).body["keyStatus"] == "DISABLED"
    for answer in (other.encrypt(key), other.decrypt(key, encrypted)):
        assert (answer.status, answer.error) == (400, "InvalidStateException")
    kms.enable_key(KeyId=key)
    assert other.decrypt(key, encrypted).body == {"plaintext": PLAINTEXT}
    kms.schedule_key_deletion(KeyId=key)
    assert other.decrypt(key, encrypted).error == "InvalidStateException"


def test_old_ciphertexts_open_after_a_rotation(other: Kms, kms: Any, key: str, clock: Any) -> None:
    before = other.encrypt(key).body
    kms.enable_key_rotation(KeyId=key)
    clock.advance(days=366)
    after = other.encrypt(key).body
    assert before["ciphertextMetadata"] != after["ciphertextMetadata"]
    for encrypted in (before, after):
        assert other.decrypt(key, encrypted).body == {"plaintext": PLAINTEXT}


def test_one_key_s_ciphertext_is_not_another_s(other: Kms, kms: Any, key: str) -> None:
    another = kms.create_key(Policy=policy())["KeyMetadata"]["KeyId"]
    answer = other.decrypt(another, other.encrypt(key).body)
    assert answer.error == "InvalidCiphertextException"


@pytest.mark.parametrize(
    "change",
    [
        {"ciphertext": "AAAAAAAAAAAAAAAA"},
        {"initializationVector": base64.b64encode(bytes(16)).decode()},
        {"initializationVector": base64.b64encode(bytes(12)).decode()},
        {"initializationVector": base64.b64encode(bytes(11)).decode()},
        {"authenticationTag": base64.b64encode(bytes(16)).decode()},
        {"authenticationTag": base64.b64encode(bytes(12)).decode()},
        {"ciphertextMetadata": None},
        {"ciphertextMetadata": base64.b64encode(bytes(17)).decode()},
        {"ciphertextMetadata": base64.b64encode(bytes(21)).decode()},
    ],
    ids=str,
)
def test_a_changed_ciphertext(other: Kms, key: str, change: dict[str, Any]) -> None:
    answer = other.decrypt(key, other.encrypt(key).body, **change)
    assert (answer.status, answer.error) == (400, "InvalidCiphertextException")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"encryptionAlgorithm": "AES_CBC"}, 400),
        ({"encryptionAlgorithm": None}, 400),
        ({"ciphertextDataIntegrityValueAlgorithm": "MD5"}, 400),
        ({"plaintext": "no base64"}, 400),
        ({"plaintext": 5}, 400),
        ({"requestMetadata": {**TOLD, "kmsKeyArn": None}}, 400),
        ({"requestMetadata": {name: TOLD[name] for name in TOLD if name != "kmsKeyArn"}}, 400),
        ({"plaintext": base64.b64encode(bytes(4301)).decode()}, 501),
        ({"additionalAuthenticatedData": base64.b64encode(bytes(8193)).decode()}, 501),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_not_asked_as_specified(other: Kms, key: str, change: Any, status: int) -> None:
    assert other.encrypt(key, **change).status == status


def test_kms_and_the_proxy_do_not_open_each_other_s(other: Kms, kms: Any, key: str) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"Hello World!")["CiphertextBlob"]
    encrypted = other.encrypt(key).body
    again = {**encrypted, "ciphertext": base64.b64encode(blob[136:-16]).decode()}
    assert other.decrypt(key, again).error == "InvalidCiphertextException"


def test_every_call_is_in_the_trail(stockade: Stockade, other: Kms, kms: Any, key: str) -> None:
    asked = [
        (other.ask("health", HEALTH), "GetHealthStatus", None),
        (other.metadata(key), "GetKeyMetadata", None),
        (other.encrypt(key), "Encrypt", None),
        (other.encrypt("none"), "Encrypt", "KeyNotFoundException"),
        (other.ask("health", b"{}"), "GetHealthStatus", "ValidationException"),
        (other.ask("nothing", b"{}"), "InvalidUriPath", "InvalidUriPathException"),
        (other.ask("health", HEALTH, secret="x" * 43), "GetHealthStatus", FAILED),
    ]
    for answer, name, error in asked:
        record = stockade.find_record(answer.request_id)
        assert record is not None
        told = json.loads(record)
        assert (told["eventSource"], told["eventName"]) == ("kms-xks-proxy.amazonaws.com", name)
        assert told.get("errorCode") == error
        assert told["recipientAccountId"] == ACCOUNT
    (encrypted, *_), (stranger, *_) = asked[2], asked[6]
    told = json.loads(stockade.find_record(encrypted.request_id) or b"")
    assert told["userIdentity"] == {"type": "AWSService", "invokedBy": "cks.kms.amazonaws.com"}
    assert told["requestParameters"] == {
        "keyStore": "nile",
        "externalKeyId": key,
        "requestMetadata": TOLD,
    }
    assert told["resources"][0]["ARN"].endswith(key)
    assert PLAINTEXT not in json.dumps(told)
    unknown = json.loads(stockade.find_record(stranger.request_id) or b"")
    assert unknown["userIdentity"]["type"] == "Unknown"
    assert unknown["userIdentity"]["accessKeyId"] == other.access_key_id


def test_a_refusal_is_explained(stockade: Stockade, other: Kms, kms: Any) -> None:
    key = kms.create_key(Policy=policy("kms:DescribeKey"))["KeyMetadata"]["KeyId"]
    record = json.loads(stockade.find_record(other.encrypt(key).request_id) or b"")
    assert record["errorCode"] == "AccessDenied"
    decision = record["additionalEventData"]["decision"]
    assert (decision["action"], decision["principal"]) == ("kms:Encrypt", "cks.kms.amazonaws.com")


def test_once_it_is_warm_nothing_waits(other: Kms, key: str) -> None:
    http = other.request(
        f"keys/{key}/encrypt",
        {"requestMetadata": TOLD, "plaintext": PLAINTEXT, "encryptionAlgorithm": "AES_GCM"},
    )
    held: list[bytes] = []
    with pytest.raises(NotInMemory):
        other.door.answer_from_memory(http, held)
    assert held == []
    other.send(http)
    assert other.door.answer_from_memory(http, held).status == 200
    assert len(held) == 1


@given(body=st.binary(max_size=200), api=st.sampled_from(APIS))
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_nonsense_is_refused(other: Kms, key: str, body: bytes, api: str) -> None:
    answer = other.ask(api.format(key=key), body)
    assert STATUSES[answer.error] == answer.status
    assert answer.error == "ValidationException"


@given(path=st.binary(max_size=60))
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_path_leads_around_the_signature(other: Kms, path: bytes) -> None:
    http = HttpRequest(method="POST", raw_path=b"/" + path, headers=[(b"host", b"x")], body=b"{}")
    assert other.send(http).error == "AuthenticationFailedException"
