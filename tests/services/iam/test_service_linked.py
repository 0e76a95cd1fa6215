# SPDX-License-Identifier: Apache-2.0
"""Service-linked roles: made for a service, changed by nobody else, deleted as a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stockade.services.iam import aws_managed
from stockade.services.iam.service_linked_names import LINKED, SUFFIXED
from tests.services.iam.helpers import ACCOUNT, ADMINISTRATOR, allow, policy, refused, trust, user

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

SERVICE = "guardduty.amazonaws.com"
NAME = "AWSServiceRoleForAmazonGuardDuty"
ARN = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{SERVICE}/{NAME}"
SAID = f"the protected role '{NAME}' - this role is only modifiable by AWS"
PROTECTED = ("UnmodifiableEntity", 400, f"Cannot perform the operation on {SAID}")


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    return aws.client("iam")


@pytest.mark.parametrize("service", LINKED)
def test_the_policy_of_every_service_is_one_of_aws(service: str) -> None:
    found = aws_managed.find(LINKED[service][1])
    assert found is not None
    assert found.path == "/aws-service-role/"


def test_a_service_gets_its_role_once(iam: Any) -> None:
    made = iam.create_service_linked_role(AWSServiceName=SERVICE, Description="guards")["Role"]
    assert made["Arn"] == ARN
    statement = made["AssumeRolePolicyDocument"]["Statement"][0]
    assert statement["Principal"] == {"Service": SERVICE}
    attached = iam.list_attached_role_policies(RoleName=NAME)["AttachedPolicies"]
    assert [each["PolicyName"] for each in attached] == ["AmazonGuardDutyServiceRolePolicy"]
    assert refused(iam.create_service_linked_role, AWSServiceName=SERVICE) == (
        "InvalidInput",
        400,
        f"Service role name {NAME} has been taken in this account, please try a different suffix.",
    )
    iam.get_waiter("role_exists").wait(RoleName=NAME, WaiterConfig={"MaxAttempts": 1})


def test_a_few_services_take_a_suffix(iam: Any) -> None:
    (service,) = (each for each in SUFFIXED if each.startswith("autoscaling"))
    made = iam.create_service_linked_role(AWSServiceName=service, CustomSuffix="blue")["Role"]
    assert made["RoleName"] == "AWSServiceRoleForAutoScaling_blue"
    assert refused(iam.create_service_linked_role, AWSServiceName=SERVICE, CustomSuffix="blue") == (
        "InvalidInput",
        400,
        f"Custom suffix is not allowed for {SERVICE}",
    )
    assert refused(iam.create_service_linked_role, AWSServiceName="none.amazonaws.com")[0] == (
        "InvalidInput"
    )


def test_nobody_changes_the_role_of_a_service(iam: Any) -> None:
    iam.create_service_linked_role(AWSServiceName=SERVICE)
    role = {"RoleName": NAME}
    document = {"PolicyName": "p", "PolicyDocument": policy(allow("s3:*"))}
    for call, more in (
        (iam.attach_role_policy, {"PolicyArn": ADMINISTRATOR}),
        (iam.detach_role_policy, {"PolicyArn": ADMINISTRATOR}),
        (iam.put_role_policy, document),
        (iam.delete_role_policy, {"PolicyName": "p"}),
        (iam.update_assume_role_policy, {"PolicyDocument": trust(ACCOUNT)}),
        (iam.put_role_permissions_boundary, {"PermissionsBoundary": ADMINISTRATOR}),
        (iam.delete_role_permissions_boundary, {}),
        (iam.update_role, {"MaxSessionDuration": 7_200}),
        (iam.delete_role, {}),
    ):
        assert refused(call, **role, **more) == PROTECTED
    iam.update_role_description(**role, Description="new")
    iam.update_role(**role, Description="newer")
    iam.tag_role(**role, Tags=[{"Key": "team", "Value": "red"}])
    assert iam.get_role(**role)["Role"]["Description"] == "newer"


def test_the_folder_and_the_policies_of_services_are_theirs(iam: Any) -> None:
    path = f"/aws-service-role/{SERVICE}/"
    make = {"RoleName": NAME, "Path": path, "AssumeRolePolicyDocument": trust(ACCOUNT)}
    assert refused(iam.create_role, **make) == (
        "InvalidInput",
        400,
        "Path prefix '/aws-service-role/' can only be used for AWS Service linked Roles",
    )
    iam.create_role(RoleName="mine", AssumeRolePolicyDocument=trust(ACCOUNT))
    linked = "arn:aws:iam::aws:policy/aws-service-role/AmazonGuardDutyServiceRolePolicy"
    assert refused(iam.attach_role_policy, RoleName="mine", PolicyArn=linked) == (
        "PolicyNotAttachable",
        400,
        "Cannot attach a Service Role Policy to a Customer Role.",
    )


def test_deleting_is_a_task(iam: Any) -> None:
    iam.create_service_linked_role(AWSServiceName=SERVICE)
    task = iam.delete_service_linked_role(RoleName=NAME)["DeletionTaskId"]
    assert task.startswith(f"task/aws-service-role/{SERVICE}/{NAME}/")
    status = iam.get_service_linked_role_deletion_status(DeletionTaskId=task)
    assert status["Status"] == "SUCCEEDED"
    assert refused(iam.get_role, RoleName=NAME)[0] == "NoSuchEntity"
    asked = iam.get_service_linked_role_deletion_status
    assert refused(asked, DeletionTaskId=task[:-1] + "x")[:2] == ("NoSuchEntity", 404)
    assert refused(asked, DeletionTaskId="task/none")[:2] == ("InvalidInput", 400)
    iam.create_role(RoleName="mine", AssumeRolePolicyDocument=trust(ACCOUNT))
    assert refused(iam.delete_service_linked_role, RoleName="mine")[0] == "NoSuchEntity"


def test_the_right_to_make_one_can_be_held_to_a_service(
    stockade: Stockade, aws: boto3.Session
) -> None:
    only = {"StringLike": {"iam:AWSServiceName": SERVICE}}
    maker = user(stockade, aws, "maker", allow("iam:CreateServiceLinkedRole", Condition=only))
    iam = maker.client("iam")
    iam.create_service_linked_role(AWSServiceName=SERVICE)
    code, _, text = refused(iam.create_service_linked_role, AWSServiceName="ecs.amazonaws.com")
    assert code == "AccessDenied"
    assert "role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS" in text
