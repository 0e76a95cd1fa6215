# SPDX-License-Identifier: Apache-2.0
"""What Access Analyzer asks of the services whose resources have policies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

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
