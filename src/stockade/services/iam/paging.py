# SPDX-License-Identifier: Apache-2.0
"""IAM's paging members: MaxItems and Marker in, IsTruncated and Marker out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from stockade.core import paging
from stockade.core.context import Context
from stockade.services.iam.errors import ValidationError
from stockade.services.iam.resources import Entity, InstanceProfile
from stockade.store.resources import Collection

T = TypeVar("T")
N = TypeVar("N", bound=Entity | InstanceProfile)

PAGE = 100
"""How many entries a page has when the request does not say."""

Fetch = Callable[[str, int], list[T]]
"""What follows an id, and at most how much of it."""


def listed(
    member: str,
    fetch: Fetch[T],
    id_of: Callable[[T], str],
    show: Callable[[T], Any],
    max_items: int,
    marker: str | None,
) -> dict[str, Any]:
    """Return one page of a list operation, its entries under `member`."""
    found = page(fetch, id_of, max_items, marker)
    return {member: [show(item) for item in found.items], **tail(found)}


def page(
    fetch: Fetch[T], id_of: Callable[[T], str], max_items: int, marker: str | None
) -> paging.Page[T]:
    """Return one page of resources."""
    try:
        return paging.page(fetch, id_of, max_items, marker)
    except paging.BadMarker:
        raise ValidationError("Invalid Marker.") from None


def tail(found: paging.Page[Any]) -> dict[str, Any]:
    """Return the members that say whether more follows."""
    if found.marker is None:
        return {"IsTruncated": False}
    return {"IsTruncated": True, "Marker": found.marker}


def under_path(ctx: Context, collection: Collection[N], prefix: str) -> Fetch[N]:
    """Return how to page through the named resources of the account under a path."""

    def fetch(after: str, count: int) -> list[N]:
        if prefix == "/":
            return ctx.unit.list(collection, ctx.global_scope, after=after, limit=count)
        every = ctx.unit.list(collection, ctx.global_scope, after=after)
        return [each for each in every if each.path.startswith(prefix)][:count]

    return fetch


def among(items: Iterable[T], id_of: Callable[[T], str]) -> Fetch[T]:
    """Return how to page through what is in memory already, in the order of ids."""
    ordered: Sequence[T] = sorted(items, key=id_of)

    def fetch(after: str, count: int) -> list[T]:
        return [item for item in ordered if id_of(item) > after][:count]

    return fetch
