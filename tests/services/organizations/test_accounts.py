# SPDX-License-Identifier: Apache-2.0
"""Accounts come into being, move, leave and are closed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from stockade.app import Stockade
from stockade.config import Settings
from stockade.core.ids import system_random
from stockade.services.iam import accounts
from stockade.services.organizations import creation, departures
from stockade.store.seal import RootKey
from stockade.store.store import Store
from stockade.testing.transport import session
from tests.services.iam.helpers import ADMINISTRATOR, allow, refused, user, with_key
from tests.services.organizations.helpers import GUEST, OWNER, Organization, pages

if TYPE_CHECKING:
    from pathlib import Path

    import boto3

    from stockade.testing.plugin import TestClock

ROLE = "OrganizationAccountAccessRole"


def events(aws: boto3.Session, name: str) -> list[dict[str, Any]]:
    """Return the details of the service events of a name, newest first."""
    wanted = [{"AttributeKey": "EventName", "AttributeValue": name}]
    found = aws.client("cloudtrail").lookup_events(LookupAttributes=wanted)["Events"]
    records = [json.loads(event["CloudTrailEvent"]) for event in found]
    assert all(record["eventType"] == "AwsServiceEvent" for record in records)
    assert all(record["eventSource"] == "organizations.amazonaws.com" for record in records)
    return [record["serviceEventDetails"] for record in records]


def test_a_created_account_is_there(
    stockade: Stockade, aws: boto3.Session, organization: Organization
) -> None:
    client = organization.client
    asked = client.create_account(
        Email="ops@example.com", AccountName="Ops", Tags=[{"Key": "team", "Value": "red"}]
    )["CreateAccountStatus"]
    assert re.fullmatch("car-[a-z0-9]{32}", asked["Id"])
    assert asked["State"] == "IN_PROGRESS"
    made = client.describe_create_account_status(CreateAccountRequestId=asked["Id"])
    status = made["CreateAccountStatus"]
    assert (status["State"], status["AccountName"]) == ("SUCCEEDED", "Ops")
    number = status["AccountId"]
    account = client.describe_account(AccountId=number)["Account"]
    assert account["Arn"] == (f"arn:aws:organizations::{OWNER}:account/{organization.id}/{number}")
    assert (account["Name"], account["Email"]) == ("Ops", "ops@example.com")
    assert (account["Status"], account["State"]) == ("ACTIVE", "ACTIVE")
    assert account["JoinedMethod"] == "CREATED"
    assert account["Paths"] == [f"{organization.id}/{organization.root}/{number}/"]
    tags = client.list_tags_for_resource(ResourceId=number)["Tags"]
    assert tags == [{"Key": "team", "Value": "red"}]
    (result,) = events(aws, "CreateAccountResult")
    told = result["createAccountStatus"]
    assert (told["id"], told["state"], told["accountId"]) == (asked["Id"], "SUCCEEDED", number)
    assert told["accountName"] == "****"
    joined = events(aws, "AccountJoinedOrganization")[0]
    assert (joined["accountId"], joined["joinedMethod"]) == (number, "CREATED")


@pytest.mark.parametrize("role", [ROLE, "Admin"])
def test_its_role_is_assumed_from_the_management_account(
    stockade: Stockade, aws: boto3.Session, organization: Organization, role: str
) -> None:
    asked = organization.client.create_account(
        Email="a@example.com", AccountName="a", RoleName=role
    )
    made = organization.client.describe_create_account_status(
        CreateAccountRequestId=asked["CreateAccountStatus"]["Id"]
    )
    number = made["CreateAccountStatus"]["AccountId"]
    arn = f"arn:aws:iam::{number}:role/{role}"
    alice = user(stockade, aws, "alice", allow("sts:AssumeRole", arn)).client("sts")
    got = alice.assume_role(RoleArn=arn, RoleSessionName="alice")["Credentials"]
    there = with_key(stockade, got)
    assert there.client("sts").get_caller_identity()["Account"] == number
    iam = there.client("iam")
    assert iam.get_role(RoleName=role)["Role"]["Arn"] == arn
    (attached,) = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert attached["PolicyArn"] == ADMINISTRATOR
    iam.create_user(UserName="first")
    stranger = user(stockade, organization.root_of(GUEST), "s", allow("sts:AssumeRole", arn))
    told = refused(stranger.client("sts").assume_role, RoleArn=arn, RoleSessionName="stranger")
    assert told[0] == "AccessDenied"


def test_an_address_belongs_to_one_account(organization: Organization, aws: boto3.Session) -> None:
    client = organization.client
    organization.account("twin")
    asked = client.create_account(Email="TWIN@example.com", AccountName="b")
    request = asked["CreateAccountStatus"]["Id"]
    ended = client.describe_create_account_status(CreateAccountRequestId=request)
    status = ended["CreateAccountStatus"]
    assert (status["State"], status["FailureReason"]) == ("FAILED", "EMAIL_ALREADY_EXISTS")
    assert "AccountId" not in status
    result = events(aws, "CreateAccountResult")[0]["createAccountStatus"]
    assert result["failureReason"] == "EMAIL_ALREADY_EXISTS"
    every = pages(client, "list_create_account_status", "CreateAccountStatuses")
    assert len(every) == 2
    failed = client.list_create_account_status(States=["FAILED"])["CreateAccountStatuses"]
    assert failed == [status]
    told = refused(client.describe_create_account_status, CreateAccountRequestId="car-nonenone")
    assert told[0] == "CreateAccountStatusNotFoundException"


def test_accounts_that_are_not_made(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = organization.client
    with pytest.raises(client.exceptions.InvalidInputException) as caught:
        client.create_account(
            Email="a@example.com", AccountName="a", RoleName="AWSServiceRoleForMe"
        )
    assert caught.value.response["Reason"] == "INVALID_ROLE_NAME"
    monkeypatch.setattr(creation, "ACCOUNT_LIMIT", 1)
    with pytest.raises(client.exceptions.ConstraintViolationException) as full:
        client.create_account(Email="a@example.com", AccountName="a")
    assert full.value.response["Reason"] == "ACCOUNT_NUMBER_LIMIT_EXCEEDED"


def test_accounts_are_listed_and_moved(organization: Organization) -> None:
    client, root = organization.client, organization.root
    unit = organization.unit("Prod")
    numbers = [organization.account(f"a{number}") for number in range(4)]
    listed = pages(client, "list_accounts", "Accounts")
    assert [each["Id"] for each in listed] == sorted([OWNER, *numbers])
    for number in numbers[:3]:
        organization.move(number, root, unit)
    under = pages(client, "list_accounts_for_parent", "Accounts", ParentId=unit)
    assert [each["Id"] for each in under] == sorted(numbers[:3])
    assert under[0]["Paths"] == [f"{organization.id}/{root}/{unit}/{under[0]['Id']}/"]
    left = client.list_accounts_for_parent(ParentId=root)["Accounts"]
    assert [each["Id"] for each in left] == sorted([OWNER, numbers[3]])


def test_moves_that_lead_nowhere(organization: Organization) -> None:
    unit, account = organization.unit("Prod"), organization.account()
    root, nowhere = organization.root, "ou-none-nonenone"
    for number, source, destination, code in (
        ("999999999999", root, unit, "AccountNotFoundException"),
        (account, unit, root, "AccountNotFoundException"),
        (account, nowhere, unit, "SourceParentNotFoundException"),
        (account, root, nowhere, "DestinationParentNotFoundException"),
        (account, root, root, "DuplicateAccountException"),
    ):
        told = refused(
            organization.client.move_account,
            AccountId=number,
            SourceParentId=source,
            DestinationParentId=destination,
        )
        assert told[:2] == (code, 400)


def test_who_was_invited_may_leave_or_be_removed(
    organization: Organization, aws: boto3.Session
) -> None:
    guest = organization.invite()
    organization.as_account(guest).leave_organization()
    assert organization.membership(guest) is None
    left = events(aws, "AccountDepartedOrganization")[0]
    assert (left["accountId"], left["departureMethod"]) == (guest, "LEFT")
    organization.invite()
    organization.client.remove_account_from_organization(AccountId=guest)
    removed = events(aws, "AccountDepartedOrganization")[0]
    assert removed["departureMethod"] == "REMOVED"
    told = refused(organization.client.remove_account_from_organization, AccountId=guest)
    assert told[0] == "AccountNotFoundException"
    told = refused(organization.client.remove_account_from_organization, AccountId=OWNER)
    assert told[0] == "MasterCannotLeaveOrganizationException"
    assert refused(organization.client.leave_organization)[0] == told[0]


def test_a_created_account_stays_four_days(organization: Organization, clock: TestClock) -> None:
    account = organization.account()
    remove = organization.client.remove_account_from_organization
    with pytest.raises(organization.client.exceptions.ConstraintViolationException) as caught:
        remove(AccountId=account)
    assert caught.value.response["Reason"] == "WAIT_PERIOD_ACTIVE"
    clock.advance(days=4)
    remove(AccountId=account)
    assert organization.membership(account) is None
    assert organization.root_of(account).client("iam").get_role(RoleName=ROLE)


def test_a_closed_account_is_shut_out_and_then_gone(
    stockade: Stockade, aws: boto3.Session, organization: Organization, clock: TestClock
) -> None:
    account = organization.account()
    root = organization.root_of(account)
    inside = user(stockade, root, "alice", allow("*")).client("iam")
    inside.list_users()
    organization.client.close_account(AccountId=account)
    for client in (inside, root.client("iam")):
        assert refused(client.list_users)[:2] == ("InvalidClientTokenId", 403)
    shown = organization.client.describe_account(AccountId=account)["Account"]
    assert (shown["Status"], shown["State"]) == ("SUSPENDED", "CLOSED")
    (result,) = events(aws, "CloseAccountResult")
    assert result["closeAccountStatus"]["accountId"] == account
    assert refused(organization.client.close_account, AccountId=account) == (
        "AccountAlreadyClosedException",
        400,
        "The provided account is already closed.",
    )
    told = refused(organization.client.remove_account_from_organization, AccountId=account)
    assert told[0] == "ConstraintViolationException"
    clock.advance(days=89)
    assert organization.client.describe_account(AccountId=account)
    clock.advance(days=1)
    told = refused(organization.client.describe_account, AccountId=account)
    assert told[0] == "AccountNotFoundException"
    assert refused(inside.list_users)[0] == "InvalidClientTokenId"
    organization.client.delete_organization()


def test_accounts_that_are_not_closed(
    organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = organization.client
    with pytest.raises(client.exceptions.ConstraintViolationException) as caught:
        client.close_account(AccountId=OWNER)
    assert caught.value.response["Reason"] == "CANNOT_CLOSE_MANAGEMENT_ACCOUNT"
    monkeypatch.setattr(departures, "CLOSE_QUOTA", 1)
    client.close_account(AccountId=organization.account("first"))
    with pytest.raises(client.exceptions.ConstraintViolationException) as quota:
        client.close_account(AccountId=organization.account("second"))
    assert quota.value.response["Reason"] == "CLOSE_ACCOUNT_QUOTA_EXCEEDED"


def test_where_only_real_accounts_exist(tmp_path: Path) -> None:
    """A deployment that serves: no well-known credentials, and numbers are no accounts."""
    store = Store.open("sqlite://", directory=tmp_path)
    app = Stockade(Settings(mode="serve"), store, RootKey("memory", bytes(32)))
    with store.write() as unit:
        key_id, secret = accounts.create_root(
            unit, app.vault, OWNER, app.clock.now(), system_random
        )
    owner = session(app, access_key_id=key_id, secret_access_key=secret)
    organization = Organization(app, owner)
    nobody = {"Type": "ACCOUNT", "Id": GUEST}
    asked = organization.client.invite_account_to_organization(Target=nobody)["Handshake"]
    assert asked["State"] == "OPEN", "an invitation does not tell whether there is an account"
    arn = f"arn:aws:iam::{organization.account()}:role/{ROLE}"
    admin = user(app, owner, "admin", allow("sts:AssumeRole")).client("sts")
    got = admin.assume_role(RoleArn=arn, RoleSessionName="admin")["Credentials"]
    assert with_key(app, got).client("iam").list_users()["Users"] == []
    app.close()


def test_addresses_and_names_stay_out_of_the_trail(
    stockade: Stockade, organization: Organization
) -> None:
    organization.account("secret-name")
    organization.client.list_accounts()
    stockade.ship_audit()
    trail = organization.root_of(OWNER).client("cloudtrail").lookup_events(MaxResults=50)
    assert "secret-name" not in json.dumps(trail["Events"], default=str)
