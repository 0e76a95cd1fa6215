# SPDX-License-Identifier: Apache-2.0
"""The policy simulator through boto3: decisions, what made them, and what it refuses."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from stockade.app import Stockade
from stockade.core.ports import Membership
from stockade.store.unit import Unit
from tests.policy.build import identity
from tests.services.iam.helpers import ACCOUNT, OTHER, allow, deny, policy, refused, trust, user

BUCKET = "arn:aws:s3:::example-bucket"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
KEY = f"arn:aws:kms:us-east-1:{OTHER}:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    return aws.client("iam")


def one(answer: Any) -> Any:
    (result,) = answer["EvaluationResults"]
    assert answer["IsTruncated"] is False
    return result


def test_a_policy_that_allows(iam: Any) -> None:
    """The AWS CLI's example: a date that lies after the one that the policy wants."""
    text = (
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*",'
        '"Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":'
        '"2018-08-16T12:00:00Z"}}}}'
    )
    when = {
        "ContextKeyName": "aws:CurrentTime",
        "ContextKeyValues": ["2019-04-25T11:00:00Z"],
        "ContextKeyType": "date",
    }
    call = {"PolicyInputList": [text], "ActionNames": ["dynamodb:CreateBackup"]}
    assert one(iam.simulate_custom_policy(**call, ContextEntries=[when])) == {
        "EvalActionName": "dynamodb:CreateBackup",
        "EvalResourceName": "*",
        "EvalDecision": "allowed",
        "MatchedStatements": [
            {
                "SourcePolicyId": "PolicyInputList.1",
                "SourcePolicyType": "IAM Policy",
                "StartPosition": {"Line": 1, "Column": 38},
                "EndPosition": {"Line": 1, "Column": 167},
            }
        ],
        "MissingContextValues": [],
    }
    before = {**when, "ContextKeyValues": ["2014-04-25T11:00:00Z"]}
    denied = one(iam.simulate_custom_policy(**call, ContextEntries=[before]))
    assert denied["EvalDecision"] == "implicitDeny"
    assert denied["MatchedStatements"] == []
    missing = one(iam.simulate_custom_policy(**call))
    assert missing["EvalDecision"] == "implicitDeny"
    assert missing["MissingContextValues"] == ["aws:CurrentTime"]


def test_an_explicit_deny_alone_is_told(iam: Any) -> None:
    first = policy(allow("s3:*"))
    second = policy(allow("s3:Get*"), deny("s3:GetObject"))
    result = one(
        iam.simulate_custom_policy(PolicyInputList=[first, second], ActionNames=["s3:GetObject"])
    )
    assert result["EvalDecision"] == "explicitDeny"
    (statement,) = result["MatchedStatements"]
    assert statement["SourcePolicyId"] == "PolicyInputList.2"


def test_one_result_for_an_action_with_one_for_each_resource(iam: Any) -> None:
    text = policy(allow("s3:*", f"{BUCKET}/*"), {**deny("s3:*"), "Resource": f"{BUCKET}/secret"})
    names = [f"{BUCKET}/{name}" for name in ("open", "secret")] + [f"{BUCKET}2/x"]
    result = one(
        iam.simulate_custom_policy(
            PolicyInputList=[text], ActionNames=["s3:GetObject"], ResourceArns=names
        )
    )
    assert result["EvalDecision"] == "explicitDeny"
    assert result["EvalDecisionDetails"] == {}
    assert [
        (each["EvalResourceName"], each["EvalResourceDecision"], len(each["MatchedStatements"]))
        for each in result["ResourceSpecificResults"]
    ] == [(names[0], "allowed", 1), (names[1], "explicitDeny", 1), (names[2], "implicitDeny", 0)]
    assert result["MatchedStatements"] == result["ResourceSpecificResults"][1]["MatchedStatements"]
    single = one(
        iam.simulate_custom_policy(
            PolicyInputList=[text], ActionNames=["s3:GetObject"], ResourceArns=names[:1]
        )
    )
    assert single["EvalResourceName"] == names[0]


