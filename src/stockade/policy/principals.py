# SPDX-License-Identifier: Apache-2.0
"""Whom a statement of a resource policy names, and how firmly.

AWS lets the way of naming decide what a resource policy can grant within an account:
the account (root ARN or number) only delegates to its identity policies; a role is still
held by the boundary and the session policies of its sessions; the caller's own ARN, or `*`,
grants to the caller directly. A statement without a Principal never applies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stockade.policy.elements import PrincipalName, Statement
    from stockade.policy.request import Principal

NOT_NAMED: Final = 0
BY_ACCOUNT: Final = 1
BY_ROLE: Final = 2
DIRECTLY: Final = 3

Naming = Callable[["Principal", bool], int]
"""From a caller, and whether it has a permissions boundary, to how firmly it is named."""


class _Names(msgspec.Struct, frozen=True):
    """A Principal element, sorted by kind of name."""

    everyone: bool
    accounts: frozenset[str]
    arns: frozenset[str]
    services: frozenset[str]
    providers: frozenset[str]

    def naming(self, principal: Principal, _bounded: bool = False) -> int:
        """Tell how firmly the names name a caller."""
        if self.everyone or principal.arn in self.arns:
            return DIRECTLY
        if principal.kind == "service":
            return DIRECTLY if principal.service in self.services else NOT_NAMED
        if principal.kind == "federated" and principal.arn in self.providers:
            return DIRECTLY
        if principal.role_arn and principal.role_arn in self.arns:
            return BY_ROLE
        if principal.account and principal.account in self.accounts:
            return DIRECTLY if principal.kind == "root" else BY_ACCOUNT
        return NOT_NAMED


def naming_of(statement: Statement) -> Naming:
    """Compile the Principal or NotPrincipal element of a statement."""
    if statement.principals is not None:
        return _sorted(statement.principals).naming
    if statement.not_principals is None:
        return _nobody
    names = _sorted(statement.not_principals)
    return _allowed_but(names) if statement.effect == "Allow" else _denied_but(names)


def _nobody(_principal: Principal, _bounded: bool) -> int:
    return NOT_NAMED


def _allowed_but(names: _Names) -> Naming:
    """Allow with NotPrincipal leaves out whoever is named in any way."""

    def naming(principal: Principal, _bounded: bool) -> int:
        return NOT_NAMED if names.naming(principal) else DIRECTLY

    return naming


def _denied_but(names: _Names) -> Naming:
    """Deny with NotPrincipal spares a caller only when every ARN it goes by is named.

    That is the role and the session for a session; the account spares its root alone.
    A principal with a permissions boundary is never spared, as AWS warns.
    """

    def naming(principal: Principal, bounded: bool) -> int:
        spared = (
            not bounded
            and names.naming(principal) == DIRECTLY
            and (names.everyone or principal.role_arn in names.arns or not principal.role_arn)
        )
        return NOT_NAMED if spared else DIRECTLY

    return naming


def _sorted(names: Iterable[PrincipalName]) -> _Names:
    of_type: dict[str, list[str]] = {"*": [], "AWS": [], "Service": [], "Federated": []}
    for name in names:
        of_type.setdefault(name.type, []).append(name.value)
    return _Names(
        everyone=bool(of_type["*"]) or "*" in of_type["AWS"],
        accounts=frozenset(filter(None, map(account_of, of_type["AWS"]))),
        arns=frozenset(of_type["AWS"]),
        services=frozenset(of_type["Service"]),
        providers=frozenset(of_type["Federated"]),
    )


def account_of(value: str) -> str:
    """Return the account that an AWS principal names as a whole, or nothing."""
    if len(value) == 12 and value.isascii() and value.isdigit():
        return value
    parts = value.split(":")
    return parts[4] if len(parts) == 6 and parts[2] == "iam" and parts[5] == "root" else ""
