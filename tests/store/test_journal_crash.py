# SPDX-License-Identifier: Apache-2.0
"""Processes that die while they journal: what they answered for is found, once."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from stockade.store.entries import parse
from stockade.store.journal import Journal
from stockade.store.store import Store
from tests.store.appenders import heard, process
from tests.store.conftest import Place


def found(store: Store, journal: Journal) -> Counter[int]:
    """Return how often each record is found."""
    with store.read() as unit:
        records, _ = journal.lookup(unit, "111122223333", "eu-west-1", limit=1_000_000)
    return Counter(int(parse(record).event_id.removeprefix("event-")) for record in records)


@pytest.mark.slow
def test_kill_while_appending(shared_place: Place, tmp_path: Path) -> None:
    acknowledged: list[int] = []
    for least in (1, 50, 400):
        with process("append", shared_place.url, tmp_path) as child:
            acknowledged += heard(child, least)
    store, journal = shared_place.open(), Journal(tmp_path, os.urandom)
    journal.ship(store)
    counts = found(store, journal)
    assert set(acknowledged) <= set(counts)
    assert set(counts.values()) == {1}
    assert len(counts) <= len(acknowledged) + 3  # one each may have died between write and word
    assert list((tmp_path / "journal").iterdir()) == []


@pytest.mark.slow
def test_kill_writers_and_shippers_together(shared_place: Place, tmp_path: Path) -> None:
    acknowledged: list[int] = []
    for least in (20, 60):
        with (
            process("append", shared_place.url, tmp_path) as appending,
            process("insert", shared_place.url, tmp_path) as inserting,
            process("ship", shared_place.url, tmp_path) as shipping,
            process("ship", shared_place.url, tmp_path) as shipping_too,
        ):
            heard(shipping, 1)  # killed as soon as it begins
            assert shipping_too.stdout is not None
            shipping_too.stdout.readline()
            acknowledged += heard(inserting, least)
            shipping_too.kill()
            acknowledged += heard(appending, least)
    store, journal = shared_place.open(), Journal(tmp_path, os.urandom)
    journal.ship(store)
    counts = found(store, journal)
    assert set(acknowledged) <= set(counts)
    assert set(counts.values()) == {1}
    assert len(counts) <= len(acknowledged) + 4
