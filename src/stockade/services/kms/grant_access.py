# SPDX-License-Identifier: Apache-2.0
"""Who may make, see and end grants.

CreateGrant, ListGrants and RevokeGrant are decided like every operation on a key. Who may retire a
grant stands in the grant: its retiring principal, its grantee if RetireGrant is among its
operations, and the account that made it. The key's account may hand kms:RetireGrant on by IAM; in
a key policy only a Deny of it counts. A caller of another account, which did not make the grant
either, needs IAM's permission as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from stockade.core.access import Demand, Resolver, Touched
from stockade.core.arn import arn, parse_arn
from stockade.core.context import Context
from stockade.policy.compile import Policy, compile_policy
from stockade.policy.principals import BY_ACCOUNT, NOT_NAMED
from stockade.services.kms import grant_tokens
from stockade.services.kms.access import (
    Named,
    demand_on,
    find_key,
    key_policy,
)
from stockade.services.kms.errors import InvalidArnException, NotFoundException
from stockade.services.kms.grant_resources import GRANTS, Grant, given_constraints, grants_scope
from stockade.services.kms.granting import caller_ids, is_foreign
from stockade.services.kms.resources import Key


def managed(action: str) -> Resolver:
    """Return the resolver of CreateGrant, ListGrants and RevokeGrant: a key of any account."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        named = named_key(ctx, params["KeyId"])

        return Touched(
            demands=(demand_on(ctx, named, action, params),),
            resources=(named.key,),
            absent=named.absent,
            audit=((named.arn, "AWS::KMS::Key"),),
        )

    return resolve


def named_key(ctx: Context, text: str) -> Named:
    """Return the key that a KeyId names; grants take no aliases."""
    fields = parse_arn(text)
    if (text if fields is None else fields.resource).startswith("alias/"):
        raise InvalidArnException("Key Aliases are not supported for this operation.")
    return find_key(ctx, text)


def retirement(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve RetireGrant: a grant by its token, or by its key and its id."""
    if "GrantToken" in params:
        found = grant_tokens.find(ctx, params["GrantToken"])
        if found.grant is None:
            raise no_such_grant(found.grant_id)
        key_arn = arn("kms", ctx.region, found.account, f"key/{found.key_id}")
        return _retiring(ctx, find_key(ctx, key_arn), found.grant_id, found.grant)
    if "KeyId" in params and "GrantId" in params:
        named = named_key(ctx, params["KeyId"])
        grant_id = params["GrantId"]
        return _retiring(ctx, named, grant_id, find_grant(ctx, named, grant_id))
    demand = Demand(action="kms:RetireGrant", account=ctx.account)
    return Touched(demands=(demand,), resources=(None,))


def find_grant(ctx: Context, named: Named, grant_id: str) -> Grant | None:
    """Return a key's grant."""
    key_id = named.arn.rpartition("/")[2]
    return ctx.unit.get(GRANTS, grants_scope(named.account, ctx.region, key_id), grant_id)


def no_such_grant(grant_id: str) -> NotFoundException:
    """Return the refusal of a grant that is not, or no longer, there."""
    return NotFoundException(f"Grant ID {grant_id} not found")


def _retiring(ctx: Context, named: Named, grant_id: str, grant: Grant | None) -> Touched:
    demand = demand_on(ctx, named, "kms:RetireGrant", _shown(grant))
    demand.policy = None if named.key is None else _denials(ctx, named.key)
    demand.must_allow = False
    demand.granted = None if grant is None else lambda: may_retire(ctx, grant)
    gone = no_such_grant(grant_id) if grant is None else None
    return Touched(
        demands=(demand,),
        resources=(grant,),
        absent=named.absent or gone,
        audit=((named.arn, "AWS::KMS::Key"),),
    )


def may_retire(ctx: Context, grant: Grant) -> int:
    """Return how firmly a grant names the caller as one who may retire it."""
    ids = {grant.issuing_account}
    if grant.retiring is not None:
        ids.add(grant.retiring.id)
    if "RetireGrant" in grant.operations:
        ids.add(grant.grantee.id)
    found = max((firmly for who, firmly in caller_ids(ctx) if who in ids), default=NOT_NAMED)
    trusted = grant.issuing_account == ctx.caller.account or not is_foreign(ctx, grant.account)
    return found if trusted else min(found, BY_ACCOUNT)


def _shown(grant: Grant | None) -> Mapping[str, Any]:
    """Return a grant's constraints as CreateGrant was given them."""
    if grant is None:
        return {}
    return {"Constraints": given_constraints(grant.constraints)}


def _denials(ctx: Context, key: Key) -> Policy:
    """Return what a key policy denies, without what it allows."""

    def build() -> Policy:
        policy = key_policy(ctx, key)
        kept = tuple(one for one in policy.document.statements if one.effect == "Deny")
        return compile_policy(replace(policy.document, statements=kept), arn=policy.arn)

    return ctx.unit.derive(("kms-policy-denials", key.scope, key.key_id), build)


def retirable(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve ListRetirableGrants: the principal in question is the resource, says AWS."""
    name = params.get("RetiringPrincipal", "*")
    fields = parse_arn(name)
    account = ctx.account if fields is None else fields.account
    demand = Demand(action="kms:ListRetirableGrants", arn=name, account=account)
    return Touched(demands=(demand,))