def test_variables_and_their_keys(iam: Any) -> None:
    """AWS asks for every key of the policies, whatever the action."""
    text = policy(
        allow("s3:GetObject", BUCKET + "/${aws:username}"),
        allow("s3:List*", Condition={"StringLike": {"aws:PrincipalTag/service": "s3"}}),
    )
    name = {"ContextKeyName": "aws:username", "ContextKeyValues": ["alice"]}
    keys = iam.get_context_keys_for_custom_policy(PolicyInputList=[text, text])
    assert keys["ContextKeyNames"] == ["aws:username", "aws:PrincipalTag/service"]
    result = one(
        iam.simulate_custom_policy(
            PolicyInputList=[text],
            ActionNames=["s3:GetObject"],
            ResourceArns=[f"{BUCKET}/alice"],
            ContextEntries=[{**name, "ContextKeyType": "string"}],
        )
    )
    assert result["EvalDecision"] == "allowed"
    assert result["MissingContextValues"] == ["aws:PrincipalTag/service"]


def test_a_boundary(iam: Any) -> None:
    for limit, allowed in ((allow("s3:*"), True), (allow("ec2:*"), False), (deny("s3:*"), False)):
        result = one(
            iam.simulate_custom_policy(
                PolicyInputList=[policy(allow("*"))],
                PermissionsBoundaryPolicyInputList=[policy(limit)],
                ActionNames=["s3:GetObject"],
            )
        )
        assert (result["EvalDecision"] == "allowed") is allowed
        assert result["PermissionsBoundaryDecisionDetail"] == {
            "AllowedByPermissionsBoundary": allowed
        }


def test_levels_of_an_organization(iam: Any) -> None:
    full, none = policy(allow("*")), policy(allow("ec2:*"))
    against = policy(deny("s3:*"))
    for levels, decision in (
        ([[full], [full]], "allowed"),
        ([[full], [none]], "implicitDeny"),
        ([[full], [full, against]], "explicitDeny"),
        ([[full], []], "implicitDeny"),
    ):
        result = one(
            iam.simulate_custom_policy(
                PolicyInputList=[full],
                OrderedOrganizationPolicyInputList=[
                    {"ServiceControlPolicyInputList": level} for level in levels
                ],
                ActionNames=["s3:GetObject"],
                ResourceArns=[f"{BUCKET}/x"],
            )
        )
        assert result["EvalDecision"] == decision
        allowed = decision == "allowed"
        assert result["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": allowed}
        assert ("EvalDecisionDetails" in result) is allowed


def resource_policy(principal: str, action: str, resource: str = "*") -> str:
    return policy({**allow(action, resource), "Principal": {"AWS": principal}})


def test_a_resource_policy_across_accounts(iam: Any) -> None:
    call = {
        "ActionNames": ["s3:GetObject"],
        "ResourceArns": [f"{BUCKET}/x"],
        "CallerArn": ALICE,
        "ResourceOwner": f"arn:aws:iam::{OTHER}:root",
        "ResourcePolicy": resource_policy(ALICE, "s3:*"),
    }
    both = one(iam.simulate_custom_policy(PolicyInputList=[policy(allow("s3:*"))], **call))
    assert both["EvalDecision"] == "allowed"
    assert both["EvalDecisionDetails"] == {"IAM Policy": "allowed", "Resource Policy": "allowed"}
    assert [each["SourcePolicyId"] for each in both["MatchedStatements"]] == [
        "PolicyInputList.1",
        "ResourcePolicy",
    ]
    assert both["MatchedStatements"][1]["SourcePolicyType"] == "Resource Policy"
    alone = one(iam.simulate_custom_policy(PolicyInputList=[policy(allow("ec2:*"))], **call))
    assert alone["EvalDecision"] == "implicitDeny"
    assert alone["EvalDecisionDetails"] == {
        "IAM Policy": "implicitDeny",
        "Resource Policy": "allowed",
    }
    here = {**call, "ResourceOwner": f"arn:aws:iam::{ACCOUNT}:root"}
    assert one(iam.simulate_custom_policy(PolicyInputList=[policy(allow("ec2:*"))], **here))[
        "EvalDecision"
    ] == ("allowed")


