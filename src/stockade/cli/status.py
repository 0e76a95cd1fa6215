# SPDX-License-Identifier: Apache-2.0
"""`stockade status`: what a running server says of itself."""

from __future__ import annotations

from typing import Any

import click

from stockade.cli.options import client, endpoint_option, examples
from stockade.cli.problems import Problem
from stockade.cli.tables import table


@click.command(epilog=examples("stockade status"))
@endpoint_option
def status(endpoint: str) -> None:
    """Show how a running server is.

    If it is down or does not serve, this ends with status 1.
    """
    health = client(endpoint).get("/_stockade/health").fields()
    if health.get("edition") != "stockade":
        hint = "another program has that port; name the right one with --endpoint"
        raise Problem(f"what answers at {endpoint} is not a Stockade", hint)
    click.echo(_report(endpoint, health))
    if health["status"] != "ok":
        raise Problem(health.get("error", "the server does not serve"))


def _report(endpoint: str, health: dict[str, Any]) -> str:
    head = f"Stockade {health['version']} ({health['mode']}) at {endpoint}: {health['status']}"
    rows = sorted(health["services"].items())
    return f"{head}\n\n{table(('service', 'state'), rows)}"
