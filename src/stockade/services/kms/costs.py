# SPDX-License-Identifier: Apache-2.0
"""What a month of keys and requests would cost with AWS (kms-17 to kms-21).

Keys come from the store, requests from the audit trail. A key is paid for by the hour, by its
account, as long as it is not waiting for its deletion; each of a multi-Region key's replicas is a
key. A request is paid for by the account that made it, not by the one that owns the key. What was
refused is not counted, and neither is a key that is deleted by now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from stockade.services.kms.prices import Prices, RequestPrice
from stockade.services.kms.resources import KEYS, MATERIALS, Key
from stockade.store.resources import Scope
from stockade.store.unit import Unit

FREE_STATES = frozenset({"PendingDeletion", "PendingReplicaDeletion"})
OTHER_REQUESTS = ""
"""The key of requests that are about no key."""


class Period(msgspec.Struct, frozen=True):
    """A month, or as much of it as has passed."""

    start: datetime
    end: datetime
    """The first moment that does not belong to it."""
    whole: datetime
    """The end of the whole month."""

    def share(self, since: datetime) -> float:
        """Return what part of the month something has cost that began at a moment."""
        passed = self.end - max(since, self.start)
        return max(0.0, passed / (self.whole - self.start))


class Use(msgspec.Struct, frozen=True):
    """Requests that have everything in common that matters."""

    account: str
    region: str
    key: str
    operation: str
    key_pair_spec: str


class _Identity(msgspec.Struct):
    account: str = msgspec.field(default="", name="accountId")


class _Parameters(msgspec.Struct):
    key_pair_spec: str = msgspec.field(default="", name="keyPairSpec")


class _Resource(msgspec.Struct):
    arn: str = msgspec.field(default="", name="ARN")


class _Record(msgspec.Struct):
    """What matters of an audit record."""

    source: str = msgspec.field(name="eventSource")
    name: str = msgspec.field(name="eventName")
    time: str = msgspec.field(name="eventTime")
    region: str = msgspec.field(name="awsRegion")
    kind: str = msgspec.field(default="", name="eventType")
    error: str = msgspec.field(default="", name="errorCode")
    account: str = msgspec.field(default="", name="recipientAccountId")
    identity: _Identity | None = msgspec.field(default=None, name="userIdentity")
    parameters: _Parameters | None = msgspec.field(default=None, name="requestParameters")
    resources: list[_Resource] | None = None

    @property
    def is_counted(self) -> bool:
        """Whether it is a request to KMS that was done; an owner's copy of one is not."""
        caller = "" if self.identity is None else self.identity.account
        return (
            self.source == "kms.amazonaws.com"
            and self.kind == "AwsApiCall"
            and not self.error
            and caller in ("", self.account)
        )

    @property
    def use(self) -> Use:
        named = (each.arn for each in self.resources or () if ":key/" in each.arn)
        pair = "" if self.parameters is None else self.parameters.key_pair_spec
        return Use(self.account, self.region, next(named, OTHER_REQUESTS), self.name, pair)


_parse = msgspec.json.Decoder(_Record).decode


def count(records: Iterable[bytes], period: Period, into: Counter[Use]) -> None:
    """Count the requests to KMS among audit records, whose times are whole seconds."""
    open_end = period.end + timedelta(seconds=period.end < period.whole)
    start, end = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (period.start, open_end))
    for line in records:
        record = _parse(line)
        if record.is_counted and start <= record.time < end:
            into[record.use] += 1


class Row(msgspec.Struct, kw_only=True):
    """One key, or the requests about none, of an account in a Region."""

    account: str
    region: str
    key: str
    """Its ARN; empty for requests about no key."""
    key_spec: str = ""
    manager: str = ""
    rotations: int = 0
    """Those that are charged."""
    storage: float = 0.0
    requests: int = 0
    requests_cost: float = 0.0
    """Before the free requests are taken off."""
    operations: dict[str, int] = {}


class Requests(msgspec.Struct, kw_only=True):
    """The requests of an account that have one price, by operation."""

    account: str
    price: str
    operations: dict[str, int] = {}
    cost: float = 0.0


