# SPDX-License-Identifier: Apache-2.0
"""Aliases: names that point at a key of the same account and Region and can be moved (kms-24)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from stockade.core.access import Demand, Resolver, Touched
from stockade.core.arn import arn
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.kms import managed_keys, view
from stockade.services.kms.access import (
    demand_on,
    demand_on_alias,
    find_key,
    find_own_key,
)
from stockade.services.kms.errors import (
    AlreadyExistsException,
    InvalidAliasNameException,
    LimitExceededException,
    NotAuthorizedException,
    NotFoundException,
    ValidationException,
)
from stockade.services.kms.lifecycle import CHANGE, must_allow
from stockade.services.kms.paging import listed
from stockade.services.kms.resources import ALIASES, Alias, Key
from stockade.services.kms.service import kms

ALIASES_PER_KEY = 50

_NAME = re.compile(r"alias/[a-zA-Z0-9/_-]+")


def _alias_and_target(action: str) -> Resolver:
    """Return the resolver of an operation on an alias and on the key it is to point at."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        name = params["AliasName"]
        target = find_own_key(ctx, params["TargetKeyId"])
        demands = [
            demand_on_alias(ctx, name, action),
            demand_on(ctx, target, action, params),
        ]
        old = ctx.unit.get(ALIASES, ctx.scope, name)
        if old is not None and action == "kms:UpdateAlias":
            demands.append(demand_on(ctx, find_key(ctx, old.key_id), action, params))
        return Touched(
            demands=tuple(demands),
            resources=(target.key,),
            absent=target.absent,
            audit=(
                (arn("kms", ctx.region, ctx.account, name), "AWS::KMS::Alias"),
                (target.arn, "AWS::KMS::Key"),
            ),
        )

    return resolve


def _alias_and_its_key(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve DeleteAlias: the alias, and the key that it points at."""
    name = params["AliasName"]
    demands = [demand_on_alias(ctx, name, "kms:DeleteAlias")]
    alias = ctx.unit.get(ALIASES, ctx.scope, name)
    if alias is not None:
        demands.append(demand_on(ctx, find_key(ctx, alias.key_id), "kms:DeleteAlias", params))
    alias_arn = arn("kms", ctx.region, ctx.account, name)
    return Touched(
        demands=tuple(demands),
        resources=(alias,),
        absent=None if alias else NotFoundException(f"Alias {alias_arn} is not found."),
        audit=((alias_arn, "AWS::KMS::Alias"),),
    )


def _list(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve ListAliases: IAM's alone; a key given as filter has to exist."""
    target = find_key(ctx, params["KeyId"]) if "KeyId" in params else None
    return Touched(
        demands=(Demand(action="kms:ListAliases", account=ctx.account),),
        resources=(target.key if target else None,),
        absent=target.absent if target else None,
    )


@kms.operation(access=_alias_and_target("kms:CreateAlias"), writes=True)
def create_alias(ctx: Context, target: Key, *, alias_name: str, target_key_id: str) -> Output:
    """Give a key another name."""
    del target_key_id
    _must_be_free_name(alias_name)
    if ctx.unit.get(ALIASES, ctx.scope, alias_name) is not None:
        raise AlreadyExistsException(arn=arn("kms", ctx.region, ctx.account, alias_name))
    _must_take_alias(ctx, target)
    alias = Alias(name=alias_name, key_id=target.key_id, created=ctx.now, updated=ctx.now)
    ctx.unit.put(ALIASES, ctx.scope, alias)
    return {}


@kms.operation(access=_alias_and_target("kms:UpdateAlias"), writes=True)
def update_alias(ctx: Context, target: Key, *, alias_name: str, target_key_id: str) -> Output:
    """Point an alias at another key."""
    del target_key_id
    _must_be_free_name(alias_name)
    alias = ctx.unit.get(ALIASES, ctx.scope, alias_name)
    if alias is None:
        alias_arn = arn("kms", ctx.region, ctx.account, alias_name)
        raise NotFoundException(f"Alias {alias_arn} is not found.")
    if alias.key_id != target.key_id:
        _must_take_alias(ctx, target)
    must_allow(target, CHANGE)
    ctx.unit.put(ALIASES, ctx.scope, replace(alias, key_id=target.key_id, updated=ctx.now))
    return {}


@kms.operation(access=_alias_and_its_key, writes=True)
def delete_alias(ctx: Context, alias: Alias, *, alias_name: str) -> Output:
    """Take a name away; the key stays."""
    _must_be_free_name(alias_name)
    ctx.unit.delete(ALIASES, ctx.scope, alias.name)
    return {}


@kms.operation(access=_list)
def list_aliases(
    ctx: Context,
    target: Key | None,
    *,
    key_id: str | None = None,
    limit: int = 100,
    marker: str | None = None,
) -> Output:
    """Return the aliases of the account and Region, or those of one key."""
    del key_id

    def aliases(after: str, count: int) -> list[Alias]:
        if target is None:
            stored = ctx.unit.list(ALIASES, ctx.scope, after=after, limit=count)
            return _with_predefined(ctx, stored, after)[:count]
        return ctx.unit.find(ALIASES, ctx.scope, "key", target.key_id, after=after, limit=count)

    def show(alias: Alias) -> dict[str, Any]:
        return view.alias_entry(alias, ctx.account, ctx.region)

    return listed("Aliases", aliases, lambda alias: alias.name, show, limit, marker)


def _with_predefined(ctx: Context, stored: list[Alias], after: str) -> list[Alias]:
    """Return aliases together with those of AWS's that have no key yet, in order."""
    free = [
        Alias(name=name, key_id="", created=ctx.now, updated=ctx.now)
        for name in managed_keys.NAMES
        if name > after and ctx.unit.get(ALIASES, ctx.scope, name) is None
    ]
    return sorted([*stored, *free], key=lambda alias: alias.name)


def _must_be_free_name(name: str) -> None:
    if not name.startswith("alias/"):
        raise ValidationException(
            'Alias must start with the prefix "alias/". Please see '
            "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
        )
    if name.startswith("alias/aws/"):
        raise NotAuthorizedException(hint=f"alias/aws/ is AWS's own: {name} cannot be made")
    if not _NAME.fullmatch(name):
        raise InvalidAliasNameException("Invalid alias name.")


def _must_take_alias(ctx: Context, target: Key) -> None:
    must_allow(target, CHANGE)
    held = ctx.unit.find(ALIASES, ctx.scope, "key", target.key_id, limit=ALIASES_PER_KEY)
    if len(held) >= ALIASES_PER_KEY:
        raise LimitExceededException(f"The key {target.arn} has {ALIASES_PER_KEY} aliases already.")
