# SPDX-License-Identifier: Apache-2.0
"""Trusted services, delegated administrators, and the delegation policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.services.iam.helpers import allow, policy, refused, user
from tests.services.organizations.helpers import (
    NOT_YOURS,
    OWNER,
    SERVICE_CONTROL,
    Organization,
    pages,
)
from tests.services.organizations.test_policies import reason

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

SSO, CONFIG = "sso.amazonaws.com", "config.amazonaws.com"


def delegated(organization: Organization, *services: str, name: str = "member") -> str:
    """Make an account that administers services, and return its number."""
    account = organization.account(name)
    for service in services:
        organization.client.enable_aws_service_access(ServicePrincipal=service)
        organization.client.register_delegated_administrator(
            AccountId=account, ServicePrincipal=service
        )
    return account


def test_services_are_trusted_and_not(organization: Organization) -> None:
    client = organization.client
    for service in (SSO, CONFIG, "ram.amazonaws.com", SSO):
        client.enable_aws_service_access(ServicePrincipal=service)
    listed = pages(client, "list_aws_service_access_for_organization", "EnabledServicePrincipals")
    assert [each["ServicePrincipal"] for each in listed] == [CONFIG, "ram.amazonaws.com", SSO]
    client.disable_aws_service_access(ServicePrincipal=CONFIG)
    left = client.list_aws_service_access_for_organization()["EnabledServicePrincipals"]
    assert [each["ServicePrincipal"] for each in left] == ["ram.amazonaws.com", SSO]
    told = reason(client.enable_aws_service_access, ServicePrincipal="nobody")
    assert told == "UNRECOGNIZED_SERVICE_PRINCIPAL"


def test_a_delegated_administrator_may_read(organization: Organization) -> None:
    account = delegated(organization, SSO)
    there = organization.as_account(account)
    assert len(there.list_accounts()["Accounts"]) == 2
    assert there.describe_account(AccountId=OWNER)
    assert there.list_roots()["Roots"]
    assert there.list_policies(Filter=SERVICE_CONTROL)["Policies"]
    name = {"ParentId": organization.root, "Name": "mine"}
    assert refused(there.create_organizational_unit, **name) == NOT_YOURS
    told = refused(there.attach_policy, PolicyId="p-FullAWSAccess", TargetId=organization.root)
    assert told == NOT_YOURS
    organization.client.deregister_delegated_administrator(AccountId=account, ServicePrincipal=SSO)
    assert refused(there.list_accounts) == NOT_YOURS


def test_delegated_administrators_are_listed(organization: Organization) -> None:
    client = organization.client
    first = delegated(organization, SSO, CONFIG, name="first")
    second = delegated(organization, CONFIG, name="second")
    listed = pages(client, "list_delegated_administrators", "DelegatedAdministrators")
    assert [each["Id"] for each in listed] == sorted([first, second])
    of_sso = client.list_delegated_administrators(ServicePrincipal=SSO)
    (only,) = of_sso["DelegatedAdministrators"]
    assert only["Id"] == first
    assert only["DelegationEnabledDate"] >= only["JoinedTimestamp"]
    services = client.list_delegated_services_for_account(AccountId=first)["DelegatedServices"]
    assert [each["ServicePrincipal"] for each in services] == [CONFIG, SSO]
    told = refused(client.list_delegated_services_for_account, AccountId=OWNER)
    assert told[0] == "AccountNotRegisteredException"


def test_administrators_that_are_not_registered(organization: Organization) -> None:
    client = organization.client
    register = client.register_delegated_administrator
    account = organization.account()
    told = reason(register, AccountId=account, ServicePrincipal=SSO)
    assert told == "SERVICE_ACCESS_NOT_ENABLED"
    client.enable_aws_service_access(ServicePrincipal=SSO)
    assert refused(register, AccountId=OWNER, ServicePrincipal=SSO) == (
        "ConstraintViolationException",
        400,
        (
            "You cannot register management account/yourself as delegated administrator for your "
            "organization."
        ),
    )
    told = refused(register, AccountId="999999999999", ServicePrincipal=SSO)[0]
    assert told == "AccountNotFoundException"
    register(AccountId=account, ServicePrincipal=SSO)
    told = refused(register, AccountId=account, ServicePrincipal=SSO)[0]
    assert told == "AccountAlreadyRegisteredException"
    deregister = client.deregister_delegated_administrator
    told = refused(deregister, AccountId=account, ServicePrincipal=CONFIG)[0]
    assert told == "AccountNotRegisteredException"
    closed = organization.account("closed")
    client.close_account(AccountId=closed)
    told = reason(register, AccountId=closed, ServicePrincipal=SSO)
    assert told == "CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR"


def test_a_delegated_administrator_is_not_removed(organization: Organization) -> None:
    guest = organization.invite()
    organization.client.enable_aws_service_access(ServicePrincipal=SSO)
    organization.client.register_delegated_administrator(AccountId=guest, ServicePrincipal=SSO)
    told = reason(organization.client.remove_account_from_organization, AccountId=guest)
    assert told == "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG"


def delegation(account: str, *actions: str, **more: Any) -> str:
    principal = {"AWS": f"arn:aws:iam::{account}:root"}
    return policy(allow(list(actions), Principal=principal, **more))


def test_the_delegation_policy_is_put_shown_and_deleted(organization: Organization) -> None:
    client = organization.client
    account = organization.account()
    missing = refused(client.describe_resource_policy)
    assert missing[0] == "ResourcePolicyNotFoundException"
    content = delegation(account, "organizations:ListAccounts")
    put = client.put_resource_policy(Content=content, Tags=[{"Key": "a", "Value": "b"}])
    summary = put["ResourcePolicy"]["ResourcePolicySummary"]
    assert summary["Arn"] == (
        f"arn:aws:organizations::{OWNER}:resourcepolicy/{organization.id}/{summary['Id']}"
    )
    assert client.describe_resource_policy()["ResourcePolicy"] == put["ResourcePolicy"]
    again = client.put_resource_policy(Content=content)["ResourcePolicy"]
    assert again["ResourcePolicySummary"] == summary
    client.tag_resource(ResourceId=summary["Id"], Tags=[{"Key": "c", "Value": "d"}])
    tags = client.list_tags_for_resource(ResourceId=summary["Id"])["Tags"]
    assert tags == [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}]
    client.delete_resource_policy()
    assert refused(client.describe_resource_policy) == missing
    assert refused(client.delete_resource_policy) == missing


def test_the_delegation_policy_needs_both_sides(
    stockade: Stockade, organization: Organization
) -> None:
    organization.enable()
    account = organization.account()
    root = organization.root_of(account)
    actions = ("organizations:CreatePolicy", "organizations:AttachPolicy")
    organization.client.put_resource_policy(
        Content=delegation(account, *actions, "organizations:DescribePolicy")
    )
    admin = user(stockade, root, "admin", allow("organizations:*")).client("organizations")
    nobody = user(stockade, root, "nobody").client("organizations")
    asked = {
        "Name": "a",
        "Description": "",
        "Type": SERVICE_CONTROL,
        "Content": policy(allow("s3:*")),
    }
    assert refused(nobody.create_policy, **asked) == NOT_YOURS
    made = admin.create_policy(**asked)["Policy"]["PolicySummary"]
    assert f":{OWNER}:policy/{organization.id}/" in made["Arn"]
    admin.attach_policy(PolicyId=made["Id"], TargetId=organization.root)
    assert admin.describe_policy(PolicyId=made["Id"])
    for call, arguments in (
        (admin.list_accounts, {}),
        (admin.detach_policy, {"PolicyId": made["Id"], "TargetId": organization.root}),
        (admin.create_organizational_unit, {"ParentId": organization.root, "Name": "a"}),
        (admin.describe_policy, {"PolicyId": "p-nonenone"}),
    ):
        code = refused(call, **arguments)[0]
        expected = "PolicyNotFoundException" if "p-nonenone" in arguments.values() else None
        assert code == (expected or "AccessDeniedException")
    organization.client.delete_resource_policy()
    assert refused(admin.create_policy, **asked) == NOT_YOURS


def test_the_delegation_policy_may_be_narrowed(
    stockade: Stockade, organization: Organization
) -> None:
    account = organization.account()
    condition = {"StringEquals": {"organizations:PolicyType": "TAG_POLICY"}}
    organization.client.put_resource_policy(
        Content=delegation(account, "organizations:ListPolicies", Condition=condition)
    )
    there = organization.as_account(account)
    assert there.list_policies(Filter="TAG_POLICY")["Policies"] == []
    assert refused(there.list_policies, Filter=SERVICE_CONTROL)[0] == "AccessDeniedException"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "INVALID_RESOURCE_POLICY_JSON"),
        (policy(allow("organizations:ListAccounts")), "INVALID_RESOURCE_POLICY_JSON"),
        (
            delegation(OWNER, "organizations:DeleteOrganization"),
            "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY",
        ),
        (delegation(OWNER, "s3:ListBucket"), "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY"),
        (
            policy({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*", "Principal": "*"}),
            "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY",
        ),
        (
            policy(
                {
                    "Effect": "Allow",
                    "Action": "organizations:ListAccounts",
                    "NotResource": "arn:aws:s3:::a",
                    "Principal": "*",
                }
            ),
            "UNSUPPORTED_RESOURCE_IN_RESOURCE_POLICY",
        ),
        (
            policy(
                allow(
                    "organizations:ListAccounts",
                    Principal={"AWS": f"arn:aws:iam::{OWNER}:user/nobody"},
                )
            ),
            "INVALID_PRINCIPAL",
        ),
    ],
)
def test_delegation_policies_that_are_not_taken(
    organization: Organization, content: str, expected: str
) -> None:
    assert reason(organization.client.put_resource_policy, Content=content) == expected


def test_the_callers_own_policies_come_first(
    stockade: Stockade, aws: boto3.Session, organization: Organization
) -> None:
    unit = organization.unit("Prod")
    arn = f"arn:aws:organizations::{OWNER}:ou/{organization.id}/{unit}"
    reader = user(stockade, aws, "reader", allow("organizations:DescribeOrganizationalUnit", arn))
    client = reader.client("organizations")
    assert client.describe_organizational_unit(OrganizationalUnitId=unit)
    missing, other = f"{unit[:-4]}none", organization.unit("Test")
    texts = []
    for id_ in (missing, other):
        code, _, text = refused(client.describe_organizational_unit, OrganizationalUnitId=id_)
        assert code == "AccessDeniedException"
        texts.append(text.replace(id_, "ID"))
    # No difference between a unit that is not for this user and one that does not exist.
    assert texts[0] == texts[1]
    assert f":ou/{organization.id}/ID because no identity-based policy allows" in texts[0]


def test_condition_keys_of_organizations(
    stockade: Stockade, aws: boto3.Session, organization: Organization
) -> None:
    unit = organization.unit("Prod")
    organization.client.tag_resource(ResourceId=unit, Tags=[{"Key": "team", "Value": "red"}])
    conditions = {
        "organizations:DescribeOrganizationalUnit": {"aws:ResourceTag/team": "red"},
        "organizations:EnableAWSServiceAccess": {"organizations:ServicePrincipal": SSO},
        "organizations:DescribePolicy": {"organizations:PolicyType": SERVICE_CONTROL},
        "organizations:UntagResource": {"aws:TagKeys": "team"},
    }
    statements = [
        allow(action, Condition={"StringEquals": keys}) for action, keys in conditions.items()
    ]
    client = user(stockade, aws, "alice", *statements).client("organizations")
    assert client.describe_organizational_unit(OrganizationalUnitId=unit)
    other = organization.unit("Test")
    told = refused(client.describe_organizational_unit, OrganizationalUnitId=other)
    assert told[0] == "AccessDeniedException"
    client.enable_aws_service_access(ServicePrincipal=SSO)
    told = refused(client.enable_aws_service_access, ServicePrincipal=CONFIG)
    assert told[0] == "AccessDeniedException"
    assert client.describe_policy(PolicyId="p-FullAWSAccess")
    told = refused(client.describe_policy, PolicyId="p-RCPFullAWSAccess")
    assert told[0] == "AccessDeniedException"
    client.untag_resource(ResourceId=unit, TagKeys=["team"])
    told = refused(client.untag_resource, ResourceId=unit, TagKeys=["other"])
    assert told[0] == "AccessDeniedException"
