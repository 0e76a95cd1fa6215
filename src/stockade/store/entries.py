# SPDX-License-Identifier: Apache-2.0
"""What a CloudTrail record is found by: LookupEvents' eight attributes, and the request id."""

from __future__ import annotations

from datetime import datetime

import msgspec

from stockade.store.resources import to_micros

Attribute = tuple[str, str]
"""An attribute of LookupEvents (`EventName`, ...) and its value."""
Profile = tuple[str, str, str, str, bool, str, str, str]
"""Account, Region, event name, event source, whether it only reads, user name, access key id,
principal id."""
EVENT_ID = "EventId"
REQUEST_ID = "RequestId"
"""Not one of LookupEvents', and looked up in all accounts and Regions at once."""
PRINCIPAL = "PrincipalId"
"""Not one of LookupEvents', and looked up in all Regions of an account at once: who called, for the
dates of last use. A value is a user's, role's or root's id, or that and an event source."""
RESOURCE_CALL = "ResourceCall"
"""Not one of LookupEvents': a resource's ARN and the name of a call that was done with it, which a
refused call is not, for the dates of a key's last use."""
ACCESS_KEY = "AccessKeyId"
"""One of LookupEvents', and looked up in all Regions of an account at once, too."""


class _Identity(msgspec.Struct):
    """The part of a record's `userIdentity` that names the caller."""

    type: str = ""
    arn: str = ""
    user_name: str = msgspec.field(default="", name="userName")
    access_key_id: str = msgspec.field(default="", name="accessKeyId")
    principal_id: str = msgspec.field(default="", name="principalId")
    invoked_by: str = msgspec.field(default="", name="invokedBy")


class Resource(msgspec.Struct, frozen=True):
    """One of a record's `resources`."""

    name: str = msgspec.field(default="", name="ARN")
    type: str = ""

    def attributes(self, done: str = "") -> list[Attribute]:
        """Return the attributes that records of the resource are found by.

        `done` is the name of the call, and empty where it was refused.
        """
        found = [("ResourceName", self.name), ("ResourceType", self.type)]
        if self.name and done:
            found.append(call_of(self.name, done))
        return [attribute for attribute in found if attribute[1]]


def call_of(arn: str, event_name: str) -> Attribute:
    """Return the attribute of the calls of a name that were done with a resource."""
    return RESOURCE_CALL, f"{arn} {event_name}"


class Entry(msgspec.Struct, kw_only=True):
    """The fields of a record that the journal knows; the record has more."""

    event_id: str = msgspec.field(name="eventID")
    event_time: str = msgspec.field(name="eventTime")
    event_name: str = msgspec.field(name="eventName")
    event_source: str = msgspec.field(name="eventSource")
    region: str = msgspec.field(name="awsRegion")
    account: str = msgspec.field(default="", name="recipientAccountId")
    identity: _Identity | None = msgspec.field(default=None, name="userIdentity")
    read_only: bool = msgspec.field(default=False, name="readOnly")
    request_id: str = msgspec.field(default="", name="requestID")
    error_code: str = msgspec.field(default="", name="errorCode")
    resources: list[Resource] | None = None

    @property
    def access_key_id(self) -> str:
        return "" if self.identity is None else self.identity.access_key_id

    @property
    def user_name(self) -> str:
        """The name LookupEvents knows the caller by: user, role session, `root` or service."""
        identity = self.identity
        if identity is None:
            return ""
        if identity.user_name or identity.type != "Root":
            return identity.user_name or identity.arn.rpartition("/")[2] or identity.invoked_by
        return "root"

    @property
    def done(self) -> str:
        """The name of a call that was not refused."""
        return "" if self.error_code else self.event_name

    @property
    def micros(self) -> int:
        """The event's time in microseconds since 1970."""
        moment = datetime.fromisoformat(self.event_time)
        if moment.tzinfo is None:
            raise ValueError("the time of a record is in UTC")
        return to_micros(moment)

    @property
    def moment(self) -> int:
        """Where the record stands in time: to the millisecond where its id tells (RFC 9562, v7)."""
        micros, event_id = self.micros, self.event_id
        if event_id[14:15] != "7":
            return micros
        try:
            told = int(event_id[:8] + event_id[9:13], 16) * 1000
        except ValueError:
            return micros
        return told if 0 <= told - micros < 1_000_000 else micros

    @property
    def profile(self) -> Profile:
        """What many records have in common: who called what, and where."""
        return (
            self.account,
            self.region,
            self.event_name,
            self.event_source,
            self.read_only,
            self.user_name,
            self.access_key_id,
            "" if self.identity is None else self.identity.principal_id.partition(":")[0],
        )

    def has(self, attribute: Attribute) -> bool:
        """Return whether the record is found by this attribute."""
        return (
            attribute == (EVENT_ID, self.event_id)
            or attribute in account_attributes(self.profile)
            or attribute in profile_attributes(self.profile)
            or any(attribute in each.attributes(self.done) for each in self.resources or ())
        )


def profile_attributes(profile: Profile) -> list[Attribute]:
    """Return the attributes by which LookupEvents finds the records of a profile."""
    _account, _region, name, source, read_only, user_name, access_key_id, _principal = profile
    found = [
        ("EventName", name),
        ("EventSource", source),
        ("ReadOnly", "true" if read_only else "false"),
        ("Username", user_name),
        ("AccessKeyId", access_key_id),
    ]
    return [attribute for attribute in found if attribute[1]]


def account_attributes(profile: Profile) -> list[Attribute]:
    """Return the attributes by which records are found in all Regions of their account.

    A caller whose signature did not hold has no principal id, and is in nobody's last use. Keys of
    sessions are many, and nobody asks for theirs.
    """
    source, key_id, principal = profile[3], profile[6], profile[7]
    if not principal:
        return []
    found = [(PRINCIPAL, principal), (PRINCIPAL, f"{principal} {source}")]
    return [*found, (ACCESS_KEY, key_id)] if key_id.startswith("AKIA") else found


parse = msgspec.json.Decoder(Entry).decode
"""Returns the entry of a record, or raises msgspec.MsgspecError."""


def check(record: bytes) -> None:
    """Raise msgspec.MsgspecError or ValueError when this is no record that can be shipped."""
    record.decode()
    _ = parse(record).micros
