# SPDX-License-Identifier: Apache-2.0
"""Scans, in steps that are short enough for one transaction each.

An analyzer of an account looks at all of its resources in one step, one of an organization takes a
step for each account, and one of unused access a step for so many users and roles.
"""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.services.accessanalyzer.external import look_at_account
from stockade.services.accessanalyzer.recording import findings_of, forget, resolve, scope_of
from stockade.services.accessanalyzer.resources import RESOURCES, Analyzer
from stockade.services.accessanalyzer.unused import look_at_identities
from stockade.services.accessanalyzer.zone import accounts_of, may_look, zone_of

SCAN_EVERY = timedelta(minutes=30)
"""AWS looks at a changed policy within half an hour."""
SCAN_USE_EVERY = timedelta(days=1)


def scan(ctx: Context, analyzer: Analyzer) -> Analyzer:
    """Do the next step of a scan; return the analyzer as it is from now on."""
    every = SCAN_USE_EVERY if analyzer.unused else SCAN_EVERY
    if not may_look(ctx, analyzer):
        return replace(analyzer, disabled=True, cursor="", next_scan=ctx.now + every)
    accounts = accounts_of(ctx, analyzer)
    account, _, place = analyzer.cursor.partition(" ")
    if account not in accounts:
        account, place = _after(accounts, account), ""
    if account:
        analyzer, place = _step(ctx, analyzer, account, place)
        account = account if place else _after(accounts, account)
    if account:
        return replace(analyzer, disabled=False, cursor=f"{account} {place}", next_scan=ctx.now)
    _finish(ctx, analyzer, accounts)
    return replace(
        analyzer, disabled=False, cursor="", last_scan=ctx.now, next_scan=ctx.now + every
    )


def _after(accounts: tuple[str, ...], account: str) -> str:
    return next((one for one in accounts if one > account), "")


def _step(ctx: Context, analyzer: Analyzer, account: str, place: str) -> tuple[Analyzer, str]:
    """Look at an account, or a part of it; return where to go on in it, empty at its end."""
    if analyzer.unused is not None:
        last, place = look_at_identities(ctx, analyzer, analyzer.unused, account, place)
    else:
        last, place = look_at_account(ctx, analyzer, zone_of(ctx, analyzer), account), ""
    return replace(analyzer, last_resource=last or analyzer.last_resource), place


def _finish(ctx: Context, analyzer: Analyzer, accounts: tuple[str, ...]) -> None:
    """Have done with accounts that are looked at no longer, and with what is over for long."""
    findings = findings_of(ctx, analyzer)
    resolve(ctx, analyzer, (one for one in findings if one.owner not in accounts))
    forget(ctx, analyzer, findings)
    if analyzer.of_organization:
        scope = scope_of(analyzer)
        for resource in ctx.unit.list(RESOURCES, scope, prefix=f"{analyzer.name}/"):
            if resource.owner not in accounts:
                ctx.unit.delete(RESOURCES, scope, resource.id)
