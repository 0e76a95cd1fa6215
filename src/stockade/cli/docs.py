# SPDX-License-Identifier: Apache-2.0
"""Writes docs/cli.md from the commands' own help: `python -m stockade.cli.docs > docs/cli.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = """\
# The command line

This page is what `--help` says of every command; `python -m stockade.cli.docs` writes it.

A command that fails ends with status 1 (2 where the command line itself is wrong) and says what is
wrong in one line on stderr, often with a hint. `stockade --debug COMMAND` shows where it happened.
"""
WIDTH = 80


def pages(command: click.Command, parent: click.Context | None = None) -> Iterator[str]:
    """Yield the section of a command, then those of the commands below it."""
    name = "stockade" if parent is None else command.name
    ctx = click.Context(
        command,
        parent,
        info_name=name,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        **command.context_settings,
    )
    yield f"\n## {ctx.command_path}\n\n```text\n{command.get_help(ctx)}\n```\n"
    if isinstance(command, click.Group):
        for each in command.list_commands(ctx):
            yield from pages(command.commands[each], ctx)


def document() -> str:
    """Return docs/cli.md."""
    from stockade.cli.main import program

    return HEAD + "".join(pages(program))


if __name__ == "__main__":
    click.echo(document(), nl=False)
