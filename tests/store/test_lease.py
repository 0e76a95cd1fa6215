# SPDX-License-Identifier: Apache-2.0
"""A lease has one holder at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from stockade.store.errors import LeaseHeld, LeaseLost
from stockade.store.lease import Lease
from tests.store.samples import MOMENT

if TYPE_CHECKING:
    from stockade.store.store import Store

LASTING = timedelta(seconds=15)
LATER = MOMENT + timedelta(seconds=10)
EXPIRED = MOMENT + LASTING


def test_another_holder_waits_until_the_lease_expires(store: Store) -> None:
    one, two = Lease(store, "lead", "one"), Lease(store, "lead", "two")
    token = one.acquire(MOMENT, LASTING)
    with pytest.raises(LeaseHeld, match="one holds the lease lead"):
        two.acquire(LATER, LASTING)
    assert two.acquire(EXPIRED, LASTING) > token


def test_acquiring_again_keeps_the_lease(store: Store) -> None:
    one, two = Lease(store, "lead", "one"), Lease(store, "lead", "two")
    token = one.acquire(MOMENT, LASTING)
    assert one.acquire(LATER, LASTING) == token
    with pytest.raises(LeaseHeld):
        two.acquire(EXPIRED, LASTING)


def test_renewing_holds_the_lease_for_longer(store: Store) -> None:
    one, two = Lease(store, "lead", "one"), Lease(store, "lead", "two")
    one.acquire(MOMENT, LASTING)
    one.renew(LATER, LASTING)
    with pytest.raises(LeaseHeld):
        two.acquire(EXPIRED, LASTING)


def test_a_holder_that_slept_has_lost_the_lease(store: Store) -> None:
    one, two = Lease(store, "lead", "one"), Lease(store, "lead", "two")
    first = one.acquire(MOMENT, LASTING)
    with pytest.raises(LeaseLost):
        one.renew(EXPIRED, LASTING)
    second = two.acquire(EXPIRED, LASTING)
    with pytest.raises(LeaseLost):
        one.renew(EXPIRED, LASTING)
    with pytest.raises(LeaseHeld):
        one.acquire(EXPIRED, LASTING)
    assert second > first


def test_the_same_name_on_another_process_is_not_the_same_holder(store: Store) -> None:
    Lease(store, "lead", "host:1").acquire(MOMENT, LASTING)
    with pytest.raises(LeaseHeld):
        Lease(store, "lead", "host:1").acquire(LATER, LASTING)


def test_a_released_lease_is_free_at_once(store: Store) -> None:
    one, two = Lease(store, "lead", "one"), Lease(store, "lead", "two")
    first = one.acquire(MOMENT, LASTING)
    one.release()
    assert two.acquire(LATER, LASTING) > first
    one.release()
    with pytest.raises(LeaseHeld):
        one.acquire(LATER, LASTING)


def test_leases_of_other_names_are_others(store: Store) -> None:
    Lease(store, "lead").acquire(MOMENT, LASTING)
    Lease(store, "ship").acquire(MOMENT, LASTING)


def test_a_lease_never_acquired_cannot_be_renewed(store: Store) -> None:
    with pytest.raises(LeaseLost):
        Lease(store, "lead").renew(MOMENT, LASTING)


def test_one_of_many_gets_it(store: Store) -> None:
    def compete(n: int) -> bool:
        try:
            Lease(store, "lead", str(n)).acquire(MOMENT, LASTING)
        except LeaseHeld:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(compete, range(8))) == 1
