# SPDX-License-Identifier: Apache-2.0
"""`stockade clock`: time travel for a running dev server.

Everything that falls due on the way is done, in order, before the server answers: a key's rotation
after a year is a second away.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from stockade.cli import durations
from stockade.cli.options import client, endpoint_option, examples
from stockade.cli.problems import NoAnswer, Problem
from stockade.cli.progress import progress

if TYPE_CHECKING:
    from stockade.cli.client import Client, Reply

PATH = "/_stockade/clock"
TRAVEL_SECONDS = 6 * 3600.0
LOOK_SECONDS = 0.25
OK, NOT_FOUND = 200, 404


class Duration(click.ParamType[timedelta]):
    """A duration on the command line."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Return the duration, or complain."""
        try:
            return durations.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Moment(click.ParamType[datetime]):
    """An ISO 8601 time on the command line; without an offset it is UTC."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the moment, or complain."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time such as 2030-01-31T12:00:00Z", param, ctx)
        return moment.replace(tzinfo=moment.tzinfo or UTC)


@click.group(
    epilog=examples("stockade clock show", "stockade clock advance 60d"),
)
def clock() -> None:
    """Show or move the clock of a running dev server."""


@clock.command(epilog=examples("stockade clock show"))
@endpoint_option
def show(endpoint: str) -> None:
    """Show the server's time, and how far it is from the host's."""
    click.echo(_shown(_state(client(endpoint).get(PATH))))


@clock.command(epilog=examples("stockade clock advance 60d", "stockade clock advance 1d12h"))
@endpoint_option
@click.argument("duration", type=Duration())
def advance(endpoint: str, duration: timedelta) -> None:
    """Move the clock ahead; what falls due on the way is done.

    DURATION is in weeks, days, hours, minutes and seconds: 2w, 60d, 12h, 90m, 30s, 1d12h.
    """
    server = client(endpoint)
    start = _now(_state(server.get(PATH)))
    try:
        end = start + duration
    except OverflowError:
        raise Problem(f"the clock cannot go {durations.show(duration)} ahead") from None
    change = {"advance_seconds": duration.total_seconds()}
    click.echo(_shown(_travel(server, change, start, end)))


@clock.command("set", epilog=examples("stockade clock set 2030-01-31T12:00:00Z"))
@endpoint_option
@click.argument("time", type=Moment())
def set_(endpoint: str, time: datetime) -> None:
    """Set the clock; going ahead, what falls due on the way is done.

    TIME is ISO 8601, in UTC where it names no offset.
    """
    server = client(endpoint)
    start = _now(_state(server.get(PATH)))
    click.echo(_shown(_travel(server, {"set": time.isoformat()}, start, time)))


@clock.command(epilog=examples("stockade clock freeze"))
@endpoint_option
def freeze(endpoint: str) -> None:
    """Have the clock stand still at its present time."""
    click.echo(_shown(_state(client(endpoint).post(PATH, {"frozen": True}))))


@clock.command(epilog=examples("stockade clock resume"))
@endpoint_option
def resume(endpoint: str) -> None:
    """Have a frozen clock run on."""
    click.echo(_shown(_state(client(endpoint).post(PATH, {"frozen": False}))))


def _travel(
    server: Client, change: dict[str, Any], start: datetime, end: datetime
) -> dict[str, Any]:
    """Change the clock, and show on the way how far it is."""
    from concurrent.futures import ThreadPoolExecutor, wait

    with ThreadPoolExecutor(1) as thread, progress("moving the clock") as report:
        answer = thread.submit(server.post, PATH, change, TRAVEL_SECONDS)
        while not wait([answer], LOOK_SECONDS).done:
            with suppress(NoAnswer):
                report((_now(_state(server.get(PATH))) - start) / (end - start or timedelta.max))
        return _state(answer.result())


def _state(reply: Reply) -> dict[str, Any]:
    said = reply.fields()
    if reply.status == NOT_FOUND:
        raise Problem("this server has no movable clock", "only `stockade dev` has one")
    if reply.status != OK or "now" not in said:
        raise Problem(said.get("error") or f"the server answered with status {reply.status}")
    return said


def _now(state: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(state["now"])


def _shown(state: dict[str, Any]) -> str:
    offset = timedelta(seconds=state["offset_seconds"])
    where = "" if not offset else f", {durations.show(offset)} {_side(offset)} the host's clock"
    return f"{state['now']}{where}{', frozen' if state['frozen'] else ''}"


def _side(offset: timedelta) -> str:
    return "ahead of" if offset > timedelta() else "behind"
