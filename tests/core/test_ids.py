# SPDX-License-Identifier: Apache-2.0
"""Identifiers: their shape, their account, and that none is handed out twice."""

from __future__ import annotations

import os
import re
import uuid
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from stockade.core.ids import RandomPool, account_of, ordered_uuid, system_random, unique_id

ACCOUNTS = st.integers(0, 10**12 - 1).map(lambda number: f"{number:012d}")


@given(account=ACCOUNTS)
def test_unique_id_carries_its_account(account: str) -> None:
    made = unique_id("AKIA", account, system_random)
    assert re.fullmatch("AKIA[A-Z2-7]{16}", made)
    assert account_of(made) == account


@given(text=st.text(max_size=24))
def test_any_text_has_an_account_or_none(text: str) -> None:
    account = account_of(text)
    assert account is None or re.fullmatch("[0-9]{12}", account)


def test_uuids_are_uuids() -> None:
    pool = RandomPool()
    made = [pool.uuid() for _ in range(1000)]
    assert len(set(made)) == 1000
    for text in made:
        parsed = uuid.UUID(text)
        assert (str(parsed), parsed.version, parsed.variant) == (text, 4, uuid.RFC_4122)


@given(st.lists(st.integers(0, 2**48 - 1), min_size=2))
def test_ordered_uuids_sort_by_time(moments: list[int]) -> None:
    made = [ordered_uuid(moment, os.urandom(16)) for moment in sorted(set(moments))]
    assert made == sorted(made)
    assert {uuid.UUID(text).version for text in made} == {7}


def test_uuid_at_carries_the_milliseconds() -> None:
    moment = datetime(2026, 1, 31, 12, 0, 0, 123_456, tzinfo=UTC)
    made = uuid.UUID(RandomPool().uuid_at(moment))
    assert made.int >> 80 == int(moment.timestamp() * 1000)


def test_a_forked_child_draws_anew() -> None:
    pool = RandomPool(size=28)
    pool.piece()
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(sender, b"".join(pool.piece() for _ in range(50)))
        os._exit(0)
    os.waitpid(child, 0)
    os.close(sender)
    with os.fdopen(receiver, "rb") as pipe:
        theirs = pipe.read()
    ours = {pool.piece() for _ in range(255)}
    assert len(theirs) == 50 * 28
    assert not ours & {theirs[at : at + 28] for at in range(0, len(theirs), 28)}
