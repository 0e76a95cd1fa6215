# SPDX-License-Identifier: Apache-2.0
"""The audit record: CloudTrail's record 1.11, one for every call, refused ones too.

Derived from the model's shapes as AWS derives it: member names with a small first letter, sensitive
members and blobs left out, dates as CloudTrail writes them, `responseElements` null for reads.

One member is ours, the last: what allowed the call, for `stockade explain`. It stays in the
caller's own record as it is kept; what CloudTrail delivers is `as_delivered`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from stockade.core.context import Context, ServiceEvent
from stockade.core.ids import RandomPool
from stockade.core.operation import BoundOperation
from stockade.protocol.errors import AwsError
from stockade.protocol.parts import is_event_stream

Recorder = Callable[[Any], Any]

_encode = msgspec.json.Encoder().encode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


ALLOWED_BY = "allowedBy"


class Record(msgspec.Struct, kw_only=True):
    """One CloudTrail record; the order of the fields is AWS's."""

    event_version: str = msgspec.field(default="1.11", name="eventVersion")
    user_identity: msgspec.Raw = msgspec.field(name="userIdentity")
    event_time: str = msgspec.field(name="eventTime")
    event_source: str = msgspec.field(name="eventSource")
    event_name: str = msgspec.field(name="eventName")
    aws_region: str = msgspec.field(name="awsRegion")
    source_ip_address: str = msgspec.field(name="sourceIPAddress")
    user_agent: str = msgspec.field(name="userAgent")
    error_code: str | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="errorCode")
    error_message: str | msgspec.UnsetType = msgspec.field(
        default=msgspec.UNSET, name="errorMessage"
    )
    request_parameters: Any = msgspec.field(default=None, name="requestParameters")
    response_elements: Any = msgspec.field(default=None, name="responseElements")
    additional_event_data: Any = msgspec.field(default=msgspec.UNSET, name="additionalEventData")
    request_id: str = msgspec.field(name="requestID")
    event_id: str = msgspec.field(name="eventID")
    read_only: bool = msgspec.field(name="readOnly")
    resources: Any = msgspec.UNSET
    event_type: str = msgspec.field(default="AwsApiCall", name="eventType")
    management_event: bool = msgspec.field(default=True, name="managementEvent")
    recipient_account_id: str = msgspec.field(name="recipientAccountId")
    service_event_details: Any = msgspec.field(default=msgspec.UNSET, name="serviceEventDetails")
    shared_event_id: str | msgspec.UnsetType = msgspec.field(
        default=msgspec.UNSET, name="sharedEventID"
    )
    event_category: str = msgspec.field(default="Management", name="eventCategory")
    tls_details: Any = msgspec.field(default=msgspec.UNSET, name="tlsDetails")
    allowed_by: Any = msgspec.field(default=msgspec.UNSET, name=ALLOWED_BY)


_AWS_ITSELF = msgspec.Raw(b'{"type":"AWSService","invokedBy":"AWS Internal"}')


def event_time(moment: datetime) -> str:
    """Return a moment as records carry it: UTC, whole seconds, `2026-01-31T12:00:00Z`."""
    return moment.isoformat(timespec="seconds")[:19] + "Z"


class Shapes:
    """How one operation's input and output enter a record; made once per operation."""

    def __init__(self, bound: BoundOperation) -> None:
        recording = _Recording(_old_date if bound.operation.service == "iam" else _date)
        self.request = recording.structure(bound.wire.input_shape)
        response = recording.structure(bound.wire.output_shape)
        self.response = response if bound.writes else None


class Audit:
    """Opens one entry per call."""

    def __init__(self, ids: RandomPool) -> None:
        self._ids = ids
        self._second = (-1, "")

    def open(self, ctx: Context, event_source: str, event_name: str, *, read_only: bool) -> Record:
        """Return the record of a call that is about to be decided.

        Its time has whole seconds, as AWS's; its id sorts by milliseconds (a version 7 UUID), so
        that the trail keeps the order of the calls of one second.
        """
        record = Record(
            user_identity=ctx.caller.audit_identity,
            event_time=self._event_time(ctx.now),
            event_source=event_source,
            event_name=event_name,
            aws_region=ctx.region,
            source_ip_address=ctx.source_ip,
            user_agent=ctx.user_agent,
            request_id=ctx.request_id,
            event_id=self._ids.uuid_at(ctx.now),
            read_only=read_only,
            recipient_account_id=ctx.account or ctx.recipient or ctx.source_account,
        )
        if ctx.secure:
            record.tls_details = {"clientProvidedHostHeader": ctx.host}
        return record

    def _event_time(self, now: datetime) -> str:
        """Return `event_time`, remembered for the calls of the same second."""
        second = int(now.timestamp())
        known = self._second
        if known[0] != second:
            known = self._second = (second, event_time(now))
        return known[1]

    def succeed(self, record: Record, response: Any, now: datetime) -> list[bytes]:
        """Return the lines of a call that was done: the caller's, and one for each other owner.

        What another account's resource was used for is in that account's trail too, with one
        `sharedEventID` in both records and without who in the caller's account it was.
        """
        record.response_elements = response
        caller = record.recipient_account_id
        owners = {
            each["accountId"]
            for each in record.resources or ()
            if each.get("accountId", caller) != caller
        }
        if not owners:
            return [_encode(record)]
        record.shared_event_id = self._ids.uuid()
        return [_encode(record), *(self._for_owner(record, owner, now) for owner in sorted(owners))]

    def _for_owner(self, record: Record, owner: str, now: datetime) -> bytes:
        account = record.recipient_account_id
        identity = {"type": "AWSAccount", "principalId": account, "accountId": account}
        return _encode(
            replace(
                record,
                user_identity=caller_identity(identity),
                event_id=self._ids.uuid_at(now),
                recipient_account_id=owner,
                allowed_by=msgspec.UNSET,
            )
        )

    def service_event(self, event: ServiceEvent, now: datetime, request_id: str) -> bytes:
        """Return the line of something that AWS did by itself."""
        record = Record(
            user_identity=_AWS_ITSELF,
            event_time=event_time(now),
            event_source=event.source,
            event_name=event.name,
            aws_region=event.region,
            source_ip_address="AWS Internal",
            user_agent="AWS Internal",
            request_id=request_id,
            event_id=self._ids.uuid_at(now),
            event_type="AwsServiceEvent",
            read_only=False,
            recipient_account_id=event.account,
        )
        if event.arn:
            touch(record, ((event.arn, event.kind),))
        record.service_event_details = event.details
        return _encode(record)


