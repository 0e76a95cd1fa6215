# SPDX-License-Identifier: Apache-2.0
"""Resources of no service, for the tests of the store."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from stockade.store.resources import Collection, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stockade.store.store import Store
    from stockade.store.unit import Unit

HERE = Scope("111122223333", "eu-west-1")
THERE = Scope("444455556666", "us-east-1")
GLOBAL = Scope("111122223333", "")

MOMENT = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


class Thing(msgspec.Struct, frozen=True):
    name: str
    colour: str | None = None
    tags: tuple[str, ...] = ()
    due: datetime | None = None
    number: int = 0


class Other(msgspec.Struct, frozen=True):
    name: str
    due: datetime | None = None


THINGS = Collection(
    Thing,
    service="demo",
    kind="thing",
    id=lambda thing: thing.name,
    indexes={"colour": lambda thing: thing.colour, "tag": lambda thing: thing.tags},
    due=lambda thing: thing.due,
)
OTHERS = Collection(
    Other,
    service="demo",
    kind="other",
    id=lambda other: other.name,
    due=lambda other: other.due,
)


class UndoError(Exception):
    """Leaves a write unit, which undoes it."""


@contextmanager
def undone(store: Store) -> Iterator[Unit]:
    """Yield a write unit and undo it."""
    with suppress(UndoError), store.write() as unit:
        yield unit
        raise UndoError


def put(store: Store, *things: Thing, scope: Scope = HERE) -> int:
    """Store things in one unit and return their revision."""
    revision = 0
    with store.write() as unit:
        for thing in things:
            revision = unit.put(THINGS, scope, thing)
    return revision
