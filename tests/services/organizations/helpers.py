# SPDX-License-Identifier: Apache-2.0
"""What the tests of Organizations share: an organization, accounts in it, their roots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stockade.core.ports import Membership
from stockade.services.organizations.membership import OrganizationDirectory
from stockade.testing.transport import session
from tests.services.iam.helpers import policy

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

OWNER = "000000000000"
GUEST = "111122223333"
SERVICE_CONTROL = "SERVICE_CONTROL_POLICY"
RESOURCE_CONTROL = "RESOURCE_CONTROL_POLICY"
NOT_YOURS = (
    "AccessDeniedException",
    400,
    "You don't have permissions to access this resource.",
)


class Organization:
    """An organization of the account 000000000000, as its management account sees it."""

    def __init__(self, stockade: Stockade, owner: boto3.Session, feature_set: str = "ALL") -> None:
        self._stockade = stockade
        self.client: Any = owner.client("organizations")
        self.organization = self.client.create_organization(FeatureSet=feature_set)["Organization"]
        self.id: str = self.organization["Id"]
        self.root: str = self.client.list_roots()["Roots"][0]["Id"]

    def unit(self, name: str, parent: str = "") -> str:
        """Make a unit and return its id."""
        made = self.client.create_organizational_unit(ParentId=parent or self.root, Name=name)
        return str(made["OrganizationalUnit"]["Id"])

    def account(self, name: str = "member", parent: str = "") -> str:
        """Make an account, put it under a unit, and return its number."""
        asked = self.client.create_account(Email=f"{name}@example.com", AccountName=name)
        request = asked["CreateAccountStatus"]["Id"]
        made = self.client.describe_create_account_status(CreateAccountRequestId=request)
        number = str(made["CreateAccountStatus"]["AccountId"])
        if parent:
            self.move(number, self.root, parent)
        return number

    def move(self, number: str, source: str, destination: str) -> None:
        self.client.move_account(
            AccountId=number, SourceParentId=source, DestinationParentId=destination
        )

    def invite(self, number: str = GUEST) -> str:
        """Invite an account, have it accept, and return its number."""
        target = {"Type": "ACCOUNT", "Id": number}
        handshake = self.client.invite_account_to_organization(Target=target)["Handshake"]["Id"]
        self.root_of(number).client("organizations").accept_handshake(HandshakeId=handshake)
        return number

    def root_of(self, number: str) -> boto3.Session:
        """Return the root of an account."""
        return session(self._stockade, access_key_id=number)

    def as_account(self, number: str) -> Any:
        """Return Organizations as the root of an account sees it."""
        return self.root_of(number).client("organizations")

    def enable(self, type_: str = SERVICE_CONTROL) -> None:
        self.client.enable_policy_type(RootId=self.root, PolicyType=type_)

    def policy(self, name: str, *statements: dict[str, Any], type_: str = SERVICE_CONTROL) -> str:
        """Make a control policy and return its id."""
        return self.document(name, policy(*statements), type_)

    def document(self, name: str, content: str, type_: str) -> str:
        made = self.client.create_policy(Name=name, Description="", Type=type_, Content=content)
        return str(made["Policy"]["PolicySummary"]["Id"])

    def attach(self, policy_id: str, target: str) -> None:
        self.client.attach_policy(PolicyId=policy_id, TargetId=target)

    def detach(self, policy_id: str, target: str) -> None:
        self.client.detach_policy(PolicyId=policy_id, TargetId=target)

    def membership(self, number: str) -> Membership | None:
        with self._stockade.store.read() as unit:
            return OrganizationDirectory().membership(unit, number)

    def control(self, number: str) -> list[list[str]]:
        """Return the names of the service control policies of an account, level by level."""
        membership = self.membership(number)
        assert membership is not None
        return [[each.name for each in level] for level in membership.service_control]


def pages(client: Any, operation: str, member: str, **arguments: Any) -> list[Any]:
    """Return all entries of a list operation, asked for two by two."""
    paginator = client.get_paginator(operation)
    got = list(paginator.paginate(**arguments, PaginationConfig={"PageSize": 2}))
    assert all(len(page[member]) <= 2 for page in got)
    return [entry for page in got for entry in page[member]]
