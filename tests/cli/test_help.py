# SPDX-License-Identifier: Apache-2.0
"""Every command explains itself, with an example, and docs/cli.md says the same."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from stockade.cli import docs
from stockade.cli.main import program
from tests.cli.conftest import Run
from tests.cli.programs import PROGRAM

DOCS = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
PROMISED = {
    "dev", "init", "serve", "env", "exec", "wait", "status", "clock", "clock show",
    "clock advance", "clock set", "explain", "services", "backup", "restore", "seal",
    "seal rotate", "xks", "xks create", "xks list", "xks rotate", "xks revoke", "xks delete",
    "xks serve", "version",
}  # fmt: skip
HEAVY = ("botocore", "sqlalchemy", "cryptography", "uvicorn", "uvloop", "psycopg", "ssl")


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from _commands(below, (*path, name))


def _command(path: tuple[str, ...]) -> click.Command:
    command: click.Command = program
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    return command


ALL = tuple(_commands(program))


def test_every_promised_command_is_there() -> None:
    assert {" ".join(path) for path in ALL} >= PROMISED


@pytest.mark.parametrize("path", ALL, ids=lambda path: " ".join(path) or "stockade")
def test_every_command_says_what_it_does_with_an_example(run: Run, path: tuple[str, ...]) -> None:
    ended = run(*path, "--help")
    assert ended.status == 0
    assert "Examples:" in ended.out
    command = " ".join(("stockade", *path))
    assert command in ended.out.partition("Examples:")[2]


@pytest.mark.parametrize("path", ALL, ids=lambda path: " ".join(path) or "stockade")
def test_every_option_says_what_it_does(path: tuple[str, ...]) -> None:
    for parameter in _command(path).params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


@pytest.mark.parametrize("path", ALL, ids=lambda path: " ".join(path) or "stockade")
def test_no_summary_is_cut(path: tuple[str, ...]) -> None:
    assert not _command(path).get_short_help_str(limit=62).endswith("...")


def test_the_documentation_is_what_help_says() -> None:
    hint = "write it anew: python -m stockade.cli.docs > docs/cli.md"
    assert DOCS.read_text() == docs.document(), hint


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, stockade.cli.main; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert not set(HEAVY) & set(loaded.stdout.split())


def test_help_is_quick() -> None:
    def seconds() -> float:
        began = time.perf_counter()
        subprocess.run([PROGRAM, "--help"], stdout=subprocess.DEVNULL, check=True, timeout=30)
        return time.perf_counter() - began

    assert min(seconds() for _ in range(5)) < 0.3  # 0.1 s alone on a machine


def test_the_version(run: Run) -> None:
    from stockade import __version__

    assert run("version").out == f"{__version__}\n"
    assert run("--version").out == f"stockade {__version__}\n"


def test_a_wrong_command_line_ends_with_2_and_a_hint(run: Run) -> None:
    ended = run("dev", "--prot", "1")
    assert (ended.status, ended.out) == (2, "")
    error, hint = ended.err.splitlines()
    assert error.startswith("stockade: error: no such option '--prot'")
    assert hint == "hint: see `stockade dev --help`"
    assert run("dev", "--port", "many").status == 2
    assert run("no-such-command").status == 2
    assert run("explain").err.startswith("stockade: error: missing argument")


def test_without_a_command_there_is_help(run: Run) -> None:
    ended = run()
    assert ended.status == 2
    assert "Commands:" in ended.err
