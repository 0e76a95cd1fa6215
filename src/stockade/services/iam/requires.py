# SPDX-License-Identifier: Apache-2.0
"""What IAM asks of the services whose resources have policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from stockade.store.unit import Unit


@runtime_checkable
class ResourcePolicies(Protocol):
    """Policies of resources that keep the unique ids of the users and roles they name."""

    def follow(self, unit: Unit, unique_id: str, names: Mapping[str, str]) -> None:
        """Have every policy that means a user or role name it by its new ARN: old -> new."""
