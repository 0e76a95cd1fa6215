# SPDX-License-Identifier: Apache-2.0
"""Users: names, paths, paging, renaming, and what has to go before a user can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.services.iam.helpers import ACCOUNT, ADMINISTRATOR, account, allow, policy, refused, user

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    return aws.client("iam")


def test_a_user_is_shown_as_it_was_made(iam: Any) -> None:
    tags = [{"Key": "team", "Value": "red"}]
    made = iam.create_user(UserName="alice", Path="/eng/", Tags=tags)["User"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/eng/alice"
    assert made["UserId"].startswith("AIDA")
    assert made["CreateDate"].microsecond == 0
    assert made["Tags"] == tags
    assert iam.get_user(UserName="alice")["User"] == made


def test_a_name_is_unique_whatever_its_case(iam: Any) -> None:
    iam.create_user(UserName="Alice")
    assert refused(iam.create_user, UserName="aLICE") == (
        "EntityAlreadyExists",
        409,
        "User with name aLICE already exists.",
    )
    assert iam.get_user(UserName="alice")["User"]["UserName"] == "Alice"


def test_an_unknown_user_cannot_be_found(iam: Any) -> None:
    assert refused(iam.get_user, UserName="nobody") == (
        "NoSuchEntity",
        404,
        "The user with name nobody cannot be found.",
    )


def test_a_malformed_name_is_refused(iam: Any) -> None:
    code, status, text = refused(iam.create_user, UserName="a b")
    assert (code, status) == ("ValidationError", 400)
    assert text.startswith("The specified value for userName is invalid.")


def test_get_user_without_a_name_is_the_caller(stockade: Stockade, aws: boto3.Session) -> None:
    root = aws.client("iam").get_user()["User"]
    assert (root["UserId"], root["Arn"]) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")
    alice = user(stockade, aws, "alice", allow("iam:GetUser"))
    assert alice.client("iam").get_user()["User"]["UserName"] == "alice"


def test_users_are_listed_in_pages_by_name(iam: Any) -> None:
    for name in ("carol", "Bob", "alice"):
        iam.create_user(UserName=name)
    pages = iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 2})
    names = [[each["UserName"] for each in page["Users"]] for page in pages]
    assert names == [["alice", "Bob"], ["carol"]]


def test_users_are_listed_under_a_path(iam: Any) -> None:
    iam.create_user(UserName="alice", Path="/eng/core/")
    iam.create_user(UserName="bob", Path="/ops/")
    iam.create_user(UserName="carol", Path="/eng/")
    first = iam.list_users(PathPrefix="/eng/", MaxItems=1)
    assert [each["UserName"] for each in first["Users"]] == ["alice"]
    assert first["IsTruncated"] is True
    second = iam.list_users(PathPrefix="/eng/", MaxItems=1, Marker=first["Marker"])
    assert [each["UserName"] for each in second["Users"]] == ["carol"]
    assert second["IsTruncated"] is False


def test_a_marker_of_no_answer_is_refused(iam: Any) -> None:
    assert refused(iam.list_users, Marker="?")[:2] == ("ValidationError", 400)


def test_accounts_do_not_see_each_other(stockade: Stockade, aws: boto3.Session) -> None:
    aws.client("iam").create_user(UserName="alice")
    other = account(stockade, "111122223333").client("iam")
    assert other.list_users()["Users"] == []
    assert refused(other.get_user, UserName="alice")[0] == "NoSuchEntity"


def test_a_renamed_user_keeps_everything(stockade: Stockade, aws: boto3.Session) -> None:
    iam = aws.client("iam")
    alice = user(stockade, aws, "alice", allow("iam:GetUser"))
    iam.attach_user_policy(UserName="alice", PolicyArn=ADMINISTRATOR)
    before = iam.get_user(UserName="alice")["User"]
    iam.update_user(UserName="alice", NewUserName="alicia", NewPath="/eng/")
    after = alice.client("iam").get_user()["User"]
    assert after["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/eng/alicia"
    assert (after["UserId"], after["CreateDate"]) == (before["UserId"], before["CreateDate"])
    assert iam.list_user_policies(UserName="alicia")["PolicyNames"] == ["inline"]
    assert len(iam.list_access_keys(UserName="alicia")["AccessKeyMetadata"]) == 1
    assert refused(iam.get_user, UserName="alice")[0] == "NoSuchEntity"


def test_a_user_may_be_renamed_to_another_case_but_not_to_another_user(iam: Any) -> None:
    iam.create_user(UserName="alice")
    iam.create_user(UserName="bob")
    iam.update_user(UserName="alice", NewUserName="ALICE")
    assert iam.get_user(UserName="alice")["User"]["UserName"] == "ALICE"
    assert refused(iam.update_user, UserName="alice", NewUserName="Bob")[0] == "EntityAlreadyExists"


def test_renaming_needs_the_permission_on_both_names(
    stockade: Stockade, aws: boto3.Session
) -> None:
    old = f"arn:aws:iam::{ACCOUNT}:user/alice"
    alice = user(stockade, aws, "alice", allow("iam:UpdateUser", old)).client("iam")
    code, _, text = refused(alice.update_user, UserName="alice", NewUserName="root2")
    assert code == "AccessDenied"
    assert f"iam:UpdateUser on resource: arn:aws:iam::{ACCOUNT}:user/root2 " in text


def test_a_user_goes_after_what_hangs_on_it(iam: Any) -> None:
    iam.create_user(UserName="alice")
    iam.attach_user_policy(UserName="alice", PolicyArn=ADMINISTRATOR)
    iam.put_user_policy(UserName="alice", PolicyName="inline", PolicyDocument=policy(allow("s3:*")))
    key = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]

    def conflict() -> str:
        code, status, text = refused(iam.delete_user, UserName="alice")
        assert (code, status) == ("DeleteConflict", 409)
        return text

    assert conflict() == "Cannot delete entity, must detach all policies first."
    iam.detach_user_policy(UserName="alice", PolicyArn=ADMINISTRATOR)
    assert conflict() == "Cannot delete entity, must delete policies first."
    iam.delete_user_policy(UserName="alice", PolicyName="inline")
    assert conflict() == "Cannot delete entity, must delete access keys first."
    iam.delete_access_key(UserName="alice", AccessKeyId=key)
    iam.delete_user(UserName="alice")
    assert refused(iam.get_user, UserName="alice")[0] == "NoSuchEntity"
