# SPDX-License-Identifier: Apache-2.0
"""GetAccountAuthorizationDetails and GetAccountSummary: the whole account at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.services.iam.helpers import ACCOUNT, ADMINISTRATOR, allow, policy, trust

if TYPE_CHECKING:
    import boto3

READ = policy(allow("s3:ListBucket"))
LOCAL = f"arn:aws:iam::{ACCOUNT}:policy/local"
LISTS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    iam = aws.client("iam")
    iam.create_policy(PolicyName="local", PolicyDocument=READ)
    iam.create_group(GroupName="devs")
    iam.create_user(UserName="alice", Tags=[{"Key": "a", "Value": "b"}])
    iam.add_user_to_group(GroupName="devs", UserName="alice")
    iam.put_user_policy(UserName="alice", PolicyName="inline", PolicyDocument=READ)
    iam.attach_user_policy(UserName="alice", PolicyArn=LOCAL)
    iam.attach_group_policy(GroupName="devs", PolicyArn=ADMINISTRATOR)
    iam.create_role(
        RoleName="server", AssumeRolePolicyDocument=trust(ACCOUNT), PermissionsBoundary=LOCAL
    )
    iam.create_instance_profile(InstanceProfileName="servers")
    iam.add_role_to_instance_profile(InstanceProfileName="servers", RoleName="server")
    return iam


def test_everything_is_told_of_everybody(iam: Any) -> None:
    answer = iam.get_account_authorization_details()
    (user,), (group,), (role,), policies = (answer[name] for name in LISTS)
    assert user["GroupList"] == ["devs"]
    assert user["Tags"] == [{"Key": "a", "Value": "b"}]
    assert user["AttachedManagedPolicies"] == [{"PolicyName": "local", "PolicyArn": LOCAL}]
    (inline,) = user["UserPolicyList"]
    assert inline["PolicyDocument"]["Statement"][0]["Action"] == "s3:ListBucket"
    assert group["AttachedManagedPolicies"][0]["PolicyArn"] == ADMINISTRATOR
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == LOCAL
    assert role["InstanceProfileList"][0]["Roles"][0]["RoleName"] == "server"
    assert role["RoleLastUsed"] == {}
    local, of_aws = policies
    assert (local["AttachmentCount"], local["PermissionsBoundaryUsageCount"]) == (1, 1)
    assert local["PolicyVersionList"][0]["Document"]["Statement"][0]["Effect"] == "Allow"
    assert of_aws["Arn"] == ADMINISTRATOR


@pytest.mark.parametrize(
    ("kind", "member"),
    [
        ("User", "UserDetailList"),
        ("Group", "GroupDetailList"),
        ("Role", "RoleDetailList"),
        ("LocalManagedPolicy", "Policies"),
        ("AWSManagedPolicy", "Policies"),
    ],
)
def test_a_filter_names_a_kind(iam: Any, kind: str, member: str) -> None:
    answer = iam.get_account_authorization_details(Filter=[kind])
    assert {name: len(answer[name]) for name in LISTS} == {
        name: int(name == member) for name in LISTS
    }


def test_the_whole_comes_in_pages(iam: Any) -> None:
    paginator = iam.get_paginator("get_account_authorization_details")
    pages = list(paginator.paginate(PaginationConfig={"PageSize": 2}))
    assert [sum(len(page[name]) for name in LISTS) for page in pages] == [2, 2, 1]


def test_the_summary_counts_what_there_is(iam: Any) -> None:
    before = iam.get_account_summary()["SummaryMap"]
    assert before["AccountAccessKeysPresent"] == 0
    iam.create_policy_version(PolicyArn=LOCAL, PolicyDocument=READ)
    iam.create_user(UserName="bob")
    iam.create_access_key()
    after = iam.get_account_summary()["SummaryMap"]
    changed = {name: after[name] - count for name, count in before.items() if after[name] != count}
    assert changed == {"Users": 1, "PolicyVersionsInUse": 1, "AccountAccessKeysPresent": 1}
    counted = ("Users", "Groups", "Roles", "Policies", "InstanceProfiles")
    assert [after[name] for name in counted] == [2, 1, 1, 1, 1]
    quotas = {
        "AccessKeysPerUserQuota": 2,
        "AssumeRolePolicySizeQuota": 2048,
        "AttachedPoliciesPerGroupQuota": 10,
        "GroupPolicySizeQuota": 5120,
        "GroupsPerUserQuota": 10,
        "GroupsQuota": 300,
        "InstanceProfilesQuota": 1000,
        "PoliciesQuota": 1500,
        "PolicySizeQuota": 6144,
        "RolePolicySizeQuota": 10240,
        "RolesQuota": 1000,
        "UserPolicySizeQuota": 2048,
        "UsersQuota": 5000,
        "VersionsPerPolicyQuota": 5,
    }
    assert after.items() >= quotas.items()
    assert len(after) == 34
