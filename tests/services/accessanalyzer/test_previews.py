# SPDX-License-Identifier: Apache-2.0
"""Access previews: what a proposed policy would make of the findings."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from tests.services.accessanalyzer.test_analyzers import (
    ACCOUNT,
    STRANGER,
    code,
    key_policy,
    listed,
    make,
    make_role,
)

OTHER = "777788889999"


@pytest.fixture
def client(aws: boto3.Session) -> Any:
    return aws.client("accessanalyzer")


def trust(principal: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def resource_policy(principal: str, action: str) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def preview(client: Any, arn: str, resource: str, **configuration: Any) -> str:
    made = client.create_access_preview(analyzerArn=arn, configurations={resource: configuration})
    return str(made["id"])


def findings(client: Any, arn: str, preview_id: str, **more: Any) -> list[Any]:
    asked = {"analyzerArn": arn, "accessPreviewId": preview_id, **more}
    return list(client.list_access_preview_findings(**asked)["findings"])


def changes(client: Any, arn: str, preview_id: str) -> dict[str, tuple[str, str]]:
    found = findings(client, arn, preview_id)
    return {one["principal"]["AWS"]: (one["changeType"], one["status"]) for one in found}


def test_a_key_policy_is_compared(client: Any, aws: boto3.Session) -> None:
    key = aws.client("kms").create_key(Policy=key_policy(STRANGER))["KeyMetadata"]["Arn"]
    arn = make(client)
    (existing,) = listed(client, arn)
    policies = {"default": key_policy(STRANGER, OTHER)}
    first = preview(client, arn, key, kmsKey={"keyPolicies": policies})
    assert changes(client, arn, first) == {
        STRANGER: ("UNCHANGED", "ACTIVE"),
        OTHER: ("NEW", "ACTIVE"),
    }
    (same,) = findings(client, arn, first, filter={"changeType": {"eq": ["UNCHANGED"]}})
    assert same["existingFindingId"] == existing["id"]
    assert same["existingFindingStatus"] == "ACTIVE"
    second = preview(client, arn, key, kmsKey={"keyPolicies": {"default": key_policy()}})
    assert changes(client, arn, second) == {STRANGER: ("CHANGED", "RESOLVED")}
    grant = {"granteePrincipal": OTHER, "operations": ["Decrypt"], "issuingAccount": ACCOUNT}
    third = preview(client, arn, key, kmsKey={"grants": [grant]})
    assert changes(client, arn, third)[OTHER] == ("NEW", "ACTIVE")
    assert listed(client, arn) == [existing], "nothing is changed"
    shown = client.get_access_preview(analyzerArn=arn, accessPreviewId=first)["accessPreview"]
    assert shown["configurations"] == {key: {"kmsKey": {"keyPolicies": policies}}}
    assert shown["status"] == "COMPLETED"
    every = client.list_access_previews(analyzerArn=arn)["accessPreviews"]
    assert {one["id"] for one in every} == {first, second, third}


def test_what_is_archived_stays_so(client: Any, aws: boto3.Session) -> None:
    role = make_role(aws, "outer", {"AWS": STRANGER})
    roles = {"resourceType": {"eq": ["AWS::IAM::Role"]}}
    arn = make(client, archiveRules=[{"ruleName": "roles", "filter": roles}])
    same = preview(client, arn, role, iamRole={"trustPolicy": trust(STRANGER)})
    assert changes(client, arn, same) == {STRANGER: ("UNCHANGED", "ARCHIVED")}
    other = preview(client, arn, role, iamRole={"trustPolicy": trust(OTHER)})
    assert changes(client, arn, other) == {
        STRANGER: ("CHANGED", "RESOLVED"),
        OTHER: ("NEW", "ARCHIVED"),
    }


@pytest.mark.parametrize(
    ("resource", "kind", "member", "action"),
    [
        ("arn:aws:s3:::new", "s3Bucket", "bucketPolicy", "s3:GetObject"),
        ("arn:aws:sqs:us-east-1:000000000000:new", "sqsQueue", "queuePolicy", "sqs:SendMessage"),
        (
            "arn:aws:secretsmanager:us-east-1:000000000000:secret:new",
            "secretsManagerSecret",
            "secretPolicy",
            "secretsmanager:GetSecretValue",
        ),
        ("arn:aws:sns:us-east-1:000000000000:new", "snsTopic", "topicPolicy", "sns:Publish"),
    ],
)
def test_resources_that_are_not_there_yet(
    client: Any, resource: str, kind: str, member: str, action: str
) -> None:
    arn = make(client)
    made = preview(client, arn, resource, **{kind: {member: resource_policy("*", action)}})
    (finding,) = findings(client, arn, made)
    assert (finding["changeType"], finding["isPublic"]) == ("NEW", True)
    assert (finding["resource"], finding["action"]) == (resource, [action])
    assert findings(client, arn, preview(client, arn, resource, **{kind: {member: ""}})) == []


def test_a_blocked_bucket_is_not_public(client: Any) -> None:
    arn = make(client)
    bucket = {
        "bucketPolicy": resource_policy("*", "s3:GetObject"),
        "bucketPublicAccessBlock": {"ignorePublicAcls": True, "restrictPublicBuckets": True},
    }
    assert findings(client, arn, preview(client, arn, "arn:aws:s3:::new", s3Bucket=bucket)) == []


def test_what_cannot_be_previewed(client: Any) -> None:
    arn = make(client)
    role = f"arn:aws:iam::{ACCOUNT}:role/new"
    broken = preview(client, arn, role, iamRole={"trustPolicy": "{"})
    shown = client.get_access_preview(analyzerArn=arn, accessPreviewId=broken)["accessPreview"]
    assert shown["status"] == "FAILED"
    assert shown["statusReason"] == {"code": "INVALID_CONFIGURATION"}

    def refused(**configurations: Any) -> str:
        asked = {"analyzerArn": arn, "configurations": configurations}
        return code(client.create_access_preview, **asked)

    assert refused(**{role: {"iamRole": {}}}) == "ValidationException"
    assert refused(**{role: {"iamRole": {"trustPolicy": ""}}}) == "ValidationException"
    assert refused(a={"snsTopic": {}}, b={"snsTopic": {}}) == "ValidationException"
    assert refused(a={"ebsSnapshot": {"groups": ["all"]}}) == "ValidationException"
    assert refused(a={"s3Bucket": {"accessPoints": {}}}) == "ValidationException"
    assert refused(a={"kmsKey": {"keyPolicies": {"x": "{}"}}}) == "ValidationException"
    missing = {"analyzerArn": arn, "accessPreviewId": "00000000-0000-0000-0000-000000000000"}
    assert code(client.get_access_preview, **missing) == "ResourceNotFoundException"
    unused = client.create_analyzer(analyzerName="unused", type="ACCOUNT_UNUSED_ACCESS")["arn"]
    asked = {"analyzerArn": unused, "configurations": {"a": {"snsTopic": {}}}}
    assert code(client.create_access_preview, **asked) == "ValidationException"
    client.delete_analyzer(analyzerName="main")
    assert code(client.list_access_previews, analyzerArn=arn) == "ResourceNotFoundException"
