# SPDX-License-Identifier: Apache-2.0
"""Clearing a store: every resource goes, and every cache hears of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stockade.store.resources import Collection, Scope

if TYPE_CHECKING:
    from stockade.store.store import Store


class Note(msgspec.Struct, frozen=True):
    name: str
    colour: str


NOTES = Collection(
    Note,
    service="test",
    kind="note",
    id=lambda note: note.name,
    indexes={"colour": lambda note: note.colour},
)
SCOPES = (Scope("111122223333", "us-east-1"), Scope("111122223333", ""))


def test_clear(store: Store) -> None:
    with store.write() as unit:
        for scope in SCOPES:
            for name in ("a", "b"):
                unit.put(NOTES, scope, Note(name, "red"))
    with store.read() as unit:
        assert unit.get(NOTES, SCOPES[0], "a") == Note("a", "red")
        assert unit.derive("known", lambda: unit.get(NOTES, SCOPES[0], "b")) is not None
    store.clear()
    with store.read() as unit:
        assert unit.get(NOTES, SCOPES[0], "a") is None
        assert unit.derive("known", lambda: unit.get(NOTES, SCOPES[0], "b")) is None
        assert unit.list(NOTES, SCOPES[1]) == []
        assert unit.find(NOTES, SCOPES[0], "colour", "red") == []
