# SPDX-License-Identifier: Apache-2.0
"""Findings of unused access: roles, keys, passwords, permissions; whom analyzers leave out."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from stockade.app import Stockade
from stockade.testing.plugin import TestClock
from stockade.testing.transport import session
from tests.services.accessanalyzer.test_analyzers import ACCOUNT, code, make_role
from tests.services.iam.helpers import policy
from tests.services.organizations.helpers import Organization

SERVICE = "access-analyzer.amazonaws.com"
WIDE = policy(
    {
        "Effect": "Allow",
        "Action": ["kms:List*", "kms:Decrypt", "s3:*", "sts:AssumeRole"],
        "Resource": "*",
    }
)


@pytest.fixture
def client(aws: boto3.Session) -> Any:
    return aws.client("accessanalyzer")


def make(client: Any, clock: TestClock, age: int = 10, **rule: Any) -> str:
    unused = {"unusedAccessAge": age, **({"analysisRule": rule} if rule else {})}
    made = client.create_analyzer(
        analyzerName="unused",
        type="ACCOUNT_UNUSED_ACCESS",
        configuration={"unusedAccess": unused},
    )
    clock.advance(seconds=1)
    return str(made["arn"])


def found(client: Any, arn: str, **more: Any) -> dict[tuple[str, str], Any]:
    pages = client.get_paginator("list_findings_v2").paginate(analyzerArn=arn, **more)
    every = [finding for page in pages for finding in page["findings"]]
    return {(one["findingType"], one["resource"].rpartition("/")[2]): one for one in every}


def active(client: Any, arn: str) -> set[tuple[str, str]]:
    return set(found(client, arn, filter={"status": {"eq": ["ACTIVE"]}}))


def details(client: Any, arn: str, finding: Any, **more: Any) -> list[Any]:
    return list(client.get_finding_v2(analyzerArn=arn, id=finding["id"], **more)["findingDetails"])


def make_user(stockade: Stockade, aws: boto3.Session, name: str) -> tuple[str, boto3.Session]:
    iam = aws.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="wide", PolicyDocument=WIDE)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    key_id, secret = key["AccessKeyId"], key["SecretAccessKey"]
    return key_id, session(stockade, access_key_id=key_id, secret_access_key=secret)


def test_what_nobody_uses_is_found(
    stockade: Stockade, client: Any, aws: boto3.Session, clock: TestClock
) -> None:
    make_role(aws, "idle", {"AWS": ACCOUNT})
    key_id, user = make_user(stockade, aws, "worker")
    idle_key = aws.client("iam").create_access_key(UserName="worker")["AccessKey"]["AccessKeyId"]
    aws.client("iam").create_login_profile(UserName="worker", Password="Un-used-1234")
    clock.advance(days=11)
    user.client("kms").list_keys()
    arn = make(client, clock)
    every = found(client, arn)
    assert set(every) == {
        ("UnusedIAMRole", "idle"),
        ("UnusedIAMUserAccessKey", "worker"),
        ("UnusedIAMUserPassword", "worker"),
        ("UnusedPermission", "worker"),
    }
    role = every["UnusedIAMRole", "idle"]
    assert (role["resourceType"], role["resourceOwnerAccount"]) == ("AWS::IAM::Role", ACCOUNT)
    assert details(client, arn, role) == [{"unusedIamRoleDetails": {}}]
    (key,) = details(client, arn, every["UnusedIAMUserAccessKey", "worker"])
    assert key == {"unusedIamUserAccessKeyDetails": {"accessKeyId": idle_key}}
    assert idle_key != key_id
    permission = every["UnusedPermission", "worker"]
    kms, s3, _sts = details(client, arn, permission)
    unused = kms["unusedPermissionDetails"]
    assert unused["serviceNamespace"] == "kms"
    names = {one["action"] for one in unused["actions"]}
    assert {"Decrypt", "ListAliases"} <= names
    assert "ListKeys" not in names
    assert s3 == {"unusedPermissionDetails": {"serviceNamespace": "s3"}}
    first = client.get_finding_v2(analyzerArn=arn, id=permission["id"], maxResults=1)
    second = details(client, arn, permission, nextToken=first["nextToken"])
    assert [*first["findingDetails"], *second] == details(client, arn, permission)
    statistics = client.get_findings_statistics(analyzerArn=arn)["findingsStatistics"][0]
    totals = statistics["unusedAccessFindingsStatistics"]
    assert totals["totalActiveFindings"] == 4
    assert {"unusedAccessType": "UnusedIAMRole", "total": 1} in totals["unusedAccessTypeStatistics"]
    only = found(client, arn, filter={"findingType": {"eq": ["UnusedIAMRole"]}})
    assert set(only) == {("UnusedIAMRole", "idle")}
    assert code(client.list_findings, analyzerArn=arn) == "ValidationException"
    assert code(client.get_finding, analyzerArn=arn, id=role["id"]) == "ValidationException"


def test_use_and_deletion_resolve(
    stockade: Stockade, client: Any, aws: boto3.Session, clock: TestClock
) -> None:
    role = make_role(aws, "late", {"AWS": ACCOUNT})
    make_role(aws, "gone", {"AWS": ACCOUNT})
    clock.advance(days=9)
    arn = make(client, clock)
    assert active(client, arn) == set()
    clock.advance(days=2)
    assert active(client, arn) == {("UnusedIAMRole", "late"), ("UnusedIAMRole", "gone")}
    _, user = make_user(stockade, aws, "worker")
    given = user.client("sts").assume_role(RoleArn=role, RoleSessionName="work")["Credentials"]
    used = session(
        stockade,
        access_key_id=given["AccessKeyId"],
        secret_access_key=given["SecretAccessKey"],
        session_token=given["SessionToken"],
    )
    used.client("sts").get_caller_identity()
    aws.client("iam").delete_role(RoleName="gone")
    clock.advance(days=1)
    assert active(client, arn) == set()
    assert len(found(client, arn)) == 2
    clock.advance(days=10)
    assert ("UnusedIAMRole", "late") in active(client, arn)


def test_whom_an_analyzer_leaves_out(client: Any, aws: boto3.Session, clock: TestClock) -> None:
    for name, tags in (("a", {"team": "blue"}), ("b", {"team": "red"}), ("c", {})):
        make_role(aws, name, {"AWS": ACCOUNT})
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        aws.client("iam").tag_role(RoleName=name, Tags=pairs)
    clock.advance(days=11)
    rule = {"exclusions": [{"resourceTags": [{"team": "blue"}]}]}
    arn = make(client, clock, exclusions=rule["exclusions"])
    assert active(client, arn) == {("UnusedIAMRole", "b"), ("UnusedIAMRole", "c")}
    shown = client.get_analyzer(analyzerName="unused")["analyzer"]["configuration"]
    assert shown == {"unusedAccess": {"unusedAccessAge": 10, "analysisRule": rule}}
    anyone = {"exclusions": [{"resourceTags": [{"team": ""}]}]}
    wide = {"unusedAccess": {"analysisRule": anyone}}
    answer = client.update_analyzer(analyzerName="unused", configuration=wide)
    assert answer["configuration"]["unusedAccess"]["analysisRule"] == anyone
    clock.advance(seconds=1)
    assert active(client, arn) == {("UnusedIAMRole", "c")}
    older = {"analyzerName": "unused", "configuration": {"unusedAccess": {"unusedAccessAge": 20}}}
    assert code(client.update_analyzer, **older) == "ValidationException"


@pytest.mark.parametrize(
    "unused",
    [
        {"unusedAccessAge": 0},
        {"unusedAccessAge": 366},
        {"analysisRule": {"exclusions": [{"accountIds": ["111122223333"]}]}},
    ],
)
def test_configurations_are_checked(client: Any, unused: Any) -> None:
    asked = {
        "analyzerName": "unused",
        "type": "ACCOUNT_UNUSED_ACCESS",
        "configuration": {"unusedAccess": unused},
    }
    assert code(client.create_analyzer, **asked) == "ValidationException"


def test_unused_access_of_an_organization(
    stockade: Stockade, client: Any, aws: boto3.Session, clock: TestClock
) -> None:
    organization = Organization(stockade, aws)
    organization.client.enable_aws_service_access(ServicePrincipal=SERVICE)
    members = [organization.account(name) for name in ("one", "two")]
    for number in members:
        make_role(organization.root_of(number), f"of{number}", {"AWS": number})
    clock.advance(days=11)
    exclusions = [{"accountIds": members[1:]}]
    config = {"unusedAccessAge": 10, "analysisRule": {"exclusions": exclusions}}
    arn = client.create_analyzer(
        analyzerName="unused",
        type="ORGANIZATION_UNUSED_ACCESS",
        configuration={"unusedAccess": config},
    )["arn"]
    clock.advance(seconds=1)
    names = {name for _, name in active(client, arn)}
    assert f"of{members[0]}" in names
    assert f"of{members[1]}" not in names
    statistics = client.get_findings_statistics(analyzerArn=arn)["findingsStatistics"][0]
    (top,) = statistics["unusedAccessFindingsStatistics"]["topAccounts"]
    assert top["account"] == members[0]
    assert top["details"]["UnusedIAMRole"] == top["numberOfActiveFindings"]


def test_many_are_looked_at_in_portions(client: Any, aws: boto3.Session, clock: TestClock) -> None:
    for number in range(22):
        make_role(aws, f"r{number:02}", {"AWS": ACCOUNT})
    for number in range(2):
        aws.client("iam").create_user(UserName=f"u{number}")
    clock.advance(days=2)
    arn = make(client, clock, age=1)
    assert len(active(client, arn)) == 22
