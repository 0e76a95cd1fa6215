# SPDX-License-Identifier: Apache-2.0
"""Keys and their policies, for who analyzes them."""

from __future__ import annotations

from collections.abc import Iterable

from stockade.services.kms.resources import KEYS
from stockade.store.resources import Scope
from stockade.store.unit import Unit


class AnalyzedKeys:
    """KMS keys as resources with policies."""

    def resources_with_policies(
        self, unit: Unit, account: str, region: str
    ) -> Iterable[tuple[str, str, str]]:
        """Yield the keys of an account and Region."""
        for key in unit.list(KEYS, Scope(account, region)):
            yield key.arn, "AWS::KMS::Key", key.policy
