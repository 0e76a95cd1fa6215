# SPDX-License-Identifier: Apache-2.0
"""What is said when something goes wrong: one line, a hint where there is one, no traceback.

    stockade: error: port 4566 is taken
    hint: choose another with --port

Lower case, no full stop; the sentence says what happened, the hint what to do about it.
"""

from __future__ import annotations

import errno

import click

USAGE = 2
INTERRUPTED = 130
REPORT = "`stockade --debug ...` shows where; please report it"


class Problem(click.ClickException):
    """Something that ends a command: a sentence, what to do about it, and the exit status."""

    def __init__(self, sentence: str, hint: str = "", status: int = 1) -> None:
        super().__init__(sentence)
        self.hint = hint
        self.status = status


class NoAnswer(Problem):
    """Nothing that could be a Stockade answers."""


def tell(sentence: str, hint: str = "") -> None:
    """Print an error and its hint on stderr."""
    click.echo(f"stockade: error: {sentence}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)


def warn(sentence: str) -> None:
    """Print a warning on stderr."""
    click.echo(f"stockade: warning: {sentence}", err=True)


def as_problem(fault: Exception) -> Problem:
    """Return what to say of an exception that ended a command."""
    from stockade.config import SettingsError
    from stockade.store.backup import BackupError
    from stockade.store.errors import StoreError
    from stockade.store.seal import SealError
    from stockade.store.segments import JournalUnavailable
    from stockade.xks.stores import StoreProblem

    if isinstance(fault, SettingsError | SealError | BackupError | StoreProblem):
        return Problem(fault.sentence, fault.hint)
    if isinstance(fault, StoreError | JournalUnavailable):
        return Problem(*_halves(str(fault)))
    if isinstance(fault, OSError) and fault.strerror:
        full = fault.errno in {errno.ENOSPC, errno.EDQUOT}
        return Problem(_operating_system(fault), "make room, then try again" if full else "")
    # The text of an exception that nobody expected may hold anything, a secret too.
    return Problem(f"unexpected {type(fault).__name__}", REPORT)


def usage(mistake: click.UsageError) -> tuple[str, str]:
    """Return click's complaint in our tone, and where to read on."""
    text = mistake.format_message().rstrip(".")
    command = mistake.ctx.command_path if mistake.ctx else "stockade"
    return text[:1].lower() + text[1:], f"see `{command} --help`"


def _halves(sentence: str) -> tuple[str, str]:
    """Return a sentence of the store, its advice apart where it has some."""
    for advice in ("run the newer version", "restore the last backup", "make room"):
        fact, found, rest = sentence.partition(f": {advice}")
        if found:
            return fact, advice + rest
    return sentence, ""


def _operating_system(fault: OSError) -> str:
    reason = (fault.strerror or "").lower()
    return f"{fault.filename}: {reason}" if fault.filename is not None else reason
