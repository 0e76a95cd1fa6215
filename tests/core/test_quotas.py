# SPDX-License-Identifier: Apache-2.0
"""Token buckets: as many calls as the quota says, in any second and over time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stockade.core import quotas
from stockade.core.quotas import Buckets, Charge

FIVE = Charge(("111122223333", "us-east-1", "CreateKey"), 5.0)
SLOW = Charge(("111122223333", "us-east-1", "GetParametersForImport"), 0.25)


def taken(buckets: Buckets, charge: Charge, moment: float, tries: int = 100) -> int:
    return sum(buckets.take([charge], moment) for _ in range(tries))


def test_a_bucket_holds_a_second_and_fills_steadily() -> None:
    buckets = Buckets()
    assert taken(buckets, FIVE, 0.0) == 5
    assert taken(buckets, FIVE, 0.1) == 0
    assert taken(buckets, FIVE, 0.4) == 2
    assert taken(buckets, FIVE, 1.0) == 3
    assert taken(buckets, FIVE, 60.0) == 5


def test_less_than_one_a_second_is_one_at_once() -> None:
    buckets = Buckets()
    assert [taken(buckets, SLOW, moment) for moment in (0.0, 1.0, 3.9, 4.0, 9.0)] == [1, 0, 0, 1, 1]


def test_all_charges_or_none() -> None:
    buckets = Buckets()
    assert buckets.take([SLOW], 0.0)
    assert not buckets.take([FIVE, SLOW], 0.0)
    assert taken(buckets, FIVE, 0.0) == 5


def test_buckets_do_not_know_of_each_other() -> None:
    buckets = Buckets()
    other = FIVE._replace(bucket=("444455556666", "us-east-1", "CreateKey"))
    assert taken(buckets, FIVE, 0.0) == taken(buckets, other, 0.0) == 5


def test_what_costs_more_than_a_bucket_holds_empties_it_below_nothing() -> None:
    buckets = Buckets()
    twice = SLOW._replace(cost=2.0)
    assert [buckets.take([twice], moment) for moment in (0.0, 4.0, 7.9, 8.0)] == [
        True,
        False,
        False,
        True,
    ]


def test_what_is_given_back_can_be_taken_again() -> None:
    buckets = Buckets()
    assert taken(buckets, FIVE, 0.0) == 5
    buckets.give_back([FIVE])
    buckets.give_back([SLOW])
    assert taken(buckets, FIVE, 0.0) == 1


def test_a_clock_that_is_put_back_gives_nothing() -> None:
    buckets = Buckets()
    assert taken(buckets, FIVE, 100.0, 3) == 3
    assert taken(buckets, FIVE, 0.0) == 2
    assert taken(buckets, FIVE, 1.0) == 5


def test_full_buckets_are_forgotten() -> None:
    buckets = Buckets()
    for number in range(quotas.MOST_BUCKETS):
        buckets.take([Charge((str(number),), 1.0)], 0.0)
    assert len(buckets) == quotas.MOST_BUCKETS
    buckets.take([FIVE], 5.0)
    assert len(buckets) == 1


@given(
    rate=st.sampled_from([0.25, 1.0, 3.0, 5.0]),
    steps=st.lists(st.floats(0, 2, allow_nan=False), max_size=40),
)
def test_never_more_than_the_quota_and_one_second_of_it(rate: float, steps: list[float]) -> None:
    buckets, now, passed = Buckets(), 0.0, 0
    for step in steps:
        now += step
        passed += taken(buckets, Charge(("a",), rate), now, 10)
        assert passed <= now * rate + max(rate, 1.0) + 1e-6
