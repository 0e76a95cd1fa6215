# SPDX-License-Identifier: Apache-2.0
"""Roles and their trust policies, for who analyzes them."""

from __future__ import annotations

from collections.abc import Iterable

from stockade.services.iam.resources import ROLES, scope_of
from stockade.store.unit import Unit


class AnalyzedRoles:
    """IAM roles as resources with policies; every Region has them all."""

    def resources_with_policies(
        self, unit: Unit, account: str, region: str
    ) -> Iterable[tuple[str, str, str]]:
        """Yield the roles of an account."""
        del region
        for role in unit.list(ROLES, scope_of(account)):
            yield role.arn, "AWS::IAM::Role", role.trust_policy
