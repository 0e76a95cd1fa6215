# SPDX-License-Identifier: Apache-2.0
"""`stockade kms`: what a month of KMS would cost with AWS, and the figures that can be edited."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from stockade.cli.options import FILE, data_option, examples
from stockade.cli.problems import Problem, warn
from stockade.cli.progress import progress
from stockade.cli.tables import table

if TYPE_CHECKING:
    from pathlib import Path

    from stockade.services.kms.costs import Account, Period, Report
    from stockade.services.kms.prices import Prices
    from stockade.store.store import Store

TRAIL_DAYS = 90


@click.group(epilog=examples("stockade kms costs --data /var/lib/stockade"))
def kms() -> None:
    """Look at what KMS costs and allows."""


@kms.command(
    epilog=examples(
        "stockade kms costs --data /var/lib/stockade",
        "stockade kms costs --data /var/lib/stockade --month 2026-10 --json",
    )
)
@data_option()
@click.option(
    "--month",
    metavar="YYYY-MM",
    help="The month, in UTC; the audit trail reaches back 90 days. [default: this month so far]",
)
@click.option(
    "--prices",
    metavar="FILE",
    type=FILE,
    help="A file of prices, such as `stockade kms prices` prints. [default: AWS's]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def costs(data: Path, month: str | None, prices: Path | None, as_json: bool) -> None:
    """Show what keys and requests would cost with AWS.

    Keys cost by the hour, rotations too, the first two of each key; requests by the kind of key and
    the operation. They are counted in the audit trail. The server may run on.
    """
    from stockade.cli.deployment import open_store
    from stockade.core.clock import SystemClock

    rates = _prices(prices)
    with open_store(data) as store:
        now = SystemClock(store.page).now()
        period = _period(month, now)
        if period.start < now - timedelta(days=TRAIL_DAYS):
            warn(f"the audit trail reaches back {TRAIL_DAYS} days: older requests are not counted")
        found = _report(data, store, period, rates)
    click.echo(_json(found, period, rates) if as_json else _text(found, period, rates))


@kms.command(epilog=examples("stockade kms prices > prices.toml"))
def prices() -> None:
    """Print AWS's public prices, for `costs --prices`."""
    from stockade.services.kms.prices import aws_prices

    click.echo(aws_prices().decode(), nl=False)


@kms.command(epilog=examples("stockade kms quotas > quotas.toml"))
def quotas() -> None:
    """Print AWS's request quotas, for `serve --kms-quotas`."""
    from stockade.services.kms.quotas import aws_table

    click.echo(aws_table().decode(), nl=False)


def _prices(path: Path | None) -> Prices:
    from stockade.services.kms.prices import aws_prices, read_prices

    if path is None:
        return read_prices(aws_prices())
    try:
        return read_prices(path.read_bytes())
    except ValueError as error:
        hint = "begin with what `stockade kms prices` prints"
        raise Problem(f"{path} is no file of prices: {error}", hint) from None


def _period(month: str | None, now: datetime) -> Period:
    from stockade.services.kms.costs import Period

    text = month or f"{now:%Y-%m}"
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text):
        raise click.BadParameter(f"{text!r} is not like 2026-11", param_hint="'--month'")
    start = now.replace(
        year=int(text[:4]), month=int(text[5:]), day=1, hour=0, minute=0, second=0, microsecond=0
    )
    if start > now:
        raise click.BadParameter(f"{text} is still to come", param_hint="'--month'")
    whole = (start + timedelta(days=31)).replace(day=1)
    return Period(start, min(now, whole), whole)


def _report(data: Path, store: Store, period: Period, rates: Prices) -> Report:
    """Count the requests of a month and price them; no seal is needed for that."""
    from collections import Counter

    from stockade.core.ids import system_random
    from stockade.services.kms.costs import Use, count, report
    from stockade.store.journal import Journal

    uses: Counter[Use] = Counter()
    journal = Journal(data, system_random)
    try:
        journal.ship(store)
        with progress("counting requests") as show:
            for share, records in journal.sweep(store, period.start, period.end):
                count(records, period, uses)
                show(share)
    finally:
        journal.close()
    with store.read() as unit:
        return report(unit, uses, period, rates)


def _text(found: Report, period: Period, rates: Prices) -> str:
    whole = "" if period.end == period.whole else f", until {period.end:%Y-%m-%d %H:%M} UTC"
    lines = [f"{period.start:%Y-%m}{whole}, at the prices of {rates.date or 'a file'}", ""]
    heads = ["account", "Region", "key", "spec", "rotations", "key $", "requests", "requests $"]
    rows = [
        [
            row.account,
            row.region,
            row.key.rpartition("/")[2] or "(none)",
            row.key_spec or "-",
            str(row.rotations),
            f"{row.storage:.4f}",
            f"{row.requests:,}",
            f"{row.requests_cost:.4f}",
        ]
        for row in found.rows
    ]
    lines += [table(heads, rows), ""]
    rows = [
        [each.account, each.price, operation, f"{number:,}"]
        for each in found.requests
        for operation, number in sorted(each.operations.items())
    ]
    lines += [table(["account", "requests", "operation", "number"], rows), ""]
    heads = ["account", "keys $", "requests", "requests $", "free requests", "free $", "total $"]
    lines.append(table(heads, [_account_row(account) for account in found.accounts]))
    return "\n".join(lines)


def _account_row(account: Account) -> list[str]:
    return [
        account.account,
        f"{account.storage:.4f}",
        f"{account.requests:,}",
        f"{account.requests_cost:.4f}",
        f"{account.free_requests:,}",
        f"-{account.free:.4f}",
        f"{account.total:.4f}",
    ]


def _json(found: Report, period: Period, rates: Prices) -> str:
    import msgspec

    told: dict[str, Any] = msgspec.to_builtins(found)
    for account, plain in zip(found.accounts, told["accounts"], strict=True):
        plain["total"] = account.total
    told["period"] = {"start": period.start, "end": period.end, "month_ends": period.whole}
    told["prices"] = {"source": rates.source, "date": rates.date}
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode()
