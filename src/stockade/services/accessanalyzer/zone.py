# SPDX-License-Identifier: Apache-2.0
"""Which accounts an analyzer looks at, and whom it trusts: its own account, or its organization.

An analyzer of an organization works as long as its account runs Access Analyzer there: the
management account, or a delegated administrator, while the organization trusts the service.
"""

from __future__ import annotations

from stockade.core.context import Context
from stockade.core.ports import Members, Organization
from stockade.policy.exposure import Zone
from stockade.protocol.refusals import AccessDenied
from stockade.services.accessanalyzer.errors import ValidationException
from stockade.services.accessanalyzer.resources import Analyzer

SERVICE = "access-analyzer.amazonaws.com"


def accounts_of(ctx: Context, analyzer: Analyzer) -> tuple[str, ...]:
    """Return the accounts that an analyzer looks at, in order."""
    if not analyzer.of_organization:
        return (analyzer.account,)
    every = ctx.port(Members).accounts(ctx.unit, analyzer.account)
    exclusions = analyzer.unused.exclusions if analyzer.unused else ()
    left_out = {account for one in exclusions for account in one.account_ids}
    return tuple(account for account in every if account not in left_out)


def zone_of(ctx: Context, analyzer: Analyzer) -> Zone:
    """Return whom an analyzer trusts."""
    accounts = frozenset(accounts_of(ctx, analyzer))
    if not analyzer.of_organization:
        return Zone(accounts)
    membership = ctx.port(Organization).membership(ctx.unit, analyzer.account)
    return Zone(accounts, membership.organization_id if membership else "")


def may_look(ctx: Context, analyzer: Analyzer) -> bool:
    """Tell whether an analyzer may still look at what it was made for."""
    if not analyzer.of_organization:
        return True
    port, account = ctx.port(Members), analyzer.account
    return port.administers(ctx.unit, account, SERVICE) and port.trusts(ctx.unit, account, SERVICE)


def must_administer(ctx: Context) -> None:
    """Refuse callers that do not run Access Analyzer for their organization."""
    port = ctx.port(Members)
    if not port.administers(ctx.unit, ctx.account, SERVICE):
        raise AccessDenied(f"Account {ctx.account} is not a delegated administrator")
    if not port.trusts(ctx.unit, ctx.account, SERVICE):
        raise ValidationException(
            "Service not enabled for AWS Organizations", "fieldValidationFailed"
        )
