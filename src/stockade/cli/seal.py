# SPDX-License-Identifier: Apache-2.0
"""`stockade seal`: what everything secret in a store is encrypted under, and how to change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stockade.cli.options import absolute_seal, data_option, examples

if TYPE_CHECKING:
    from pathlib import Path


@click.group(epilog=examples("stockade seal rotate --data /var/lib/stockade --to passphrase"))
def seal() -> None:
    """Change what everything secret is sealed with."""


@seal.command(
    epilog=examples(
        "stockade seal rotate --data /var/lib/stockade --to file:/etc/stockade/seal-2.key",
        "stockade seal rotate --data /var/lib/stockade --to passphrase",
    )
)
@data_option()
@click.option(
    "--to",
    metavar="SEAL",
    required=True,
    callback=lambda _ctx, _param, value: absolute_seal(value),
    help="The new seal: `file:PATH`, a file that is made; `passphrase`, which is asked for or"
    " taken from STOCKADE_NEW_PASSPHRASE; `pkcs11:URI`, a key in a token, whose PIN is asked for in"
    " the same way if the URI names no file; or `aws-kms:KEY_ARN`.",
)
def rotate(data: Path, to: str) -> None:
    """Seal a store anew, with a seal that is made for it.

    The server may go on running: its workers follow to the new seal by themselves. Data is not
    encrypted again, only the keys that the seal protects, so it takes a moment however much there
    is. If it is interrupted, run it again.
    """
    from stockade.cli import occupancy, passphrases
    from stockade.cli.deployment import existing
    from stockade.cli.rotation import rotate as rotate_seal
    from stockade.seals import named

    existing(data)
    with occupancy.rotating(data) as running:
        rotate_seal(data, to, passphrases.existing(), passphrases.next_one(), running=running)
    name = "the new passphrase" if to == "passphrase" else named(to)
    click.echo(f"{data} is sealed with {name} now: without it, what is secret is lost.")
    click.echo("Keep the old seal as long as you keep backups made before: they need it.")
    if running:
        click.echo("The running server follows; if the old seal may be known, restart it soon.")
    click.echo("Other hosts that share the store need the new seal and a restart.")
