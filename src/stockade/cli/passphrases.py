# SPDX-License-Identifier: Apache-2.0
"""Where the passphrase of a seal comes from: the environment, or a person, asked once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from stockade import config
from stockade.cli.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable


def existing() -> Callable[[], str]:
    """Return what gives the passphrase of a seal that exists."""
    return _once(lambda: config.passphrase() or _ask("Passphrase of the seal", twice=False))


def new() -> Callable[[], str]:
    """Return what gives the passphrase of a seal that is about to be made."""
    return _once(lambda: config.passphrase() or _ask("New passphrase for the seal", twice=True))


def next_one() -> Callable[[], str]:
    """Return what gives the passphrase of the seal that is to replace another."""
    label = "New passphrase for the seal"
    return _once(lambda: config.new_passphrase() or _ask(label, twice=True))


def _ask(label: str, *, twice: bool) -> str:
    if not sys.stdin.isatty():
        name = config.NEW_PASSPHRASE_VARIABLE if twice else config.PASSPHRASE_VARIABLE
        hint = f"set {name}, or run this in a terminal"
        raise Problem("the seal needs its passphrase, and there is nobody to ask", hint)
    answer: str = click.prompt(label, hide_input=True, confirmation_prompt=twice, err=True)
    return answer


def _once(give: Callable[[], str]) -> Callable[[], str]:
    """Remember the answer, so that a person is asked once, and before anything is forked."""
    known: list[str] = []

    def passphrase() -> str:
        if not known:
            known.append(give())
        return known[0]

    return passphrase
