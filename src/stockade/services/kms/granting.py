# SPDX-License-Identifier: Apache-2.0
"""Whom the grants of a key help: asked only where the policies do not allow (kms-3).

A grant is a resource-based permission, and held by limits as those are: what it gives to a user or
a role session, it gives to that caller directly; what it gives to a role, a boundary or session
policies of the role's sessions may withhold; what it gives to an account, the account's identity
policies hand on. So they do for a caller of another account, unless that account itself made the
grant: what the key's owner gives, the caller's account has to allow as well.

A caller's grants on a key are remembered while they are few. Of very many, the store's index gives
the ones that fit the request, so that neither a use nor a change ever reads them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

from stockade.core.context import Context
from stockade.policy.principals import BY_ACCOUNT, BY_ROLE, DIRECTLY, NOT_NAMED
from stockade.services.kms.grant_resources import (
    CARRYING,
    GRANTS,
    SHAPES,
    Grant,
    Pairs,
    filed,
    form,
    pairs,
    scope_of,
    subset_of,
)
from stockade.services.kms.resources import Key
from stockade.store.resources import Scope

OPERATIONS = frozenset(
    {
        *CARRYING,
        "Decapsulate",
        "DeriveSharedSecret",
        "DescribeKey",
        "Encapsulate",
        "GenerateMac",
        "GetPublicKey",
        "RetireGrant",
        "Sign",
        "Verify",
        "VerifyMac",
    }
)
"""What a grant can allow; a test holds it against the model."""
ACTIONS = frozenset(f"kms:{operation}" for operation in OPERATIONS)
FEW = 64
"""How many grants of one caller on one key are remembered together."""


class Asked(NamedTuple):
    """A use of a key as constraints look at it."""

    operation: str
    context: Pairs = ()
    """Of CreateGrant the constraint of the grant that it is to make."""
    exact: bool = True
    """False where the context may have more in it: a grant with a Subset constraint, or none."""
    source_arn: str = ""
    made: tuple[frozenset[str], str] | None = None
    """Of CreateGrant the operations and the SourceArn of the grant that it is to make."""
    issuer: str = ""
    """The account whose grants alone are asked for, empty for everybody's."""


class Cover(NamedTuple):
    """What a grant allows, ready to be compared."""

    operations: frozenset[str]
    source_arn: str
    equals: Pairs | None
    subset: frozenset[tuple[str, str]]
    issuer: str

    def covers(self, asked: Asked) -> bool:
        """Tell whether the grant allows a use."""
        if asked.operation not in self.operations or asked.issuer not in ("", self.issuer):
            return False
        if self.source_arn and self.source_arn != asked.source_arn:
            return False
        if asked.operation in CARRYING and not self._fits(asked):
            return False
        return asked.made is None or self._at_least(*asked.made)

    def _fits(self, asked: Asked) -> bool:
        if self.equals is not None and not (asked.exact and asked.context == self.equals):
            return False
        return self.subset.issubset(asked.context)

    def _at_least(self, operations: frozenset[str], source_arn: str) -> bool:
        """Tell whether a grant to be made allows no more than this one."""
        return operations <= self.operations and self.source_arn in ("", source_arn)


def cover_of(grant: Grant) -> Cover:
    """Return what a grant allows."""
    constraints = grant.constraints
    return Cover(
        operations=frozenset(grant.operations),
        source_arn=constraints.source_arn,
        equals=None if constraints.equals is None else pairs(constraints.equals),
        subset=frozenset(subset_of(constraints)),
        issuer=grant.issuing_account,
    )


def helped(
    ctx: Context, key: Key | None, action: str, params: Mapping[str, Any]
) -> Callable[[], int] | None:
    """Return the question how firmly a key's grants name the caller, None where none can."""
    if key is None or action not in ACTIONS:
        return None
    return lambda: naming(ctx, key, asked_for(ctx, action.removeprefix("kms:"), params))


