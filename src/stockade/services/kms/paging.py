# SPDX-License-Identifier: Apache-2.0
"""KMS's paging members: Limit and Marker in, Truncated and NextMarker out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from stockade.core import paging
from stockade.services.kms.errors import InvalidMarkerException

T = TypeVar("T")


def listed(
    member: str,
    fetch: Callable[[str, int], list[T]],
    id_of: Callable[[T], str],
    show: Callable[[T], Any],
    limit: int,
    marker: str | None,
) -> dict[str, Any]:
    """Return one page of a list operation, its entries under `member`."""
    try:
        page = paging.page(fetch, id_of, limit, marker)
    except paging.BadMarker:
        raise InvalidMarkerException from None
    output = {member: [show(item) for item in page.items], "Truncated": page.marker is not None}
    if page.marker is not None:
        output["NextMarker"] = page.marker
    return output
