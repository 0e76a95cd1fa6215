# SPDX-License-Identifier: Apache-2.0
"""Other processes that use a store, for tests: started, spoken to line by line, killed.

Run as a program it is such a process: `python -m tests.store.processes VERB URL DIRECTORY`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from stockade.store.store import Store
from tests.store.samples import HERE, THINGS, Thing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from tests.store.conftest import Place

ROOT = Path(__file__).parents[2]


class Process:
    """A process that runs one of the verbs below; it never outlives the block."""

    def __init__(self, verb: str, place: Place, directory: Path | None = None) -> None:
        self._process = subprocess.Popen(
            [
                sys.executable,
                *("-m", "tests.store.processes", verb, place.url),
                str(directory or place.directory),
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def say(self, line: str = "") -> None:
        """Give the process its next line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        """Return its next line; empty when it has ended."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def rest(self) -> list[str]:
        """Return the lines that it had still written."""
        assert self._process.stdout is not None
        return self._process.stdout.read().split()

    def kill(self) -> None:
        """Kill it as `kill -9` does, and wait for its end."""
        self._process.kill()
        self._process.wait()

    def wait(self) -> int:
        """Wait for its own end."""
        return self._process.wait(60)


def count(store: Store) -> None:
    """Write 1, 2, 3 ... as fast as possible, and say each number once it is committed."""
    number = 0
    while True:
        number += 1
        write(store, number)
        print(number, flush=True)


def step(store: Store) -> None:
    """Write each number that is asked for, and say so."""
    for line in sys.stdin:
        write(store, int(line))
        print("written", flush=True)


def add(store: Store) -> None:
    """Add one to the number, as often as asked."""
    for line in sys.stdin:
        for _ in range(int(line)):
            with store.write() as unit:
                thing = unit.get(THINGS, HERE, "n") or Thing("n")
                unit.put(THINGS, HERE, Thing("n", number=thing.number + 1))
        print("added", flush=True)


def hang(store: Store) -> None:
    """Stop in the middle of a write."""
    with store.write() as unit:
        unit.put(THINGS, HERE, Thing("n", number=99))
        print("writing", flush=True)
        sys.stdin.readline()


def die_before_commit(store: Store) -> None:
    """Die when the page is marked and nothing is committed."""
    _die_committing(store, lambda _: None)


def die_after_commit(store: Store) -> None:
    """Die when the write is committed and the page is still marked."""
    _die_committing(store, lambda connection: connection.commit())


def _die_committing(store: Store, last_deed: Callable[[Connection], None]) -> None:
    database: Any = store._database

    def commit(connection: Connection, epoch: int) -> None:
        if not store.page._turn.mine:
            store.page.acquire()
        with store.page.committing(epoch):
            last_deed(connection)
            os.kill(os.getpid(), signal.SIGKILL)

    database.commit = commit
    write(store, 99)


def write(store: Store, number: int) -> None:
    """Store the number under the name that all tests look at."""
    with store.write() as unit:
        unit.put(THINGS, HERE, Thing("n", number=number))


def numbers(process: Process) -> Iterator[int]:
    """Yield what a counting process acknowledges, until it ends."""
    while line := process.hear():
        yield int(line)


if __name__ == "__main__":
    verb, url, directory = sys.argv[1:]
    globals()[verb](Store.open(url, directory=Path(directory)))
