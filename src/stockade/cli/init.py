# SPDX-License-Identifier: Apache-2.0
"""`stockade init`: makes a data directory: seal, store, account, root credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stockade import config
from stockade.cli.options import (
    account_option,
    credentials_option,
    data_option,
    examples,
    region_option,
    seal_option,
    store_option,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stockade.config import Settings

CREDENTIALS_TEXT = (
    "Write the root credentials to this new file, as AWS's `credential_process` wants them."
    " [default: show them once]"
)


@click.command(
    epilog=examples(
        "stockade init --data /var/lib/stockade",
        "stockade init --data /var/lib/stockade --credentials-file root.json",
        "stockade init --data DIR --store postgresql://stockade@db/stockade --seal passphrase",
    )
)
@data_option(text="The directory to make; it may exist, if it is empty.")
@store_option
@seal_option
@account_option(f"The account. [default: {config.DEFAULT_ACCOUNT}]")
@region_option(f"The Region that the server is in. [default: {config.DEFAULT_REGION}]")
@credentials_option(CREDENTIALS_TEXT)
def init(
    data: Path,
    store: str,
    seal: str,
    account: str | None,
    region: str | None,
    credentials_file: Path | None,
) -> None:
    """Make the data directory of a server.

    That is: a seal, which all that is secret is encrypted under; a store; an account; and the
    credentials of the account's root.
    """
    from stockade.cli.passphrases import new
    from stockade.config import Settings

    settings = Settings(
        mode="serve",
        data=data,
        store=store,
        seal=seal,
        account=account or config.DEFAULT_ACCOUNT,
        region=region or config.DEFAULT_REGION,
    )
    make(settings, new(), credentials_file)
    click.echo(f"To start it: stockade serve --data {data}")


def make(settings: Settings, passphrase: Callable[[], str], credentials_file: Path | None) -> None:
    """Make a data directory, hand over the credentials, and say what must not be lost."""
    from stockade.app import create
    from stockade.cli.credentials import handover

    with handover(credentials_file) as out:
        root = create(settings, passphrase)
        click.echo(f"Made {settings.data} for account {settings.account}.\n")
        click.echo(_of_the_seal(settings) + "\n")
        out.give(root)


def _of_the_seal(settings: Settings) -> str:
    from stockade.seals import named

    if settings.seal_choice == "passphrase":
        return (
            "The seal is your passphrase. It is kept nowhere: if it is lost, every key and secret\n"
            "in the store is lost with it."
        )
    if not settings.seal_choice.startswith("file:"):
        return (
            f"The seal is {named(settings.seal_choice)}\n"
            "Stockade has no copy of it: if it is lost, every key and secret in the store is lost\n"
            "with it."
        )
    return (
        f"The seal is {named(settings.seal_choice)}\n"
        "Keep a copy of it in another place, away from the backups: if it is lost, every key and\n"
        "secret in the store is lost with it."
    )
