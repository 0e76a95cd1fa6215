# SPDX-License-Identifier: Apache-2.0
"""Readers for the typed values of policy conditions; each returns None for text it cannot read.

Numbers are integers or decimals, dates are ISO 8601 in its W3C forms or epoch seconds,
addresses are IPv4 or IPv6, binary values are base64.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import socket
from decimal import Decimal
from typing import NamedTuple

_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,64}(?:\.[0-9]{0,64})?|\.[0-9]{1,64})(?:[eE][+-]?[0-9]{1,3})?"
)
_EPOCH = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,9}))?")
_ISO_DATE = re.compile(
    r"(-?[0-9]{1,9})(?:-([0-9]{1,2}))?(?:-([0-9]{1,2}))?"
    r"(?:[tT](?:([0-9]{1,2})(?::([0-9]{1,2})(?::([0-9]{1,2})(?:\.([0-9]{1,9}))?)?)?)?"
    r"(?:[zZ]|([+-])([0-9]{2})(?::?([0-9]{2}))?)?)?"
)
_MAPPED_IPV4 = bytes(10) + b"\xff\xff"
_LARGEST_EPOCH = 2**63 - 1
_NANOSECONDS = 10**9


def parse_number(text: str) -> Decimal | None:
    """Return the number that the text spells."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def parse_instant(text: str) -> int | None:
    """Return the moment that a date or epoch time names, in nanoseconds since 1970 UTC."""
    if "-" in text or "t" in text or "T" in text:
        return _iso_instant(text)
    match = _EPOCH.fullmatch(text)
    if match is None or int(match[1]) > _LARGEST_EPOCH:
        return None
    return int(match[1]) * _NANOSECONDS + _fraction(match[2])


def _iso_instant(text: str) -> int | None:
    match = _ISO_DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day = int(match[1]), int(match[2] or 1), int(match[3] or 1)
    hour, minute, second = int(match[4] or 0), int(match[5] or 0), int(match[6] or 0)
    zone_hour, zone_minute = int(match[9] or 0), int(match[10] or 0)
    if not 1 <= month <= 12 or not 1 <= day <= _days_in_month(year, month):
        return None
    if hour > 23 or minute > 59 or second > 59 or zone_hour > 23 or zone_minute > 59:
        return None
    zone = (zone_hour * 60 + zone_minute) * (-1 if match[8] == "-" else 1)
    minutes = (_days(year, month, day) * 24 + hour) * 60 + minute - zone
    return (minutes * 60 + second) * _NANOSECONDS + _fraction(match[7])


def _fraction(digits: str | None) -> int:
    return int((digits or "0").ljust(9, "0"))


def _days_in_month(year: int, month: int) -> int:
    following = (year, month + 1) if month < 12 else (year + 1, 1)
    return _days(*following, 1) - _days(year, month, 1)


def _days(year: int, month: int, day: int) -> int:
    """Return the days since 1970-01-01 in the Gregorian calendar, for years datetime cannot hold.

    Years are counted from March, so that the leap day is the last day of its year.
    """
    year -= month <= 2
    day_of_year = (153 * ((month - 3) % 12) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + day_of_year - 719_468


class Network(NamedTuple):
    """A block of addresses, as numbers."""

    version: int
    base: int
    mask: int


def parse_network(text: str) -> Network | None:
    """Return the block that a CIDR or a single address names; host bits may be set."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    return Network(network.version, int(network.network_address), int(network.netmask))


def parse_address(text: str) -> tuple[int, int] | None:
    """Return IP version and number of an address; IPv4 seen through IPv6 counts as IPv4.

    `inet_pton` only reads text, and does it ten times as fast as `ipaddress`.
    """
    version6 = ":" in text
    try:
        packed = socket.inet_pton(socket.AF_INET6 if version6 else socket.AF_INET, text)
    except (OSError, ValueError):
        return None
    if packed.startswith(_MAPPED_IPV4):
        version6, packed = False, packed[len(_MAPPED_IPV4) :]
    return 6 if version6 else 4, int.from_bytes(packed, "big")


def parse_binary(text: str) -> bytes | None:
    """Return the bytes that base64 text stands for."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
