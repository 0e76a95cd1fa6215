# SPDX-License-Identifier: Apache-2.0
"""Policies: made, checked, limited, attached; and the types they are of."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.services.iam.helpers import allow, deny, policy, refused
from tests.services.organizations.helpers import (
    OWNER,
    RESOURCE_CONTROL,
    SERVICE_CONTROL,
    Organization,
    pages,
)

FULL, RESOURCE_FULL = "p-FullAWSAccess", "p-RCPFullAWSAccess"
TAG_POLICY = json.dumps({"tags": {"team": {"tag_key": {"@@assign": "Team"}}}})


def reason(call: Any, **arguments: Any) -> str:
    """Return the reason that a refusal carries."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response: Any = caught.value.response
    return str(response["Reason"])


def everyone(action: str | list[str], effect: str = "Deny", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Principal": "*", "Action": action, "Resource": "*", **more}


def test_a_policy_is_shown_as_it_was_made(organization: Organization) -> None:
    client = organization.client
    content = policy(deny("kms:*"))
    made = client.create_policy(
        Name="NoKeys",
        Description="none",
        Type=SERVICE_CONTROL,
        Content=content,
        Tags=[{"Key": "a", "Value": "b"}],
    )["Policy"]
    summary = made["PolicySummary"]
    assert re.fullmatch("p-[a-z0-9]{8}", summary["Id"])
    assert summary["Arn"] == (
        f"arn:aws:organizations::{OWNER}:policy/{organization.id}/service_control_policy/"
        f"{summary['Id']}"
    )
    assert (summary["Name"], summary["Description"]) == ("NoKeys", "none")
    assert summary["AwsManaged"] is False
    assert made["Content"] == content
    assert client.describe_policy(PolicyId=summary["Id"])["Policy"] == made
    changed = client.update_policy(
        PolicyId=summary["Id"], Name="None", Content=policy(deny("s3:*"))
    )["Policy"]
    assert changed["PolicySummary"] == {**summary, "Name": "None"}
    assert changed["Content"] == policy(deny("s3:*"))
    listed = client.list_policies(Filter=SERVICE_CONTROL)["Policies"]
    assert [each["Id"] for each in listed] == sorted([FULL, summary["Id"]])
    client.delete_policy(PolicyId=summary["Id"])
    assert refused(client.describe_policy, PolicyId=summary["Id"]) == (
        "PolicyNotFoundException",
        400,
        "You specified a policy that doesn't exist.",
    )


@pytest.mark.parametrize(
    ("id_", "type_"), [(FULL, SERVICE_CONTROL), (RESOURCE_FULL, RESOURCE_CONTROL)]
)
def test_what_aws_manages_stays_as_it_is(organization: Organization, id_: str, type_: str) -> None:
    client = organization.client
    shown = client.describe_policy(PolicyId=id_)["Policy"]
    assert shown["PolicySummary"]["Arn"] == (
        f"arn:aws:organizations::aws:policy/{type_.lower()}/{id_}"
    )
    assert shown["PolicySummary"]["AwsManaged"] is True
    assert json.loads(shown["Content"])["Statement"][0]["Action"] == "*"
    for call, arguments in (
        (client.update_policy, {"Name": "mine"}),
        (client.delete_policy, {}),
    ):
        assert reason(call, PolicyId=id_, **arguments) == "IMMUTABLE_POLICY"
    tags = [{"Key": "a", "Value": "b"}]
    assert reason(client.tag_resource, ResourceId=id_, Tags=tags) == "IMMUTABLE_POLICY"


def test_a_name_is_unique_among_its_type(organization: Organization) -> None:
    first = organization.policy("a", deny("s3:*"))
    organization.document("a", TAG_POLICY, "TAG_POLICY")
    second = organization.policy("b", deny("s3:*"))
    update = organization.client.update_policy
    assert refused(update, PolicyId=second, Name="a") == (
        "DuplicatePolicyException",
        400,
        "A policy with the specified name and type already exists.",
    )
    update(PolicyId=first, Name="a")
    told = refused(
        organization.client.create_policy,
        Name="FullAWSAccess",
        Description="",
        Type=SERVICE_CONTROL,
        Content=policy(deny("s3:*")),
    )
    assert told[0] == "DuplicatePolicyException"


@pytest.mark.parametrize(
    ("type_", "content"),
    [
        (SERVICE_CONTROL, "{"),
        (SERVICE_CONTROL, "[]"),
        (SERVICE_CONTROL, '{"Version":"2012-10-17","Statement":[]}'),
        (SERVICE_CONTROL, '{"Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}'),
        (SERVICE_CONTROL, policy({"Effect": "Deny", "Action": "s3:*"})),
        (SERVICE_CONTROL, policy(everyone("s3:*"))),
        (SERVICE_CONTROL, policy(deny("nothing"))),
        (SERVICE_CONTROL, policy(deny("s3:*", Condition={"Sounds": {"aws:a": "b"}}))),
        (RESOURCE_CONTROL, policy(deny("kms:*"))),
        (RESOURCE_CONTROL, policy(everyone("kms:*", effect="Allow"))),
        (RESOURCE_CONTROL, policy(everyone("*"))),
        (RESOURCE_CONTROL, policy(everyone("kms:*") | {"Principal": {"AWS": OWNER}})),
        (
            RESOURCE_CONTROL,
            policy({"Effect": "Deny", "Principal": "*", "NotAction": "kms:*", "Resource": "*"}),
        ),
        ("TAG_POLICY", "null"),
        ("TAG_POLICY", "{}"),
        ("TAG_POLICY", '{"plans":{}}'),
        ("BACKUP_POLICY", TAG_POLICY),
        ("TAG_POLICY", '{"tags":' + '{"a":' * 100 + "1" + "}" * 101),
    ],
)
def test_malformed_policies(organization: Organization, type_: str, content: str) -> None:
    told = refused(
        organization.client.create_policy, Name="a", Description="", Type=type_, Content=content
    )
    assert told == (
        "MalformedPolicyDocumentException",
        400,
        "The provided policy document does not meet the requirements of the specified policy type.",
    )


@pytest.mark.parametrize(
    ("type_", "statement"),
    [
        (SERVICE_CONTROL, allow("s3:*", "arn:aws:s3:::a", Condition={"Bool": {"aws:a": "true"}})),
        (SERVICE_CONTROL, {"Effect": "Deny", "NotAction": "s3:*", "NotResource": "arn:aws:s3:::a"}),
        (SERVICE_CONTROL, deny("ec2:*Instances")),
        (RESOURCE_CONTROL, everyone(["kms:*", "s3:GetObject"])),
    ],
)
def test_control_policies_speak_iams_language(
    organization: Organization, type_: str, statement: dict[str, Any]
) -> None:
    assert organization.policy("a", statement, type_=type_)


@pytest.mark.parametrize(
    ("type_", "limit"),
    [(SERVICE_CONTROL, 10_240), (RESOURCE_CONTROL, 5_120), ("TAG_POLICY", 10_000)],
)
def test_content_is_limited(organization: Organization, type_: str, limit: int) -> None:
    content = TAG_POLICY if type_ == "TAG_POLICY" else policy(everyone("kms:*"))
    if type_ == SERVICE_CONTROL:
        content = policy(deny("kms:*"))
    full = content.ljust(limit)
    organization.document("full", full, type_)
    create = organization.client.create_policy
    told = reason(create, Name="more", Description="", Type=type_, Content=full + " ")
    assert told == "POLICY_CONTENT_LIMIT_EXCEEDED"


def test_enabling_a_type_attaches_full_access_everywhere(organization: Organization) -> None:
    client, root = organization.client, organization.root
    unit, account = organization.unit("u"), organization.account()
    policy_id = organization.policy("a", deny("s3:*"))
    assert refused(client.attach_policy, PolicyId=policy_id, TargetId=unit) == (
        "PolicyTypeNotEnabledException",
        400,
        "This operation can be performed only for enabled policy types.",
    )
    enabled = client.enable_policy_type(RootId=root, PolicyType=SERVICE_CONTROL)["Root"]
    assert enabled["PolicyTypes"] == [{"Type": SERVICE_CONTROL, "Status": "ENABLED"}]
    assert client.list_roots()["Roots"] == [enabled]
    later = organization.unit("later")
    for node in (root, unit, account, later, OWNER):
        listed = client.list_policies_for_target(TargetId=node, Filter=SERVICE_CONTROL)
        assert [each["Id"] for each in listed["Policies"]] == [FULL]
    targets = pages(client, "list_targets_for_policy", "Targets", PolicyId=FULL)
    assert {each["TargetId"] for each in targets} == {root, unit, account, later, OWNER}
    assert {each["Type"] for each in targets} == {"ROOT", "ORGANIZATIONAL_UNIT", "ACCOUNT"}
    told = refused(client.enable_policy_type, RootId=root, PolicyType=SERVICE_CONTROL)
    assert told[0] == "PolicyTypeAlreadyEnabledException"
    organization.attach(policy_id, unit)
    disabled = client.disable_policy_type(RootId=root, PolicyType=SERVICE_CONTROL)["Root"]
    assert disabled["PolicyTypes"] == []
    assert client.list_targets_for_policy(PolicyId=policy_id)["Targets"] == []
    told = refused(client.disable_policy_type, RootId=root, PolicyType=SERVICE_CONTROL)
    assert told[0] == "PolicyTypeNotEnabledException"
    missing = refused(client.enable_policy_type, RootId="r-none", PolicyType="TAG_POLICY")
    assert missing[0] == "RootNotFoundException"


def test_attaching_and_detaching(organization: Organization) -> None:
    client = organization.client
    organization.enable()
    unit = organization.unit("u")
    policy_id = organization.policy("a", allow("s3:*"))
    attach, detach = client.attach_policy, client.detach_policy
    assert refused(detach, PolicyId=policy_id, TargetId=unit)[0] == "PolicyNotAttachedException"
    attach(PolicyId=policy_id, TargetId=unit)
    assert refused(attach, PolicyId=policy_id, TargetId=unit) == (
        "DuplicatePolicyAttachmentException",
        400,
        "A policy with the specified name and type already exists.",
    )
    told = refused(client.delete_policy, PolicyId=policy_id)
    assert told[:2] == ("PolicyInUseException", 400)
    detach(PolicyId=FULL, TargetId=unit)
    assert refused(detach, PolicyId=policy_id, TargetId=unit) == (
        "ConstraintViolationException",
        400,
        (
            "You cannot remove the last policy attached to the specified target. You must have at "
            "least one attached at all times."
        ),
    )
    assert reason(detach, PolicyId=policy_id, TargetId=unit) == (
        "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"
    )
    attach(PolicyId=FULL, TargetId=unit)
    detach(PolicyId=policy_id, TargetId=unit)
    client.delete_policy(PolicyId=policy_id)
    told = refused(attach, PolicyId=policy_id, TargetId=unit)
    assert told[0] == "PolicyNotFoundException"
    told = refused(attach, PolicyId=FULL, TargetId="ou-none-nonenone")
    assert told[0] == "TargetNotFoundException"


@pytest.mark.parametrize(("type_", "limit"), [(SERVICE_CONTROL, 10), (RESOURCE_CONTROL, 5)])
def test_a_node_has_so_many_policies(organization: Organization, type_: str, limit: int) -> None:
    organization.enable(type_)
    statement = deny("kms:*") if type_ == SERVICE_CONTROL else everyone("kms:*")
    ids = [organization.policy(f"p{number}", statement, type_=type_) for number in range(limit)]
    for policy_id in ids[1:]:
        organization.attach(policy_id, organization.root)
    told = reason(organization.client.attach_policy, PolicyId=ids[0], TargetId=organization.root)
    assert told == "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"
    listed = pages(
        organization.client,
        "list_policies_for_target",
        "Policies",
        TargetId=organization.root,
        Filter=type_,
    )
    assert len(listed) == limit
    every = pages(organization.client, "list_policies", "Policies", Filter=type_)
    assert len(every) == limit + 1


def test_the_resource_policy_of_full_access_is_not_detached(organization: Organization) -> None:
    organization.enable(RESOURCE_CONTROL)
    told = reason(
        organization.client.detach_policy,
        PolicyId=RESOURCE_FULL,
        TargetId=organization.root,
    )
    assert told == "NON_DETACHABLE_POLICY"


def test_the_effective_policy_of_an_account(organization: Organization) -> None:
    client = organization.client
    unit = organization.unit("u")
    account = organization.account(parent=unit)
    describe = client.describe_effective_policy
    told = refused(describe, PolicyType="TAG_POLICY", TargetId=account)
    assert told[0] == "EffectivePolicyNotFoundException"
    organization.enable("TAG_POLICY")
    values = {"@@assign": ["red", "blue"]}
    above = {"tags": {"team": {"tag_key": {"@@assign": "Team"}, "tag_value": values}}}
    below = {"tags": {"team": {"tag_value": {"@@append": ["green"], "@@remove": ["red"]}}}}
    organization.attach(
        organization.document("above", json.dumps(above), "TAG_POLICY"), organization.root
    )
    organization.attach(organization.document("below", json.dumps(below), "TAG_POLICY"), unit)
    shown = describe(PolicyType="TAG_POLICY", TargetId=account)["EffectivePolicy"]
    assert (shown["TargetId"], shown["PolicyType"]) == (account, "TAG_POLICY")
    assert json.loads(shown["PolicyContent"]) == {
        "tags": {"team": {"tag_key": "Team", "tag_value": ["blue", "green"]}}
    }
    mine = describe(PolicyType="TAG_POLICY")["EffectivePolicy"]
    assert json.loads(mine["PolicyContent"])["tags"]["team"]["tag_value"] == ["red", "blue"]
    inside = organization.as_account(account).describe_effective_policy
    assert inside(PolicyType="TAG_POLICY")["EffectivePolicy"] == shown
    told = refused(inside, PolicyType="TAG_POLICY", TargetId=OWNER)
    assert told[0] == "AccessDeniedException"
    told = refused(inside, PolicyType="TAG_POLICY", TargetId="999999999999")
    assert told[0] == "AccessDeniedException"
    assert reason(describe, PolicyType="TAG_POLICY", TargetId=unit) == "TARGET_NOT_SUPPORTED"
