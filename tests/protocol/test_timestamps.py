# SPDX-License-Identifier: Apache-2.0
"""Moments in AWS's three formats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.protocol import timestamps

_MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
_WHOLE = _MOMENTS.map(lambda moment: moment.replace(microsecond=0))
_HTTP_DATES = _WHOLE.filter(lambda moment: moment.year >= 1000)


@given(_MOMENTS)
def test_iso_8601_there_and_back(moment: datetime) -> None:
    assert timestamps.parse_iso8601(timestamps.format_iso8601(moment)) == moment


@given(_HTTP_DATES)
def test_http_dates_there_and_back(moment: datetime) -> None:
    assert timestamps.parse_rfc822(timestamps.format_rfc822(moment)) == moment


@given(_WHOLE)
def test_epoch_seconds_there_and_back(moment: datetime) -> None:
    assert timestamps.parse_epoch(timestamps.format_epoch(moment)) == moment
    assert timestamps.parse_epoch_text(str(timestamps.format_epoch(moment))) == moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2014-04-29T18:30:38Z", datetime(2014, 4, 29, 18, 30, 38, tzinfo=UTC)),
        ("2014-04-29T20:30:38+02:00", datetime(2014, 4, 29, 18, 30, 38, tzinfo=UTC)),
        ("2014-04-29T16:30:38-0200", datetime(2014, 4, 29, 18, 30, 38, tzinfo=UTC)),
        ("2014-04-29T18:30:38.5", datetime(2014, 4, 29, 18, 30, 38, 500000, tzinfo=UTC)),
        ("2014-04-29T18:30:38.123456789Z", datetime(2014, 4, 29, 18, 30, 38, 123456, tzinfo=UTC)),
        ("2014-04-29", datetime(2014, 4, 29, tzinfo=UTC)),
    ],
)
def test_iso_8601_is_read_in_the_forms_that_clients_send(text: str, moment: datetime) -> None:
    assert timestamps.parse_iso8601(text) == moment
    assert timestamps.parse_iso8601(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2014-W18-2",
        "20140429T183038Z",
        "2014-13-01",
        "2014-04-29T25:00:00Z",
        "1398796238",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "\u0662\u0660\u0661\u0664-04-29",
    ],
)
def test_anything_else_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  any of them becomes the same refusal
        timestamps.parse_iso8601(text)
    with pytest.raises(ValueError):  # noqa: PT011
        timestamps.parse_rfc822(text)


@given(st.text(max_size=40))
def test_no_text_breaks_a_parser(text: str) -> None:
    for name in ("iso8601", "rfc822", "unixTimestamp"):
        try:
            assert timestamps.text_parser(name)(text).tzinfo is not None
        except ValueError:
            continue


@pytest.mark.parametrize("seconds", [1e20, -1e20, 10**15])
def test_a_number_outside_the_calendar_is_a_value_error(seconds: float) -> None:
    with pytest.raises(ValueError, match="outside the calendar"):
        timestamps.parse_epoch(seconds)


@pytest.mark.parametrize("seconds", ["1e3", "nan", "", "999999999999999"])
def test_a_text_that_is_no_number_of_seconds_is_a_value_error(seconds: str) -> None:
    with pytest.raises(ValueError, match=r"not a number|outside the calendar"):
        timestamps.parse_epoch_text(seconds)


def test_formats() -> None:
    moment = datetime(2014, 4, 29, 20, 30, 38, tzinfo=timezone(timedelta(hours=2)))
    assert timestamps.formatter("iso8601")(moment) == "2014-04-29T18:30:38Z"
    assert timestamps.formatter("rfc822")(moment) == "Tue, 29 Apr 2014 18:30:38 GMT"
    assert timestamps.formatter("unixTimestamp")(moment) == 1398796238
    late = moment.replace(microsecond=120000)
    assert timestamps.formatter("iso8601")(late) == "2014-04-29T18:30:38.12Z"
    assert timestamps.formatter("unixTimestamp")(late) == 1398796238.12


@pytest.mark.parametrize("name", ["iso8601", "rfc822", "unixTimestamp"])
def test_a_moment_without_an_offset_is_a_bug(name: str) -> None:
    for wrong in (datetime(2026, 1, 1), "2026-01-01", 5, None):  # noqa: DTZ001
        with pytest.raises(TypeError):
            timestamps.formatter(name)(wrong)
