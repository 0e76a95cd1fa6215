# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.cli import durations


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("60d", timedelta(days=60)),
        ("12h", timedelta(hours=12)),
        ("90m", timedelta(minutes=90)),
        ("30s", timedelta(seconds=30)),
        ("2w", timedelta(weeks=2)),
        ("1d12h", timedelta(days=1, hours=12)),
        ("0s", timedelta()),
    ],
)
def test_durations_are_read_as_people_type_them(text: str, duration: timedelta) -> None:
    assert durations.parse(text) == duration


@pytest.mark.parametrize("text", ["", "60", "d", "-1d", "1.5h", "60d ", "60 d", "1y", "٣d", "60D"])
def test_what_is_no_duration_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as 60d"):
        durations.parse(text)


def test_a_duration_that_no_date_can_hold_is_said() -> None:
    with pytest.raises(ValueError, match="longer than a clock can go"):
        durations.parse("999999999d999999999d")


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=99999)))
def test_what_is_shown_is_read_back(duration: timedelta) -> None:
    whole = timedelta(seconds=duration // timedelta(seconds=1))
    assert durations.parse(durations.show(duration)) == whole
