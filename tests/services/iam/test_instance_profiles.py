# SPDX-License-Identifier: Apache-2.0
"""Instance profiles: one role each, passed on by who may pass it, deleted once empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.services.iam.helpers import ACCOUNT, allow, refused, trust, user

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

PAIR = {"InstanceProfileName": "servers", "RoleName": "server"}
PROFILE = f"arn:aws:iam::{ACCOUNT}:instance-profile/servers"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/server"


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    iam = aws.client("iam")
    iam.create_instance_profile(InstanceProfileName="servers")
    iam.create_role(RoleName="server", AssumeRolePolicyDocument=trust(ACCOUNT))
    return iam


def test_a_profile_is_shown_as_it_was_made(iam: Any) -> None:
    tags = [{"Key": "team", "Value": "red"}]
    made = iam.create_instance_profile(InstanceProfileName="Web", Path="/eng/", Tags=tags)
    profile = made["InstanceProfile"]
    assert profile["Arn"] == f"arn:aws:iam::{ACCOUNT}:instance-profile/eng/Web"
    assert profile["InstanceProfileId"].startswith("AIPA")
    assert (profile["Roles"], profile["Tags"]) == ([], tags)
    assert iam.get_instance_profile(InstanceProfileName="web")["InstanceProfile"] == profile
    assert refused(iam.create_instance_profile, InstanceProfileName="wEB") == (
        "EntityAlreadyExists",
        409,
        "Instance Profile wEB already exists.",
    )
    waiter = iam.get_waiter("instance_profile_exists")
    waiter.wait(InstanceProfileName="Web", WaiterConfig={"MaxAttempts": 1})


def test_a_profile_holds_one_role(iam: Any) -> None:
    iam.create_role(RoleName="other", AssumeRolePolicyDocument=trust(ACCOUNT))
    iam.add_role_to_instance_profile(**PAIR)
    profile = iam.get_instance_profile(InstanceProfileName="servers")["InstanceProfile"]
    assert [each["Arn"] for each in profile["Roles"]] == [ROLE]
    assert "MaxSessionDuration" not in profile["Roles"][0]
    second = {"InstanceProfileName": "servers", "RoleName": "other"}
    assert refused(iam.add_role_to_instance_profile, **second) == (
        "LimitExceeded",
        409,
        "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
    )
    assert refused(iam.remove_role_from_instance_profile, **second) == (
        "NoSuchEntity",
        404,
        "Role other in Instance Profile servers cannot be found.",
    )
    conflict = (
        "DeleteConflict",
        409,
        "Cannot delete entity, must remove roles from instance profile first.",
    )
    assert refused(iam.delete_instance_profile, InstanceProfileName="servers") == conflict
    assert refused(iam.delete_role, RoleName="server") == conflict
    iam.remove_role_from_instance_profile(**PAIR)
    iam.delete_role(RoleName="server")
    iam.delete_instance_profile(InstanceProfileName="servers")
    assert refused(iam.get_instance_profile, InstanceProfileName="servers") == (
        "NoSuchEntity",
        404,
        "Instance Profile servers cannot be found.",
    )


def test_profiles_are_listed_by_path_and_by_role(iam: Any) -> None:
    iam.create_instance_profile(InstanceProfileName="web", Path="/eng/")
    for name in ("servers", "web"):
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName="server")

    def names(operation: str, **filters: str) -> list[list[str]]:
        pages = iam.get_paginator(operation).paginate(**filters, PaginationConfig={"PageSize": 1})
        return [
            [each["InstanceProfileName"] for each in page["InstanceProfiles"]] for page in pages
        ]

    assert names("list_instance_profiles") == [["servers"], ["web"]]
    assert names("list_instance_profiles", PathPrefix="/eng/") == [["web"]]
    assert names("list_instance_profiles_for_role", RoleName="server") == [["servers"], ["web"]]


def test_of_two_that_are_missing_the_profile_is_told_first(iam: Any) -> None:
    for call in (iam.add_role_to_instance_profile, iam.remove_role_from_instance_profile):
        assert refused(call, InstanceProfileName="none", RoleName="none")[2] == (
            "Instance Profile none cannot be found."
        )
        assert refused(call, InstanceProfileName="servers", RoleName="none")[2] == (
            "The role with name none cannot be found."
        )


def test_a_role_is_put_into_a_profile_by_who_may_pass_it(
    stockade: Stockade, aws: boto3.Session, iam: Any
) -> None:
    add = allow("iam:AddRoleToInstanceProfile", PROFILE)
    clerk = user(stockade, aws, "clerk", add).client("iam")
    assert (
        f"iam:PassRole on resource: {ROLE}"
        in refused(clerk.add_role_to_instance_profile, **PAIR)[2]
    )
    to_ec2 = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    passing = allow("iam:PassRole", ROLE, Condition=to_ec2)
    trusted = user(stockade, aws, "trusted", add, passing).client("iam")
    trusted.add_role_to_instance_profile(**PAIR)
