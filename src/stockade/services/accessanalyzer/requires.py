# SPDX-License-Identifier: Apache-2.0
"""What Access Analyzer asks of other services: resources with policies, and who uses what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from stockade.core.context import Context
from stockade.core.use import AttachedPolicy, Identity, Permission
from stockade.store.unit import Unit


@runtime_checkable
class AnalyzedResources(Protocol):
    """Resources with policies of their own."""

    def resources_with_policies(
        self, unit: Unit, account: str, region: str
    ) -> Iterable[tuple[str, str, str]]:
        """Yield (ARN, type, policy) of all there are in an account and Region.

        The type is CloudFormation's: `AWS::KMS::Key`.
        """


@runtime_checkable
class IdentityUse(Protocol):
    """Users and roles, and what the audit trail says of their use (IAM knows them)."""

    def identities(self, ctx: Context, account: str, after: str, limit: int) -> list[Identity]:
        """Return so many users and roles of an account that follow a place."""

    def find_identity(self, ctx: Context, arn: str) -> Identity | None:
        """Return the user or role of an ARN."""

    def permissions(self, ctx: Context, arn: str, since: datetime) -> list[Permission]:
        """Return what a user or role may do, with the actions of the services used since then."""

    def used_actions(
        self, ctx: Context, arn: str, start: datetime, end: datetime
    ) -> tuple[list[str], bool]:
        """Return the actions that a user or role took, and whether that is all of them."""

    def policies(self, ctx: Context, arn: str) -> list[AttachedPolicy]:
        """Return the policies that a user or role has itself."""


class AllAnalyzedResources:
    """The resources of several services as those of one."""

    def __init__(self, sources: Sequence[AnalyzedResources]) -> None:
        self._sources = tuple(sources)

    def resources_with_policies(
        self, unit: Unit, account: str, region: str
    ) -> Iterable[tuple[str, str, str]]:
        """Yield what every source has."""
        for source in self._sources:
            yield from source.resources_with_policies(unit, account, region)
