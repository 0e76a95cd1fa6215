# SPDX-License-Identifier: Apache-2.0
"""What units promise about resources, on every kind of store."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from stockade.store.errors import Conflict, StoreTooNew
from stockade.store.resources import Collection, from_micros, to_micros
from tests.store.samples import (
    GLOBAL,
    HERE,
    MOMENT,
    OTHERS,
    THERE,
    THINGS,
    Other,
    Thing,
    put,
    undone,
)

if TYPE_CHECKING:
    from stockade.store.store import Store


def names(things: list[Thing]) -> list[str]:
    return [thing.name for thing in things]


def test_a_resource_comes_back_as_it_was_put(store: Store) -> None:
    thing = Thing("a", colour="red", tags=("x", "y"), due=MOMENT, number=2**40)
    put(store, thing)
    with store.read() as unit:
        assert unit.get(THINGS, HERE, "a") == thing
        assert unit.get(THINGS, HERE, "b") is None


def test_text_survives_whatever_its_characters(store: Store) -> None:
    thing = Thing('ü"\\\n\U0001f600', colour="a'b%_\x01")
    put(store, thing)
    with store.read() as unit:
        assert unit.find(THINGS, HERE, "colour", "a'b%_\x01") == [thing]
        assert unit.get(THINGS, HERE, thing.name) == thing


def test_a_later_put_replaces_an_earlier_one(store: Store) -> None:
    put(store, Thing("a", number=1))
    put(store, Thing("a", number=2))
    with store.read() as unit:
        assert unit.list(THINGS, HERE) == [Thing("a", number=2)]


def test_deleting_says_whether_there_was_something(store: Store) -> None:
    put(store, Thing("a", colour="red"))
    with store.write() as unit:
        assert unit.delete(THINGS, HERE, "a")
        assert not unit.delete(THINGS, HERE, "a")
    with store.read() as unit:
        assert unit.get(THINGS, HERE, "a") is None
        assert unit.find(THINGS, HERE, "colour", "red") == []


def test_scopes_and_collections_do_not_mix(store: Store) -> None:
    with store.write() as unit:
        unit.put(THINGS, HERE, Thing("a", colour="red", number=1))
        unit.put(THINGS, THERE, Thing("a", colour="red", number=2))
        unit.put(THINGS, GLOBAL, Thing("a", number=3))
        unit.put(OTHERS, HERE, Other("a"))
    with store.read() as unit:
        assert unit.get(THINGS, THERE, "a") == Thing("a", colour="red", number=2)
        assert unit.list(THINGS, HERE) == [Thing("a", colour="red", number=1)]
        assert unit.find(THINGS, THERE, "colour", "red") == unit.list(THINGS, THERE)
        assert unit.scopes(THINGS) == [GLOBAL, HERE, THERE]
        assert unit.scopes(OTHERS) == [HERE]
        assert [unit.count(THINGS, HERE), unit.count(OTHERS, THERE)] == [1, 0]


AWKWARD = ["!", "Z", "_", "a", "a%", "a/b", "aB", "a_c", "z", "é", "\ud7ff", "\ue000", "\U0001f600"]


def test_lists_are_ordered_by_the_bytes_of_ids(store: Store) -> None:
    put(store, *map(Thing, reversed(AWKWARD)))
    with store.read() as unit:
        assert names(unit.list(THINGS, HERE)) == sorted(AWKWARD, key=str.encode)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_put_together_are_the_list(store: Store, limit: int) -> None:
    put(store, *map(Thing, AWKWARD))
    walked: list[str] = []
    with store.read() as unit:
        while page := unit.list(THINGS, HERE, after=walked[-1] if walked else "", limit=limit):
            assert len(page) <= limit
            walked += names(page)
    assert walked == AWKWARD


@pytest.mark.parametrize("prefix", ["", "a", "a%", "a_", "a/", "\ud7ff", "\U0010ffff", "q"])
def test_a_prefix_is_taken_literally(store: Store, prefix: str) -> None:
    put(store, *map(Thing, [*AWKWARD, "\U0010ffff", "\U0010ffffa"]))
    every = [*AWKWARD, "\U0010ffff", "\U0010ffffa"]
    with store.read() as unit:
        found = names(unit.list(THINGS, HERE, prefix=prefix))
    assert found == [name for name in every if name.startswith(prefix)]


def test_a_prefix_and_a_page_go_together(store: Store) -> None:
    put(store, *map(Thing, ["/a", "/x/1", "/x/2", "/x/3", "/y"]))
    with store.read() as unit:
        assert names(unit.list(THINGS, HERE, prefix="/x/", after="/a", limit=2)) == ["/x/1", "/x/2"]
        assert names(unit.list(THINGS, HERE, prefix="/x/", after="/x/2")) == ["/x/3"]


def test_an_index_follows_its_resource(store: Store) -> None:
    put(store, Thing("a", colour="red", tags=("x", "y")), Thing("b", colour="red", tags=("y",)))
    put(store, Thing("a", colour="blue", tags=("y", "z")))
    with store.read() as unit:
        assert names(unit.find(THINGS, HERE, "colour", "red")) == ["b"]
        assert names(unit.find(THINGS, HERE, "colour", "blue")) == ["a"]
        assert names(unit.find(THINGS, HERE, "tag", "y")) == ["a", "b"]
        assert names(unit.find(THINGS, HERE, "tag", "x")) == []


def test_finds_are_paged_too(store: Store) -> None:
    put(store, *(Thing(f"t{n}", colour="red") for n in range(5)))
    with store.read() as unit:
        page = unit.find(THINGS, HERE, "colour", "red", after="t1", limit=2)
    assert names(page) == ["t2", "t3"]


def test_finding_anywhere_tells_the_scope(store: Store) -> None:
    put(store, Thing("a", colour="red"))
    put(store, Thing("b", colour="red"), scope=THERE)
    with store.read() as unit:
        found = unit.find_anywhere(THINGS, "colour", "red")
    assert found == [(HERE, Thing("a", colour="red")), (THERE, Thing("b", colour="red"))]


def test_an_index_must_exist(store: Store) -> None:
    with store.read() as unit:
        with pytest.raises(KeyError):
            unit.find(THINGS, HERE, "size", "1")
        with pytest.raises(KeyError):
            unit.find_anywhere(THINGS, "size", "1")


def test_a_revision_grows_with_every_write(store: Store) -> None:
    first = put(store, Thing("a"))
    put(store, Thing("b"))
    second = put(store, Thing("a"))
    assert 0 < first < second
    with store.read() as unit:
        assert unit.revision(THINGS, HERE, "a") == second
        assert unit.revision(THINGS, HERE, "absent") == 0


def test_a_resource_made_again_does_not_repeat_a_revision(store: Store) -> None:
    first = put(store, Thing("a"))
    with store.write() as unit:
        unit.delete(THINGS, HERE, "a")
    assert put(store, Thing("a")) > first


def test_an_expected_revision_must_hold(store: Store) -> None:
    revision = put(store, Thing("a"))
    with store.write() as unit:
        unit.put(THINGS, HERE, Thing("a", number=1), expected=revision)
    with store.write() as unit, pytest.raises(Conflict):
        unit.put(THINGS, HERE, Thing("a", number=2), expected=revision)
    with store.write() as unit, pytest.raises(Conflict):
        unit.put(THINGS, HERE, Thing("a", number=2), expected=0)
    with store.write() as unit, pytest.raises(Conflict):
        unit.put(THINGS, HERE, Thing("b"), expected=1)
    with store.write() as unit:
        unit.put(THINGS, HERE, Thing("c"), expected=0)
    with store.read() as unit:
        assert unit.list(THINGS, HERE) == [Thing("a", number=1), Thing("c")]


def test_an_exception_undoes_the_unit(store: Store) -> None:
    called: list[str] = []
    put(store, Thing("a", number=1))
    with undone(store) as unit:
        unit.put(THINGS, HERE, Thing("a", number=2))
        unit.put(THINGS, HERE, Thing("b"))
        unit.on_commit(lambda: called.append("committed"))
    with store.read() as unit:
        assert unit.list(THINGS, HERE) == [Thing("a", number=1)]
    assert called == []


def test_actions_run_once_the_unit_is_committed(store: Store) -> None:
    seen: list[Thing | None] = []

    def look() -> None:
        with store.read() as unit:
            seen.append(unit.get(THINGS, HERE, "a"))

    with store.write() as unit:
        unit.on_commit(look)
        unit.put(THINGS, HERE, Thing("a"))
        assert seen == []
    assert seen == [Thing("a")]


def test_a_write_unit_sees_its_own_writes(store: Store) -> None:
    put(store, Thing("a", colour="red"))
    with store.write() as unit:
        assert unit.get(THINGS, HERE, "a") == Thing("a", colour="red")
        unit.put(THINGS, HERE, Thing("a", colour="blue"))
        unit.put(THINGS, HERE, Thing("b"))
        assert unit.get(THINGS, HERE, "a") == Thing("a", colour="blue")
        assert names(unit.list(THINGS, HERE)) == ["a", "b"]
        assert unit.find(THINGS, HERE, "colour", "red") == []
        unit.delete(THINGS, HERE, "a")
        assert unit.get(THINGS, HERE, "a") is None


def test_what_a_unit_undid_is_not_remembered(store: Store) -> None:
    with undone(store) as unit:
        unit.put(THINGS, HERE, Thing("a"))
        assert unit.get(THINGS, HERE, "a") == Thing("a")
    with store.read() as unit:
        assert unit.get(THINGS, HERE, "a") is None


def test_a_thread_may_write_while_it_reads(store: Store) -> None:
    put(store, Thing("a"))
    with store.read() as outer:
        assert outer.list(THINGS, HERE) == [Thing("a")]
        with store.write() as unit:
            unit.put(THINGS, HERE, Thing("b"))
    with store.read() as unit:
        assert names(unit.list(THINGS, HERE)) == ["a", "b"]


def test_writes_do_not_nest(store: Store) -> None:
    with store.write(), pytest.raises(RuntimeError, match="does not nest"), store.write():
        pass
    put(store, Thing("a"))


def test_a_read_unit_cannot_write(store: Store) -> None:
    with store.read() as unit:
        with pytest.raises(RuntimeError):
            unit.put(THINGS, HERE, Thing("a"))
        with pytest.raises(RuntimeError):
            unit.delete(THINGS, HERE, "a")
        with pytest.raises(RuntimeError):
            unit.on_commit(lambda: None)


def test_a_unit_that_is_over_says_so(store: Store) -> None:
    with store.write() as unit:
        pass
    with pytest.raises(RuntimeError):
        unit.put(THINGS, HERE, Thing("a"))


def test_what_is_due_comes_in_due_order(store: Store) -> None:
    def at(hours: int) -> Any:
        return MOMENT + timedelta(hours=hours)

    with store.write() as unit:
        for name, hours in [("late", 9), ("c", 3), ("a", 1), ("b", 3)]:
            unit.put(THINGS, HERE, Thing(name, due=at(hours)))
        unit.put(THINGS, HERE, Thing("never"))
        unit.put(OTHERS, THERE, Other("o", due=at(2)))
    with store.read() as unit:
        assert unit.due([THINGS, OTHERS], at(3), 10) == [
            (THINGS, HERE, "a", at(1)),
            (OTHERS, THERE, "o", at(2)),
            (THINGS, HERE, "b", at(3)),
            (THINGS, HERE, "c", at(3)),
        ]
        assert unit.due([OTHERS], at(10), 10) == [(OTHERS, THERE, "o", at(2))]
        assert unit.due([THINGS, OTHERS], at(10), 1) == [(THINGS, HERE, "a", at(1))]
        assert unit.due([], at(10), 10) == []
        assert unit.next_due() == at(1)


def test_nothing_may_be_due(store: Store) -> None:
    put(store, Thing("a", due=MOMENT))
    put(store, Thing("a"))
    with store.read() as unit:
        assert unit.next_due() is None
        assert unit.due([THINGS], MOMENT, 10) == []


def test_moments_keep_their_microseconds() -> None:
    assert from_micros(to_micros(MOMENT)) == MOMENT
    assert to_micros(from_micros(-1)) == -1


class Renamed(msgspec.Struct, frozen=True):
    name: str
    size: int


def upgraded(schema: int) -> Collection[Renamed]:
    """The things of samples.py two versions later: `number` became `size`, then doubled."""

    def rename(document: dict[str, Any]) -> dict[str, Any]:
        return {"name": document["name"], "size": document["number"]}

    def double(document: dict[str, Any]) -> dict[str, Any]:
        return document | {"size": 2 * document["size"]}

    return Collection(
        Renamed,
        service="demo",
        kind="thing",
        id=lambda renamed: renamed.name,
        schema=schema,
        upgrades={1: rename, 2: double} if schema == 3 else {1: rename},
    )


def test_documents_of_older_versions_are_upgraded_on_load(store: Store) -> None:
    put(store, Thing("a", number=21))
    with store.read() as unit:
        assert unit.list(upgraded(2), HERE) == [Renamed("a", 21)]
        assert unit.list(upgraded(3), HERE) == [Renamed("a", 42)]


def test_documents_of_newer_versions_are_refused(store: Store) -> None:
    with store.write() as unit:
        unit.put(upgraded(3), HERE, Renamed("a", 42))
    with store.read() as unit, pytest.raises(StoreTooNew, match="demo/thing"):
        unit.get(THINGS, HERE, "a")


def test_an_upgrade_must_not_be_missing() -> None:
    with pytest.raises(ValueError, match="upgrade"):
        Collection(Thing, service="demo", kind="thing", id=lambda thing: thing.name, schema=3)
