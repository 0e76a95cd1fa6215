# SPDX-License-Identifier: Apache-2.0
"""Whom a trust policy trusts: users and roles by what they are, not by what they are called.

As AWS does, a role keeps the unique id behind each user's or role's ARN that its trust policy
names. One who takes the name of somebody deleted is not trusted: the policy then shows the id in
place of the ARN, and nobody has it. A user who is renamed stays trusted under the new name.
"""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.policy import principal_ids
from stockade.policy.document import Document
from stockade.services.iam.lookup import entity_of_arn
from stockade.services.iam.requires import ResourcePolicies
from stockade.services.iam.resources import ROLES, Role, User
from stockade.store.unit import Unit


def unique_ids(unit: Unit, trust: Document) -> dict[str, str]:
    """Return the unique id behind each ARN of a user or role that a trust policy names."""
    return principal_ids.unique_ids(trust, partial(unique_id, unit))


def as_seen(unit: Unit, role: Role) -> Role:
    """Return a role with its trust policy as it counts: who is gone stands there by the id."""
    text = principal_ids.as_seen(role.trust_policy, role.trusted, partial(unique_id, unit))
    return role if text is role.trust_policy else replace(role, trust_policy=text)


def follow(ctx: Context, old: User, new: User) -> None:
    """Have every policy that means a user name it by its new ARN: roles' and resources'."""
    if old.arn == new.arn:
        return
    names = {old.arn: new.arn}
    for scope, role in ctx.unit.find_anywhere(ROLES, "trusted", old.arn):
        if role.trusted[old.arn] == old.unique_id:
            trusted = {names.get(arn, arn): id_ for arn, id_ in role.trusted.items()}
            text = principal_ids.renamed(role.trust_policy, names)
            ctx.unit.put(ROLES, scope, replace(role, trust_policy=text, trusted=trusted))
    ctx.port(ResourcePolicies).follow(ctx.unit, old.unique_id, names)


def unique_id(unit: Unit, arn: str) -> str:
    """Return the unique id of the user or role that an ARN names, empty where it names none."""
    entity = entity_of_arn(unit, arn)
    return "" if entity is None else entity.unique_id
