# SPDX-License-Identifier: Apache-2.0
"""From what an identity provider vouches for to the session of a role.

AssumeRoleWithWebIdentity and AssumeRoleWithSAML need no signature: the token or the assertion says
who calls. It is checked before anything else; then the role's trust policy decides, on the provider
as the principal and on what it vouches for as condition keys. The caller belongs to no account, the
call is recorded in the role's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from stockade.core import audit
from stockade.core.access import Resolver, Touched
from stockade.core.context import Context
from stockade.core.identity import Caller
from stockade.core.operation import Output
from stockade.core.sessions import Grant
from stockade.policy.decide import Principal
from stockade.services.sts.access import (
    needed_actions,
    one,
    role_account,
    role_keys,
    tag_keys,
    trusting,
)
from stockade.services.sts.answers import assumed_role, expiry
from stockade.services.sts.errors import InvalidIdentityToken
from stockade.services.sts.limits import check_role_duration, session_policies, session_tags
from stockade.services.sts.packing import packed_percentage
from stockade.services.sts.requires import Role, Roles

_SOURCE_IDENTITY = re.compile(r"[a-zA-Z_0-9+=,.@-]{2,64}")


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider vouches for, after everything about it was checked."""

    kind: str
    """`WebIdentityUser` or `SAMLUser`, as records name the caller."""
    provider: str
    """The provider's ARN."""
    identity_provider: str
    """What records name the provider."""
    principal_id: str
    user_name: str
    session_name: str
    trust_keys: dict[str, tuple[str, ...]]
    """The condition keys that the trust policy may ask for."""
    session_keys: dict[str, tuple[str, ...]]
    """Those of them that the session's requests have, too."""
    tags: dict[str, str] = {}
    transitive: tuple[str, ...] = ()
    source_identity: str = ""
    answer: dict[str, str] = {}
    """The members that the answer has beside the credentials."""
    seconds: int | None = None
    """How long the provider wants the session to be."""
    longest: int | None = None
    """How long the provider lets it be."""


def receive(ctx: Context, role_arn: str) -> str:
    """Note whose trail gets the call, and return the account of the role that is asked for."""
    account = role_account(role_arn)
    if ctx.port(Roles).account_exists(ctx.unit, account):
        ctx.recipient = account
    return account


def enter(ctx: Context, proof: Proof) -> None:
    """Make who a provider vouches for the caller of the request."""
    identity = {
        "type": proof.kind,
        "principalId": proof.principal_id,
        "userName": proof.user_name,
        "identityProvider": proof.identity_provider,
    }
    ctx.proof = proof
    ctx.caller = Caller(
        principal=Principal("federated", proof.provider, ""),
        user_id=proof.principal_id,
        access_key_id="",
        keys=proof.trust_keys | {"aws:federatedprovider": (proof.provider,)},
        audit_identity=audit.caller_identity(identity),
    )


def federated_role(action: str) -> Resolver:
    """Return the resolver of an operation that gives a role to who a provider vouches for."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        proof: Proof = ctx.proof
        role_arn = params["RoleArn"]
        role = ctx.port(Roles).find_role(ctx.unit, role_arn)
        actions = needed_actions(action, proof.tags, proof.source_identity or None)
        return trusting(
            ctx,
            role,
            role_arn,
            role_account(role_arn),
            {each: f"Not authorized to perform {each}" for each in actions},
            lambda name: _key(name, proof, role),
            (role,),
        )

    return resolve


def assume(
    ctx: Context,
    role: Role,
    *,
    seconds: int | None,
    policy: str,
    policy_arns: Sequence[Mapping[str, str]],
) -> Output:
    """Return temporary credentials of a role for who a provider vouches for."""
    proof: Proof = ctx.proof
    wanted = seconds or proof.seconds or 3_600
    check_role_duration(role, wanted, chained=False)
    named = session_policies(ctx, role.account, policy, policy_arns)
    tagged = session_tags(proof.tags, proof.transitive)
    packed = packed_percentage(policy, named, tagged.tags)
    grant = Grant(
        kind="role",
        account=role.account,
        entity=role.name,
        entity_id=role.role_id,
        name=proof.session_name,
        expires=expiry(ctx, wanted if proof.longest is None else min(wanted, proof.longest)),
        policy=policy,
        policy_arns=named,
        tags=tagged.tags,
        transitive=tagged.transitive,
        source_identity=proof.source_identity,
        provider=proof.provider,
        keys=proof.session_keys,
    )
    limited = policy or named or tagged.tags
    return assumed_role(ctx, role, grant, packed if limited else None) | proof.answer


def checked_source_identity(value: str) -> str:
    """Return the source identity that a provider names, or refuse one that AWS does not take."""
    if value and (not _SOURCE_IDENTITY.fullmatch(value) or value.lower().startswith("aws:")):
        raise InvalidIdentityToken(
            'Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"'
        )
    return value


def _key(name: str, proof: Proof, role: Role | None) -> tuple[str, ...] | None:
    match name:
        case "sts:rolesessionname":
            return one(proof.session_name)
        case "sts:sourceidentity":
            return one(proof.source_identity or None)
        case "sts:transitivetagkeys":
            return proof.transitive or None
    return proof.trust_keys.get(name) or tag_keys(proof.tags, name) or role_keys(role, name)
