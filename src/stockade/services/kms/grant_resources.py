# SPDX-License-Identifier: Apache-2.0
"""What KMS stores of grants, and what they are found by.

The grants of a key have a scope of their own, so that whatever is asked about them is counted,
listed and forgotten by key: a new grant on one key costs the others nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from stockade.core.arn import arn
from stockade.services.kms.resources import Key
from stockade.store.resources import Collection, Scope

Pairs = tuple[tuple[str, str], ...]
"""An encryption context as constraints see it: names in lower case, sorted."""

CARRYING = frozenset(
    {
        "CreateGrant",
        "Decrypt",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "ReEncryptFrom",
        "ReEncryptTo",
    }
)
"""The grant operations that carry an encryption context; CreateGrant's is that of its grant."""


class Constraints(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a request has to have for a grant to count."""

    equals: dict[str, str] | None = None
    subset: dict[str, str] | None = None
    source_arn: str = ""


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """A principal that a grant names: the name as it was given, and who bore it then."""

    name: str
    """An ARN, or a service such as `ebs.amazonaws.com`."""
    id: str
    """The unique id: who later takes the name of a deleted user or role gets nothing."""
    service: bool = False
    """Named as GranteeServicePrincipal or RetiringServicePrincipal."""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A permission on one key for one principal."""

    grant_id: str
    key_id: str
    account: str
    """The key's."""
    region: str
    issuing_account: str
    """Of whoever made the grant."""
    name: str
    created: datetime
    grantee: Party
    retiring: Party | None
    operations: tuple[str, ...]
    constraints: Constraints

    @property
    def key_arn(self) -> str:
        return arn("kms", self.region, self.account, f"key/{self.key_id}")


class Shapes(msgspec.Struct, frozen=True, kw_only=True):
    """Which names the Subset constraints of one grantee's grants on a key have."""

    grantee: str
    """Its unique id."""
    names: frozenset[tuple[str, ...]]


def given_constraints(constraints: Constraints) -> dict[str, Any]:
    """Return constraints as CreateGrant takes them."""
    given = {
        "EncryptionContextEquals": constraints.equals,
        "EncryptionContextSubset": constraints.subset,
        "SourceArn": constraints.source_arn or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def grants_scope(account: str, region: str, key_id: str) -> Scope:
    """Return where the grants of a key are kept."""
    return Scope(account, f"{region}/{key_id}")


def scope_of(key: Key) -> Scope:
    """Return where the grants of a key are kept."""
    return grants_scope(key.account, key.region, key.key_id)


def pairs(context: Mapping[str, str]) -> Pairs:
    """Return an encryption context as constraints see it: the case of values alone counts."""
    return tuple(sorted((name.lower(), value) for name, value in context.items()))


def filed(who: str, operation: str, source_arn: str, form: str) -> str:
    """Return the index entry of grants of one kind: see `filings`."""
    return f"{who} {operation} {source_arn} {form}"


def form(kind: str, context: Pairs) -> str:
    """Return how a constraint on the context is filed: `=` has to be equal, `+` to be in it."""
    return kind + hashlib.sha256(json.dumps(context).encode()).hexdigest()


def filings(grant: Grant) -> Iterator[str]:
    """Yield what a grant is found by where its grantee has very many on the same key.

    That is grantee, operation and constraints: all grants of one entry cover the same uses.
    """
    for operation in grant.operations:
        held = _form(grant.constraints) if operation in CARRYING else ""
        if held is not None:
            yield filed(grant.grantee.id, operation, grant.constraints.source_arn, held)


def _form(constraints: Constraints) -> str | None:
    """Return the form of both constraints, None where no context fulfils them."""
    subset = subset_of(constraints)
    if constraints.equals is None:
        return form("+", subset) if subset else ""
    equals = pairs(constraints.equals)
    return form("=", equals) if set(subset) <= set(equals) else None


def subset_of(constraints: Constraints) -> Pairs:
    """Return the pairs that have to be in a context."""
    return tuple(sorted(set(pairs(constraints.subset or {}))))


def shape(context: Pairs) -> tuple[str, ...]:
    """Return the names of a constraint: of a request the pairs of these names are looked up."""
    return tuple(name for name, _ in context)


def retiring_value(region: str, principal_id: str) -> str:
    """Return the index entry of the grants of a Region that a principal may retire."""
    return f"{region} {principal_id}"


GRANTS: Collection[Grant] = Collection(
    Grant,
    service="kms",
    kind="grant",
    id=lambda grant: grant.grant_id,
    indexes={
        "grantee": lambda grant: grant.grantee.id,
        "filed": filings,
        "retiring": lambda grant: (
            None if grant.retiring is None else retiring_value(grant.region, grant.retiring.id)
        ),
        "name": lambda grant: grant.name or None,
    },
)
SHAPES: Collection[Shapes] = Collection(
    Shapes, service="kms", kind="grant-shapes", id=lambda shapes: shapes.grantee
)
