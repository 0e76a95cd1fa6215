# SPDX-License-Identifier: Apache-2.0
"""`stockade exec`: runs a command that finds a Stockade where it would have found AWS."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from stockade import config
from stockade.cli.env import ACCOUNT_TEXT, CREDENTIALS_TEXT, REGION_TEXT, variables
from stockade.cli.options import (
    account_option,
    credentials_option,
    endpoint_option,
    examples,
    region_option,
)
from stockade.cli.problems import Problem, warn

if TYPE_CHECKING:
    from pathlib import Path

NOT_EXECUTABLE, NOT_FOUND = 126, 127


@click.command(
    "exec",
    epilog=examples("stockade exec -- terraform apply", "stockade exec -- aws kms list-keys"),
    context_settings={"allow_interspersed_args": False},
)
@endpoint_option
@account_option(ACCOUNT_TEXT)
@region_option(REGION_TEXT)
@credentials_option(CREDENTIALS_TEXT)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD...")
def execute(
    endpoint: str,
    account: str | None,
    region: str | None,
    credentials_file: Path | None,
    command: tuple[str, ...],
) -> None:
    """Run a command against a Stockade instead of AWS.

    The command gets the environment that `stockade env` prints, without variables that would
    lead it elsewhere, such as AWS_PROFILE or AWS_SESSION_TOKEN.
    """
    if config.endpoint_is_ignored():
        name = config.IGNORE_ENDPOINTS_VARIABLE
        warn(f"{name} sends requests to AWS itself; this command runs without it")
    names = variables(endpoint, account, region, credentials_file)
    try:
        os.execvpe(command[0], command, config.child_environment(names))  # noqa: S606  its job
    except FileNotFoundError:
        raise Problem(f"there is no command {command[0]!r}", status=NOT_FOUND) from None
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise Problem(f"{command[0]} cannot be run: {reason}", status=NOT_EXECUTABLE) from None
