# SPDX-License-Identifier: Apache-2.0
"""What Organizations stores: organizations, their roots, units, accounts, policies, handshakes.

All of it stands in the management account and in no Region; a row in the account's own place says
to which organization it belongs. What policies are attached stands in the root, unit or account
itself, and each but the root names its parent: so the way from an account up to the root is a few
reads by id, which memory answers.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from stockade.core.arn import arn
from stockade.store.resources import Collection, Scope

FeatureSet = Literal["ALL", "CONSOLIDATED_BILLING"]
HandshakeState = Literal["REQUESTED", "OPEN", "CANCELED", "ACCEPTED", "DECLINED", "EXPIRED"]

SHOWN_AFTER_END = timedelta(days=30)
"""How long a handshake that came to its end is still shown."""
CLOSED_FOR = timedelta(days=90)
"""How long a closed account stays in its organization."""


def scope_of(account: str) -> Scope:
    """Return where an account keeps what belongs to no Region."""
    return Scope(account, "")


class ResourcePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The delegation policy: whom the management account lets do what."""

    id: str
    content: str
    tags: dict[str, str] = {}


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """An organization."""

    id: str
    management_account: str
    feature_set: FeatureSet
    root_id: str
    created: datetime
    services: dict[str, datetime] = {}
    """Trusted services, with the moment from which they are."""
    resource_policy: ResourcePolicy | None = None

    @property
    def scope(self) -> Scope:
        return scope_of(self.management_account)

    @property
    def arn(self) -> str:
        return self.arn_of("organization")

    @property
    def resource_policy_arn(self) -> str:
        policy = self.resource_policy
        return self.arn_of("resourcepolicy", policy.id if policy else "*")

    def arn_of(self, kind: str, *names: str) -> str:
        """Return the ARN of something of this organization."""
        path = "/".join((kind, self.id, *names))
        return arn("organizations", "", self.management_account, path)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """In an account's own place: the organization it belongs to."""

    account: str
    organization_id: str
    management_account: str


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """What a root, a unit and an account have in common: they carry policies and tags."""

    id: str
    name: str
    arn: str
    parent: str = ""
    """The id of the root or unit above; empty for the root."""
    policies: tuple[str, ...] = ()
    """Ids of attached policies of every type."""
    tags: dict[str, str] = {}


class Root(Node, frozen=True, kw_only=True):
    """The top of an organization."""

    policy_types: tuple[str, ...] = ()
    """The types that are enabled."""


class Unit(Node, frozen=True, kw_only=True):
    """An organizational unit."""


class Account(Node, frozen=True, kw_only=True):
    """An account as a member of its organization."""

    email: str
    joined_method: Literal["INVITED", "CREATED"]
    joined: datetime
    closed: datetime | None = None
    services: dict[str, datetime] = {}
    """Services that it administers for the organization, each since when."""

    @property
    def delegated_since(self) -> datetime:
        return min(self.services.values())

    @property
    def due(self) -> datetime | None:
        """When a closed account leaves the organization for good."""
        return None if self.closed is None else self.closed + CLOSED_FOR


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy of any type."""

    id: str
    arn: str
    type: str
    name: str
    description: str = ""
    content: str
    updated: datetime
    aws_managed: bool = False
    tags: dict[str, str] = {}


class AccountRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a CreateAccount."""

    id: str
    account_name: str
    state: Literal["SUCCEEDED", "FAILED"]
    requested: datetime
    completed: datetime
    account_id: str = ""
    failure: str = ""


class Handshake(msgspec.Struct, frozen=True, kw_only=True):
    """A question to an account that it answers or lets lapse."""

    id: str
    arn: str
    organization_id: str
    management_account: str
    action: Literal["INVITE", "ENABLE_ALL_FEATURES", "APPROVE_ALL_FEATURES"]
    state: HandshakeState
    requested: datetime
    expires: datetime
    ended: datetime | None = None
    account: str = ""
    """The account that is asked; empty where only an e-mail address is known, or nobody."""
    email: str = ""
    """The address that was invited; empty where an account was."""
    notes: str = ""
    parent: str = ""
    """The handshake that this one is a part of."""
    tags: dict[str, str] = {}
    """What an invited account is tagged with once it joins."""
    feature_set: FeatureSet
    management_email: str
    management_name: str

    @property
    def scope(self) -> Scope:
        return scope_of(self.management_account)

    @property
    def due(self) -> datetime:
        """When it expires, or is no longer shown."""
        return self.expires if self.ended is None else self.ended + SHOWN_AFTER_END


ORGANIZATIONS: Collection[Organization] = Collection(
    Organization, service="organizations", kind="organization", id=lambda each: each.id
)
PLACES: Collection[Place] = Collection(
    Place, service="organizations", kind="place", id=lambda each: each.account
)
ROOTS: Collection[Root] = Collection(
    Root,
    service="organizations",
    kind="root",
    id=lambda each: each.id,
    indexes={"policy": lambda each: each.policies},
)
UNITS: Collection[Unit] = Collection(
    Unit,
    service="organizations",
    kind="unit",
    id=lambda each: each.id,
    indexes={"parent": lambda each: each.parent, "policy": lambda each: each.policies},
)
ACCOUNTS: Collection[Account] = Collection(
    Account,
    service="organizations",
    kind="member",
    id=lambda each: each.id,
    indexes={"parent": lambda each: each.parent, "policy": lambda each: each.policies},
    due=lambda each: each.due,
)
POLICIES: Collection[Policy] = Collection(
    Policy,
    service="organizations",
    kind="policy",
    id=lambda each: each.id,
    indexes={"type": lambda each: each.type},
)
ACCOUNT_REQUESTS: Collection[AccountRequest] = Collection(
    AccountRequest, service="organizations", kind="account-request", id=lambda each: each.id
)
HANDSHAKES: Collection[Handshake] = Collection(
    Handshake,
    service="organizations",
    kind="handshake",
    id=lambda each: each.id,
    indexes={
        "id": lambda each: each.id,
        "account": lambda each: each.account or None,
        "parent": lambda each: each.parent or None,
    },
    due=lambda each: each.due,
)