class Account(msgspec.Struct, kw_only=True):
    """What an account pays."""

    account: str
    storage: float = 0.0
    requests: int = 0
    requests_cost: float = 0.0
    free_requests: int = 0
    free: float = 0.0
    """What the free requests would have cost."""

    @property
    def total(self) -> float:
        """What is left to pay."""
        return self.storage + self.requests_cost - self.free


class Report(msgspec.Struct):
    """The costs of a month."""

    rows: list[Row]
    requests: list[Requests]
    accounts: list[Account]


def report(unit: Unit, uses: Mapping[Use, int], period: Period, prices: Prices) -> Report:
    """Return what keys and requests cost."""
    rows = {(row.account, row.key): row for row in _key_rows(unit, period, prices)}
    keys = {row.key: row for row in rows.values()}
    totals: dict[tuple[str, str], Requests] = {}
    free_cost: dict[str, list[tuple[int, float]]] = {}
    for use, number in sorted(uses.items(), key=lambda item: msgspec.structs.astuple(item[0])):
        owned = keys.get(use.key)
        row = rows.setdefault(
            (use.account, use.key or use.region),
            Row(account=use.account, region=use.region, key=use.key),
        )
        if owned is not None and not row.key_spec:
            row.key_spec, row.manager = owned.key_spec, owned.manager
        price = prices.of(use.operation, row.key_spec, use.key_pair_spec)
        _add(row, totals, use, number, price)
        if price is not None and price.free_tier:
            free_cost.setdefault(use.account, []).append((number, price.per_10_000))
    listed = sorted(rows.values(), key=lambda row: (row.account, row.region, row.key))
    accounts = [
        _account(account, listed, free_cost.get(account, ()), prices.free_requests)
        for account in sorted({row.account for row in listed})
    ]
    return Report(listed, [totals[key] for key in sorted(totals)], accounts)


def _add(
    row: Row,
    totals: dict[tuple[str, str], Requests],
    use: Use,
    number: int,
    price: RequestPrice | None,
) -> None:
    name, cost = ("free", 0.0) if price is None else (price.name, number * price.per_10_000 / 1e4)
    total = totals.setdefault((use.account, name), Requests(account=use.account, price=name))
    for each in (row, total):
        each.operations[use.operation] = each.operations.get(use.operation, 0) + number
    total.cost += cost
    row.requests += number
    row.requests_cost += cost


def _account(
    account: str, rows: Iterable[Row], eligible: Iterable[tuple[int, float]], free: int
) -> Account:
    """Return an account's sums; its free requests are those that cost least."""
    paid = Account(account=account)
    for row in rows:
        if row.account == account:
            paid.storage += row.storage
            paid.requests += row.requests
            paid.requests_cost += row.requests_cost
    for number, price in sorted(eligible, key=lambda each: each[1]):
        taken = min(number, free - paid.free_requests)
        paid.free_requests += taken
        paid.free += taken * price / 1e4
    return paid


def _key_rows(unit: Unit, period: Period, prices: Prices) -> Iterator[Row]:
    for scope in unit.scopes(KEYS):
        rotations = _rotations(unit, scope)
        for key in unit.list(KEYS, scope):
            if key.created < period.end:
                yield _key_row(key, rotations.get(key.key_id, []), period, prices)


def _key_row(key: Key, rotations: list[datetime], period: Period, prices: Prices) -> Row:
    row = Row(
        account=key.account,
        region=key.region,
        key=key.arn,
        key_spec=key.key_spec,
        manager=key.manager,
    )
    if key.manager == "CUSTOMER" and key.state not in FREE_STATES:
        charged = [when for when in rotations if when < period.end][: prices.rotations_charged]
        row.rotations = len(charged)
        row.storage = prices.key_month * period.share(key.created)
        row.storage += prices.rotation_month * sum(period.share(when) for when in charged)
    return row


def _rotations(unit: Unit, scope: Scope) -> dict[str, list[datetime]]:
    """Return when the keys of a scope were rotated, the first time first."""
    found: dict[str, list[datetime]] = {}
    for material in unit.list(MATERIALS, scope):
        if material.rotated is not None:
            found.setdefault(material.key_id, []).append(material.rotated)
    return {key_id: sorted(times) for key_id, times in found.items()}
