# SPDX-License-Identifier: Apache-2.0
"""The stock AWS CLI as users who are verified, decided about in AWS's words, and recorded."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.clients import ROOT, Credentials, allow, user

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.clients.clients import Clients

pytestmark = pytest.mark.slow
RECORDED_WITHIN_SECONDS = 10.0
SECRET_TEXT = "a plaintext that no record may hold"


def user_arn(key: str, name: str) -> str:
    return f"arn:aws:iam::{key.split(':')[4]}:user/{name}"


def encrypting(key: str) -> list[str]:
    return ["kms", "encrypt", "--key-id", key, "--plaintext", SECRET_TEXT]


def decrypting(clients: Clients, key: str) -> list[str]:
    answer = clients.aws(*encrypting(key))
    blob = clients.file("ciphertext", base64.b64decode(answer["CiphertextBlob"]))
    return ["kms", "decrypt", "--ciphertext-blob", f"fileb://{blob}"]


def test_root_is_known_by_its_account(clients: Clients) -> None:
    said = clients.aws("sts", "get-caller-identity")
    assert said["Account"].isdigit()
    assert len(said["Account"]) == 12


def test_the_development_root_is_account_zero(clients: Clients, enforced: None) -> None:
    said = clients.aws("sts", "get-caller-identity")
    assert (said["Account"], said["UserId"]) == ("000000000000", "000000000000")
    assert said["Arn"] == "arn:aws:iam::000000000000:root"


def test_a_user_is_known_by_its_access_key(clients: Clients) -> None:
    alice = user(clients, "alice-known")
    said = clients.by(alice).aws("sts", "get-caller-identity")
    assert said["Arn"].endswith(":user/alice-known")


@pytest.mark.fact("kms-3")
@pytest.mark.fact("iam-4")
def test_a_user_may_what_a_policy_allows_and_no_more(
    clients: Clients, key: str, enforced: None
) -> None:
    alice = clients.by(user(clients, "alice-may", allow("kms:Encrypt", key)))
    decrypt = decrypting(alice, key)
    said = alice.refused(*decrypt)
    assert "(AccessDeniedException) when calling the Decrypt operation" in said
    assert (
        f"User: {user_arn(key, 'alice-may')} is not authorized to perform: kms:Decrypt "
        f"on resource: {key} because no identity-based policy allows the kms:Decrypt action"
    ) in said


@pytest.mark.fact("iam-1")
def test_an_explicit_deny_wins_and_is_said(clients: Clients, key: str, enforced: None) -> None:
    deny = {"Effect": "Deny", "Action": "kms:Encrypt", "Resource": "*"}
    bob = clients.by(user(clients, "bob-denied", allow("kms:*", "*"), deny))
    said = bob.refused(*encrypting(key))
    assert (
        f"User: {user_arn(key, 'bob-denied')} is not authorized to perform: kms:Encrypt "
        f"on resource: {key} with an explicit deny in an identity-based policy"
    ) in said


@pytest.mark.fact("iam-3")
def test_iam_alone_does_not_open_a_key_that_does_not_delegate(
    clients: Clients, key: str, enforced: None
) -> None:
    carol = clients.by(user(clients, "carol-alone", allow("kms:*", "*")))
    owner = {"AWS": user_arn(key, "carol-alone")}
    only = {"Effect": "Allow", "Principal": owner, "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [only]})
    carol.aws("kms", "put-key-policy", "--key-id", key, "--policy", policy)
    carol.aws(*encrypting(key))
    dave = clients.by(user(clients, "dave-alone", allow("kms:*", "*")))
    assert "because no resource-based policy allows the kms:Encrypt action" in dave.refused(
        *encrypting(key)
    )


def test_an_allowed_user_is_refused_once_the_policy_goes(
    clients: Clients, key: str, enforced: None
) -> None:
    erin = clients.by(user(clients, "erin-goes", allow("kms:Encrypt", key)))
    erin.aws(*encrypting(key))
    named = ["--user-name", "erin-goes", "--policy-name", "inline"]
    clients.aws("iam", "delete-user-policy", *named)
    assert "AccessDeniedException" in erin.refused(*encrypting(key))


def test_iam_refuses_a_user_in_its_own_words(clients: Clients, enforced: None) -> None:
    frank = clients.by(user(clients, "frank-iam"))
    said = frank.refused("iam", "create-user", "--user-name", "grace")
    assert "(AccessDenied) when calling the CreateUser operation" in said
    assert "is not authorized to perform: iam:CreateUser on resource: " in said


def test_a_wrong_secret_is_refused_by_each_protocol(clients: Clients, enforced: None) -> None:
    wrong = clients.by(ROOT._replace(secret_access_key="not-the-secret"))
    said = wrong.refused("kms", "list-keys")
    assert "(InvalidSignatureException)" in said
    assert "The request signature we calculated does not match" in said
    said = wrong.refused("sts", "get-caller-identity")
    assert "(SignatureDoesNotMatch)" in said
    assert "The request signature we calculated does not match" in said


def test_an_unknown_access_key_is_refused_by_each_protocol(
    clients: Clients, enforced: None
) -> None:
    stranger = clients.by(Credentials("AKIAQQQQQQQQQQQQQQQQ", "whatever"))
    said = stranger.refused("kms", "list-keys")
    assert "(UnrecognizedClientException)" in said
    assert "The security token included in the request is invalid" in said
    said = stranger.refused("sts", "get-caller-identity")
    assert "(InvalidClientTokenId)" in said
    assert "The security token included in the request is invalid" in said


def test_a_deleted_access_key_is_refused(clients: Clients, enforced: None) -> None:
    heidi = user(clients, "heidi-gone")
    clients.by(heidi).aws("sts", "get-caller-identity")
    named = ["--user-name", "heidi-gone", "--access-key-id", heidi.access_key_id]
    clients.aws("iam", "delete-access-key", *named)
    said = clients.by(heidi).refused("sts", "get-caller-identity")
    assert "(InvalidClientTokenId)" in said


def found(clients: Clients, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Return matching CloudTrail records, newest first, once there are any."""
    until = time.monotonic() + RECORDED_WITHIN_SECONDS
    while time.monotonic() < until:
        events = clients.aws("cloudtrail", "lookup-events", "--max-items", "50")["Events"]
        records = [json.loads(event["CloudTrailEvent"]) for event in events]
        if matching := [record for record in records if wanted(record)]:
            return matching
    return []


