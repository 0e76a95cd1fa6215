# SPDX-License-Identifier: Apache-2.0
"""Inline and managed policies: quotas, versions, attachments, the form they come back in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from botocore.exceptions import WaiterError

from stockade.policy.compile import compile_policy
from stockade.policy.grammar import syntax
from stockade.policy.reading import read
from stockade.services.iam import aws_managed, quotas
from stockade.services.iam.documents import encoded, size
from stockade.services.iam.errors import LimitExceeded
from stockade.services.iam.quotas import check
from tests.services.iam.helpers import (
    ACCOUNT,
    ADMINISTRATOR,
    OTHER,
    allow,
    policy,
    refused,
    trust,
    user,
)

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

READ = policy(allow("s3:GetObject"))
WRITE = policy(allow("s3:PutObject"))
ARN = f"arn:aws:iam::{ACCOUNT}:policy/readers"


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    iam = aws.client("iam")
    iam.create_user(UserName="alice")
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust(ACCOUNT))
    return iam


def of_length(characters: int) -> str:
    """Return a policy of so many characters that are not white space."""
    empty = policy(allow("s3:*", "arn:aws:s3:::"))
    return policy(allow("s3:*", "arn:aws:s3:::" + "a" * (characters - size(empty))))


@pytest.mark.parametrize("kind", ["user", "role"])
def test_inline_policies_are_put_shown_listed_and_deleted(iam: Any, kind: str) -> None:
    named = {"UserName": "alice"} if kind == "user" else {"RoleName": "reader"}
    put, get, names, delete = (
        getattr(iam, name)
        for name in (
            f"put_{kind}_policy",
            f"get_{kind}_policy",
            f"list_{kind}_policies",
            f"delete_{kind}_policy",
        )
    )
    put(**named, PolicyName="b", PolicyDocument=READ)
    put(**named, PolicyName="a", PolicyDocument=READ)
    put(**named, PolicyName="b", PolicyDocument=WRITE)
    assert names(**named)["PolicyNames"] == ["a", "b"]
    shown = get(**named, PolicyName="b")
    assert shown["PolicyDocument"]["Statement"][0]["Action"] == "s3:PutObject"
    delete(**named, PolicyName="b")
    assert refused(get, **named, PolicyName="b") == (
        "NoSuchEntity",
        404,
        f"The {kind} policy with name b cannot be found.",
    )
    assert refused(delete, **named, PolicyName="b")[0] == "NoSuchEntity"


def test_a_document_comes_back_as_it_was_put_url_encoded(iam: Any) -> None:
    spaced = READ.replace(",", " ,\n")
    iam.put_user_policy(UserName="alice", PolicyName="p", PolicyDocument=spaced)
    raw: list[str] = []

    def keep(response_dict: dict[str, Any], **_more: Any) -> None:
        raw.append(response_dict["body"].decode())

    iam.meta.events.register("before-parse.iam.GetUserPolicy", keep)
    iam.get_user_policy(UserName="alice", PolicyName="p")
    assert encoded(spaced) in raw[0]
    assert unquote(encoded(spaced)) == spaced
    assert encoded("*/~ +") == "%2A%2F~%20%2B"


@pytest.mark.parametrize(("kind", "limit"), [("user", 2_048), ("role", 10_240)])
def test_inline_policies_have_a_quota_together(iam: Any, kind: str, limit: int) -> None:
    named = {"UserName": "alice"} if kind == "user" else {"RoleName": "reader"}
    put = getattr(iam, f"put_{kind}_policy")
    put(**named, PolicyName="small", PolicyDocument=of_length(200))
    put(**named, PolicyName="rest", PolicyDocument=of_length(limit - 200))
    too_much = refused(put, **named, PolicyName="rest", PolicyDocument=of_length(limit - 199))
    name = "alice" if kind == "user" else "reader"
    assert too_much == (
        "LimitExceeded",
        409,
        f"Maximum policy size of {limit} bytes exceeded for {kind} {name}",
    )


def test_a_malformed_policy_is_refused_in_aws_words(iam: Any) -> None:
    named = {"UserName": "alice", "PolicyName": "p"}
    assert refused(iam.put_user_policy, **named, PolicyDocument="{") == (
        "MalformedPolicyDocument",
        400,
        "Syntax errors in policy.",
    )
    old = READ.replace("2012", "2008")
    assert refused(iam.create_policy, PolicyName="p", PolicyDocument=old) == (
        "MalformedPolicyDocument",
        400,
        "Policy document must be version 2012-10-17 or greater.",
    )


def test_a_managed_policy_is_shown_as_it_was_made(iam: Any) -> None:
    made = iam.create_policy(
        PolicyName="readers", Path="/eng/", PolicyDocument=READ, Description="who reads"
    )["Policy"]
    arn = f"arn:aws:iam::{ACCOUNT}:policy/eng/readers"
    assert made["Arn"] == arn
    assert made["PolicyId"].startswith("ANPA")
    assert made["DefaultVersionId"] == "v1"
    assert made["AttachmentCount"] == 0
    told = {"Description": "who reads", "Tags": []}
    assert iam.get_policy(PolicyArn=arn)["Policy"] == made | told
    assert refused(iam.create_policy, PolicyName="Readers", PolicyDocument=READ) == (
        "EntityAlreadyExists",
        409,
        "A policy called Readers already exists. Duplicate names are not allowed.",
    )


def test_an_arn_that_names_no_policy_is_not_found(iam: Any) -> None:
    iam.create_policy(PolicyName="readers", Path="/eng/", PolicyDocument=READ)
    assert refused(iam.get_policy, PolicyArn=ARN) == (
        "NoSuchEntity",
        404,
        f"Policy {ARN} was not found.",
    )
    wrong = f"arn:aws:iam::{ACCOUNT}:role/readers"
    assert refused(iam.get_policy, PolicyArn=wrong) == (
        "InvalidInput",
        400,
        f"ARN {wrong} is not valid.",
    )
    assert refused(iam.attach_user_policy, UserName="alice", PolicyArn=ARN) == (
        "NoSuchEntity",
        404,
        f"Policy {ARN} does not exist or is not attachable.",
    )


def test_a_policy_of_another_account_is_nobodys_to_read(iam: Any) -> None:
    foreign = f"arn:aws:iam::{OTHER}:policy/readers"
    assert refused(iam.get_policy, PolicyArn=foreign)[0] == "AccessDenied"
    assert refused(iam.attach_user_policy, UserName="alice", PolicyArn=foreign)[0] == "NoSuchEntity"


def test_a_managed_policy_has_a_quota_without_white_space(iam: Any) -> None:
    iam.create_policy(PolicyName="fits", PolicyDocument=of_length(6_144).replace(" ", "   "))
    assert refused(iam.create_policy, PolicyName="big", PolicyDocument=of_length(6_145)) == (
        "LimitExceeded",
        409,
        "Cannot exceed quota for PolicySize: 6144",
    )


def test_versions_count_on_and_one_is_in_force(iam: Any) -> None:
    iam.create_policy(PolicyName="readers", PolicyDocument=READ)
    second = iam.create_policy_version(PolicyArn=ARN, PolicyDocument=WRITE)["PolicyVersion"]
    assert (second["VersionId"], second["IsDefaultVersion"]) == ("v2", False)
    third = iam.create_policy_version(PolicyArn=ARN, PolicyDocument=WRITE, SetAsDefault=True)
    assert third["PolicyVersion"]["IsDefaultVersion"] is True
    assert iam.get_policy(PolicyArn=ARN)["Policy"]["DefaultVersionId"] == "v3"
    shown = iam.get_policy_version(PolicyArn=ARN, VersionId="v1")["PolicyVersion"]
    assert shown["Document"]["Statement"][0]["Action"] == "s3:GetObject"
    iam.delete_policy_version(PolicyArn=ARN, VersionId="v2")
    pages = iam.get_paginator("list_policy_versions").paginate(
        PolicyArn=ARN, PaginationConfig={"PageSize": 1}
    )
    assert [page["Versions"][0]["VersionId"] for page in pages] == ["v3", "v1"]
    again = iam.create_policy_version(PolicyArn=ARN, PolicyDocument=READ)["PolicyVersion"]
    assert again["VersionId"] == "v4"


def test_there_are_five_versions_at_most_and_the_default_stays(iam: Any) -> None:
    iam.create_policy(PolicyName="readers", PolicyDocument=READ)
    for _ in range(4):
        iam.create_policy_version(PolicyArn=ARN, PolicyDocument=WRITE)
    code, status, text = refused(iam.create_policy_version, PolicyArn=ARN, PolicyDocument=READ)
    assert (code, status) == ("LimitExceeded", 409)
    assert text.startswith("A managed policy can have up to 5 versions.")
    assert refused(iam.delete_policy_version, PolicyArn=ARN, VersionId="v1") == (
        "DeleteConflict",
        409,
        "Cannot delete the default version of a policy.",
    )
    assert refused(iam.get_policy_version, PolicyArn=ARN, VersionId="v9") == (
        "NoSuchEntity",
        404,
        f"Policy {ARN} version v9 does not exist or is not attachable.",
    )


def test_a_policy_goes_after_its_holders_and_versions(iam: Any) -> None:
    iam.create_policy(PolicyName="readers", PolicyDocument=READ)
    iam.create_policy_version(PolicyArn=ARN, PolicyDocument=WRITE)
    iam.attach_role_policy(RoleName="reader", PolicyArn=ARN)
    assert refused(iam.delete_policy, PolicyArn=ARN) == (
        "DeleteConflict",
        409,
        "Cannot delete a policy attached to entities.",
    )
    iam.detach_role_policy(RoleName="reader", PolicyArn=ARN)
    assert refused(iam.delete_policy, PolicyArn=ARN)[2].startswith("This policy has more than one")
    iam.delete_policy_version(PolicyArn=ARN, VersionId="v2")
    iam.delete_policy(PolicyArn=ARN)
    assert refused(iam.get_policy, PolicyArn=ARN)[0] == "NoSuchEntity"


def test_attachments_are_counted_listed_and_taken_away(iam: Any) -> None:
    iam.create_policy(PolicyName="readers", PolicyDocument=READ)
    for arn in (ARN, ADMINISTRATOR, ARN):
        iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    iam.attach_role_policy(RoleName="reader", PolicyArn=ARN)
    attached = iam.list_attached_user_policies(UserName="alice")["AttachedPolicies"]
    assert attached == [
        {"PolicyName": "AdministratorAccess", "PolicyArn": ADMINISTRATOR},
        {"PolicyName": "readers", "PolicyArn": ARN},
    ]
    assert iam.get_policy(PolicyArn=ARN)["Policy"]["AttachmentCount"] == 2
    holders = iam.list_entities_for_policy(PolicyArn=ARN)
    assert [each["UserName"] for each in holders["PolicyUsers"]] == ["alice"]
    assert [each["RoleName"] for each in holders["PolicyRoles"]] == ["reader"]
    only = iam.list_entities_for_policy(PolicyArn=ARN, EntityFilter="Role")
    assert only["PolicyUsers"] == []
    iam.detach_user_policy(UserName="alice", PolicyArn=ARN)
    assert refused(iam.detach_user_policy, UserName="alice", PolicyArn=ARN) == (
        "NoSuchEntity",
        404,
        f"Policy {ARN} was not found.",
    )
    assert iam.list_attached_role_policies(RoleName="reader")["AttachedPolicies"] == [
        {"PolicyName": "readers", "PolicyArn": ARN}
    ]


def test_ten_policies_may_be_attached(iam: Any) -> None:
    arns = [
        iam.create_policy(PolicyName=f"p{number}", PolicyDocument=READ)["Policy"]["Arn"]
        for number in range(11)
    ]
    for arn in arns[:10]:
        iam.attach_user_policy(UserName="alice", PolicyArn=arn)
    assert refused(iam.attach_user_policy, UserName="alice", PolicyArn=arns[10]) == (
        "LimitExceeded",
        409,
        "Cannot exceed quota for PoliciesPerUser: 10",
    )


def test_policies_are_listed_by_scope_and_attachment(iam: Any) -> None:
    iam.create_policy(PolicyName="readers", PolicyDocument=READ)
    iam.create_policy(PolicyName="writers", Path="/eng/", PolicyDocument=WRITE)
    iam.attach_user_policy(UserName="alice", PolicyArn=ADMINISTRATOR)

    def names(**filters: Any) -> list[str]:
        pages = iam.get_paginator("list_policies").paginate(
            **filters, PaginationConfig={"PageSize": 600}
        )
        return [each["PolicyName"] for page in pages for each in page["Policies"]]

    assert names(Scope="Local") == ["readers", "writers"]
    assert names(Scope="Local", PathPrefix="/eng/") == ["writers"]
    assert names(OnlyAttached=True) == ["AdministratorAccess"]
    every = [each.name for each in aws_managed.policies().values()]
    assert names(Scope="AWS") == sorted(every, key=str.lower)
    assert names() == names(Scope="AWS") + names(Scope="Local")


def test_what_aws_manages_is_read_by_all_and_changed_by_nobody(iam: Any) -> None:
    assert iam.get_policy(PolicyArn=ADMINISTRATOR)["Policy"]["DefaultVersionId"] == "v1"
    shown = iam.get_policy_version(PolicyArn=ADMINISTRATOR, VersionId="v1")["PolicyVersion"]
    assert shown["Document"]["Statement"] == [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    for change, more in (
        (iam.delete_policy, {}),
        (iam.create_policy_version, {"PolicyDocument": READ}),
        (iam.tag_policy, {"Tags": [{"Key": "a", "Value": "b"}]}),
    ):
        assert refused(change, PolicyArn=ADMINISTRATOR, **more)[0] == "AccessDenied"


def test_what_aws_manages_can_be_read_and_compiled() -> None:
    managed = aws_managed.policies().values()
    assert len(managed) > 1_500
    for policy_of_aws in managed:
        compile_policy(read(policy_of_aws.document, "identity", syntax("identity")))
        assert len(policy_of_aws.policy_id) == 20
    assert len({each.policy_id for each in managed}) == len(managed)


def test_what_is_missing_is_said_in_aws_words(iam: Any) -> None:
    named = {"PolicyArn": ARN, "VersionId": "v1"}
    missing = f"Policy {ARN} version v1 does not exist or is not attachable."
    for call in (iam.get_policy_version, iam.set_default_policy_version):
        assert refused(call, **named) == ("NoSuchEntity", 404, missing)
    absent = ("NoSuchEntity", 404, f"Policy {ARN} was not found.")
    assert refused(iam.get_policy, PolicyArn=ARN) == absent
    attach = {"UserName": "alice", "PolicyArn": "longpolicynamebutnoarn"}
    assert refused(iam.attach_user_policy, **attach) == (
        "ValidationError",
        400,
        "ARN longpolicynamebutnoarn is not valid.",
    )


@pytest.mark.parametrize(
    ("waiter", "make", "named"),
    [
        ("user_exists", "create_user", {"UserName": "bob"}),
        ("policy_exists", "create_policy", {"PolicyArn": ARN}),
    ],
)
def test_waiters_see_what_was_made(iam: Any, waiter: str, make: str, named: Any) -> None:
    once = {"MaxAttempts": 1, "Delay": 0}
    with pytest.raises(WaiterError):
        iam.get_waiter(waiter).wait(**named, WaiterConfig=once)
    how = {"PolicyName": "readers", "PolicyDocument": READ} if "policy" in waiter else named
    getattr(iam, make)(**how)
    iam.get_waiter(waiter).wait(**named, WaiterConfig=once)


def test_quotas_say_their_names_in_aws_words() -> None:
    check(999, quotas.ROLES, "RolesPerAccount")
    with pytest.raises(LimitExceeded, match="Cannot exceed quota for RolesPerAccount: 1000"):
        check(1_000, quotas.ROLES, "RolesPerAccount")


def test_a_change_counts_from_the_next_call_on(stockade: Stockade, aws: boto3.Session) -> None:
    iam = aws.client("iam")
    iam.create_policy(PolicyName="readers", PolicyDocument=policy(allow("iam:ListUsers")))
    alice = user(stockade, aws, "alice").client("iam")
    assert refused(alice.list_users)[0] == "AccessDenied"
    iam.attach_user_policy(UserName="alice", PolicyArn=ARN)
    alice.list_users()
    iam.create_policy_version(PolicyArn=ARN, PolicyDocument=READ, SetAsDefault=True)
    assert refused(alice.list_users)[0] == "AccessDenied"
    iam.set_default_policy_version(PolicyArn=ARN, VersionId="v1")
    alice.list_users()
    iam.detach_user_policy(UserName="alice", PolicyArn=ARN)
    assert refused(alice.list_users)[0] == "AccessDenied"


def test_the_keys_of_attaching_bound_what_may_be_attached(
    stockade: Stockade, aws: boto3.Session
) -> None:
    only = {"ArnEquals": {"iam:PolicyARN": ARN}}
    delegate = user(
        stockade, aws, "delegate", allow("iam:AttachUserPolicy", Condition=only)
    ).client("iam")
    aws.client("iam").create_policy(PolicyName="readers", PolicyDocument=READ)
    delegate.attach_user_policy(UserName="delegate", PolicyArn=ARN)
    code, _, _ = refused(delegate.attach_user_policy, UserName="delegate", PolicyArn=ADMINISTRATOR)
    assert code == "AccessDenied"


def test_lists_are_decided_on_their_folder(stockade: Stockade, aws: boto3.Session) -> None:
    bob = user(stockade, aws, "bob", allow("iam:ListUsers", f"arn:aws:iam::{ACCOUNT}:user/eng/*"))
    iam = bob.client("iam")
    iam.list_users(PathPrefix="/eng/")
    assert f"on resource: arn:aws:iam::{ACCOUNT}:user/ " in refused(iam.list_users)[2]
    assert "on resource: policy path / " in refused(iam.list_policies)[2]
    assert f"on resource: arn:aws:iam::{ACCOUNT}:role/ " in refused(iam.list_roles)[2]
