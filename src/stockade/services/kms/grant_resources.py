# SPDX-License-Identifier: Apache-2.0
"""What KMS stores of grants, and what they are found by.

The grants of a key have a scope of their own, so that whatever is asked about them is counted,
listed and forgotten by key: a new grant on one key costs the others nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
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


def digest(part: object) -> str:
    """Return what stands for pairs in an index."""
    return hashlib.sha256(json.dumps(part).encode()).hexdigest()


def filed(who: str, operation: str, source_arn: str, form: str) -> str:
    """Return the index entry of grants of one kind: see `filings`."""
    return f"{who} {operation} {source_arn} {form}"


def filings(grant: Grant) -> Iterator[str]:
    """Yield what a grant is found by where its grantee has very many on the same key.

    That is grantee, operation, SourceArn, and of the encryption context the whole that has to be
    equal, or the longest of the pairs that have to be in it.
    """
    for operation in grant.operations:
        form = _form(grant.constraints) if operation in CARRYING else ""
        if form is not None:
            yield filed(grant.grantee.id, operation, grant.constraints.source_arn, form)


def _form(constraints: Constraints) -> str | None:
    """Return how the constraints on the context are filed, None where no context fulfils them."""
    subset = pairs(constraints.subset or {})
    if constraints.equals is not None:
        equals = pairs(constraints.equals)
        return f"={digest(equals)}" if set(subset) <= set(equals) else None
    return f"+{digest(_longest(subset))}" if subset else ""


def _longest(some: Iterable[tuple[str, str]]) -> tuple[str, str]:
    return max(some, key=lambda pair: (len(pair[0]) + len(pair[1]), pair))


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
