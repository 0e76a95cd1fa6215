# SPDX-License-Identifier: Apache-2.0
"""Durations as people type them: 60d, 12h, 90m, 30s, 2w, 1d12h."""

from __future__ import annotations

import re
from datetime import timedelta
from types import MappingProxyType

_UNITS = MappingProxyType(
    {
        "w": timedelta(weeks=1),
        "d": timedelta(days=1),
        "h": timedelta(hours=1),
        "m": timedelta(minutes=1),
        "s": timedelta(seconds=1),
    }
)
_PART = re.compile(r"([0-9]{1,9})([wdhms])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def parse(text: str) -> timedelta:
    """Return the duration that a text says; ValueError where it says none."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration such as 60d, 12h or 1d12h")
    try:
        parts = (int(count) * _UNITS[unit] for count, unit in _PART.findall(text))
        return sum(parts, timedelta())
    except OverflowError:
        raise ValueError(f"{text} is longer than a clock can go") from None


def show(duration: timedelta) -> str:
    """Return a duration as `parse` reads it, in days and smaller; sub-seconds are left out."""
    rest, parts = abs(duration), []
    for unit in "dhms":
        count, rest = divmod(rest, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