def asked_for(ctx: Context, operation: str, params: Mapping[str, Any]) -> Asked:
    """Return what a request asks of the grants."""
    if operation != "CreateGrant":
        context = pairs(params.get("EncryptionContext", {}))
        return Asked(operation, context, source_arn=ctx.source_arn)
    constraints = params.get("Constraints", {})
    equals = constraints.get("EncryptionContextEquals")
    subset = constraints.get("EncryptionContextSubset", {})
    return Asked(
        operation,
        pairs(subset if equals is None else equals),
        exact=equals is not None,
        source_arn=ctx.source_arn,
        made=(frozenset(params["Operations"]), constraints.get("SourceArn", "")),
    )


def naming(ctx: Context, key: Key, asked: Asked) -> int:
    """Return how firmly the grants of a key that cover a use name the caller."""
    scope, ids, foreign = scope_of(key), caller_ids(ctx), is_foreign(ctx, key.account)
    trusted = asked._replace(issuer=ctx.caller.account) if foreign else asked
    for who, firmly in ids:
        if _covered(ctx, scope, who, trusted):
            return firmly
    if foreign and any(_covered(ctx, scope, who, asked) for who, _ in ids):
        return BY_ACCOUNT
    return NOT_NAMED


def is_foreign(ctx: Context, account: str) -> bool:
    """Tell whether the caller belongs to another account than a key; AWS's services do not."""
    return ctx.caller.principal.kind != "service" and ctx.caller.account != account


def caller_ids(ctx: Context) -> tuple[tuple[str, int], ...]:
    """Return the unique ids that a caller goes by, the firmest first."""
    caller = ctx.caller
    account = caller.account
    match caller.principal.kind:
        case "service":
            name = caller.principal.service
            regional = f"{name.removesuffix('.amazonaws.com')}.{ctx.region}.amazonaws.com"
            return (name, DIRECTLY), (regional, DIRECTLY)
        case "root":
            return ((account, DIRECTLY),)
        case "anonymous":
            return ()
    own, handed_on = (caller.user_id, DIRECTLY), (account, BY_ACCOUNT)
    behind = caller.grant.entity_id if caller.grant is not None else ""
    if behind and behind != caller.user_id:
        return own, (behind, BY_ROLE), handed_on
    return own, handed_on


def _covered(ctx: Context, scope: Scope, who: str, asked: Asked) -> bool:
    known = ctx.unit.derive(("kms-grants", scope, who), lambda: _some(ctx, scope, who))
    if len(known) <= FEW:
        return any(cover.covers(asked) for cover in known)
    shapes = ctx.unit.get(SHAPES, scope, who)
    return any(
        cover.covers(asked)
        for value in filings_asked(who, asked, shapes.names if shapes is not None else ())
        for cover in _filed(ctx, scope, value, asked)
    )


def _some(ctx: Context, scope: Scope, who: str) -> tuple[Cover, ...]:
    found = ctx.unit.find(GRANTS, scope, "grantee", who, limit=FEW + 1)
    return tuple(map(cover_of, found))


def _filed(ctx: Context, scope: Scope, value: str, asked: Asked) -> tuple[Cover, ...]:
    """Return the grants of one entry; one is as good as all, except to make others with."""
    limit = 1 if asked.made is None and not asked.issuer else None

    def find() -> tuple[Cover, ...]:
        return tuple(map(cover_of, ctx.unit.find(GRANTS, scope, "filed", value, limit=limit)))

    return ctx.unit.derive(("kms-grants-filed", scope, value, limit), find)


def filings_asked(who: str, asked: Asked, shapes: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield under which entries a grant can be filed that covers a use."""
    forms = [""]
    if asked.operation in CARRYING:
        if asked.exact:
            forms.append(form("=", asked.context))
        forms += [form("+", part) for part in _parts(asked.context, shapes)]
    for source_arn in {"", asked.source_arn}:
        for held in forms:
            yield filed(who, asked.operation, source_arn, held)


def _parts(context: Pairs, shapes: Iterable[tuple[str, ...]]) -> Iterator[Pairs]:
    """Yield the parts of a context that have the names of some constraint."""
    by_name: dict[str, list[tuple[str, str]]] = {}
    for pair in context:
        by_name.setdefault(pair[0], []).append(pair)
    for names in shapes:
        if by_name.keys() >= set(names):
            yield from product(*(by_name[name] for name in names))
