# SPDX-License-Identifier: Apache-2.0
"""`stockade`: the commands, and the one place where what went wrong becomes a line on stderr.

Commands import what they need inside, so that `stockade --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from stockade import __version__
from stockade.cli.backup import backup
from stockade.cli.clock import clock
from stockade.cli.dev import dev
from stockade.cli.env import env
from stockade.cli.exec import execute
from stockade.cli.explain import explain
from stockade.cli.init import init
from stockade.cli.kms import kms
from stockade.cli.options import examples
from stockade.cli.problems import INTERRUPTED, USAGE, Problem, as_problem, tell, usage
from stockade.cli.restore import restore
from stockade.cli.seal import seal
from stockade.cli.serve import serve
from stockade.cli.services import services
from stockade.cli.status import status
from stockade.cli.version import version
from stockade.cli.wait import wait
from stockade.cli.xks import xks

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (
    dev,
    init,
    serve,
    env,
    execute,
    wait,
    status,
    clock,
    explain,
    services,
    kms,
    backup,
    restore,
    seal,
    xks,
    version,
)
"""In the order of the help: starting, using, looking, keeping."""


class Program(click.Group):
    """The `stockade` command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they were added."""
        del ctx
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what it raises becomes a `Problem`, except under `--debug`."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception as fault:
            if ctx.params["debug"]:
                raise
            raise as_problem(fault) from fault


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("stockade dev", "stockade exec -- aws kms create-key"),
)
@click.version_option(__version__, message="stockade %(version)s")
@click.option("--debug", is_flag=True, help="Log more, and show where an error comes from.")
@click.pass_context
def program(ctx: click.Context, debug: bool) -> None:
    """Run AWS's security and encryption suite on your own machines."""
    ctx.obj = debug


for _command in COMMANDS:
    program.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    try:
        outcome = program.main(arguments, prog_name="stockade", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as lost:
        lost.show()
        return USAGE
    except click.UsageError as mistake:
        tell(*usage(mistake))
        return USAGE
    except Problem as problem:
        tell(problem.message, problem.hint)
        return problem.status
    except click.ClickException as other:
        tell(other.format_message())
        return other.exit_code
    except click.Abort:
        return INTERRUPTED
    except BrokenPipeError:
        _hush()
        return 1
    return outcome if isinstance(outcome, int) else 0


def _hush() -> None:
    """Keep Python from complaining at exit that nobody reads what we print."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
