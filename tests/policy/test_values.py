# SPDX-License-Identifier: Apache-2.0
"""Numbers, dates, addresses and binary values of conditions."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.policy.values import (
    parse_address,
    parse_binary,
    parse_instant,
    parse_network,
    parse_number,
)

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5),
        ("-5", -5),
        ("+05", 5),
        ("5.50", Decimal("5.5")),
        (".5", Decimal("0.5")),
        ("1e3", 1000),
        ("", None),
        ("NaN", None),
        ("Infinity", None),
        ("1_000", None),
        ("5 ", None),
        ("٣", None),
        ("0x10", None),
        ("1e99999", None),
    ],
)
def test_numbers(text: str, number: Decimal | int | None) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("0", 0),
        ("1714521600", 1714521600 * SECOND),
        ("1714521600.25", 1714521600 * SECOND + SECOND // 4),
        ("1970-01-01", 0),
        ("1970-01", 0),
        ("2024-05-01T00:00:00Z", 1714521600 * SECOND),
        ("2024-05-01t00:00:00z", 1714521600 * SECOND),
        ("2024-05-01T02:00+02:00", 1714521600 * SECOND),
        ("2024-04-30T22:00:00-0200", 1714521600 * SECOND),
        ("2024-05-01T00:00:00", 1714521600 * SECOND),
        ("2024-05-01T00:00:00.000000001Z", 1714521600 * SECOND + 1),
        ("2024-02-29", 1709164800 * SECOND),
        ("2023-02-29", None),
        ("2024-13-01", None),
        ("2024-00-01", None),
        ("2024-01-32", None),
        ("2024-05-01T24:00:00Z", None),
        ("2024-05-01T00:60:00Z", None),
        ("2024-05-01T00:00:60Z", None),
        ("2024-05-01T00:00:00+24:00", None),
        ("2024-05-01 00:00:00", None),
        ("2024-05-01T00:00:00Z\n", None),
        ("tomorrow", None),
        ("", None),
        ("9223372036854775808", None),
    ],
)
def test_instants(text: str, instant: int | None) -> None:
    assert parse_instant(text) == instant


@given(st.datetimes(timezones=st.just(UTC)))
def test_instants_agree_with_the_calendar(moment: datetime) -> None:
    since_epoch = moment - datetime(1970, 1, 1, tzinfo=UTC)
    microseconds = (since_epoch.days * 86_400 + since_epoch.seconds) * 10**6
    wanted = (microseconds + since_epoch.microseconds) * 1000
    year = f"{moment.year:04}"
    assert parse_instant(year + moment.strftime("-%m-%dT%H:%M:%S.%fZ")) == wanted


def test_addresses() -> None:
    assert parse_address("10.0.0.1") == (4, 0x0A000001)
    assert parse_address("::1") == (6, 1)
    assert parse_address("::ffff:10.0.0.1") == (4, 0x0A000001)
    for text in ("", "10.0.0", "10.0.0.256", "10.0.0.01", "1", "fe80::1%eth0", "\0", "é", "::g"):
        assert parse_address(text) is None


def test_networks() -> None:
    assert parse_network("10.1.2.3/8") == (4, 0x0A000000, 0xFF000000)
    assert parse_network("10.1.2.3") == (4, 0x0A010203, 0xFFFFFFFF)
    assert parse_network("::/0") == (6, 0, 0)
    for text in ("", "10.0.0.0/33", "::/129", "10.0.0.0/", "x"):
        assert parse_network(text) is None


def test_binary() -> None:
    assert parse_binary("YWJj") == b"abc"
    assert parse_binary("") == b""
    for text in ("!", "YWJ", "YWJj\n", "é"):
        assert parse_binary(text) is None
