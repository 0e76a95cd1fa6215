# SPDX-License-Identifier: Apache-2.0
"""The store compared with a dictionary, through random histories.

Where processes can share the store, two `Store` objects take turns, so that each has to notice
what the other wrote.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from stockade.store.resources import Scope
from tests.store.samples import GLOBAL, HERE, MOMENT, THERE, THINGS, Thing, undone

if TYPE_CHECKING:
    from stockade.store.store import Store
    from stockade.store.unit import Unit
    from tests.store.conftest import Place

Model = dict[tuple[Scope, str], Thing]

scopes = st.sampled_from([HERE, THERE, GLOBAL])
ids = st.sampled_from(["a", "ab", "b", "ba", "é", "Z"])
colours = st.sampled_from(["red", "blue"])
things = st.builds(
    Thing,
    name=ids,
    colour=colours | st.none(),
    tags=st.lists(colours, max_size=2, unique=True).map(tuple),
    due=st.integers(0, 3).map(lambda hours: MOMENT + timedelta(hours=hours)) | st.none(),
    number=st.integers(0, 9),
)
puts = st.tuples(st.just("put"), scopes, things)
deletes = st.tuples(st.just("delete"), scopes, ids)
steps = st.lists(puts | deletes, max_size=4)


def sorted_ids(model: Model, scope: Scope) -> list[str]:
    return sorted((name for where, name in model if where == scope), key=str.encode)


def check(unit: Unit, model: Model, scope: Scope, wanted: str, colour: str) -> None:
    here = [model[scope, name] for name in sorted_ids(model, scope)]
    red = [thing for thing in here if thing.colour == colour]
    assert unit.get(THINGS, scope, wanted) == model.get((scope, wanted))
    assert unit.list(THINGS, scope) == here
    assert (
        unit.list(THINGS, scope, after=wanted, limit=2)
        == [thing for thing in here if thing.name.encode() > wanted.encode()][:2]
    )
    assert unit.list(THINGS, scope, prefix="a") == [t for t in here if t.name.startswith("a")]
    assert unit.find(THINGS, scope, "colour", colour) == red
    assert unit.find(THINGS, scope, "tag", colour) == [t for t in here if colour in t.tags]
    assert unit.scopes(THINGS) == sorted({where for where, _ in model})
    moments = [thing.due for thing in model.values() if thing.due is not None]
    assert unit.next_due() == min(moments, default=None)
    assert len(unit.due([THINGS], MOMENT + timedelta(hours=2), 100)) == sum(
        moment <= MOMENT + timedelta(hours=2) for moment in moments
    )


def check_derived(unit: Unit, model: Model, scope: Scope, wanted: str) -> None:
    def number() -> int:
        thing = unit.get(THINGS, scope, wanted)
        return -1 if thing is None else thing.number

    def total() -> int:
        return sum(thing.number for thing in unit.list(THINGS, scope))

    def both() -> tuple[int, int]:
        return unit.derive(("number", scope, wanted), number), unit.derive(("total", scope), total)

    def reds() -> int:
        return len(unit.find_anywhere(THINGS, "colour", "red"))

    thing = model.get((scope, wanted))
    everything = sum(t.number for (where, _), t in model.items() if where == scope)
    expected = (-1 if thing is None else thing.number, everything)
    assert unit.derive(("both", scope, wanted), both) == expected
    assert unit.derive("reds", reds) == sum(t.colour == "red" for t in model.values())


def apply(unit: Unit, model: Model, scope: Scope, what: Thing | str) -> None:
    if isinstance(what, Thing):
        unit.put(THINGS, scope, what)
        model[scope, what.name] = what
    else:
        assert unit.delete(THINGS, scope, what) == ((scope, what) in model)
        model.pop((scope, what), None)


class Machine(RuleBasedStateMachine):
    def __init__(self, stores: list[Store]) -> None:
        super().__init__()
        self.stores = stores
        self.model: Model = {}

    @initialize()
    def clear(self) -> None:
        with self.stores[0].write() as unit:
            for scope in unit.scopes(THINGS):
                for thing in unit.list(THINGS, scope):
                    unit.delete(THINGS, scope, thing.name)

    @rule(which=st.integers(0, 1), steps=steps, undo=st.booleans(), scope=scopes, wanted=ids)
    def write(
        self,
        which: int,
        steps: list[tuple[str, Scope, Thing] | tuple[str, Scope, str]],
        undo: bool,
        scope: Scope,
        wanted: str,
    ) -> None:
        store, model = self.stores[which % len(self.stores)], dict(self.model)
        with undone(store) if undo else store.write() as unit:
            check_derived(unit, model, scope, wanted)
            for _, where, what in steps:
                apply(unit, model, where, what)
            check(unit, model, scope, wanted, "red")
            check_derived(unit, model, scope, wanted)
        if not undo:
            self.model = model

    @rule(which=st.integers(0, 1), scope=scopes, wanted=ids, colour=colours)
    def read(self, which: int, scope: Scope, wanted: str, colour: str) -> None:
        with self.stores[which % len(self.stores)].read() as unit:
            check_derived(unit, self.model, scope, wanted)
            check(unit, self.model, scope, wanted, colour)


@pytest.mark.slow
def test_the_store_behaves_like_a_dictionary(place: Place) -> None:
    stores = [place.open() for _ in range(1 if place.kind == "memory" else 2)]
    slow = place.kind == "postgres"

    class MachineHere(Machine):
        def __init__(self) -> None:
            super().__init__(stores)

    run_state_machine_as_test(
        MachineHere,
        settings=settings(
            max_examples=10 if slow else 40,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