def test_a_key_policy_and_a_trust_policy_must_allow(iam: Any) -> None:
    everything = [policy(allow("*"))]
    role = f"arn:aws:iam::{ACCOUNT}:role/app"
    for principal, decision in ((ALICE, "allowed"), (f"arn:aws:iam::{OTHER}:root", "implicitDeny")):
        result = one(
            iam.simulate_custom_policy(
                PolicyInputList=everything,
                ActionNames=["sts:AssumeRole"],
                ResourceArns=[role],
                ResourcePolicy=trust(principal),
                CallerArn=ALICE,
            )
        )
        assert result["EvalDecision"] == decision
        result = one(
            iam.simulate_custom_policy(
                PolicyInputList=everything,
                ActionNames=["kms:Decrypt"],
                ResourceArns=[KEY.replace(OTHER, ACCOUNT)],
                ResourcePolicy=resource_policy(principal, "kms:*"),
                CallerArn=ALICE,
            )
        )
        assert result["EvalDecision"] == decision


def test_the_policies_of_a_user(stockade: Stockade, aws: boto3.Session, iam: Any) -> None:
    user(stockade, aws, "alice", allow("s3:Get*", Condition={"Bool": {"aws:X": "true"}}))
    attached = iam.create_policy(PolicyName="Managed", PolicyDocument=policy(allow("sqs:*")))
    iam.attach_user_policy(UserName="alice", PolicyArn=attached["Policy"]["Arn"])
    iam.attach_user_policy(UserName="alice", PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    entry = {"ContextKeyName": "aws:X", "ContextKeyValues": ["true"], "ContextKeyType": "boolean"}
    answer = iam.simulate_principal_policy(
        PolicySourceArn=ALICE,
        ActionNames=["s3:GetObject", "sqs:SendMessage", "ec2:RunInstances"],
        PolicyInputList=[policy(allow("ec2:*"))],
        ContextEntries=[entry],
    )
    told = {
        result["EvalActionName"]: [each["SourcePolicyId"] for each in result["MatchedStatements"]]
        for result in answer["EvaluationResults"]
    }
    assert "user_alice_inline" in told["s3:GetObject"]
    assert told["sqs:SendMessage"] == ["Managed"]
    assert told["ec2:RunInstances"] == ["PolicyInputList.1"]
    keys = iam.get_context_keys_for_principal_policy(PolicySourceArn=ALICE)["ContextKeyNames"]
    assert keys == ["aws:X"]


def test_the_policies_of_a_role(iam: Any) -> None:
    role = iam.create_role(RoleName="app", AssumeRolePolicyDocument=trust(ACCOUNT))["Role"]["Arn"]
    iam.put_role_policy(RoleName="app", PolicyName="use", PolicyDocument=policy(allow("s3:*")))
    result = one(iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=["s3:GetObject"]))
    (statement,) = result["MatchedStatements"]
    assert statement["SourcePolicyId"] == "role_app_use"
    result = one(
        iam.simulate_principal_policy(
            PolicySourceArn=role,
            ActionNames=["sqs:SendMessage"],
            ResourceArns=[f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"],
            ResourcePolicy=resource_policy(role, "sqs:*"),
        )
    )
    assert result["EvalDecision"] == "allowed"


@pytest.mark.parametrize(
    ("identifier", "left"),
    [
        ({"PolicyType": "inline"}, {"s3": False, "sqs": True, "iam": True}),
        ({"PolicyType": "aws-managed"}, {"s3": True, "sqs": True, "iam": False}),
        ({"PolicyType": "user-managed"}, {"s3": True, "sqs": False, "iam": True}),
        ({"PolicyType": "rcp"}, {"s3": True, "sqs": True, "iam": True}),
        (
            {"PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/Man*"},
            {"s3": True, "sqs": False, "iam": True},
        ),
        (
            {
                "InlinePolicyIdentifier": {
                    "PolicyName": "inline",
                    "AttachmentType": "user",
                    "AttachmentName": "alice",
                }
            },
            {"s3": False, "sqs": True, "iam": True},
        ),
    ],
)
def test_policies_can_be_left_out(
    stockade: Stockade, aws: boto3.Session, iam: Any, identifier: Any, left: dict[str, bool]
) -> None:
    user(stockade, aws, "alice", allow("s3:*"))
    attached = iam.create_policy(PolicyName="Managed", PolicyDocument=policy(allow("sqs:*")))
    iam.attach_user_policy(UserName="alice", PolicyArn=attached["Policy"]["Arn"])
    iam.attach_user_policy(UserName="alice", PolicyArn="arn:aws:iam::aws:policy/IAMFullAccess")
    results = iam.simulate_principal_policy(
        PolicySourceArn=ALICE,
        ActionNames=["s3:GetObject", "sqs:SendMessage", "iam:GetUser"],
        PolicyExclusionList=[identifier],
    )["EvaluationResults"]
    assert {
        one["EvalActionName"].partition(":")[0]: one["EvalDecision"] == "allowed" for one in results
    } == left


def test_malformed_exclusions(stockade: Stockade, aws: boto3.Session, iam: Any) -> None:
    user(stockade, aws, "alice")
    for arn in ("arn:aws:s3:::bucket-with-a-name", f"arn:aws:iam::{ACCOUNT}:policy/a*b*"):
        code, _, _ = refused(
            iam.simulate_principal_policy,
            PolicySourceArn=ALICE,
            ActionNames=["s3:GetObject"],
            PolicyExclusionList=[{"PolicyArn": arn}],
        )
        assert code == "InvalidInput"


class Places:
    """An organization with one account."""

    def membership(self, unit: Unit, account: str) -> Membership:
        del unit, account
        return Membership(
            organization_id="o-a1",
            management_account=OTHER,
            path="o-a1/r-ab12/",
            service_control=((identity(allow(["s3:*", "iam:*"])),),),
            resource_control=(),
        )


def test_the_organization_of_a_user(stockade: Stockade, aws: boto3.Session, iam: Any) -> None:
    user(stockade, aws, "alice", allow("*"))
    call = {"PolicySourceArn": ALICE, "ActionNames": ["ec2:RunInstances", "s3:GetObject"]}
    for result in iam.simulate_principal_policy(**call)["EvaluationResults"]:
        assert "OrganizationsDecisionDetail" not in result
    stockade.gateway._ports.organization = Places()
    held, free = iam.simulate_principal_policy(**call)["EvaluationResults"]
    assert held["EvalDecision"] == "implicitDeny"
    assert held["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": False}
    assert free["EvalDecision"] == "allowed"
    assert free["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": True}


@pytest.mark.parametrize("size", [1, 2])
def test_pages(iam: Any, size: int) -> None:
    actions = ["s3:GetObject", "s3:PutObject", "s3:ListBucket"]
    pages = iam.get_paginator("simulate_custom_policy").paginate(
        PolicyInputList=[policy(allow("s3:*"))],
        ActionNames=actions,
        PaginationConfig={"PageSize": size},
    )
    found = [[one["EvalActionName"] for one in page["EvaluationResults"]] for page in pages]
    assert [name for page in found for name in page] == actions
    assert max(map(len, found)) == size


def test_refusals(iam: Any) -> None:
    good = {"PolicyInputList": [policy(allow("s3:*"))], "ActionNames": ["s3:GetObject"]}
    call = iam.simulate_custom_policy
    for changed, text in (
        ({"PolicyInputList": ["{"]}, "Syntax errors in policy."),
        ({"PolicyInputList": [policy(allow("s3"))]}, "must be prefaced by a vendor"),
        ({"ResourceArns": ["x-1"]}, "ResourceNames are not in a valid ARN format: x-1."),
        ({"ActionNames": ["GetObject"]}, "Invalid Action Name: GetObject"),
        ({"ActionNames": ["s3:*"]}, "Invalid Action Name"),
        ({"ResourcePolicy": resource_policy(ALICE, "s3:*")}, "CallerArn is required"),
        (
            {"ResourcePolicy": policy(allow("s3:*")), "CallerArn": ALICE},
            "Policy contains a statement with no principal.",
        ),
        (
            {"CallerArn": f"arn:aws:sts::{ACCOUNT}:assumed-role/a/b"},
            "does not clearly define entity type and name.",
        ),
        ({"PermissionsBoundaryPolicyInputList": [policy(allow("*"))] * 2}, "Only one"),
        (
            {
                "OrderedOrganizationPolicyInputList": [
                    {"ServiceControlPolicyInputList": [resource_policy(ALICE, "s3:*")]}
                ]
            },
            "does not meet the requirements of the specified policy type",
        ),
    ):
        code, status, message = refused(call, **{**good, **changed})
        assert (code, status) == ("InvalidInput", 400)
        assert text in message


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("numeric", ["five"]),
        ("boolean", ["yes"]),
        ("ip", ["here"]),
        ("date", ["soon"]),
        ("binary", ["!"]),
        ("numericList", ["1", "x"]),
        ("string", ["a", "b"]),
    ],
)
def test_values_have_their_type(iam: Any, kind: str, values: list[str]) -> None:
    entry = {"ContextKeyName": "aws:X", "ContextKeyType": kind, "ContextKeyValues": values}
    code, _, _ = refused(
        iam.simulate_custom_policy,
        PolicyInputList=[policy(allow("s3:*"))],
        ActionNames=["s3:GetObject"],
        ContextEntries=[entry],
    )
    assert code == "InvalidInput"


