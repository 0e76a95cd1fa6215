# SPDX-License-Identifier: Apache-2.0
"""Grants: permissions on one key for one principal, made and ended without touching a policy.

They count from the next request on: the store is asked, and no copy of it lags behind. A grant
made with the permission of a grant can only be narrower, which is decided where it is allowed
(granting.py): AWS refuses a wider one as a caller without permission.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from stockade.core.arn import arn
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.protocol.refusals import AccessDenied
from stockade.services.kms import grant_rules, lifecycle, paging
from stockade.services.kms.errors import (
    DryRunOperationException,
    LimitExceededException,
    ValidationException,
)
from stockade.services.kms.grant_access import managed, no_such_grant, retirable, retirement
from stockade.services.kms.grant_resources import (
    GRANTS,
    SHAPES,
    Grant,
    Party,
    Shapes,
    given_constraints,
    grants_scope,
    retiring_value,
    scope_of,
    shape,
    subset_of,
)
from stockade.services.kms.grant_tokens import make as new_token
from stockade.services.kms.ready import check_tokens
from stockade.services.kms.resources import Key
from stockade.services.kms.service import kms
from stockade.store.resources import Scope

KEY_LIMIT = 50_000
NO_CONSTRAINTS: Mapping[str, Any] = MappingProxyType({})


@kms.operation(access=managed("kms:CreateGrant"), writes=True)
def create_grant(
    ctx: Context,
    key: Key,
    *,
    key_id: str,
    operations: Sequence[str],
    grantee_principal: str | None = None,
    grantee_service_principal: str | None = None,
    retiring_principal: str | None = None,
    retiring_service_principal: str | None = None,
    constraints: Mapping[str, Any] = NO_CONSTRAINTS,
    grant_tokens: Sequence[str] = (),
    name: str = "",
    dry_run: bool = False,
) -> Output:
    """Give a principal the use of a key; the same name and members again give the same grant."""
    del key_id
    check_tokens(ctx, grant_tokens)
    lifecycle.must_allow(key, lifecycle.CREATE_GRANT)
    parties = {
        "GranteePrincipal": grantee_principal,
        "GranteeServicePrincipal": grantee_service_principal,
        "RetiringPrincipal": retiring_principal,
        "RetiringServicePrincipal": retiring_service_principal,
    }
    asked = Grant(
        grant_id=ctx.random(32).hex(),
        key_id=key.key_id,
        account=key.account,
        region=key.region,
        issuing_account=ctx.account or ctx.source_account or key.account,
        name=name,
        created=ctx.now.replace(microsecond=0),
        grantee=grant_rules.grantee(ctx, parties),
        retiring=grant_rules.retiring(ctx, parties),
        operations=grant_rules.operations(key, operations),
        constraints=grant_rules.constraints(key, constraints),
    )
    grant_rules.check_service_grant(asked.grantee, asked.retiring, asked.constraints)
    if dry_run:
        raise DryRunOperationException
    grant = _existing(ctx, key, asked) or _store(ctx, key, asked)
    return {"GrantToken": new_token(ctx, grant), "GrantId": grant.grant_id}


@kms.operation(access=managed("kms:ListGrants"))
def list_grants(
    ctx: Context,
    key: Key,
    *,
    key_id: str,
    grant_id: str | None = None,
    grantee_principal: str | None = None,
    grantee_service_principal: str | None = None,
    limit: int = 50,
    marker: str | None = None,
) -> Output:
    """Return the grants of a key: all, one, or those of a grantee."""
    del key_id
    _services_only(ctx, "GranteeServicePrincipal", grantee_service_principal)
    who = _wanted(ctx, "Grantee", grantee_principal, grantee_service_principal)
    scope = scope_of(key)

    def grants(after: str, count: int) -> list[Grant]:
        if grant_id is not None:
            grant = ctx.unit.get(GRANTS, scope, grant_id)
            fits = grant is not None and who in (None, grant.grantee.id) and after < grant_id
            return [grant] if grant is not None and fits else []
        if who is not None:
            return ctx.unit.find(GRANTS, scope, "grantee", who, after=after, limit=count)
        return ctx.unit.list(GRANTS, scope, after=after, limit=count)

    return _listed(ctx, grants, limit, marker)


@kms.operation(access=retirable)
def list_retirable_grants(
    ctx: Context,
    *,
    retiring_principal: str | None = None,
    retiring_service_principal: str | None = None,
    limit: int = 50,
    marker: str | None = None,
) -> Output:
    """Return the grants of the Region, on keys of any account, that a principal may retire."""
    _services_only(ctx, "RetiringServicePrincipal", retiring_service_principal)
    who = _wanted(ctx, "Retiring", retiring_principal, retiring_service_principal)
    if who is None:
        raise ValidationException(
            "You must specify either RetiringPrincipal or RetiringServicePrincipal, but not both."
        )
    value = retiring_value(ctx.region, who)

    def grants(after: str, count: int) -> list[Grant]:
        found = [grant for _, grant in ctx.unit.find_anywhere(GRANTS, "retiring", value)]
        following = (grant for grant in found if grant.grant_id > after)
        return sorted(following, key=lambda grant: grant.grant_id)[:count]

    return _listed(ctx, grants, limit, marker)


@kms.operation(access=retirement, writes=True)
def retire_grant(
    ctx: Context,
    grant: Grant | None,
    *,
    grant_token: str | None = None,
    key_id: str | None = None,
    grant_id: str | None = None,
    dry_run: bool = False,
) -> Output:
    """End a grant, by whom the grant itself lets do it."""
    del grant_token, key_id, grant_id
    if grant is None:
        raise ValidationException(
            "You must specify either a grant token, or both a grant ID and a key ID."
        )
    return _end(ctx, grant, dry_run=dry_run)


@kms.operation(access=managed("kms:RevokeGrant"), writes=True)
def revoke_grant(
    ctx: Context, key: Key, *, key_id: str, grant_id: str, dry_run: bool = False
) -> Output:
    """End a grant, by whom the policies let do it."""
    del key_id
    grant = ctx.unit.get(GRANTS, scope_of(key), grant_id)
    if grant is None:
        raise no_such_grant(grant_id)
    return _end(ctx, grant, dry_run=dry_run)


def _existing(ctx: Context, key: Key, asked: Grant) -> Grant | None:
    """Return the grant of the same name and members: the request was sent again."""
    if not asked.name:
        return None
    for grant in ctx.unit.find(GRANTS, scope_of(key), "name", asked.name):
        if _members(grant) == _members(asked):
            return grant
    return None


def _members(grant: Grant) -> tuple[object, ...]:
    """Return what the request for a grant said; of principals who they are, not their names."""
    return (
        grant.issuing_account,
        grant.grantee.id,
        None if grant.retiring is None else grant.retiring.id,
        frozenset(grant.operations),
        grant.constraints,
    )


def _store(ctx: Context, key: Key, grant: Grant) -> Grant:
    scope = scope_of(key)
    if ctx.unit.count(GRANTS, scope) >= KEY_LIMIT:
        raise LimitExceededException(f"The limit of {KEY_LIMIT} grants for {key.arn} is reached.")
    ctx.unit.put(GRANTS, scope, grant)
    _remember_shape(ctx, scope, grant)
    return grant


def _remember_shape(ctx: Context, scope: Scope, grant: Grant) -> None:
    names = shape(subset_of(grant.constraints))
    known = ctx.unit.get(SHAPES, scope, grant.grantee.id)
    shapes = known.names if known is not None else frozenset()
    if names and names not in shapes:
        together = Shapes(grantee=grant.grantee.id, names=shapes | {names})
        ctx.unit.put(SHAPES, scope, together)


def _end(ctx: Context, grant: Grant, *, dry_run: bool) -> Output:
    if dry_run:
        raise DryRunOperationException
    scope = grants_scope(grant.account, grant.region, grant.key_id)
    ctx.unit.delete(GRANTS, scope, grant.grant_id)
    if not ctx.unit.find(GRANTS, scope, "grantee", grant.grantee.id, limit=1):
        ctx.unit.delete(SHAPES, scope, grant.grantee.id)
    return {}


def _wanted(ctx: Context, role: str, principal: str | None, service: str | None) -> str | None:
    """Return the unique id that grants are asked for by; an id itself may be given, too."""
    if principal is not None and service is not None:
        raise ValidationException(
            f"You can specify either {role}Principal or {role}ServicePrincipal, but not both."
        )
    if principal is None:
        return service
    found = grant_rules.principal_id(ctx, principal)
    if found is None and principal.startswith("arn:"):
        raise grant_rules.no_such_principal(principal)
    return found or principal


def _services_only(ctx: Context, member: str, value: str | None) -> None:
    if value is not None and ctx.caller.principal.kind != "service":
        raise AccessDenied(f"{member} is only usable by callers in a service principal.")


def _listed(
    ctx: Context, grants: Callable[[str, int], list[Grant]], limit: int, marker: str | None
) -> Output:
    def show(grant: Grant) -> dict[str, Any]:
        return _entry(ctx, grant)

    return paging.listed("Grants", grants, lambda grant: grant.grant_id, show, limit, marker)


def _entry(ctx: Context, grant: Grant) -> dict[str, Any]:
    """Return a grant as `GrantListEntry`."""
    shown = {
        "KeyId": grant.key_arn,
        "GrantId": grant.grant_id,
        "Name": grant.name,
        "CreationDate": grant.created,
        "IssuingAccount": arn("iam", "", grant.issuing_account, "root"),
        "Operations": list(grant.operations),
        **_shown_party(ctx, "Grantee", grant.grantee),
    }
    if grant.retiring is not None:
        shown |= _shown_party(ctx, "Retiring", grant.retiring)
    constraints = given_constraints(grant.constraints)
    return shown | ({"Constraints": constraints} if constraints else {})


def _shown_party(ctx: Context, role: str, party: Party) -> dict[str, str]:
    """Return a principal by its name, or by its unique id when it is gone."""
    if party.service:
        return {f"{role}ServicePrincipal": party.name}
    if party.name == party.id or grant_rules.principal_id(ctx, party.name) == party.id:
        return {f"{role}Principal": party.name}
    return {f"{role}Principal": party.id}
