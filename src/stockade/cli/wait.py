# SPDX-License-Identifier: Apache-2.0
"""`stockade wait`: blocks until a server answers, for scripts that start one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from stockade.cli.options import client, endpoint_option, examples
from stockade.cli.problems import NoAnswer, Problem

if TYPE_CHECKING:
    from stockade.cli.client import Client

PAUSE = 0.05
OK = 200


@click.command(epilog=examples("stockade dev & stockade wait && aws kms create-key"))
@endpoint_option
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=30,
    show_default=True,
    help="How long to wait at most.",
)
def wait(endpoint: str, timeout: float) -> None:
    """Wait until a server is ready.

    If it is not in time, this ends with status 1.
    """
    server = client(endpoint)
    until = time.monotonic() + timeout
    while not _ready(server):
        if time.monotonic() >= until:
            hint = "`stockade status` says more; --timeout waits longer"
            raise Problem(f"{endpoint} is not ready after {timeout:g} s", hint)
        time.sleep(PAUSE)


def _ready(server: Client) -> bool:
    try:
        return server.get("/_stockade/ready", seconds=2).status == OK
    except NoAnswer:
        return False
