# SPDX-License-Identifier: Apache-2.0
"""Organizations' paging members: MaxResults and NextToken in, NextToken out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from stockade.core import paging
from stockade.services.organizations.errors import InvalidInputException

T = TypeVar("T")

PAGE = 20
"""How many entries a page has, and may have at most."""

Fetch = Callable[[str, int], list[T]]
"""What follows an id, and at most how much of it."""


def listed(
    member: str,
    fetch: Fetch[T],
    id_of: Callable[[T], str],
    show: Callable[[T], Any],
    max_results: int,
    next_token: str | None,
) -> dict[str, Any]:
    """Return one page of a list operation, its entries under `member`."""
    try:
        page = paging.page(fetch, id_of, max_results, next_token)
    except paging.BadMarker:
        raise InvalidInputException(
            "INVALID_NEXT_TOKEN",
            "You specified an invalid value for nextToken. You must get the value from the "
            "response to a previous call to the API.",
        ) from None
    output: dict[str, Any] = {member: [show(item) for item in page.items]}
    if page.marker is not None:
        output["NextToken"] = page.marker
    return output


def among(items: Iterable[T], id_of: Callable[[T], str]) -> Fetch[T]:
    """Return how to page through what is in memory already, in the order of ids."""
    ordered: Sequence[T] = sorted(items, key=id_of)

    def fetch(after: str, count: int) -> list[T]:
        return [item for item in ordered if id_of(item) > after][:count]

    return fetch
