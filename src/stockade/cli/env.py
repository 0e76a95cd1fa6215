# SPDX-License-Identifier: Apache-2.0
"""`stockade env`: what AWS's tools need in their environment to use a Stockade, for every shell."""

from __future__ import annotations

import shlex
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING

import click

from stockade import config
from stockade.cli.options import (
    account_option,
    credentials_option,
    endpoint_option,
    examples,
    region_option,
)
from stockade.cli.problems import warn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

CREDENTIALS_TEXT = "Use the credentials that `stockade init` wrote. [default: test/test of dev]"
ACCOUNT_TEXT = "Be the root of this account (dev only)."
REGION_TEXT = f"The Region. [default: {config.DEFAULT_REGION}]"


@click.command(
    epilog=examples(
        'eval "$(stockade env)"',
        "stockade env --format fish | source",
        "stockade env --format powershell | Out-String | Invoke-Expression",
        "stockade env --format profile >> ~/.aws/config",
        'stockade env --format github >> "$GITHUB_ENV"',
    )
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["sh", "fish", "powershell", "dotenv", "profile", "github"]),
    default="sh",
    show_default=True,
    help="The shell, or: `dotenv` a .env file, `profile` a profile for ~/.aws/config,"
    " `github` lines for GitHub Actions' $GITHUB_ENV.",
)
@endpoint_option
@account_option(ACCOUNT_TEXT)
@region_option(REGION_TEXT)
@credentials_option(CREDENTIALS_TEXT)
def env(
    form: str,
    endpoint: str,
    account: str | None,
    region: str | None,
    credentials_file: Path | None,
) -> None:
    """Print the environment that leads AWS's tools here."""
    if form == "profile":
        click.echo(_profile(endpoint, account, region, credentials_file))
        return
    names = variables(endpoint, account, region, credentials_file)
    for line in _FORMS[form](names, config.misleading()):
        click.echo(line)
    if form == "sh" and sys.stdout.isatty():
        click.echo('\n# to set these: eval "$(stockade env)"', err=True)
    if form in {"dotenv", "github"} and config.endpoint_is_ignored():
        warn(f"{config.IGNORE_ENDPOINTS_VARIABLE} is set: requests go to AWS itself")


def variables(
    endpoint: str, account: str | None, region: str | None, credentials_file: Path | None
) -> dict[str, str]:
    """Return the variables that lead AWS's tools to a Stockade."""
    key_id, secret = account or "test", "test"
    if credentials_file is not None:
        from stockade.cli.credentials import read

        pair = read(credentials_file)
        key_id, secret = pair.access_key_id, pair.secret_access_key
    region = region or config.DEFAULT_REGION
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": region,
        # boto3 and version 1 of the AWS CLI do not know AWS_REGION.
        "AWS_DEFAULT_REGION": region,
    }


def _sh(names: Mapping[str, str], stale: Sequence[str]) -> list[str]:
    unset = [f"unset {name};" for name in stale]
    return unset + [f"export {name}={shlex.quote(value)};" for name, value in names.items()]


def _fish(names: Mapping[str, str], stale: Sequence[str]) -> list[str]:
    def quote(value: str) -> str:
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    unset = [f"set --erase {name};" for name in stale]
    return unset + [f"set --export --global {n} {quote(value)};" for n, value in names.items()]


def _powershell(names: Mapping[str, str], stale: Sequence[str]) -> list[str]:
    unset = [f"Remove-Item Env:{name}" for name in stale]
    return unset + [
        f"$env:{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in names.items()
    ]


def _lines(names: Mapping[str, str], _stale: Sequence[str]) -> list[str]:
    return [f"{name}={value}" for name, value in names.items()]


def _profile(
    endpoint: str, account: str | None, region: str | None, credentials_file: Path | None
) -> str:
    lines = [
        "[profile stockade]",
        f"endpoint_url = {endpoint}",
        f"region = {region or config.DEFAULT_REGION}",
    ]
    if credentials_file is not None:
        quoted = str(credentials_file).replace('"', '\\"')
        return "\n".join([*lines, f'credential_process = cat "{quoted}"'])
    known = [f"aws_access_key_id = {account or 'test'}", "aws_secret_access_key = test"]
    return "\n".join(lines + known)


_FORMS: Mapping[str, Callable[[Mapping[str, str], Sequence[str]], list[str]]] = MappingProxyType(
    {"sh": _sh, "fish": _fish, "powershell": _powershell, "dotenv": _lines, "github": _lines}
)
