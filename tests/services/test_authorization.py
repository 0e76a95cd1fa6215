# SPDX-License-Identifier: Apache-2.0
"""Who may do what with a key: IAM, the key policy, accounts; each refusal in AWS's words."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from stockade.app import Stockade
from stockade.testing.transport import session

ACCOUNT = "000000000000"
OTHER = "111122223333"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": "*", **more}


def denial(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response: Any = caught.value.response
    assert response["Error"]["Code"] == "AccessDeniedException"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(response["Error"]["Message"])


def user(stockade: Stockade, admin: boto3.Session, name: str, document: str = "") -> boto3.Session:
    """Make a user with an inline policy and return its session."""
    iam = admin.client("iam")
    iam.create_user(UserName=name)
    if document:
        iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return session(
        stockade,
        access_key_id=key["AccessKeyId"],
        secret_access_key=key["SecretAccessKey"],
    )


@pytest.fixture
def kms(aws: boto3.Session) -> Any:
    return aws.client("kms")


@pytest.fixture
def key(kms: Any) -> str:
    return str(kms.create_key()["KeyMetadata"]["Arn"])


@pytest.mark.fact("iam-1")
def test_user_without_permission_hears_why(
    stockade: Stockade, aws: boto3.Session, key: str
) -> None:
    alice = user(stockade, aws, "alice").client("kms")
    assert denial(alice.encrypt, KeyId=key, Plaintext=b"x") == (
        f"User: arn:aws:iam::{ACCOUNT}:user/alice is not authorized to perform: kms:Encrypt on "
        f"resource: {key} because no identity-based policy allows the kms:Encrypt action"
    )


@pytest.mark.fact("iam-4")
@pytest.mark.fact("kms-25")
def test_default_policy_delegates_to_iam(stockade: Stockade, aws: boto3.Session, key: str) -> None:
    alice = user(stockade, aws, "alice", policy(allow("kms:Encrypt", key))).client("kms")
    assert alice.encrypt(KeyId=key, Plaintext=b"x")["KeyId"] == key
    denial(alice.describe_key, KeyId=key)


@pytest.mark.fact("iam-3")
@pytest.mark.fact("kms-3")
def test_iam_alone_is_worth_nothing(stockade: Stockade, aws: boto3.Session, kms: Any) -> None:
    admin = user(stockade, aws, "admin", policy(allow("kms:*"))).client("kms")
    bob = user(stockade, aws, "bob", policy(allow("kms:*"))).client("kms")
    owner = f"arn:aws:iam::{ACCOUNT}:user/admin"
    only_admin = policy(allow("kms:*", Principal={"AWS": owner}))
    key = admin.create_key(Policy=only_admin)["KeyMetadata"]["Arn"]
    assert admin.encrypt(KeyId=key, Plaintext=b"x")
    assert denial(bob.encrypt, KeyId=key, Plaintext=b"x").endswith(
        "because no resource-based policy allows the kms:Encrypt action"
    )
    # Even the account's root is shut out when the policy omits it.
    assert "kms:Encrypt" in denial(kms.encrypt, KeyId=key, Plaintext=b"x")


@pytest.mark.fact("iam-5")
def test_key_policy_names_a_user_directly(stockade: Stockade, aws: boto3.Session, kms: Any) -> None:
    alice = user(stockade, aws, "alice").client("kms")
    document = policy(
        allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        allow("kms:Decrypt", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/alice"}),
    )
    key = kms.create_key(Policy=document)["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert alice.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    denial(alice.encrypt, KeyId=key, Plaintext=b"x")


def test_key_policy_must_name_principals_that_exist(kms: Any) -> None:
    document = policy(
        allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        allow("kms:Decrypt", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"}),
    )
    with pytest.raises(ClientError, match="one or more invalid principals"):
        kms.create_key(Policy=document)


@pytest.mark.fact("iam-3")
def test_explicit_deny_wins(stockade: Stockade, aws: boto3.Session, key: str) -> None:
    document = policy(allow("kms:*"), deny("kms:Encrypt"))
    alice = user(stockade, aws, "alice", document).client("kms")
    assert alice.describe_key(KeyId=key)
    assert "with an explicit deny in an identity-based policy" in denial(
        alice.encrypt, KeyId=key, Plaintext=b"x"
    )


def test_encryption_context_decides(stockade: Stockade, aws: boto3.Session, key: str) -> None:
    condition = {"StringEquals": {"kms:EncryptionContext:Team": "blue"}}
    document = policy(allow("kms:Encrypt", Condition=condition))
    alice = user(stockade, aws, "alice", document).client("kms")
    assert alice.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"Team": "blue"})
    denial(alice.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext={"Team": "red"})
    denial(alice.encrypt, KeyId=key, Plaintext=b"x")


def test_reencrypt_needs_both_permissions(
    stockade: Stockade, aws: boto3.Session, kms: Any, key: str
) -> None:
    other = kms.create_key()["KeyMetadata"]["Arn"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    call = {"CiphertextBlob": blob, "DestinationKeyId": other}
    half = user(stockade, aws, "half", policy(allow("kms:ReEncryptFrom", key))).client("kms")
    assert "kms:ReEncryptTo" in denial(half.re_encrypt, **call)
    whole = user(
        stockade,
        aws,
        "whole",
        policy(allow("kms:ReEncryptFrom", key), allow("kms:ReEncryptTo", other)),
    ).client("kms")
    assert whole.re_encrypt(**call)["KeyId"] == other
    same = policy(allow("kms:ReEncrypt*", Condition={"Bool": {"kms:ReEncryptOnSameKey": "true"}}))
    only_same = user(stockade, aws, "same", same).client("kms")
    denial(only_same.re_encrypt, **call)
    assert only_same.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key)["KeyId"] == key


@pytest.mark.fact("kms-27")
@pytest.mark.fact("iam-5")
def test_another_account_needs_both_sides(stockade: Stockade, kms: Any) -> None:
    foreign_root = session(stockade, access_key_id=OTHER)
    document = policy(
        allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        allow("kms:Encrypt", Principal={"AWS": f"arn:aws:iam::{OTHER}:root"}),
    )
    shared = kms.create_key(Policy=document)["KeyMetadata"]["Arn"]
    private = kms.create_key()["KeyMetadata"]["Arn"]
    plain = user(stockade, foreign_root, "plain").client("kms")
    granted = user(stockade, foreign_root, "granted", policy(allow("kms:*"))).client("kms")
    denial(plain.encrypt, KeyId=shared, Plaintext=b"x")
    assert granted.encrypt(KeyId=shared, Plaintext=b"x")["KeyId"] == shared
    missing = private[:-4] + "0000"
    texts = [denial(granted.encrypt, KeyId=key, Plaintext=b"x") for key in (private, missing)]
    # No difference between a key that is not shared and one that does not exist.
    assert texts[0] == texts[1]
    assert "on this resource because the resource does not exist in this Region" in texts[0]


def test_iam_changes_are_seen_by_the_next_call(
    stockade: Stockade, aws: boto3.Session, key: str
) -> None:
    alice = user(stockade, aws, "alice", policy(allow("kms:Encrypt"))).client("kms")
    iam = aws.client("iam")
    assert alice.encrypt(KeyId=key, Plaintext=b"x")
    iam.delete_user_policy(UserName="alice", PolicyName="inline")
    denial(alice.encrypt, KeyId=key, Plaintext=b"x")
    iam.put_user_policy(
        UserName="alice", PolicyName="again", PolicyDocument=policy(allow("kms:Encrypt"))
    )
    assert alice.encrypt(KeyId=key, Plaintext=b"x")
    access_key = iam.list_access_keys(UserName="alice")["AccessKeyMetadata"][0]["AccessKeyId"]
    iam.update_access_key(UserName="alice", AccessKeyId=access_key, Status="Inactive")
    with pytest.raises(ClientError, match="security token included in the request is invalid"):
        alice.encrypt(KeyId=key, Plaintext=b"x")


def test_role_session(stockade: Stockade, aws: boto3.Session, key: str) -> None:
    iam = aws.client("iam")
    trust = policy(
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        }
    )
    role = iam.create_role(RoleName="app", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(
        RoleName="app", PolicyName="use", PolicyDocument=policy(allow("kms:Encrypt"))
    )
    alice = user(stockade, aws, "alice", policy(allow("sts:AssumeRole")))
    got = alice.client("sts").assume_role(RoleArn=role, RoleSessionName="one")["Credentials"]
    worker = session(
        stockade,
        access_key_id=got["AccessKeyId"],
        secret_access_key=got["SecretAccessKey"],
        session_token=got["SessionToken"],
    )
    assert worker.client("sts").get_caller_identity()["Arn"] == (
        f"arn:aws:sts::{ACCOUNT}:assumed-role/app/one"
    )
    assert worker.client("kms").encrypt(KeyId=key, Plaintext=b"x")["KeyId"] == key
    assert "assumed-role/app/one is not authorized" in denial(
        worker.client("kms").describe_key, KeyId=key
    )


def test_tags_and_aliases_decide(
    stockade: Stockade, aws: boto3.Session, kms: Any, key: str
) -> None:
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "team", "TagValue": "blue"}])
    kms.create_alias(AliasName="alias/blue", TargetKeyId=key)
    by_tag = policy(
        allow("kms:Encrypt", Condition={"StringEquals": {"aws:ResourceTag/team": "blue"}})
    )
    by_alias = policy(
        allow("kms:Encrypt", Condition={"StringEquals": {"kms:RequestAlias": "alias/blue"}})
    )
    tagged = user(stockade, aws, "tagged", by_tag).client("kms")
    aliased = user(stockade, aws, "aliased", by_alias).client("kms")
    assert tagged.encrypt(KeyId=key, Plaintext=b"x")
    assert aliased.encrypt(KeyId="alias/blue", Plaintext=b"x")
    denial(aliased.encrypt, KeyId=key, Plaintext=b"x")
    kms.untag_resource(KeyId=key, TagKeys=["team"])
    denial(tagged.encrypt, KeyId=key, Plaintext=b"x")


def test_both_accounts_see_a_call_across_accounts(stockade: Stockade, kms: Any) -> None:
    foreign_root = session(stockade, access_key_id=OTHER)
    document = policy(
        allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        allow("kms:Encrypt", Principal={"AWS": f"arn:aws:iam::{OTHER}:root"}),
    )
    key = kms.create_key(Policy=document)["KeyMetadata"]["Arn"]
    foreign_root.client("kms").encrypt(KeyId=key, Plaintext=b"x")
    wanted = [{"AttributeKey": "EventName", "AttributeValue": "Encrypt"}]
    records = []
    for account in (OTHER, ACCOUNT):
        trail = session(stockade, access_key_id=account).client("cloudtrail")
        (event,) = trail.lookup_events(LookupAttributes=wanted)["Events"]
        records.append(json.loads(event["CloudTrailEvent"]))
    callers, owners = records
    assert callers["sharedEventID"] == owners["sharedEventID"]
    assert callers["eventID"] != owners["eventID"]
    assert callers["userIdentity"]["arn"] == f"arn:aws:iam::{OTHER}:root"
    assert owners["userIdentity"] == {
        "type": "AWSAccount",
        "principalId": OTHER,
        "accountId": OTHER,
    }
    assert (
        callers["resources"]
        == owners["resources"]
        == [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key}]
    )


def test_only_some_operations_reach_into_another_account(stockade: Stockade, kms: Any) -> None:
    foreign_root = session(stockade, access_key_id=OTHER)
    document = policy(
        allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        allow("kms:*", Principal={"AWS": f"arn:aws:iam::{OTHER}:root"}),
    )
    key = kms.create_key(Policy=document)["KeyMetadata"]["Arn"]
    foreign = user(stockade, foreign_root, "all", policy(allow("kms:*"))).client("kms")
    assert foreign.describe_key(KeyId=key)
    assert foreign.get_key_rotation_status(KeyId=key)
    for call, arguments in (
        (foreign.disable_key, {"KeyId": key}),
        (foreign.schedule_key_deletion, {"KeyId": key}),
        (foreign.put_key_policy, {"KeyId": key, "Policy": document}),
        (foreign.get_key_policy, {"KeyId": key}),
        (foreign.tag_resource, {"KeyId": key, "Tags": []}),
        (foreign.create_alias, {"AliasName": "alias/theirs", "TargetKeyId": key}),
        (foreign.enable_key_rotation, {"KeyId": key}),
    ):
        denial(call, **arguments)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
