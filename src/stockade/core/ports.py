# SPDX-License-Identifier: Apache-2.0
"""What AWS's services do for each other below their APIs, as Protocols that services implement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """Says whether the principals that a resource policy names exist (IAM knows them)."""

    def principal_exists(self, unit: Unit, arn_or_account: str) -> bool: ...

    def principal_id(self, unit: Unit, principal_arn: str) -> str | None:
        """Return the `aws:userid` of whoever bears an ARN now, of a role without a session."""


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


class Ports:
    """The implementations that the composition root put in."""

    def __init__(self, implementations: Mapping[type, object]) -> None:
        self._implementations = dict(implementations)
        # Every decision asks for this one, so it is at hand; None where nobody keeps it.
        self.organization = cast("Organization | None", implementations.get(Organization))

    def find(self, kind: type[P]) -> P:
        """Return the implementation of a port."""
        return cast("P", self._implementations[kind])
