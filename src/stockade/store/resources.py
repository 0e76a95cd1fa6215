# SPDX-License-Identifier: Apache-2.0
"""Typed repositories: which documents a service keeps, and how they become rows.

A `Collection` says what a resource is called (service, kind, id), what else it is found by
(`indexes`), when it next needs attention (`due`), and how documents of older versions become
today's (`schema`, `upgrades`). Documents are JSON with a schema number per row; an upgrade is
a pure function from the document of version n to that of version n + 1, applied on load.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from stockade.store.errors import StoreTooNew

T = TypeVar("T", bound=msgspec.Struct)

Document = dict[str, Any]
Upgrade = Callable[[Document], Document]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Scope(NamedTuple):
    """Where a resource lives; the region of a global thing is the empty string."""

    account: str
    region: str


def to_micros(moment: datetime) -> int:
    """Return an aware moment as microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the moment, in UTC, of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)


def _never(_: object) -> None:
    return None


class Collection(Generic[T]):
    """One kind of resource of one service.

    `upgrades` maps the version a document has to the function that makes it one version newer;
    a change of `indexes` or `due` wants a new schema number too, so that
    `upgrade.rewrite_outdated` brings the stored rows in line.
    """

    def __init__(
        self,
        type_: type[T],
        *,
        service: str,
        kind: str,
        id: Callable[[T], str],  # noqa: A002 - AWS's word, and the column's
        indexes: Mapping[str, Callable[[T], str | Iterable[str] | None]] | None = None,
        due: Callable[[T], datetime | None] = _never,
        schema: int = 1,
        upgrades: Mapping[int, Upgrade] | None = None,
    ) -> None:
        self.type = type_
        self.service = service
        self.kind = kind
        self.name = f"{service}/{kind}"
        self.id = id
        self.indexes = dict(indexes or {})
        self.schema = schema
        self.due = due
        self._upgrades = dict(upgrades or {})
        self._decoder = msgspec.json.Decoder(type_)
        self._encoder = msgspec.json.Encoder()
        if set(self._upgrades) != set(range(1, schema)):
            raise ValueError(f"{self.name}: every schema below {schema} needs its upgrade")

    def __repr__(self) -> str:
        return f"Collection({self.name})"

    def dump(self, resource: T) -> str:
        """Return the resource as a JSON document."""
        return self._encoder.encode(resource).decode()

    def load(self, schema: int, body: str) -> T:
        """Return the resource of a stored document, upgraded to today's schema."""
        if schema != self.schema:
            body = self._upgraded(schema, body)
        return self._decoder.decode(body)

    def _upgraded(self, schema: int, body: str) -> str:
        if schema > self.schema:
            raise StoreTooNew(
                f"a {self.name} was stored with schema {schema}, and this Stockade knows "
                f"{self.schema}: run the newer version"
            )
        document: Document = msgspec.json.decode(body)
        for version in range(schema, self.schema):
            document = self._upgrades[version](document)
        return self._encoder.encode(document).decode()

    def due_micros(self, resource: T) -> int | None:
        """Return when the resource next needs attention, as the `due` column has it."""
        moment = self.due(resource)
        return None if moment is None else to_micros(moment)

    def index_values(self, resource: T) -> set[tuple[str, str]]:
        """Return the (index, value) pairs the resource is found by."""
        pairs = set()
        for name, values_of in self.indexes.items():
            values = values_of(resource)
            if isinstance(values, str):
                pairs.add((name, values))
            elif values is not None:
                pairs.update((name, value) for value in values)
        return pairs
