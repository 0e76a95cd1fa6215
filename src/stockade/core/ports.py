# SPDX-License-Identifier: Apache-2.0
"""What AWS's services do for each other below their APIs, as Protocols that services implement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, runtime_checkable

import msgspec

from stockade.core.identity import Credential
from stockade.policy.compile import Policy
from stockade.store.entries import Attribute
from stockade.store.journal import Moment
from stockade.store.unit import Unit

if TYPE_CHECKING:
    from stockade.core.context import Context

P = TypeVar("P")


@runtime_checkable
class Credentials(Protocol):
    """Finds the credential behind an access key id (IAM and STS keep them)."""

    def find_credential(
        self, unit: Unit, access_key_id: str, session_token: str | None, now: datetime
    ) -> Credential: ...


@runtime_checkable
class Principals(Protocol):
    """Knows the principals that a resource policy names (IAM does)."""

    def principal_exists(self, unit: Unit, arn_or_account: str) -> bool: ...

    def principal_id(self, unit: Unit, principal_arn: str) -> str | None:
        """Return the `aws:userid` of whoever bears an ARN now, of a role without a session."""

    def unique_id(self, unit: Unit, arn: str) -> str:
        """Return the unique id of the user or role that an ARN names, empty where none does."""


Levels = tuple[tuple[Policy, ...], ...]
"""The control policies of an account: one tuple for each level, root first, account last."""


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """Where an account stands in its organization."""

    organization_id: str
    """`o-...`"""
    management_account: str
    path: str
    """`aws:PrincipalOrgPaths`: `o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/`."""
    service_control: Levels
    """Empty for the management account and where service control policies are not enabled."""
    resource_control: Levels
    """Empty for the management account and where resource control policies are not enabled."""


@runtime_checkable
class Organization(Protocol):
    """Where accounts stand, and the control policies that hold them (Organizations keeps them)."""

    def membership(self, unit: Unit, account: str) -> Membership | None:
        """Return the place of an account, from memory once it is known; None for a lone account."""


@runtime_checkable
class Members(Protocol):
    """The accounts of an organization, for services that work across it (Organizations knows)."""

    def accounts(self, unit: Unit, account: str) -> tuple[str, ...]:
        """Return every account of the organization that an account belongs to, in order."""

    def trusts(self, unit: Unit, account: str, service: str) -> bool:
        """Tell whether a service (`access-analyzer.amazonaws.com`) may work across it."""

    def administers(self, unit: Unit, account: str, service: str) -> bool:
        """Tell whether the account runs a service for its organization.

        The management account does, and so do the delegated administrators of the service.
        """


@runtime_checkable
class Calls(Protocol):
    """The door between services: `Context.call` and `Context.call_as_service` go through it."""

    def call(
        self, ctx: Context, service: str, operation: str, params: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Decide, record and run an operation, its members and its answer by the model's names."""


@runtime_checkable
class AuditLog(Protocol):
    """The audit trail, for who reads it."""

    def ship_audit(self) -> None:
        """Make every acknowledged call visible to lookups."""

    def lookup_audit(
        self,
        account: str,
        region: str,
        *,
        start: datetime,
        end: datetime,
        attribute: Attribute | None = None,
        any_of: Sequence[Attribute] = (),
        before: Moment | None,
        limit: int,
    ) -> tuple[list[bytes], Moment | None]:
        """Return a page of records, newest first, every acknowledged call included.

        It reads in a unit of its own: one that was begun earlier may not see what was shipped
        since. The second value is where to go on, None after the last page.
        """

    def shipped_audit(
        self,
        unit: Unit,
        account: str,
        region: str,
        *,
        start: datetime,
        end: datetime,
        attribute: Attribute | None = None,
        any_of: Sequence[Attribute] = (),
        before: Moment | None,
        limit: int,
    ) -> tuple[list[bytes], Moment | None]:
        """Return a page of the records that are shipped already, read in the unit of the asker.

        It is for what writes, and so cannot wait for `ship_audit`.
        """


@runtime_checkable
class Transactions(Protocol):
    """For what has to be stored although the operation at hand only reads."""

    def change(self, ctx: Context, action: Callable[[Context], P]) -> P:
        """Run an action in the transaction at hand, or in one of its own where there is none."""


@runtime_checkable
class ManagedKeys(Protocol):
    """AWS managed keys, `aws/<service>`, for the services that encrypt with them (KMS)."""

    def managed_key(self, ctx: Context, account: str, region: str, service: str) -> str:
        """Return the ARN of a service's key in an account and Region, made on first use."""


@runtime_checkable
class OwnedKeys(Protocol):
    """AWS owned keys: one a service and Region, in nobody's account, seen by nobody (KMS)."""

    def seal_owned(
        self, ctx: Context, service: str, plaintext: bytes, context: Mapping[str, str]
    ) -> bytes:
        """Encrypt under a service's key; context is what has to be said again to decrypt."""

    def open_owned(
        self, ctx: Context, service: str, sealed: bytes, context: Mapping[str, str]
    ) -> bytes:
        """Decrypt what `seal_owned` made, or raise `Tampered`."""


class Ports:
    """The implementations that the composition root put in."""

    def __init__(self, implementations: Mapping[type, object]) -> None:
        self._implementations = dict(implementations)
        # Every decision asks for this one, so it is at hand; None where nobody keeps it.
        self.organization = cast("Organization | None", implementations.get(Organization))

    def find(self, kind: type[P]) -> P:
        """Return the implementation of a port."""
        return cast("P", self._implementations[kind])
