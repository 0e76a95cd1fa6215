# SPDX-License-Identifier: Apache-2.0
"""Invitations, and the way from consolidated billing to all features."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.services.iam.helpers import refused
from tests.services.organizations.helpers import (
    GUEST,
    NOT_YOURS,
    OWNER,
    Organization,
    pages,
)

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade
    from stockade.testing.plugin import TestClock


def invited(organization: Organization, number: str = GUEST, **more: Any) -> dict[str, Any]:
    target = {"Type": "ACCOUNT", "Id": number}
    answer = organization.client.invite_account_to_organization(Target=target, **more)
    handshake: dict[str, Any] = answer["Handshake"]
    return handshake


def test_an_invitation_is_seen_by_both_sides_and_accepted(organization: Organization) -> None:
    sent = invited(organization, Notes="join us", Tags=[{"Key": "team", "Value": "red"}])
    assert re.fullmatch("h-[a-z0-9]{8,32}", sent["Id"])
    assert sent["Arn"].endswith(f":handshake/{organization.id}/invite/{sent['Id']}")
    assert (sent["Action"], sent["State"]) == ("INVITE", "OPEN")
    assert (sent["ExpirationTimestamp"] - sent["RequestedTimestamp"]).days == 15
    assert {"Id": GUEST, "Type": "ACCOUNT"} in sent["Parties"]
    assert {"Type": "NOTES", "Value": "join us"} in sent["Resources"]
    guest = organization.as_account(GUEST)
    assert guest.list_handshakes_for_account()["Handshakes"] == [sent]
    assert guest.describe_handshake(HandshakeId=sent["Id"])["Handshake"] == sent
    assert organization.client.list_handshakes_for_organization()["Handshakes"] == [sent]
    assert guest.accept_handshake(HandshakeId=sent["Id"])["Handshake"]["State"] == "ACCEPTED"
    account = organization.client.describe_account(AccountId=GUEST)["Account"]
    assert account["JoinedMethod"] == "INVITED"
    tags = organization.client.list_tags_for_resource(ResourceId=GUEST)["Tags"]
    assert tags == [{"Key": "team", "Value": "red"}]
    assert guest.describe_organization()["Organization"]["Id"] == organization.id


def test_an_invitation_by_address_finds_its_account(organization: Organization) -> None:
    guest = organization.account("guest")
    organization.client.close_account(AccountId=organization.account("gone"))
    address = {"Type": "EMAIL", "Id": f"{GUEST}@stockade.invalid"}
    sent = organization.client.invite_account_to_organization(Target=address)["Handshake"]
    assert {"Id": address["Id"], "Type": "EMAIL"} in sent["Parties"]
    organization.as_account(GUEST).accept_handshake(HandshakeId=sent["Id"])
    assert organization.membership(GUEST) is not None
    inside = {"Type": "EMAIL", "Id": "guest@example.com"}
    with pytest.raises(organization.client.exceptions.HandshakeConstraintViolationException) as c:
        organization.client.invite_account_to_organization(Target=inside)
    assert c.value.response["Reason"] == "ALREADY_IN_AN_ORGANIZATION"
    assert organization.membership(guest) is not None
    unknown = {"Type": "EMAIL", "Id": "nobody@example.com"}
    organization.client.invite_account_to_organization(Target=unknown)
    told = refused(organization.client.invite_account_to_organization, Target=unknown)
    assert told[0] == "DuplicateHandshakeException"


def test_who_may_answer(organization: Organization) -> None:
    sent = invited(organization)["Id"]
    guest, other = organization.as_account(GUEST), organization.as_account("222222222222")
    assert refused(organization.client.accept_handshake, HandshakeId=sent) == NOT_YOURS
    assert refused(organization.client.decline_handshake, HandshakeId=sent) == NOT_YOURS
    assert refused(guest.cancel_handshake, HandshakeId=sent) == NOT_YOURS
    for call in (other.describe_handshake, other.accept_handshake, other.cancel_handshake):
        missing = refused(call, HandshakeId="h-nonenone")
        assert refused(call, HandshakeId=sent) == missing
        assert missing[:2] == ("HandshakeNotFoundException", 400)
    declined = guest.decline_handshake(HandshakeId=sent)["Handshake"]
    assert declined["State"] == "DECLINED"
    assert refused(guest.decline_handshake, HandshakeId=sent)[0] == (
        "HandshakeAlreadyInStateException"
    )
    assert refused(guest.accept_handshake, HandshakeId=sent)[0] == (
        "InvalidHandshakeTransitionException"
    )
    again = invited(organization)["Id"]
    canceled = organization.client.cancel_handshake(HandshakeId=again)["Handshake"]
    assert canceled["State"] == "CANCELED"


def test_an_invitation_lapses_and_is_forgotten(
    organization: Organization, clock: TestClock
) -> None:
    sent = invited(organization)["Id"]
    guest = organization.as_account(GUEST)
    clock.advance(days=15)
    assert guest.describe_handshake(HandshakeId=sent)["Handshake"]["State"] == "EXPIRED"
    told = refused(guest.accept_handshake, HandshakeId=sent)
    assert told[0] == "InvalidHandshakeTransitionException"
    clock.advance(days=30)
    told = refused(guest.describe_handshake, HandshakeId=sent)
    assert told[0] == "HandshakeNotFoundException"


def test_a_member_of_one_organization_joins_no_other(
    stockade: Stockade, organization: Organization
) -> None:
    second = Organization(stockade, organization.root_of("222222222222"))
    sent = invited(organization)["Id"]
    second.invite(GUEST)
    guest = organization.as_account(GUEST)
    with pytest.raises(guest.exceptions.HandshakeConstraintViolationException) as caught:
        guest.accept_handshake(HandshakeId=sent)
    assert caught.value.response["Reason"] == "ALREADY_IN_AN_ORGANIZATION"
    assert guest.describe_organization()["Organization"]["Id"] == second.id
    assert guest.describe_handshake(HandshakeId=sent)["Handshake"]["State"] == "OPEN"
    told = refused(guest.create_organization)
    assert told[0] == "AlreadyInOrganizationException"


def test_invitations_that_are_not_sent(organization: Organization) -> None:
    invite = organization.client.invite_account_to_organization
    invited(organization)
    account = {"Type": "ACCOUNT", "Id": GUEST}
    assert refused(invite, Target=account)[0] == "DuplicateHandshakeException"
    mine = {"Type": "ACCOUNT", "Id": OWNER}
    assert refused(invite, Target=mine)[0] == "HandshakeConstraintViolationException"
    for target in (
        {"Type": "ORGANIZATION", "Id": organization.id},
        {"Type": "ACCOUNT", "Id": "nobody"},
    ):
        assert refused(invite, Target=target)[0] == "InvalidInputException"


def test_handshakes_are_filtered_and_paged(organization: Organization) -> None:
    sent = sorted(invited(organization, f"11112222333{digit}")["Id"] for digit in range(5))
    client = organization.client
    listed = pages(client, "list_handshakes_for_organization", "Handshakes")
    assert [each["Id"] for each in listed] == sent
    by_action = client.list_handshakes_for_organization(Filter={"ActionType": "INVITE"})
    assert len(by_action["Handshakes"]) == 5
    other = {"ActionType": "ENABLE_ALL_FEATURES"}
    assert client.list_handshakes_for_organization(Filter=other)["Handshakes"] == []
    both = {"ActionType": "INVITE", "ParentHandshakeId": "h-nonenone"}
    told = refused(client.list_handshakes_for_organization, Filter=both)
    assert told[0] == "InvalidInputException"


@pytest.fixture
def billing(stockade: Stockade, aws: boto3.Session) -> Organization:
    return Organization(stockade, aws, "CONSOLIDATED_BILLING")


def test_consolidated_billing_has_no_policies(billing: Organization) -> None:
    assert billing.organization["AvailablePolicyTypes"] == []
    told = refused(
        billing.client.enable_policy_type,
        RootId=billing.root,
        PolicyType="SERVICE_CONTROL_POLICY",
    )
    assert told[0] == "PolicyTypeNotAvailableForOrganizationException"
    told = refused(
        billing.client.create_policy,
        Name="a",
        Description="",
        Type="SERVICE_CONTROL_POLICY",
        Content="{}",
    )
    assert told[0] == "PolicyTypeNotAvailableForOrganizationException"
    for call, arguments in (
        (billing.client.close_account, {"AccountId": billing.account()}),
        (billing.client.enable_aws_service_access, {"ServicePrincipal": "sso.amazonaws.com"}),
    ):
        assert refused(call, **arguments)[0] == "ConstraintViolationException"


def test_all_features_are_enabled_once_everybody_consents(billing: Organization) -> None:
    guest = billing.as_account(billing.invite())
    billing.account("created")
    change = billing.client.enable_all_features()["Handshake"]
    assert (change["Action"], change["State"]) == ("ENABLE_ALL_FEATURES", "REQUESTED")
    with pytest.raises(billing.client.exceptions.HandshakeConstraintViolationException) as pending:
        billing.client.enable_all_features()
    assert pending.value.response["Reason"] == (
        "ORGANIZATION_IS_ALREADY_PENDING_ALL_FEATURES_MIGRATION"
    )
    target = {"Type": "ACCOUNT", "Id": "222222222222"}
    told = refused(billing.client.invite_account_to_organization, Target=target)
    assert told[0] == "HandshakeConstraintViolationException"
    wanted = {"ParentHandshakeId": change["Id"]}
    asked = billing.client.list_handshakes_for_organization(Filter=wanted)["Handshakes"]
    assert [each["State"] for each in asked] == ["OPEN"]
    guest.accept_handshake(HandshakeId=asked[0]["Id"])
    mine = billing.client.list_handshakes_for_account()["Handshakes"]
    (approval,) = [each for each in mine if each["Action"] == "APPROVE_ALL_FEATURES"]
    billing.client.accept_handshake(HandshakeId=approval["Id"])
    shown = billing.client.describe_organization()["Organization"]
    assert shown["FeatureSet"] == "ALL"
    ended = billing.client.describe_handshake(HandshakeId=change["Id"])["Handshake"]
    assert ended["State"] == "ACCEPTED"
    billing.enable()
    told = refused(billing.client.enable_all_features)
    assert told[0] == "HandshakeConstraintViolationException"


def test_one_who_declines_stops_the_change(billing: Organization) -> None:
    guest = billing.as_account(billing.invite())
    change = billing.client.enable_all_features()["Handshake"]["Id"]
    (asked,) = [
        each
        for each in guest.list_handshakes_for_account()["Handshakes"]
        if each["Action"] == "ENABLE_ALL_FEATURES"
    ]
    guest.decline_handshake(HandshakeId=asked["Id"])
    ended = billing.client.describe_handshake(HandshakeId=change)["Handshake"]
    assert ended["State"] == "DECLINED"
    again = billing.client.enable_all_features()["Handshake"]["Id"]
    billing.client.cancel_handshake(HandshakeId=again)
    listed = guest.list_handshakes_for_account()["Handshakes"]
    states = {each["State"] for each in listed if each["Action"] == "ENABLE_ALL_FEATURES"}
    assert states == {"DECLINED", "CANCELED"}


def test_with_created_accounts_alone_the_owner_has_the_last_word(billing: Organization) -> None:
    billing.client.enable_all_features()
    (approval,) = billing.client.list_handshakes_for_account()["Handshakes"]
    assert approval["Action"] == "APPROVE_ALL_FEATURES"
    billing.client.accept_handshake(HandshakeId=approval["Id"])
    assert billing.client.describe_organization()["Organization"]["FeatureSet"] == "ALL"
