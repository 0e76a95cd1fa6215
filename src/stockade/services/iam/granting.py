# SPDX-License-Identifier: Apache-2.0
"""Which policies give access to a service, whatever the resources and conditions they name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from stockade.core.access import Demand, Resolver, Touched
from stockade.core.arn import parse_arn
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.policy.compile import Policy
from stockade.policy.document import Statement
from stockade.policy.match import actions
from stockade.services.iam import callers
from stockade.services.iam.access import not_found
from stockade.services.iam.errors import InvalidInput, NoSuchEntity
from stockade.services.iam.groups import groups_of
from stockade.services.iam.lookup import (
    find_group,
    find_policy,
    find_role,
    find_user,
    parse_policy_arn,
)
from stockade.services.iam.paging import PAGE, among, listed
from stockade.services.iam.resources import Entity, Group, ManagedPolicy, Role, User
from stockade.services.iam.service import iam
from stockade.store.unit import Unit

Subject = User | Group | Role | ManagedPolicy
_FINDERS: Mapping[str, Callable[[Unit, str, str], User | Group | Role | None]] = MappingProxyType(
    {"user": find_user, "group": find_group, "role": find_role}
)


class Granting(NamedTuple):
    """A policy that speaks for somebody, and whose it is."""

    policy: Policy
    owner: Entity
    inline: bool


def arn_named(action: str, *, policies: bool) -> Resolver:
    """Return the resolver of an operation on the user, group or role of `Arn`, or a policy."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        arn = params["Arn"]
        kind, name = _named(arn, policies=policies)
        subject = find_subject(ctx, arn)
        missing = not_found(kind, name) if kind != "policy" else _no_policy(arn)
        return Touched(
            demands=(Demand(action=action, arn=arn, account=ctx.account),),
            resources=(subject,),
            absent=None if subject else missing,
        )

    return resolve


def find_subject(ctx: Context, arn: str) -> Subject | None:
    """Return the user, group, role or policy of an ARN of the caller's account."""
    fields = parse_arn(arn)
    if fields is None:
        return None
    kind, _, rest = fields.resource.partition("/")
    if kind == "policy":
        return find_policy(ctx.unit, ctx.account, arn)
    if kind not in _FINDERS or fields.account != ctx.account:
        return None
    found = _FINDERS[kind](ctx.unit, ctx.account, rest.rpartition("/")[2])
    return found if found is not None and found.arn == arn else None


@iam.operation(access=arn_named("iam:ListPoliciesGrantingServiceAccess", policies=False))
def list_policies_granting_service_access(
    ctx: Context,
    entity: Entity,
    *,
    arn: str,
    service_namespaces: Sequence[str],
    marker: str | None = None,
) -> Output:
    """Return, for each service, the policies that let a user, group or role use it."""
    del arn
    speaking = list(speaking_for(ctx, entity))

    def show(namespace: str) -> dict[str, Any]:
        found = [_shown(each) for each in speaking if grants(each.policy, namespace)]
        return {"ServiceNamespace": namespace, "Policies": found}

    asked = among(dict.fromkeys(service_namespaces), str)
    return listed("PoliciesGrantingServiceAccess", asked, str, show, PAGE, marker)


def speaking_for(ctx: Context, entity: Entity) -> Iterator[Granting]:
    """Return the policies that speak for a user, group or role, those of its groups too."""
    owners: list[Entity] = [entity]
    if isinstance(entity, User):
        owners += groups_of(ctx, entity)
    for owner in owners:
        for policy in callers.policies_of(ctx.unit, owner):
            yield Granting(policy, owner, inline=not policy.arn)


def grants(policy: Policy, namespace: str) -> bool:
    """Return whether a policy allows any action of a service, if only on some resources."""
    return any(_allows(statement.source, namespace) for statement in policy.statements)


def _allows(statement: Statement, namespace: str) -> bool:
    if statement.effect != "Allow":
        return False
    if statement.not_actions is not None:
        return not actions(statement.not_actions)(f"{namespace}:*")
    services = (action.partition(":")[0] for action in statement.actions or ())
    return any(actions((f"{service}:*",))(f"{namespace}:x") for service in services)


def _named(arn: str, *, policies: bool) -> tuple[str, str]:
    """Return what kind of thing an ARN names, and its name."""
    fields = parse_arn(arn)
    kind, _, rest = fields.resource.partition("/") if fields else ("", "", "")
    known = kind in _FINDERS or (policies and parse_policy_arn(arn) is not None)
    if fields is None or fields.service != "iam" or not known or not rest:
        raise InvalidInput(f"ARN {arn} is not valid.")
    return kind, rest.rpartition("/")[2]


def _no_policy(arn: str) -> NoSuchEntity:
    return NoSuchEntity(f"Policy {arn} was not found.")


def _shown(granting: Granting) -> dict[str, str]:
    shown = {"PolicyName": granting.policy.name}
    if not granting.inline:
        return shown | {"PolicyType": "MANAGED", "PolicyArn": granting.policy.arn}
    kind = type(granting.owner).__name__.upper()
    owner = {"EntityType": kind, "EntityName": granting.owner.name}
    return shown | {"PolicyType": "INLINE"} | owner
