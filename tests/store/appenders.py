# SPDX-License-Identifier: Apache-2.0
"""Processes that journal, for tests: they append or ship until they are killed.

Run as a program it is such a process: `python -m tests.store.appenders VERB URL DIRECTORY`.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from stockade.store.journal import Journal, JournalUnavailable
from stockade.store.store import Store

ROOT = Path(__file__).parents[2]
Popen = subprocess.Popen[str]


def record(number: int, **fields: Any) -> bytes:
    """Return the record of a call; `number` makes its ids."""
    content: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "userName": "alice",
            "arn": "arn:aws:iam::111122223333:user/alice",
            "accessKeyId": "AKIAEXAMPLE",
        },
        "eventTime": "2026-11-23T12:00:00Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "Encrypt",
        "awsRegion": "eu-west-1",
        "requestID": f"request-{number}",
        "eventID": f"event-{number}",
        "readOnly": True,
        "recipientAccountId": "111122223333",
    }
    return msgspec.json.encode(content | fields)


@contextmanager
def process(verb: str, url: str, directory: Path) -> Iterator[Popen]:
    """Run one of the verbs below in a process that never outlives the block."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.store.appenders", verb, url, str(directory)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        try:
            yield child
        finally:
            child.kill()


def heard(child: Popen, least: int) -> list[int]:
    """Return the numbers that a process acknowledged: `least` of them, then it is killed."""
    assert child.stdout is not None
    numbers = [int(child.stdout.readline()) for _ in range(least)]
    child.kill()
    # A last line may be cut off in the pipe; what is not heard is not acknowledged.
    return numbers + [int(line) for line in child.stdout.read().split("\n")[:-1]]


def append(_url: str, directory: Path) -> None:
    """Append records as fast as possible, and say the number of each when it is done."""
    journal = Journal(directory, os.urandom)
    number = 1_000_000 * os.getpid()
    while True:
        number += 1
        journal.append(record(number, padding="x" * (number % 3000)))
        print(number, flush=True)


def append_and_stop(_url: str, directory: Path) -> None:
    """Append one record and live on."""
    Journal(directory, os.urandom).append(record(os.getpid()))
    print(os.getpid(), flush=True)
    signal.pause()


def insert(url: str, directory: Path) -> None:
    """Write records in transactions of their own."""
    journal = Journal(directory, os.urandom)
    store = Store.open(url, directory=directory)
    number = 1_000_000 * os.getpid()
    while True:
        number += 1
        with store.write() as unit:
            journal.insert(unit, record(number))
        print(number, flush=True)


def ship(url: str, directory: Path) -> None:
    """Ship for ever."""
    journal = Journal(directory, os.urandom)
    store = Store.open(url, directory=directory)
    print(0, flush=True)
    while True:
        journal.ship_batch(store)


def fill(_url: str, directory: Path) -> None:
    """Append until files may not grow any more, then until they may again."""
    journal = Journal(directory, os.urandom)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    number = refused = 0
    while refused < 10:
        number += 1
        try:
            journal.append(record(number))
            print(number, flush=True)
        except JournalUnavailable:
            refused += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    journal.append(record(number + 1))
    print(number + 1, flush=True)
    signal.pause()


if __name__ == "__main__":
    {f.__name__: f for f in (append, append_and_stop, insert, ship, fill)}[sys.argv[1]](
        sys.argv[2], Path(sys.argv[3])
    )
