# SPDX-License-Identifier: Apache-2.0
"""`stockade restore`: a data directory from a backup and its seal.

The seal is held against the backup first, so that nothing is restored that would not open.
`stockade.json` is written before the rows, which come in one transaction: after a crash the same
command begins again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stockade import config
from stockade.cli.options import (
    FILE,
    account_option,
    data_option,
    examples,
    region_option,
    seal_option,
    store_option,
)
from stockade.cli.problems import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from stockade.config import Settings
    from stockade.store.backup import Header
    from stockade.store.seal import Description


@click.command(
    epilog=examples(
        "stockade restore --data /var/lib/stockade monday.backup",
        "stockade restore --data DIR --seal file:/mnt/safe/seal.key monday.backup",
        "stockade restore --data DIR --store postgresql://stockade@db/stockade monday.backup",
    )
)
@data_option(text="The data directory; it is made if it is not there. Its store must be empty.")
@store_option
@seal_option
@account_option("The account. [default: the one in the backup]")
@region_option(f"The Region that the server is in. [default: {config.DEFAULT_REGION}]")
@click.argument("file", type=FILE)
def restore(
    data: Path, store: str, seal: str, account: str | None, region: str | None, file: Path
) -> None:
    """Put back what `stockade backup` wrote.

    The server must be stopped. The backup may come from another host and another kind of store;
    the seal that it was made under is needed.
    """
    from stockade.cli import occupancy
    from stockade.store import backup as backups

    header = backups.verify(file)
    _make_directory(data)
    with occupancy.alone(data):
        settings = _settings(data, store, seal, account, region, header.seal)
        _check_seal(settings, header.seal)
        _write(settings)
        header = _restore(settings, file)
        if account is None:
            _adopt_account(settings)
    click.echo(
        f"Restored {header.total} rows, as they were at {header.created:%Y-%m-%d %H:%M} UTC."
    )
    click.echo(f"To start it: stockade serve --data {data}")


def _settings(
    data: Path,
    store: str,
    seal: str,
    account: str | None,
    region: str | None,
    sealed_with: Description | None,
) -> Settings:
    """Return what the directory is to be: what it was, but for the seal, where it was anything."""
    from msgspec.structs import replace

    from stockade.cli.deployment import wanted

    if sealed_with is not None and sealed_with.kind == "passphrase":
        seal = seal or "passphrase"
    settings = wanted("serve", data, store=store, account=account or "", region=region or "")
    return replace(settings, seal=seal or settings.seal)


def _check_seal(settings: Settings, sealed_with: Description | None) -> None:
    """Open the seal, and see that it is the backup's."""
    from stockade.cli.passphrases import existing
    from stockade.seals import parse_seal
    from stockade.store.seal import FileChoice, restore_parameters, same_seal

    if sealed_with is None or settings.data is None:
        return
    choice = parse_seal(settings.seal_choice, settings.data)
    derivation = sealed_with.derivation
    if derivation and isinstance(choice, FileChoice) and not choice.path.exists():
        restore_parameters(choice.path, derivation)
    found = choice.open(existing()).describe()
    if not same_seal(found.fingerprint, sealed_with.fingerprint):
        raise Problem(
            f"the backup was sealed with the seal {sealed_with.fingerprint[:8]},"
            f" and this one is {found.fingerprint[:8]}",
            "give the seal of that time with --seal, or its passphrase",
        )


def _write(settings: Settings) -> None:
    from stockade.config import Deployment

    assert settings.data is not None, "restore is told a directory"
    deployment = Deployment(
        store=settings.store, seal=settings.seal, account=settings.account, region=settings.region
    )
    config.write_deployment(settings.data, deployment)


def _restore(settings: Settings, file: Path) -> Header:
    from stockade.cli.progress import progress
    from stockade.store import backup as backups
    from stockade.store.store import Store

    store = Store.open(settings.store_url, directory=settings.data)
    try:
        with progress("restoring") as report:
            return backups.restore(store, file, lambda done, total: report(done / total))
    finally:
        store.close()


def _adopt_account(settings: Settings) -> None:
    """Take the account from the restored store."""
    from msgspec.structs import replace

    from stockade.services.iam.accounts import everyone
    from stockade.store.store import Store

    store = Store.open(settings.store_url, directory=settings.data)
    try:
        with store.read() as unit:
            known = everyone(unit)
    finally:
        store.close()
    if known and settings.account not in known:
        _write(replace(settings, account=min(known)))


def _make_directory(data: Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise Problem(f"the data directory {data} cannot be made ({reason})") from None
