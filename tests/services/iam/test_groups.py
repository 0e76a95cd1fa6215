# SPDX-License-Identifier: Apache-2.0
"""Groups: their users, the policies that speak for who is in them, quotas, what deleting asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.services.iam.helpers import (
    ACCOUNT,
    ADMINISTRATOR,
    account,
    allow,
    deny,
    policy,
    refused,
    user,
)

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

READ = policy(allow("s3:GetObject"))


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    iam = aws.client("iam")
    iam.create_group(GroupName="Admins")
    iam.create_user(UserName="alice")
    return iam


def names(answer: dict[str, Any]) -> list[str]:
    return [each["GroupName"] for each in answer["Groups"]]


def test_a_group_is_shown_as_it_was_made(iam: Any) -> None:
    made = iam.create_group(GroupName="devs", Path="/eng/")["Group"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:group/eng/devs"
    assert made["GroupId"].startswith("AGPA")
    shown = iam.get_group(GroupName="DEVS")
    assert (shown["Group"], shown["Users"], shown["IsTruncated"]) == (made, [], False)


def test_a_name_is_unique_whatever_its_case(iam: Any) -> None:
    assert refused(iam.create_group, GroupName="aDMINS") == (
        "EntityAlreadyExists",
        409,
        "Group with name aDMINS already exists.",
    )


@pytest.mark.parametrize("call", ["get_group", "delete_group", "update_group"])
def test_an_unknown_group_cannot_be_found(iam: Any, call: str) -> None:
    assert refused(getattr(iam, call), GroupName="none") == (
        "NoSuchEntity",
        404,
        "The group with name none cannot be found.",
    )


def test_groups_are_listed_in_pages_and_under_a_path(iam: Any) -> None:
    iam.create_group(GroupName="devs", Path="/eng/")
    iam.create_group(GroupName="beta", Path="/eng/beta/")
    pages = iam.get_paginator("list_groups").paginate(PaginationConfig={"PageSize": 2})
    assert [names(page) for page in pages] == [["Admins", "beta"], ["devs"]]
    assert names(iam.list_groups(PathPrefix="/eng/")) == ["beta", "devs"]


def test_users_join_and_leave(iam: Any) -> None:
    iam.create_user(UserName="bob")
    for name in ("bob", "alice", "alice"):
        iam.add_user_to_group(GroupName="admins", UserName=name)
    pages = iam.get_paginator("get_group").paginate(
        GroupName="Admins", PaginationConfig={"PageSize": 1}
    )
    assert [[each["UserName"] for each in page["Users"]] for page in pages] == [["alice"], ["bob"]]
    assert names(iam.list_groups_for_user(UserName="alice")) == ["Admins"]
    for _ in range(2):
        iam.remove_user_from_group(GroupName="Admins", UserName="alice")
    assert names(iam.list_groups_for_user(UserName="alice")) == []


def test_of_two_that_are_missing_the_user_is_told_first(iam: Any) -> None:
    for call in (iam.add_user_to_group, iam.remove_user_from_group):
        assert refused(call, GroupName="none", UserName="nobody")[2] == (
            "The user with name nobody cannot be found."
        )
        assert refused(call, GroupName="none", UserName="alice")[2] == (
            "The group with name none cannot be found."
        )


def test_a_user_may_be_in_ten_groups(iam: Any) -> None:
    for number in range(11):
        iam.create_group(GroupName=f"g{number}")
    for number in range(10):
        iam.add_user_to_group(GroupName=f"g{number}", UserName="alice")
    assert refused(iam.add_user_to_group, GroupName="g10", UserName="alice") == (
        "LimitExceeded",
        409,
        "Cannot exceed quota for GroupsPerUser: 10",
    )
    iam.add_user_to_group(GroupName="g3", UserName="alice")


def test_an_account_has_300_groups(stockade: Stockade) -> None:
    iam = account(stockade, "111122223333").client("iam")
    for number in range(300):
        iam.create_group(GroupName=f"g{number}")
    assert refused(iam.create_group, GroupName="more") == (
        "LimitExceeded",
        409,
        "Cannot exceed quota for GroupsPerAccount: 300",
    )


def test_a_group_keeps_its_users_under_another_name(iam: Any) -> None:
    iam.add_user_to_group(GroupName="Admins", UserName="alice")
    before = iam.get_group(GroupName="Admins")["Group"]
    iam.update_group(GroupName="Admins", NewGroupName="Owners", NewPath="/top/")
    after = iam.get_group(GroupName="owners")
    assert after["Group"]["GroupId"] == before["GroupId"]
    assert after["Group"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:group/top/Owners"
    assert [each["UserName"] for each in after["Users"]] == ["alice"]
    assert refused(iam.get_group, GroupName="Admins")[0] == "NoSuchEntity"
    iam.create_group(GroupName="Admins")
    assert refused(iam.update_group, GroupName="Admins", NewGroupName="OWNERS")[2] == (
        "Group with name OWNERS already exists."
    )


def test_a_group_goes_when_nothing_hangs_on_it(iam: Any) -> None:
    iam.add_user_to_group(GroupName="Admins", UserName="alice")
    iam.attach_group_policy(GroupName="Admins", PolicyArn=ADMINISTRATOR)
    iam.put_group_policy(GroupName="Admins", PolicyName="p", PolicyDocument=READ)
    conflict = "Cannot delete entity, must"
    users_first = f"{conflict} remove users from group first."
    assert refused(iam.delete_user, UserName="alice") == ("DeleteConflict", 409, users_first)
    assert refused(iam.delete_group, GroupName="Admins")[2] == users_first
    iam.remove_user_from_group(GroupName="Admins", UserName="alice")
    assert (
        refused(iam.delete_group, GroupName="Admins")[2] == f"{conflict} detach all policies first."
    )
    iam.detach_group_policy(GroupName="Admins", PolicyArn=ADMINISTRATOR)
    assert refused(iam.delete_group, GroupName="Admins")[2] == f"{conflict} delete policies first."
    iam.delete_group_policy(GroupName="Admins", PolicyName="p")
    iam.delete_group(GroupName="Admins")
    iam.delete_user(UserName="alice")


def test_policies_of_groups_speak_for_who_is_in_them(
    stockade: Stockade, aws: boto3.Session
) -> None:
    iam = aws.client("iam")
    alice = user(stockade, aws, "alice").client("iam")
    iam.create_group(GroupName="readers")
    iam.put_group_policy(
        GroupName="readers", PolicyName="p", PolicyDocument=policy(allow("iam:ListUsers"))
    )
    assert refused(alice.list_users)[0] == "AccessDenied"
    iam.add_user_to_group(GroupName="readers", UserName="alice")
    alice.list_users()
    iam.put_group_policy(
        GroupName="readers", PolicyName="q", PolicyDocument=policy(deny("iam:ListUsers"))
    )
    assert "explicit deny in an identity-based policy" in refused(alice.list_users)[2]
    iam.delete_group_policy(GroupName="readers", PolicyName="q")
    iam.update_group(GroupName="readers", NewGroupName="lectors")
    alice.list_users()
    iam.delete_group_policy(GroupName="lectors", PolicyName="p")
    assert refused(alice.list_users)[0] == "AccessDenied"
    iam.attach_group_policy(GroupName="lectors", PolicyArn=ADMINISTRATOR)
    alice.list_users()
    iam.remove_user_from_group(GroupName="lectors", UserName="alice")
    assert refused(alice.list_users)[0] == "AccessDenied"


def test_a_policy_names_the_groups_that_have_it(iam: Any) -> None:
    iam.attach_group_policy(GroupName="Admins", PolicyArn=ADMINISTRATOR)
    iam.attach_user_policy(UserName="alice", PolicyArn=ADMINISTRATOR)
    shown = iam.list_entities_for_policy(PolicyArn=ADMINISTRATOR)
    assert [each["GroupName"] for each in shown["PolicyGroups"]] == ["Admins"]
    assert [each["UserName"] for each in shown["PolicyUsers"]] == ["alice"]
    only = iam.list_entities_for_policy(PolicyArn=ADMINISTRATOR, EntityFilter="Group")
    assert (len(only["PolicyGroups"]), only["PolicyUsers"]) == (1, [])
    assert iam.get_policy(PolicyArn=ADMINISTRATOR)["Policy"]["AttachmentCount"] == 2
    attached = iam.list_attached_group_policies(GroupName="Admins")["AttachedPolicies"]
    assert attached == [{"PolicyName": "AdministratorAccess", "PolicyArn": ADMINISTRATOR}]


def test_inline_policies_of_a_group_have_their_own_quota(iam: Any) -> None:
    longest = policy(allow("s3:*", "arn:aws:s3:::" + "a" * 5_000))
    iam.put_group_policy(GroupName="Admins", PolicyName="long", PolicyDocument=longest)
    assert refused(
        iam.put_group_policy, GroupName="Admins", PolicyName="p", PolicyDocument=READ
    ) == (
        "LimitExceeded",
        409,
        "Maximum policy size of 5120 bytes exceeded for group Admins",
    )
    assert iam.list_group_policies(GroupName="Admins")["PolicyNames"] == ["long"]
    shown = iam.get_group_policy(GroupName="Admins", PolicyName="long")
    assert shown["PolicyDocument"]["Statement"][0]["Action"] == "s3:*"
    assert refused(iam.get_group_policy, GroupName="Admins", PolicyName="p") == (
        "NoSuchEntity",
        404,
        "The group policy with name p cannot be found.",
    )
