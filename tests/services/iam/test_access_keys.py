# SPDX-License-Identifier: Apache-2.0
"""Access keys: two a user, the secret shown once, switched off and on at once, sealed at rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stockade.core.ids import account_of
from stockade.services.iam.resources import ACCESS_KEYS, scope_of
from tests.services.iam.helpers import ACCOUNT, refused, user, with_key

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    iam = aws.client("iam")
    iam.create_user(UserName="alice")
    return iam


def test_a_key_id_carries_its_account_and_the_secret_is_shown_once(iam: Any) -> None:
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    assert key["AccessKeyId"].startswith("AKIA")
    assert len(key["AccessKeyId"]) == 20
    assert account_of(key["AccessKeyId"]) == ACCOUNT
    assert len(key["SecretAccessKey"]) == 40
    (shown,) = iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]
    assert shown == {
        "UserName": "alice",
        "AccessKeyId": key["AccessKeyId"],
        "Status": "Active",
        "CreateDate": key["CreateDate"],
    }


def test_a_user_has_two_keys_at_most(iam: Any) -> None:
    for _ in range(2):
        iam.create_access_key(UserName="alice")
    assert refused(iam.create_access_key, UserName="alice") == (
        "LimitExceeded",
        409,
        "Cannot exceed quota for AccessKeysPerUser: 2",
    )


def test_a_key_signs_until_it_is_switched_off_and_again_when_on(
    stockade: Stockade, iam: Any
) -> None:
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    sts = with_key(stockade, key).client("sts")
    named = {"UserName": "alice", "AccessKeyId": key["AccessKeyId"]}
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/alice"
    iam.update_access_key(**named, Status="Inactive")
    assert refused(sts.get_caller_identity) == (
        "InvalidClientTokenId",
        403,
        "The security token included in the request is invalid.",
    )
    iam.update_access_key(**named, Status="Active")
    assert sts.get_caller_identity()["Account"] == ACCOUNT
    iam.delete_access_key(**named)
    assert refused(sts.get_caller_identity)[0] == "InvalidClientTokenId"


def test_a_wrong_secret_does_not_sign(stockade: Stockade, iam: Any) -> None:
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    sts = with_key(stockade, key | {"SecretAccessKey": "x" * 40}).client("sts")
    assert refused(sts.get_caller_identity)[:2] == ("SignatureDoesNotMatch", 403)


def test_a_long_lived_key_has_no_token(stockade: Stockade, iam: Any) -> None:
    key = iam.create_access_key(UserName="alice")["AccessKey"]
    sts = with_key(stockade, key | {"SessionToken": "token"}).client("sts")
    assert refused(sts.get_caller_identity)[:2] == ("InvalidClientTokenId", 403)


def test_without_a_name_the_caller_is_meant(stockade: Stockade, aws: boto3.Session) -> None:
    root = aws.client("iam")
    key = root.create_access_key()["AccessKey"]
    assert "UserName" not in key
    again = with_key(stockade, key)
    assert again.client("sts").get_caller_identity()["Arn"].endswith(":root")
    listed = again.client("iam").list_access_keys()["AccessKeyMetadata"]
    assert [each["AccessKeyId"] for each in listed] == [key["AccessKeyId"]]
    again.client("iam").delete_access_key(AccessKeyId=key["AccessKeyId"])
    assert root.list_access_keys()["AccessKeyMetadata"] == []


def test_a_key_of_somebody_else_cannot_be_found(iam: Any) -> None:
    key = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]
    iam.create_user(UserName="bob")
    assert refused(iam.delete_access_key, UserName="bob", AccessKeyId=key) == (
        "NoSuchEntity",
        404,
        f"The Access Key with id {key} cannot be found.",
    )
    change = {"UserName": "bob", "AccessKeyId": key, "Status": "Inactive"}
    assert refused(iam.update_access_key, **change)[0] == "NoSuchEntity"


def test_a_user_without_permission_cannot_make_itself_a_key(
    stockade: Stockade, aws: boto3.Session
) -> None:
    bob = user(stockade, aws, "bob").client("iam")
    code, status, text = refused(bob.create_access_key)
    assert (code, status) == ("AccessDenied", 403)
    assert text == (
        f"User: arn:aws:iam::{ACCOUNT}:user/bob is not authorized to perform: "
        "iam:CreateAccessKey on resource: user bob because no identity-based policy allows "
        "the iam:CreateAccessKey action"
    )


def test_the_secret_is_nowhere_in_the_store_or_the_trail(
    stockade: Stockade, aws: boto3.Session, iam: Any
) -> None:
    secret = iam.create_access_key(UserName="alice")["AccessKey"]["SecretAccessKey"]
    with stockade.store.read() as unit:
        (key,) = unit.list(ACCESS_KEYS, scope_of(ACCOUNT))
        assert secret not in ACCESS_KEYS.dump(key)
        assert secret not in repr(key)
    events = aws.client("cloudtrail").lookup_events()["Events"]
    assert [each["EventName"] for each in events] == ["CreateAccessKey", "CreateUser"]
    assert secret not in str(events)
    assert key.access_key_id in events[0]["CloudTrailEvent"]
