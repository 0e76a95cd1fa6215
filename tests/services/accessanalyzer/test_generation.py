# SPDX-License-Identifier: Apache-2.0
"""Policies generated from use, recommendations about what is unused, service-linked analyzers."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest

from stockade.app import Stockade
from stockade.testing.plugin import TestClock
from tests.services.accessanalyzer.test_analyzers import ACCOUNT, code
from tests.services.accessanalyzer.test_unused import found, make, make_user
from tests.services.iam.helpers import allow, policy

WORKER = f"arn:aws:iam::{ACCOUNT}:user/worker"


@pytest.fixture
def client(aws: boto3.Session) -> Any:
    return aws.client("accessanalyzer")


def start(client: Any, principal: str = WORKER, **more: Any) -> str:
    details = {"principalArn": principal}
    return str(client.start_policy_generation(policyGenerationDetails=details, **more)["jobId"])


def statements(answer: Any) -> list[list[Any]]:
    texts = [one["policy"] for one in answer["generatedPolicyResult"]["generatedPolicies"]]
    return [json.loads(text)["Statement"] for text in texts]


def test_a_policy_is_made_of_what_was_done(
    stockade: Stockade, client: Any, aws: boto3.Session, clock: TestClock
) -> None:
    _, user = make_user(stockade, aws, "worker")
    key = aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
    sealed = aws.client("kms").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    user.client("kms").list_keys()
    user.client("kms").decrypt(CiphertextBlob=sealed)
    with pytest.raises(Exception, match="not authorized"):
        user.client("kms").create_key()
    job = start(client)
    running = client.get_generated_policy(jobId=job)
    assert running["jobDetails"]["status"] == "IN_PROGRESS"
    second = {"policyGenerationDetails": {"principalArn": WORKER}}
    assert code(client.start_policy_generation, **second) == "ConflictException"
    clock.advance(seconds=1)
    done = client.get_generated_policy(jobId=job)
    assert done["jobDetails"]["status"] == "SUCCEEDED"
    assert done["generatedPolicyResult"]["properties"]["isComplete"] is True
    assert statements(done) == [[allow(["kms:Decrypt", "kms:ListKeys"])]]
    more = {"includeResourcePlaceholders": True, "includeServiceLevelTemplate": True}
    exact, services = statements(client.get_generated_policy(jobId=job, **more))
    arn = "arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}"
    assert exact == [allow(["kms:Decrypt"], [arn]), allow(["kms:ListKeys"])]
    assert services == [allow(["kms:*"])]
    (listed,) = client.list_policy_generations(principalArn=WORKER)["policyGenerations"]
    assert (listed["jobId"], listed["status"]) == (job, "SUCCEEDED")
    assert code(client.cancel_policy_generation, jobId=job) == "ValidationException"
    clock.advance(days=7)
    assert client.list_policy_generations()["policyGenerations"] == []
    assert code(client.get_generated_policy, jobId=job) == "ValidationException"


def test_generations_are_cancelled_and_checked(
    stockade: Stockade, client: Any, aws: boto3.Session, clock: TestClock
) -> None:
    _, user = make_user(stockade, aws, "worker")
    user.client("kms").list_keys()
    trail = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/main"
    given = {
        "trails": [{"cloudTrailArn": trail, "allRegions": True}],
        "accessRole": f"arn:aws:iam::{ACCOUNT}:role/reader",
        "startTime": clock.now - timedelta(days=2),
    }
    job = start(client, cloudTrailDetails={**given, "endTime": clock.now - timedelta(days=1)})
    clock.advance(seconds=1)
    before = client.get_generated_policy(jobId=job)["generatedPolicyResult"]
    assert before["generatedPolicies"] == []
    shown = before["properties"]["cloudTrailProperties"]
    assert shown["trailProperties"] == given["trails"]
    cancelled = start(client)
    client.cancel_policy_generation(jobId=cancelled)
    clock.advance(seconds=1)
    again = client.get_generated_policy(jobId=cancelled)
    assert again["jobDetails"]["status"] == "CANCELED"
    assert again["generatedPolicyResult"]["generatedPolicies"] == []

    def refused(principal: str = WORKER, **more: Any) -> str:
        details = {"principalArn": principal}
        asked = {"policyGenerationDetails": details, **more}
        return code(client.start_policy_generation, **asked)

    assert refused(f"arn:aws:iam::{ACCOUNT}:user/nobody") == "ValidationException"
    assert refused("arn:aws:iam::111122223333:user/worker") == "ValidationException"
    late = {**given, "startTime": clock.now - timedelta(days=91)}
    assert refused(cloudTrailDetails=late) == "ValidationException"


def test_the_role_has_to_be_passed(stockade: Stockade, client: Any, aws: boto3.Session) -> None:
    del client
    _, user = make_user(stockade, aws, "worker")
    may = policy(allow("access-analyzer:*"))
    aws.client("iam").put_user_policy(UserName="worker", PolicyName="may", PolicyDocument=may)
    theirs = user.client("accessanalyzer")
    given = {
        "trails": [{"cloudTrailArn": f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/main"}],
        "accessRole": f"arn:aws:iam::{ACCOUNT}:role/reader",
        "startTime": stockade.clock.now() - timedelta(days=2),
    }
    asked = {"policyGenerationDetails": {"principalArn": WORKER}, "cloudTrailDetails": given}
    assert code(theirs.start_policy_generation, **asked) == "AccessDeniedException"
    passing = policy(allow("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/reader"))
    aws.client("iam").put_user_policy(UserName="worker", PolicyName="pass", PolicyDocument=passing)
    theirs.start_policy_generation(**asked)


def test_smaller_policies_are_recommended(
    stockade: Stockade, client: Any, aws: boto3.Session, clock: TestClock
) -> None:
    iam = aws.client("iam")
    _, user = make_user(stockade, aws, "worker")
    iam.put_user_policy(
        UserName="worker", PolicyName="all", PolicyDocument=policy(allow("*"), allow("s3:Get*"))
    )
    iam.put_user_policy(
        UserName="worker", PolicyName="used", PolicyDocument=policy(allow("kms:ListKeys"))
    )
    idle = policy(allow(["s3:GetObject", "sqs:*"]))
    made = iam.create_policy(PolicyName="idle", PolicyDocument=idle)["Policy"]["Arn"]
    iam.attach_user_policy(UserName="worker", PolicyArn=made)
    clock.advance(days=11)
    user.client("kms").list_keys()
    arn = make(client, clock)
    every = found(client, arn)
    finding = {"analyzerArn": arn, "id": every["UnusedPermission", "worker"]["id"]}
    assert code(client.get_finding_recommendation, **finding) == "ResourceNotFoundException"
    client.generate_finding_recommendation(**finding)
    answer = client.get_finding_recommendation(**finding)
    assert answer["status"] == "SUCCEEDED"
    assert answer["resourceArn"] == WORKER
    steps = [one["unusedPermissionsRecommendedStep"] for one in answer["recommendedSteps"]]
    told = [(one["recommendedAction"], one["existingPolicyId"]) for one in steps]
    assert told == [
        ("CREATE_POLICY", "wide"),
        ("DETACH_POLICY", "wide"),
        ("CREATE_POLICY", "all"),
        ("DETACH_POLICY", "all"),
        ("DETACH_POLICY", made),
    ]
    (wide,) = json.loads(steps[0]["recommendedPolicy"])["Statement"]
    assert "kms:ListKeys" in wide["Action"]
    assert not {"kms:ListAliases", "kms:Decrypt", "sts:AssumeRole", "s3:*"} & set(wide["Action"])
    (left,) = json.loads(steps[2]["recommendedPolicy"])["Statement"]
    assert "kms:ListKeys" in left["Action"]
    assert "kms:Decrypt" not in left["Action"]
    assert all(name.startswith("kms:") for name in left["Action"])
    other = {"analyzerArn": arn, "id": every["UnusedPermission", "worker"]["id"][::-1]}
    assert code(client.generate_finding_recommendation, **other) == "ValidationException"


def test_service_linked_analyzers_are_for_services(client: Any) -> None:
    client.create_analyzer(analyzerName="main", type="ACCOUNT")
    asked = {"type": "ACCOUNT"}
    assert code(client.create_service_linked_analyzer, **asked) == "AccessDeniedException"
    own = {"analyzerName": "main"}
    assert code(client.delete_service_linked_analyzer, **own) == "ValidationException"
    missing = {"analyzerName": "none"}
    assert code(client.delete_service_linked_analyzer, **missing) == "ResourceNotFoundException"
