# SPDX-License-Identifier: Apache-2.0
"""`stockade version`: the version alone, for scripts and reports."""

from __future__ import annotations

import click

from stockade import __version__
from stockade.cli.options import examples


@click.command(epilog=examples("stockade version"))
def version() -> None:
    """Print the version."""
    click.echo(__version__)
