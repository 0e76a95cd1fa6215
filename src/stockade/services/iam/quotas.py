# SPDX-License-Identifier: Apache-2.0
"""IAM's quotas: AWS's defaults, and the refusal that names the quota that is used up."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from stockade.core.context import Context
from stockade.services.iam.errors import LimitExceeded
from stockade.store.resources import Collection

T = TypeVar("T", bound=msgspec.Struct)

USERS = 5_000
GROUPS = 300
ROLES = 1_000
POLICIES = 1_500
INSTANCE_PROFILES = 1_000
GROUPS_PER_USER = 10
ATTACHED = 10
"""Managed policies that are attached to one user, group or role."""
VERSIONS = 5
ACCESS_KEYS = 2
TAGS = 50
ROLES_PER_INSTANCE_PROFILE = 1


def check(used: int, quota: int, name: str) -> None:
    """Refuse one more where so many are in use."""
    if used >= quota:
        raise LimitExceeded(f"Cannot exceed quota for {name}: {quota}")


def check_room(ctx: Context, collection: Collection[T], quota: int, name: str) -> None:
    """Refuse one more resource of a kind in the caller's account."""
    check(ctx.unit.count(collection, ctx.global_scope), quota, name)