def as_delivered(record: bytes) -> bytes:
    """Return a record with the members that CloudTrail's records have, and no others."""
    members = _members(record)
    if members.pop(ALLOWED_BY, None) is None:
        return record
    return _encode(members)


def touch(record: Record, audit: tuple[tuple[str, str], ...]) -> None:
    """Enter the resources of a call, each with the account that its ARN names."""
    if audit:
        record.resources = [_resource(arn, kind) for arn, kind in audit]


def _resource(arn: str, kind: str) -> dict[str, str]:
    if not kind:
        return {"ARN": arn}
    return {"accountId": arn.split(":", 5)[4], "type": kind, "ARN": arn}


def refuse(record: Record, error: AwsError, code: str) -> bytes:
    """Return the record of a refused call as one line of JSON."""
    record.error_code = code
    record.error_message = error.message
    return _encode(record)


def anonymous_identity(access_key_id: str) -> msgspec.Raw:
    """Return the `userIdentity` of a caller whose signature did not hold."""
    identity = {"type": "Unknown", "principalId": "", "accountId": ""}
    if access_key_id:
        identity["accessKeyId"] = access_key_id
    return msgspec.Raw(_encode(identity))


def caller_identity(fields: Mapping[str, Any]) -> msgspec.Raw:
    """Return a `userIdentity`, encoded once for all records of a caller."""
    return msgspec.Raw(_encode(fields))


def small_first(name: str) -> str:
    """Return a member's name as records spell it: `keyId` for `KeyId`, `aWSAccountId`."""
    return name[:1].lower() + name[1:]


_LEFT_OUT = frozenset({"GrantTokenType"})
"""Shapes that AWS does not mark as sensitive and leaves out of its records all the same."""


class _Recording:
    """How values of shapes enter a record, dates as the service writes them."""

    def __init__(self, date: Recorder) -> None:
        self._date = date

    def structure(self, shape: Any, seen: tuple[str, ...] = ()) -> Recorder:
        members: dict[str, tuple[str, Recorder]] = {}
        for name, member in (shape.members if shape is not None else {}).items():
            recorder = self._of(member, seen)
            if recorder is not None:
                members[name] = (small_first(name), recorder)

        def record(value: Mapping[str, Any]) -> dict[str, Any] | None:
            entered = {}
            for name, item in value.items():
                known = members.get(name)
                if known is not None and item is not None:
                    entered[known[0]] = known[1](item)
            return entered or None

        return record

    def _of(self, shape: Any, seen: tuple[str, ...]) -> Recorder | None:
        """Return how values of a shape are recorded, or None where they are left out."""
        if shape.type_name == "blob" or shape.metadata.get("sensitive") or shape.name in seen:
            return None
        if shape.name in _LEFT_OUT:
            return None
        if is_event_stream(shape):
            return None
        seen = (*seen, shape.name)
        match shape.type_name:
            case "structure":
                return self.structure(shape, seen)
            case "list":
                member = self._of(shape.member, seen)
                return member and (lambda values: [member(value) for value in values])
            case "map":
                entry = self._of(shape.value, seen)
                return entry and (lambda values: {k: entry(v) for k, v in values.items()})
            case "timestamp":
                return self._date
        return _plain


def _plain(value: Any) -> Any:
    return value


def _date(value: datetime) -> str:
    """Return a date as records write it: `Jul 30, 2024, 9:53:13 PM`."""
    return f"{value:%b} {value.day}, {value.year}, {_time(value)}"


def _old_date(value: datetime) -> str:
    """Return a date as IAM's records write it: `Jul 30, 2024 9:53:13 PM`."""
    return f"{value:%b} {value.day}, {value.year} {_time(value)}"


def _time(value: datetime) -> str:
    return f"{value.hour % 12 or 12}:{value:%M:%S %p}"
