# SPDX-License-Identifier: Apache-2.0
"""Whom a trust policy trusts: users and roles by what they are, not by what they are called.

As AWS does, a role keeps the unique id behind each user's or role's ARN that its trust policy
names. One who takes the name of somebody deleted is not trusted: the policy then shows the id in
place of the ARN, and nobody has it. A user who is renamed stays trusted under the new name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from stockade.policy.document import Document
from stockade.services.iam.lookup import entity_of_arn
from stockade.services.iam.resources import ROLES, Role, User
from stockade.store.unit import Unit


def unique_ids(unit: Unit, trust: Document) -> dict[str, str]:
    """Return the unique id behind each ARN of a user or role that a trust policy names."""
    named = (
        name.value
        for statement in trust.statements
        for name in (*(statement.principals or ()), *(statement.not_principals or ()))
        if name.type == "AWS"
    )
    found = ((arn, entity_of_arn(unit, arn)) for arn in named)
    return {arn: entity.unique_id for arn, entity in found if entity is not None}


def as_seen(unit: Unit, role: Role) -> Role:
    """Return a role with its trust policy as it counts: who is gone stands there by the id."""
    gone = {arn: id_ for arn, id_ in role.trusted.items() if _id_of(unit, arn) != id_}
    if not gone:
        return role
    return replace(role, trust_policy=_renamed(role.trust_policy, gone))


def follow(unit: Unit, old: User, new: User) -> None:
    """Have every trust policy that names a user name it by its new ARN."""
    if old.arn == new.arn:
        return
    names = {old.arn: new.arn}
    for scope, role in unit.find_anywhere(ROLES, "trusted", old.arn):
        if role.trusted[old.arn] == old.unique_id:
            trusted = {names.get(arn, arn): id_ for arn, id_ in role.trusted.items()}
            text = _renamed(role.trust_policy, names)
            unit.put(ROLES, scope, replace(role, trust_policy=text, trusted=trusted))


def _id_of(unit: Unit, arn: str) -> str:
    entity = entity_of_arn(unit, arn)
    return "" if entity is None else entity.unique_id


def _renamed(text: str, names: Mapping[str, str]) -> str:
    """Return a policy with other names for some of the principals of AWS that it names."""
    document = msgspec.json.decode(text)
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        for element in ("Principal", "NotPrincipal"):
            principals = statement.get(element)
            if isinstance(principals, dict) and "AWS" in principals:
                principals["AWS"] = _each(principals["AWS"], names)
    return msgspec.json.encode(document).decode()


def _each(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [names.get(each, each) for each in value]
    return names.get(value, value)
