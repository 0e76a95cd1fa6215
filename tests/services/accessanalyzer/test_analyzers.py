# SPDX-License-Identifier: Apache-2.0
"""Analyzers, their findings about keys and roles, archive rules, tags."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from stockade.app import Stockade
from stockade.testing.plugin import TestClock

ACCOUNT = "000000000000"
STRANGER = "444455556666"


@pytest.fixture
def client(aws: boto3.Session) -> Any:
    return aws.client("accessanalyzer")


@pytest.fixture
def shared_key(aws: boto3.Session) -> str:
    return str(aws.client("kms").create_key(Policy=key_policy(STRANGER))["KeyMetadata"]["Arn"])


def key_policy(*principals: str) -> str:
    own = {"Sid": "Own", "Effect": "Allow", "Principal": {"AWS": ACCOUNT}}
    others = [
        {"Effect": "Allow", "Principal": {"AWS": name}, "Action": "kms:Decrypt", "Resource": "*"}
        for name in principals
    ]
    statements = [own | {"Action": "kms:*", "Resource": "*"}, *others]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def make_role(aws: boto3.Session, name: str, principal: Any) -> str:
    trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    made = aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)
    return str(made["Role"]["Arn"])


def make(client: Any, **more: Any) -> str:
    return str(client.create_analyzer(analyzerName="main", type="ACCOUNT", **more)["arn"])


def listed(client: Any, arn: str, **more: Any) -> list[Any]:
    pages = client.get_paginator("list_findings").paginate(analyzerArn=arn, **more)
    return [finding for page in pages for finding in page["findings"]]


def code(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


def test_an_analyzer_is_made_shown_and_deleted(client: Any, clock: TestClock) -> None:
    arn = make(client, tags={"team": "blue"})
    assert arn == f"arn:aws:access-analyzer:us-east-1:{ACCOUNT}:analyzer/main"
    shown = client.get_analyzer(analyzerName="main")["analyzer"]
    assert shown["arn"] == arn
    assert shown["status"] == "ACTIVE"
    assert shown["createdAt"] == clock.now
    assert shown["tags"] == {"team": "blue"}
    assert client.list_analyzers()["analyzers"] == [shown]
    assert client.list_analyzers(type="ORGANIZATION")["analyzers"] == []
    assert code(client.create_analyzer, analyzerName="main", type="ACCOUNT") == "ConflictException"
    second = {"analyzerName": "second", "type": "ACCOUNT"}
    assert code(client.create_analyzer, **second) == "ServiceQuotaExceededException"
    inner = {"analyzerName": "inner", "type": "ACCOUNT_INTERNAL_ACCESS"}
    assert code(client.create_analyzer, **inner) == "ValidationException"
    lone = {"analyzerName": "lone", "type": "ORGANIZATION"}
    assert code(client.create_analyzer, **lone) == "AccessDeniedException"
    assert code(client.update_analyzer, analyzerName="main") == "ValidationException"
    client.delete_analyzer(analyzerName="main")
    assert code(client.get_analyzer, analyzerName="main") == "ResourceNotFoundException"


def test_tags(client: Any) -> None:
    arn = make(client)
    client.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    client.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    assert code(client.tag_resource, resourceArn=arn, tags={"aws:x": "1"}) == "ValidationException"
    assert code(client.list_tags_for_resource, resourceArn="x") == "ValidationException"


def test_external_access_is_found(client: Any, aws: boto3.Session, shared_key: str) -> None:
    inner = make_role(aws, "inner", {"AWS": ACCOUNT})
    service = make_role(aws, "service", {"Service": "ec2.amazonaws.com"})
    outer = make_role(aws, "outer", {"AWS": f"arn:aws:iam::{STRANGER}:root"})
    arn = make(client)
    found = {finding["resource"]: finding for finding in listed(client, arn)}
    assert set(found) == {shared_key, outer}
    key = found[shared_key]
    assert key["resourceType"] == "AWS::KMS::Key"
    assert key["principal"] == {"AWS": STRANGER}
    assert key["action"] == ["kms:Decrypt"]
    assert key["isPublic"] is False
    assert key["status"] == "ACTIVE"
    assert key["resourceOwnerAccount"] == ACCOUNT
    assert found[outer]["resourceType"] == "AWS::IAM::Role"
    assert client.get_finding(analyzerArn=arn, id=key["id"])["finding"]["id"] == key["id"]
    detailed = client.get_finding_v2(analyzerArn=arn, id=key["id"])
    details = detailed["findingDetails"][0]["externalAccessDetails"]
    assert detailed["findingType"] == "ExternalAccess"
    assert details["principal"] == {"AWS": STRANGER}
    short = client.list_findings_v2(analyzerArn=arn)["findings"]
    assert {finding["id"] for finding in short} == {one["id"] for one in found.values()}
    resources = client.list_analyzed_resources(analyzerArn=arn)["analyzedResources"]
    assert {one["resourceArn"] for one in resources} == {shared_key, inner, service, outer}
    looked = client.get_analyzed_resource(analyzerArn=arn, resourceArn=shared_key)["resource"]
    assert looked["isPublic"] is False
    assert looked["sharedVia"] == ["POLICY"]
    statistics = client.get_findings_statistics(analyzerArn=arn)["findingsStatistics"][0]
    external = statistics["externalAccessFindingsStatistics"]
    assert external["totalActiveFindings"] == 2
    assert external["resourceTypeStatistics"]["AWS::KMS::Key"]["totalActiveCrossAccount"] == 1


def test_findings_follow_the_policies(
    stockade: Stockade, client: Any, aws: boto3.Session, shared_key: str, clock: TestClock
) -> None:
    kms = aws.client("kms")
    arn = make(client)
    (finding,) = listed(client, arn)
    kms.put_key_policy(KeyId=shared_key, PolicyName="default", Policy=key_policy())
    assert listed(client, arn)[0]["status"] == "ACTIVE"
    clock.advance(hours=0.5)
    (resolved,) = listed(client, arn)
    assert (resolved["id"], resolved["status"]) == (finding["id"], "RESOLVED")
    kms.put_key_policy(KeyId=shared_key, PolicyName="default", Policy=key_policy("*", STRANGER))
    client.start_resource_scan(analyzerArn=arn, resourceArn=shared_key)
    after = {one["principal"]["AWS"]: one for one in listed(client, arn)}
    assert after[STRANGER]["id"] == finding["id"]
    assert after[STRANGER]["status"] == after["*"]["status"] == "ACTIVE"
    assert after["*"]["isPublic"] is True
    kms.put_key_policy(KeyId=shared_key, PolicyName="default", Policy=key_policy())
    clock.advance(hours=0.5)
    assert {one["status"] for one in listed(client, arn)} == {"RESOLVED"}
    stockade.clock.set(clock.now + timedelta(days=91))  # at one go: 4,368 scans are a long way
    clock.advance(hours=0.5)
    assert listed(client, arn) == []
    missing = {"analyzerArn": arn, "resourceArn": f"{shared_key}0"}
    assert code(client.start_resource_scan, **missing) == "ResourceNotFoundException"


def test_findings_are_archived_filtered_and_sorted(
    client: Any, aws: boto3.Session, shared_key: str
) -> None:
    role = make_role(aws, "outer", {"AWS": STRANGER})
    arn = make(client)

    def found(**filters: Any) -> set[str]:
        return {one["resource"] for one in listed(client, arn, filter=filters)}

    assert found(resourceType={"eq": ["AWS::IAM::Role"]}) == {role}
    assert found(resource={"contains": [":key/"]}) == {shared_key}
    assert found(resourceType={"neq": ["AWS::IAM::Role"]}) == {shared_key}
    assert found(**{"principal.AWS": {"exists": True}}) == {role, shared_key}
    assert found(**{"principal.Federated": {"exists": True}}) == set()
    nonsense = {"analyzerArn": arn, "filter": {"nothing": {"exists": True}}}
    assert code(client.list_findings, **nonsense) == "ValidationException"
    order = {"attributeName": "resource", "orderBy": "DESC"}
    assert [one["resource"] for one in listed(client, arn, sort=order)] == [shared_key, role]
    (finding,) = listed(client, arn, filter={"resource": {"eq": [role]}})
    client.update_findings(analyzerArn=arn, status="ARCHIVED", ids=[finding["id"]])
    assert found(status={"eq": ["ARCHIVED"]}) == {role}
    client.update_findings(analyzerArn=arn, status="ACTIVE", resourceArn=role)
    assert found(status={"eq": ["ARCHIVED"]}) == set()
    pages = listed(client, arn, PaginationConfig={"PageSize": 1})
    assert {one["resource"] for one in pages} == {role, shared_key}


def test_archive_rules(client: Any, aws: boto3.Session, shared_key: str, clock: TestClock) -> None:
    keys = {"resourceType": {"eq": ["AWS::KMS::Key"]}}
    arn = make(client, archiveRules=[{"ruleName": "keys", "filter": keys}])
    assert [one["status"] for one in listed(client, arn)] == ["ARCHIVED"]
    name = {"analyzerName": "main"}
    shown = client.get_archive_rule(**name, ruleName="keys")["archiveRule"]
    assert shown["filter"] == keys
    roles = {"resourceType": {"eq": ["AWS::IAM::Role"]}}
    client.create_archive_rule(**name, ruleName="roles", filter=keys)
    client.update_archive_rule(**name, ruleName="roles", filter=roles)
    rules = client.list_archive_rules(**name)["archiveRules"]
    assert [rule["ruleName"] for rule in rules] == ["keys", "roles"]
    role = make_role(aws, "outer", {"AWS": STRANGER})
    clock.advance(hours=0.5)
    assert {one["status"] for one in listed(client, arn)} == {"ARCHIVED"}
    client.update_findings(analyzerArn=arn, status="ACTIVE", resourceArn=role)
    client.apply_archive_rule(analyzerArn=arn, ruleName="roles")
    assert {one["status"] for one in listed(client, arn)} == {"ARCHIVED"}
    client.delete_archive_rule(**name, ruleName="roles")
    missing = {**name, "ruleName": "roles"}
    assert code(client.get_archive_rule, **missing) == "ResourceNotFoundException"
    again = {**name, "ruleName": "keys", "filter": keys}
    assert code(client.create_archive_rule, **again) == "ConflictException"
    by_status = {**name, "ruleName": "x", "filter": {"status": {"eq": ["ACTIVE"]}}}
    assert code(client.create_archive_rule, **by_status) == "ValidationException"
