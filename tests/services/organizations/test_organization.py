# SPDX-License-Identifier: Apache-2.0
"""The organization itself, its units and its tree."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from stockade.services.organizations import units
from tests.services.iam.helpers import refused
from tests.services.organizations.helpers import (
    NOT_YOURS,
    OWNER,
    Organization,
    pages,
)

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade


def test_an_organization_is_shown_as_it_was_made(organization: Organization) -> None:
    shown = organization.client.describe_organization()["Organization"]
    assert shown == organization.organization
    assert re.fullmatch("o-[a-z0-9]{10}", shown["Id"])
    assert shown["Arn"] == f"arn:aws:organizations::{OWNER}:organization/{shown['Id']}"
    assert shown["FeatureSet"] == "ALL"
    assert shown["MasterAccountId"] == OWNER
    assert shown["MasterAccountArn"].endswith(f":account/{shown['Id']}/{OWNER}")
    assert shown["AvailablePolicyTypes"] == [
        {"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}
    ]
    (root,) = organization.client.list_roots()["Roots"]
    assert re.fullmatch("r-[a-z0-9]{4}", root["Id"])
    assert (root["Name"], root["PolicyTypes"]) == ("Root", [])


def test_an_account_has_one_organization_at_most(
    organization: Organization, aws: boto3.Session
) -> None:
    assert refused(organization.client.create_organization) == (
        "AlreadyInOrganizationException",
        400,
        "The AWS account is already a member of an organization.",
    )


def test_a_lone_account_hears_so(aws: boto3.Session) -> None:
    client = aws.client("organizations")
    told = (
        "AWSOrganizationsNotInUseException",
        400,
        "Your account is not a member of an organization.",
    )
    assert refused(client.describe_organization) == told
    assert refused(client.list_accounts) == told
    assert refused(client.describe_account, AccountId=OWNER) == told
    assert client.list_handshakes_for_account()["Handshakes"] == []


def test_an_organization_is_deleted_once_it_is_empty(
    stockade: Stockade, organization: Organization
) -> None:
    guest = organization.invite()
    organization.unit("Prod")
    assert refused(organization.client.delete_organization) == (
        "OrganizationNotEmptyException",
        400,
        "To delete an organization you must first remove all member accounts (except the master).",
    )
    organization.client.remove_account_from_organization(AccountId=guest)
    organization.client.delete_organization()
    assert refused(organization.client.list_roots)[0] == "AWSOrganizationsNotInUseException"
    assert organization.membership(OWNER) is None
    organization.client.create_organization()


def test_units_are_made_shown_renamed_and_deleted(organization: Organization) -> None:
    client = organization.client
    made = client.create_organizational_unit(ParentId=organization.root, Name="Prod")
    unit = made["OrganizationalUnit"]
    assert re.fullmatch(f"ou-{organization.root[2:]}-[a-z0-9]{{8}}", unit["Id"])
    assert unit["Arn"].endswith(f":ou/{organization.id}/{unit['Id']}")
    assert unit["Path"] == f"{organization.id}/{organization.root}/{unit['Id']}/"
    shown = client.describe_organizational_unit(OrganizationalUnitId=unit["Id"])
    assert shown["OrganizationalUnit"] == unit
    client.update_organizational_unit(OrganizationalUnitId=unit["Id"], Name="Live")
    listed = client.list_organizational_units_for_parent(ParentId=organization.root)
    assert listed["OrganizationalUnits"] == [{**unit, "Name": "Live"}]
    client.delete_organizational_unit(OrganizationalUnitId=unit["Id"])
    assert refused(client.describe_organizational_unit, OrganizationalUnitId=unit["Id"]) == (
        "OrganizationalUnitNotFoundException",
        400,
        "You specified an organizational unit that doesn't exist.",
    )


def test_a_units_name_is_unique_under_its_parent(organization: Organization) -> None:
    first, second = organization.unit("Prod"), organization.unit("Test")
    organization.unit("Prod", parent=second)
    create = organization.client.create_organizational_unit
    rename = organization.client.update_organizational_unit
    told = (
        "DuplicateOrganizationalUnitException",
        400,
        "An OU with the same name already exists.",
    )
    assert refused(create, ParentId=organization.root, Name="Prod") == told
    assert refused(rename, OrganizationalUnitId=second, Name="Prod") == told
    rename(OrganizationalUnitId=first, Name="Prod")


def test_units_are_five_levels_deep_at_most(organization: Organization) -> None:
    parent = organization.root
    for level in range(5):
        parent = organization.unit(f"level {level}", parent)
    with pytest.raises(organization.client.exceptions.ConstraintViolationException) as caught:
        organization.unit("level 6", parent)
    assert caught.value.response["Reason"] == "OU_DEPTH_LIMIT_EXCEEDED"


def test_units_are_limited(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "UNIT_LIMIT", 2)
    organization.unit("a")
    organization.unit("b")
    with pytest.raises(organization.client.exceptions.ConstraintViolationException) as caught:
        organization.unit("c")
    assert caught.value.response["Reason"] == "OU_NUMBER_LIMIT_EXCEEDED"


def test_a_unit_that_holds_something_is_not_deleted(organization: Organization) -> None:
    outer = organization.unit("outer")
    inner = organization.unit("inner", outer)
    delete = organization.client.delete_organizational_unit
    told = ("OrganizationalUnitNotEmptyException", 400)
    assert refused(delete, OrganizationalUnitId=outer)[:2] == told
    account = organization.account(parent=inner)
    assert refused(delete, OrganizationalUnitId=inner)[:2] == told
    organization.move(account, inner, organization.root)
    delete(OrganizationalUnitId=inner)
    delete(OrganizationalUnitId=outer)


def test_the_tree_is_walked_up_and_down(organization: Organization) -> None:
    client, root = organization.client, organization.root
    names = sorted(organization.unit(f"unit {number}") for number in range(5))
    account = organization.account(parent=names[0])
    children = pages(
        client, "list_children", "Children", ParentId=root, ChildType="ORGANIZATIONAL_UNIT"
    )
    assert children == [{"Id": name, "Type": "ORGANIZATIONAL_UNIT"} for name in names]
    under = pages(client, "list_children", "Children", ParentId=names[0], ChildType="ACCOUNT")
    assert under == [{"Id": account, "Type": "ACCOUNT"}]
    up = client.list_parents(ChildId=account)["Parents"]
    assert up == [{"Id": names[0], "Type": "ORGANIZATIONAL_UNIT"}]
    assert client.list_parents(ChildId=names[0])["Parents"] == [{"Id": root, "Type": "ROOT"}]
    listed = pages(
        client, "list_organizational_units_for_parent", "OrganizationalUnits", ParentId=root
    )
    assert [unit["Id"] for unit in listed] == names
    nobody = "999999999999"
    assert refused(client.list_parents, ChildId=nobody)[0] == "ChildNotFoundException"
    missing = refused(client.list_children, ParentId="r-none", ChildType="ACCOUNT")
    assert missing[0] == "ParentNotFoundException"


@pytest.mark.parametrize("token", ["none", "b3RoZXI=!", "é"])
def test_a_token_of_nobody_is_refused(organization: Organization, token: str) -> None:
    with pytest.raises(organization.client.exceptions.InvalidInputException) as caught:
        organization.client.list_accounts(NextToken=token)
    assert caught.value.response["Reason"] == "INVALID_NEXT_TOKEN"


def test_a_member_may_look_at_the_organization_and_no_further(organization: Organization) -> None:
    client: Any = organization.as_account(organization.account())
    assert client.describe_organization()["Organization"] == organization.organization
    unit = organization.unit("Prod")
    for call, arguments in (
        (client.list_accounts, {}),
        (client.list_roots, {}),
        (client.describe_account, {"AccountId": OWNER}),
        (client.describe_organizational_unit, {"OrganizationalUnitId": unit}),
        (client.describe_organizational_unit, {"OrganizationalUnitId": f"{unit[:-4]}none"}),
        (client.create_organizational_unit, {"ParentId": organization.root, "Name": "a"}),
        (client.delete_organization, {}),
        (client.create_account, {"Email": "a@example.com", "AccountName": "a"}),
    ):
        assert refused(call, **arguments) == NOT_YOURS


def test_tags_on_everything(organization: Organization) -> None:
    client = organization.client
    organization.enable()
    policy = organization.policy("p", {"Effect": "Deny", "Action": "s3:*", "Resource": "*"})
    things = (organization.root, organization.unit("u"), organization.account(), policy)
    for thing in things:
        client.tag_resource(
            ResourceId=thing, Tags=[{"Key": "b", "Value": "1"}, {"Key": "a", "Value": "2"}]
        )
        client.tag_resource(ResourceId=thing, Tags=[{"Key": "b", "Value": "3"}])
        shown = client.list_tags_for_resource(ResourceId=thing)["Tags"]
        assert shown == [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}]
        client.untag_resource(ResourceId=thing, TagKeys=["a", "none"])
        shown = client.list_tags_for_resource(ResourceId=thing)["Tags"]
        assert shown == [{"Key": "b", "Value": "3"}]


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ([("a", "1"), ("a", "2")], "DUPLICATE_TAG_KEY"),
        ([("aws:a", "1")], "INVALID_SYSTEM_TAGS_PARAMETER"),
        ([(f"key {number}", "") for number in range(51)], "MAX_TAG_LIMIT_EXCEEDED"),
    ],
)
def test_tags_that_are_not_taken(
    organization: Organization, tags: list[tuple[str, str]], reason: str
) -> None:
    given = [{"Key": key, "Value": value} for key, value in tags]
    exceptions = organization.client.exceptions
    expected = (exceptions.InvalidInputException, exceptions.ConstraintViolationException)
    with pytest.raises(expected) as caught:
        organization.client.tag_resource(ResourceId=organization.root, Tags=given)
    assert caught.value.response["Reason"] == reason
    told = refused(organization.client.tag_resource, ResourceId="r-none", Tags=given)
    assert told[0] == "TargetNotFoundException"


def test_tags_given_along_need_their_permission_too(
    stockade: Stockade, aws: boto3.Session, organization: Organization
) -> None:
    from tests.services.iam.helpers import allow, user

    maker = user(stockade, aws, "maker", allow("organizations:CreateOrganizationalUnit"))
    create = maker.client("organizations").create_organizational_unit
    create(ParentId=organization.root, Name="plain")
    told = refused(
        create, ParentId=organization.root, Name="tagged", Tags=[{"Key": "a", "Value": "b"}]
    )
    assert "organizations:TagResource" in told[2]
