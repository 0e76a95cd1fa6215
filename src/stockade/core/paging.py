# SPDX-License-Identifier: Apache-2.0
"""Paging as AWS does it: a limit, an opaque marker that carries the last id, a truncation flag."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class BadMarker(ValueError):
    """A marker that no answer of ours gave."""


class Page(NamedTuple, Generic[T]):
    """One page, and the marker of the next one if there is more."""

    items: list[T]
    marker: str | None


def page(
    fetch: Callable[[str, int], list[T]], id_of: Callable[[T], str], limit: int, marker: str | None
) -> Page[T]:
    """Return one page; `fetch(after, count)` gives what follows an id, in the order of ids."""
    items = fetch(read_marker(marker) if marker else "", limit + 1)
    if len(items) <= limit:
        return Page(items, None)
    return Page(items[:limit], make_marker(id_of(items[limit - 1])))


def make_marker(last: str) -> str:
    """Return the marker that continues after an id."""
    return base64.urlsafe_b64encode(last.encode()).decode()


def read_marker(marker: str) -> str:
    """Return the id that a marker carries."""
    try:
        return base64.b64decode(marker, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise BadMarker(marker) from None
