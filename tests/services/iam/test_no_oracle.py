# SPDX-License-Identifier: Apache-2.0
"""Who lacks the permission hears the same of what exists and of what does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config

from stockade.services.iam import iam as service
from tests.house.test_every_operation import sample
from tests.services.iam.helpers import ACCOUNT, allow, policy, refused, trust, user

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

NAMED = ("UserName", "GroupName", "RoleName", "InstanceProfileName", "PolicyArn", "Arn")
"""The members that name what a request is about."""


def existing(member: str, kind: str) -> str:
    """Return the value of a member for something that is there, under a path."""
    if member == "PolicyArn":
        return f"arn:aws:iam::{ACCOUNT}:policy/eng/there-{kind}"
    if member == "Arn":
        return f"arn:aws:iam::{ACCOUNT}:user/eng/there-{kind}"
    return f"there-{kind}"


@pytest.fixture
def nobody(stockade: Stockade, aws: boto3.Session) -> Any:
    iam = aws.client("iam")
    iam.create_user(UserName="there-x", Path="/eng/")
    iam.create_group(GroupName="there-x", Path="/eng/")
    iam.create_role(RoleName="there-x", Path="/eng/", AssumeRolePolicyDocument=trust(ACCOUNT))
    iam.create_instance_profile(InstanceProfileName="there-x", Path="/eng/")
    iam.create_policy(PolicyName="there-x", Path="/eng/", PolicyDocument=policy(allow("s3:*")))
    quick = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    return user(stockade, aws, "nobody").client("iam", config=quick)


def requests(client: Any) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Return, by operation, a request about what is there and one about what is not."""
    found = {}
    for operation in sorted(service.operations):
        name = client.meta.method_to_api_mapping[operation]
        shape = client.meta.service_model.operation_model(name).input_shape
        arguments = sample("", shape) if shape is not None else {}
        about = [member for member in NAMED if member in arguments]
        if about:
            there = arguments | {member: existing(member, "x") for member in about}
            absent = arguments | {member: existing(member, "y") for member in about}
            found[operation] = (there, absent)
    return found


def test_a_denial_does_not_tell_what_exists(nobody: Any) -> None:
    asked = requests(nobody)
    assert len(asked) >= 70
    for operation, (there, absent) in asked.items():
        call = getattr(nobody, operation)
        code, status, text = refused(call, **there)
        assert (code, status) == ("AccessDenied", 403), operation
        same = (code, status, text.replace("there-x", "there-y"))
        assert refused(call, **absent) == same, operation


def test_a_denial_names_what_was_asked_for_as_it_was_asked_for(nobody: Any) -> None:
    text = refused(nobody.get_user, UserName="THERE-X")[2]
    assert "iam:GetUser on resource: user THERE-X because no identity-based policy" in text
