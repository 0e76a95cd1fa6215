# SPDX-License-Identifier: Apache-2.0
"""From a request to what it touches, and who of the organization may ask for it at all.

Two questions, in this order. First the law: the caller's own policies must allow the action on the
ARN, whether or not the thing exists. Then the organization: some operations are for its management
account alone, some for every member; the reading ones are also for delegated administrators, and
what the delegation policy can hand on is for whom it names: then it is the policy of the resource,
and both sides must allow, as ever between accounts. Who may not ask hears that, and not whether
what was named exists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from stockade.core.access import ConditionKeys, Demand, Resolver, Touched
from stockade.core.context import Context
from stockade.policy.compile import Policy, compile_policy
from stockade.policy.document import parse
from stockade.protocol.errors import AwsError
from stockade.services.organizations import lookup
from stockade.services.organizations.errors import (
    NOT_YOURS,
    AWSOrganizationsNotInUseException,
    not_yours,
)
from stockade.services.organizations.resources import ORGANIZATIONS, Organization
from stockade.store.unit import Unit

Audience = Literal["management", "delegates", "readers", "members"]


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a request names."""

    arn: str
    resource: Any
    absent: AwsError | None = None
    tags: Mapping[str, str] = {}
    policy_type: str = ""


Find = Callable[[Context, Organization, Mapping[str, Any]], Named]


def management(action: str, *finds: Find) -> Resolver:
    """Return the resolver of what the management account alone may ask for."""
    return _resolver("management", action, finds)


def delegable(action: str, *finds: Find) -> Resolver:
    """Return the resolver of what the delegation policy may hand on."""
    return _resolver("delegates", action, finds)


def reading(action: str, *finds: Find) -> Resolver:
    """Return the resolver of what delegated administrators may ask for, too."""
    return _resolver("readers", action, finds)


def member(action: str, *finds: Find) -> Resolver:
    """Return the resolver of what every account of an organization may ask for."""
    return _resolver("members", action, finds)


def _resolver(audience: Audience, action: str, finds: tuple[Find, ...]) -> Resolver:
    """Return a resolver; its handler gets the organization and what `finds` found."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        organization = lookup.organization_of(ctx.unit, ctx.account)
        if organization is None:
            return _outside(ctx, action, params)
        named = [find(ctx, organization, params) for find in finds]
        absent = [each.absent for each in named if each.absent is not None]
        allowed, policy = _standing(ctx, organization, audience)
        owner = ctx.account if policy is None else organization.management_account
        return Touched(
            demands=_demands(action, params, named, owner, policy),
            resources=(organization, *(each.resource for each in named)),
            absent=(absent[0] if absent else None) if allowed else not_yours(),
        )

    return resolve


def _standing(
    ctx: Context, organization: Organization, audience: Audience
) -> tuple[bool, Policy | None]:
    """Return whether the caller's account may ask at all, and the policy on which it has to."""
    if ctx.account == organization.management_account or audience == "members":
        return True, None
    if audience == "readers" and may_read(ctx, organization):
        return True, None
    if audience != "management" and organization.resource_policy is not None:
        return True, delegation_policy(ctx.unit, organization)
    return False, None


def may_read(ctx: Context, organization: Organization) -> bool:
    """Return whether the caller's account sees the organization: its owner, or a delegate."""
    if ctx.account == organization.management_account:
        return True
    account = lookup.find_account(ctx.unit, organization, ctx.account)
    return account is not None and bool(account.services)


def delegation_policy(unit: Unit, organization: Organization) -> Policy | None:
    """Return the compiled delegation policy of an organization."""

    def build() -> Policy | None:
        stored = unit.get(ORGANIZATIONS, organization.scope, organization.id)
        if stored is None or stored.resource_policy is None:
            return None
        content = parse(stored.resource_policy.content, "resource")
        return compile_policy(content, arn=stored.resource_policy_arn)

    return unit.derive(("organizations-delegation", organization.id), build)


def _outside(ctx: Context, action: str, params: Mapping[str, Any]) -> Touched:
    """Return what a request touches whose account belongs to no organization."""
    keys = condition_keys(params, None)
    return Touched(
        demands=(Demand(action=action, account=ctx.account, keys=keys),),
        resources=(None,),
        absent=AWSOrganizationsNotInUseException(),
    )


def _demands(
    action: str,
    params: Mapping[str, Any],
    named: list[Named],
    owner: str,
    policy: Policy | None,
) -> tuple[Demand, ...]:
    """Return one demand for each thing named, and those for tags that are given along."""
    actions = (action, "organizations:TagResource") if _tags_along(action, params) else (action,)
    things: list[Named | None] = [*named] or [None]
    return tuple(
        Demand(
            action=each,
            arn="*" if thing is None else thing.arn,
            account=owner,
            policy=policy,
            denial=None if policy is None else NOT_YOURS,
            keys=condition_keys(params, thing),
        )
        for each in actions
        for thing in things
    )


def _tags_along(action: str, params: Mapping[str, Any]) -> bool:
    return bool(params.get("Tags")) and action != "organizations:TagResource"


def condition_keys(params: Mapping[str, Any], named: Named | None) -> ConditionKeys:
    """Return the condition keys that Organizations gives a call."""

    def find(name: str) -> tuple[str, ...] | None:
        if name == "organizations:policytype":
            return _one(params.get("Type") or params.get("PolicyType") or _type(params, named))
        if name == "organizations:serviceprincipal":
            return _one(params.get("ServicePrincipal"))
        if name.startswith("aws:resourcetag/"):
            return _tag({} if named is None else named.tags, name.removeprefix("aws:resourcetag/"))
        given = {tag["Key"]: tag["Value"] for tag in params.get("Tags", ())}
        if name.startswith("aws:requesttag/"):
            return _tag(given, name.removeprefix("aws:requesttag/"))
        if name == "aws:tagkeys":
            return tuple(params.get("TagKeys", ())) or tuple(given) or None
        return None

    return find


def _type(params: Mapping[str, Any], named: Named | None) -> str | None:
    wanted = params.get("Filter")
    if isinstance(wanted, str):
        return wanted
    return None if named is None else named.policy_type


def _one(value: str | None) -> tuple[str, ...] | None:
    return (value,) if value else None


def _tag(tags: Mapping[str, str], wanted: str) -> tuple[str, ...] | None:
    return tuple(value for name, value in tags.items() if name.lower() == wanted) or None
