# SPDX-License-Identifier: Apache-2.0
"""LookupEvents: the calls of the last 90 days, newest first, by one attribute at most.

Calls that were refused are in the answer as well; those of services without Regions are found in
us-east-1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from stockade.core.access import on_everything
from stockade.core.audit import as_delivered
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.core.ports import AuditLog
from stockade.services.cloudtrail import tokens
from stockade.services.cloudtrail.errors import (
    InvalidLookupAttributesException,
    InvalidMaxResultsException,
    InvalidTimeRangeException,
)
from stockade.services.cloudtrail.service import cloudtrail
from stockade.store import entries
from stockade.store.entries import Attribute
from stockade.store.resources import from_micros

RETENTION = timedelta(days=90)
PAGE = 50


@cloudtrail.operation(access=on_everything("cloudtrail:LookupEvents"))
def lookup_events(
    ctx: Context,
    *,
    lookup_attributes: Sequence[Mapping[str, str]] = (),
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    max_results: int = PAGE,
    next_token: str | None = None,
) -> Output:
    """Return a page of the account's calls in this Region."""
    if not 1 <= max_results <= PAGE:
        raise InvalidMaxResultsException(f"The maximum number of results is 1 to {PAGE}.")
    attribute = _attribute(lookup_attributes)
    if start_time and end_time and end_time < start_time:
        raise InvalidTimeRangeException("The end time must not be before the start time.")
    lookup = (ctx.account, ctx.region, attribute, start_time, end_time)
    ctx.unit.rest()  # the lookup reads in a unit of its own
    records, end = ctx.port(AuditLog).lookup_audit(
        ctx.account,
        ctx.region,
        start=_not_before(start_time, ctx.now - RETENTION),
        end=(end_time or ctx.now).replace(microsecond=999_999),
        attribute=attribute,
        before=tokens.read(next_token, lookup) if next_token is not None else None,
        limit=max_results,
    )
    output: dict[str, Any] = {"Events": [event(record) for record in records]}
    if end is not None:
        output["NextToken"] = tokens.write(end, lookup)
    return output


def event(record: bytes) -> dict[str, Any]:
    """Return a record as LookupEvents shows it: a few fields, and the whole as a string."""
    entry = entries.parse(record)
    shown: dict[str, Any] = {
        "EventId": entry.event_id,
        "EventName": entry.event_name,
        "ReadOnly": "true" if entry.read_only else "false",
        "EventTime": from_micros(entry.micros),
        "EventSource": entry.event_source,
        "Resources": [_resource(each) for each in entry.resources or ()],
        "CloudTrailEvent": as_delivered(record).decode(),
    }
    if entry.access_key_id:
        shown["AccessKeyId"] = entry.access_key_id
    if entry.user_name:
        shown["Username"] = entry.user_name
    return shown


def _resource(resource: entries.Resource) -> dict[str, str]:
    shown = {"ResourceType": resource.type} if resource.type else {}
    return {**shown, "ResourceName": resource.name}


def _attribute(given: Sequence[Mapping[str, str]]) -> Attribute | None:
    if len(given) > 1:
        raise InvalidLookupAttributesException("You can specify only one lookup attribute.")
    if not given:
        return None
    key, value = given[0]["AttributeKey"], given[0]["AttributeValue"]
    if key == "ReadOnly" and value not in ("true", "false"):
        raise InvalidLookupAttributesException("ReadOnly must be either true or false.")
    return key, value


def _not_before(moment: datetime | None, earliest: datetime) -> datetime:
    return earliest if moment is None else max(moment, earliest)
