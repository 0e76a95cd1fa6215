# SPDX-License-Identifier: Apache-2.0
"""`stockade backup`: everything but the seal, of one moment, in one file, while the server runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stockade.cli.options import FILE, data_option, examples

if TYPE_CHECKING:
    from pathlib import Path

    from stockade.store.backup import Header


@click.command(epilog=examples("stockade backup --data /var/lib/stockade monday.backup"))
@data_option()
@click.argument("file", type=FILE)
def backup(data: Path, file: Path) -> None:
    """Write everything but the seal into a new file.

    The server may go on running meanwhile. What is secret stays sealed in FILE, so it can be kept
    anywhere; to make use of it, the seal is needed too.
    """
    header = _write(data, file)
    click.echo(f"{file} has {header.total} rows, and is whole.")
    if header.seal is not None:
        kind = {"passphrase": "a passphrase", "pkcs11": "in a token", "aws-kms": "in a KMS"}.get(
            header.seal.kind, "a file"
        )
        click.echo(f"It opens with the seal {header.seal.fingerprint[:8]} ({kind}), not in it.")


def _write(data: Path, file: Path) -> Header:
    from stockade.cli.deployment import open_store
    from stockade.cli.progress import progress
    from stockade.core.clock import SystemClock
    from stockade.core.ids import system_random
    from stockade.store import backup as backups
    from stockade.store.journal import Journal

    with open_store(data) as store, progress("writing the backup") as report:
        # What the journal has in files goes into the store first, and so into the backup.
        journal = Journal(data, system_random)
        try:
            journal.ship(store)
        finally:
            journal.close()
        now = SystemClock(store.page).host()
        return backups.write(store, file, now, lambda done, total: report(done / total))
