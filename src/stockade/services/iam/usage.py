# SPDX-License-Identifier: Apache-2.0
"""Who uses a managed policy: whom it speaks for, and whom it bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.iam.access import policy_named
from stockade.services.iam.paging import PAGE, among, page, tail
from stockade.services.iam.resources import (
    GROUPS,
    ROLES,
    USERS,
    Entity,
    ManagedPolicy,
    Role,
    User,
)
from stockade.services.iam.service import iam
from stockade.services.iam.view import UNUSED, Usage
from stockade.store.resources import Scope
from stockade.store.unit import Unit

PERMISSIONS, BOUNDARY = "PermissionsPolicy", "PermissionsBoundary"
_KINDS = ("Group", "User", "Role")


class _Holder(NamedTuple):
    """Somebody who has a policy."""

    kind: str
    entity: Entity

    @property
    def id(self) -> str:
        return f"{self.kind}/{self.entity.id}"


@iam.operation(access=policy_named("iam:ListEntitiesForPolicy"))
def list_entities_for_policy(
    ctx: Context,
    policy: ManagedPolicy,
    *,
    policy_arn: str,
    entity_filter: str | None = None,
    path_prefix: str = "/",
    policy_usage_filter: str | None = None,
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return the users, groups and roles that have a managed policy, or have it as boundary."""
    del policy_arn
    uses = (policy_usage_filter,) if policy_usage_filter else (PERMISSIONS, BOUNDARY)
    holders = {
        holder.id: holder
        for holder in _holders(ctx.unit, ctx.global_scope, policy.arn, uses)
        if entity_filter in (None, holder.kind) and holder.entity.path.startswith(path_prefix)
    }
    found = page(
        among(holders.values(), lambda each: each.id), lambda each: each.id, max_items, marker
    )
    return {f"Policy{kind}s": _shown(found.items, kind) for kind in _KINDS} | tail(found)


def usage(unit: Unit, scope: Scope, policy_arn: str) -> Usage:
    """Return how often an account uses a managed policy."""
    return Usage(
        sum(1 for _ in _holders(unit, scope, policy_arn, (PERMISSIONS,))),
        sum(1 for _ in _holders(unit, scope, policy_arn, (BOUNDARY,))),
    )


def every_usage(unit: Unit, scope: Scope) -> Mapping[str, Usage]:
    """Return how often an account uses each policy that it uses, remembered until that changes."""

    def build() -> Mapping[str, Usage]:
        users, roles = unit.list(USERS, scope), unit.list(ROLES, scope)
        entities: list[Entity] = [*users, *roles, *unit.list(GROUPS, scope)]
        attached = Counter(arn for entity in entities for arn in entity.attached)
        bounded: list[User | Role] = [*users, *roles]
        bounding = Counter(entity.boundary for entity in bounded if entity.boundary)
        return {arn: Usage(attached[arn], bounding[arn]) for arn in {*attached, *bounding}}

    return unit.derive(("iam-usage", scope.account), build)


def is_used(used: Usage, policy_usage: str | None) -> bool:
    """Return whether a policy is used, or used in the way that a filter names."""
    if policy_usage == PERMISSIONS:
        return used.attached > 0
    if policy_usage == BOUNDARY:
        return used.bounding > 0
    return used != UNUSED


def _holders(unit: Unit, scope: Scope, arn: str, uses: tuple[str, ...]) -> Iterator[_Holder]:
    if PERMISSIONS in uses:
        yield from (_Holder("Group", each) for each in unit.find(GROUPS, scope, "policy", arn))
    for index in ("policy" if each == PERMISSIONS else "boundary" for each in uses):
        yield from (_Holder("Role", each) for each in unit.find(ROLES, scope, index, arn))
        yield from (_Holder("User", each) for each in unit.find(USERS, scope, index, arn))


def _shown(holders: list[_Holder], kind: str) -> list[dict[str, str]]:
    return [
        {f"{kind}Name": each.entity.name, f"{kind}Id": each.entity.unique_id}
        for each in holders
        if each.kind == kind
    ]