@pytest.mark.fact("kms-5")
@pytest.mark.fact("iam-2")
def test_each_call_is_in_the_trail_the_refused_ones_too(
    clients: Clients, key: str, enforced: None
) -> None:
    ivan = clients.by(user(clients, "ivan-recorded", allow("kms:Encrypt", key)))
    ivan.aws(*encrypting(key), "--encryption-context", "tenant=a")
    ivan.refused("kms", "disable-key", "--key-id", key)

    def by_ivan(record: dict[str, Any]) -> bool:
        return bool(record["userIdentity"].get("userName") == "ivan-recorded")

    refused, encrypted = found(clients, by_ivan)
    assert (refused["eventName"], refused["errorCode"]) == ("DisableKey", "AccessDenied")
    assert "is not authorized to perform: kms:DisableKey" in refused["errorMessage"]
    assert (encrypted["eventSource"], encrypted["eventName"]) == ("kms.amazonaws.com", "Encrypt")
    assert encrypted["requestParameters"]["encryptionContext"] == {"tenant": "a"}
    assert encrypted["resources"][0]["ARN"] == key
    assert encrypted["resources"][0]["type"] == "AWS::KMS::Key"
    assert encrypted["userIdentity"]["type"] == "IAMUser"
    assert encrypted["readOnly"] is True
    text = json.dumps([refused, encrypted])
    assert SECRET_TEXT not in text
    assert base64.b64encode(SECRET_TEXT.encode()).decode() not in text
    assert ivan.caller.secret_access_key not in text


def test_the_trail_is_searched_by_attribute_and_paged(
    clients: Clients, key: str, enforced: None
) -> None:
    for _ in range(3):
        clients.aws(*encrypting(key))
    attribute = f"AttributeKey=ResourceName,AttributeValue={key}"
    look = ["cloudtrail", "lookup-events", "--lookup-attributes", attribute]
    first = clients.aws(*look, "--max-items", "2", "--page-size", "1")
    assert [event["EventName"] for event in first["Events"]] == ["Encrypt", "Encrypt"]
    rest = clients.aws(*look, "--starting-token", first["NextToken"])
    names = [event["EventName"] for event in first["Events"] + rest["Events"]]
    assert names == ["Encrypt", "Encrypt", "Encrypt", "CreateKey"]
