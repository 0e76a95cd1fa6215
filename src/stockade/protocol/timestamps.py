# SPDX-License-Identifier: Apache-2.0
"""The three ways AWS writes a moment: `unixTimestamp`, `iso8601` and `rfc822`.

Parsers return aware datetimes in UTC and raise ValueError for anything else; formatters take
aware datetimes only. Which format a member has is its `timestampFormat` in the model, else the
protocol's own: epoch seconds in JSON, ISO 8601 in query and XML.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ISO_8601: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_NUMBER: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,9})?", re.ASCII)


def parse_epoch(value: float) -> datetime:
    """Return the moment that many seconds after 1970, to the microsecond."""
    try:
        return _EPOCH + timedelta(seconds=value)
    except OverflowError as error:
        raise ValueError("outside the calendar") from error


def parse_epoch_text(text: str) -> datetime:
    """Return the moment of a decimal number of seconds since 1970."""
    if _NUMBER.fullmatch(text) is None:
        raise ValueError("not a number of seconds")
    return parse_epoch(float(text))


def parse_iso8601(text: str) -> datetime:
    """Return the moment of an ISO 8601 date or date and time; no offset means UTC."""
    if _ISO_8601.fullmatch(text) is None:
        raise ValueError("not an ISO 8601 moment")
    return _in_utc(datetime.fromisoformat(text))


def parse_rfc822(text: str) -> datetime:
    """Return the moment of an HTTP date."""
    try:
        return _in_utc(parsedate_to_datetime(text))
    except (TypeError, IndexError) as error:  # what older standard libraries raise for nonsense
        raise ValueError("not an HTTP date") from error


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the calendar") from error


def format_epoch(moment: datetime) -> int | float:
    """Return seconds since 1970, with a fraction only when there is one."""
    seconds = _aware(moment).timestamp()
    return seconds if moment.microsecond else int(seconds)


def format_iso8601(moment: datetime) -> str:
    """Return the moment as `2014-04-29T18:30:38Z`, with a fraction only when there is one."""
    text = _aware(moment).astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if moment.microsecond else text) + "Z"


def format_rfc822(moment: datetime) -> str:
    """Return the moment as an HTTP date."""
    return format_datetime(_aware(moment).astimezone(UTC), usegmt=True)


def _aware(moment: Any) -> datetime:
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise TypeError("a timestamp must be a datetime that knows its offset")
    return moment


def text_parser(timestamp_format: str) -> Callable[[str], datetime]:
    """Return the parser of a `timestampFormat` whose values are text."""
    if timestamp_format == "iso8601":
        return parse_iso8601
    return parse_rfc822 if timestamp_format == "rfc822" else parse_epoch_text


def formatter(timestamp_format: str) -> Callable[[Any], int | float | str]:
    """Return the formatter of a `timestampFormat`."""
    if timestamp_format == "iso8601":
        return format_iso8601
    return format_rfc822 if timestamp_format == "rfc822" else format_epoch