def test_who_may_simulate(stockade: Stockade, aws: boto3.Session) -> None:
    iam = aws.client("iam")
    assert refused(
        iam.simulate_principal_policy, PolicySourceArn=ALICE, ActionNames=["s3:GetObject"]
    ) == ("NoSuchEntity", 404, "The user with name alice cannot be found.")
    alice = user(stockade, aws, "alice", allow("iam:SimulatePrincipalPolicy", ALICE)).client("iam")
    call = {"ActionNames": ["s3:GetObject"]}
    assert alice.simulate_principal_policy(PolicySourceArn=ALICE, **call)["EvaluationResults"]
    for other in (ALICE.replace("alice", "bob"), ALICE.replace(ACCOUNT, OTHER)):
        code, _, text = refused(alice.simulate_principal_policy, PolicySourceArn=other, **call)
        assert code == "AccessDenied"
        assert other in text
    code, _, text = refused(
        alice.simulate_custom_policy, PolicyInputList=[policy(allow("*"))], **call
    )
    assert code == "AccessDenied"
    assert text.endswith("no identity-based policy allows the iam:SimulateCustomPolicy action")


def test_the_policies_of_a_group_speak_for_its_users(iam: Any) -> None:
    iam.create_group(GroupName="readers")
    iam.put_group_policy(GroupName="readers", PolicyName="read", PolicyDocument=policy(allow("*")))
    iam.create_user(UserName="alice")
    iam.add_user_to_group(GroupName="readers", UserName="alice")
    for arn in (f"arn:aws:iam::{ACCOUNT}:group/readers", ALICE):
        answer = one(iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["s3:Get"]))
        assert answer["EvalDecision"] == "allowed"
        assert answer["MatchedStatements"][0]["SourcePolicyId"] == "group_readers_read"


def test_the_boundary_of_a_role(iam: Any) -> None:
    bound = iam.create_policy(PolicyName="bound", PolicyDocument=policy(allow("kms:*")))["Policy"]
    role = iam.create_role(
        RoleName="worker",
        AssumeRolePolicyDocument=trust(ACCOUNT),
        PermissionsBoundary=bound["Arn"],
    )["Role"]
    iam.put_role_policy(RoleName="worker", PolicyName="all", PolicyDocument=policy(allow("*")))
    answer = iam.simulate_principal_policy(
        PolicySourceArn=role["Arn"], ActionNames=["kms:Encrypt", "s3:GetObject"]
    )
    decisions = [each["EvalDecision"] for each in answer["EvaluationResults"]]
    assert decisions == ["allowed", "implicitDeny"]
