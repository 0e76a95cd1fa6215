# SPDX-License-Identifier: Apache-2.0
"""Access Analyzer's paging members: maxResults and nextToken in, nextToken out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from stockade.core.paging import BadMarker, make_marker, read_marker
from stockade.services.accessanalyzer.errors import ValidationException

T = TypeVar("T")

MAX_PAGE = 100


def paged(
    member: str,
    items: Sequence[T],
    id_of: Callable[[T], str],
    show: Callable[[T], Any],
    limit: int,
    token: str | None,
) -> dict[str, Any]:
    """Return one page of a list in its own order, its entries under `member`."""
    if not 1 <= limit <= MAX_PAGE:
        raise ValidationException(
            f"maxResults must be between 1 and {MAX_PAGE}.", "fieldValidationFailed"
        )
    start = _start(items, id_of, token)
    page = items[start : start + limit]
    output: dict[str, Any] = {member: [show(item) for item in page]}
    if start + limit < len(items):
        output["nextToken"] = make_marker(id_of(page[-1]))
    return output


def _start(items: Sequence[T], id_of: Callable[[T], str], token: str | None) -> int:
    """Return where the page after the item of a token begins."""
    if token is None:
        return 0
    try:
        last = read_marker(token)
    except BadMarker:
        raise ValidationException("The nextToken is not valid.") from None
    for position, item in enumerate(items):
        if id_of(item) == last:
            return position + 1
    raise ValidationException("The nextToken is not valid.")
