# SPDX-License-Identifier: Apache-2.0
"""The statements of the store about resources and their index entries.

Everything here works on the connection of a unit. Paging is a range scan on the id, which sorts
by its bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)

from stockade.store.errors import Conflict
from stockade.store.resources import Scope, from_micros, to_micros
from stockade.store.tables import resource_index, resources

if TYPE_CHECKING:
    from collections.abc import Collection as Sized
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection, Table

    from stockade.store.cache import ResourceKey
    from stockade.store.resources import Collection

T = TypeVar("T", bound=msgspec.Struct)


_EVERY_KEY = select(
    resources.c.service,
    resources.c.kind,
    resources.c.account,
    resources.c.region,
    resources.c.id,
)


def _of_scope(table: Table) -> ColumnElement[bool]:
    return and_(
        table.c.service == bindparam("of_service"),
        table.c.kind == bindparam("of_kind"),
        table.c.account == bindparam("of_account"),
        table.c.region == bindparam("of_region"),
    )


def _of_id(table: Table) -> ColumnElement[bool]:
    return and_(_of_scope(table), table.c.id == bindparam("of_id"))


_INDEXED = resource_index.join(
    resources,
    and_(
        *(
            resource_index.c[name] == resources.c[name]
            for name in ("service", "kind", "account", "region", "id")
        )
    ),
)
_BY_VALUE = and_(
    resource_index.c.name == bindparam("of_name"), resource_index.c.value == bindparam("of_value")
)

_FETCH = select(resources.c.schema, resources.c.body).where(_of_id(resources))
_REVISION = select(resources.c.revision).where(_of_id(resources))
_SCAN = (
    select(resources.c.schema, resources.c.body)
    .where(_of_scope(resources), resources.c.id > bindparam("after"))
    .order_by(resources.c.id)
)
_COUNT = select(func.count()).select_from(resources).where(_of_scope(resources))
_FIND = (
    select(resources.c.schema, resources.c.body)
    .select_from(_INDEXED)
    .where(_of_scope(resource_index), _BY_VALUE, resource_index.c.id > bindparam("after"))
    .order_by(resource_index.c.id)
)
_FIND_ANYWHERE = (
    select(resource_index.c.account, resource_index.c.region, resources.c.schema, resources.c.body)
    .select_from(_INDEXED)
    .where(
        resource_index.c.service == bindparam("of_service"),
        resource_index.c.kind == bindparam("of_kind"),
        _BY_VALUE,
    )
    .order_by(resource_index.c.account, resource_index.c.region, resource_index.c.id)
)
_SCOPES = (
    select(resources.c.account, resources.c.region)
    .where(resources.c.service == bindparam("of_service"), resources.c.kind == bindparam("of_kind"))
    .distinct()
    .order_by(resources.c.account, resources.c.region)
)
_UPDATE = update(resources).where(_of_id(resources))
_INSERT = insert(resources)
_DELETE = delete(resources).where(_of_id(resources))
_UNINDEX = delete(resource_index).where(_of_id(resource_index))
_INDEX = insert(resource_index)
_NEXT_DUE = select(func.min(resources.c.due))


def _in_scope(collection: Collection[T], scope: Scope) -> dict[str, Any]:
    return {
        "of_service": collection.service,
        "of_kind": collection.kind,
        "of_account": scope.account,
        "of_region": scope.region,
    }


def fetch(
    connection: Connection, collection: Collection[T], scope: Scope, resource_id: str
) -> T | None:
    """Return a resource, or None."""
    row = connection.execute(_FETCH, _in_scope(collection, scope) | {"of_id": resource_id}).first()
    return None if row is None else collection.load(row.schema, row.body)


def revision(
    connection: Connection, collection: Collection[T], scope: Scope, resource_id: str
) -> int:
    """Return the number of the write that last stored the resource; 0 when it is absent."""
    values = _in_scope(collection, scope) | {"of_id": resource_id}
    return connection.execute(_REVISION, values).scalar() or 0


def scan(
    connection: Connection,
    collection: Collection[T],
    scope: Scope,
    *,
    after: str,
    limit: int | None,
    prefix: str,
) -> list[T]:
    """Return the resources whose ids come after `after` and begin with `prefix`, by id."""
    statement = _SCAN
    if prefix:
        statement = statement.where(resources.c.id >= prefix)
        end = _beyond(prefix)
        if end is not None:
            statement = statement.where(resources.c.id < end)
    found = connection.execute(
        _limited(statement, limit), _in_scope(collection, scope) | {"after": after}
    )
    return [collection.load(row.schema, row.body) for row in found]


def count(connection: Connection, collection: Collection[T], scope: Scope) -> int:
    """Return how many resources a scope has."""
    return connection.execute(_COUNT, _in_scope(collection, scope)).scalar() or 0


def find(
    connection: Connection,
    collection: Collection[T],
    scope: Scope,
    index: str,
    value: str,
    *,
    after: str,
    limit: int | None,
) -> list[T]:
    """Return the resources of a scope that an index has under a value, by id."""
    values = {"of_name": index, "of_value": value, "after": after}
    found = connection.execute(_limited(_FIND, limit), _in_scope(collection, scope) | values)
    return [collection.load(row.schema, row.body) for row in found]


def find_anywhere(
    connection: Connection, collection: Collection[T], index: str, value: str
) -> list[tuple[Scope, T]]:
    """Return the resources of all scopes that an index has under a value."""
    values = {
        "of_service": collection.service,
        "of_kind": collection.kind,
        "of_name": index,
        "of_value": value,
    }
    return [
        (Scope(row.account, row.region), collection.load(row.schema, row.body))
        for row in connection.execute(_FIND_ANYWHERE, values)
    ]


def scopes(connection: Connection, collection: Collection[T]) -> list[Scope]:
    """Return where the collection has resources."""
    values = {"of_service": collection.service, "of_kind": collection.kind}
    return [Scope(row.account, row.region) for row in connection.execute(_SCOPES, values)]


def store(
    connection: Connection,
    collection: Collection[T],
    scope: Scope,
    resource: T,
    *,
    epoch: int,
    expected: int | None,
) -> str:
    """Write a resource and its index entries, and return its id."""
    resource_id = collection.id(resource)
    current = revision(connection, collection, scope, resource_id)
    if expected is not None and current != expected:
        raise Conflict(
            f"{collection.name} {resource_id} is at revision {current}, not at {expected}"
        )
    row = {
        "revision": epoch,
        "due": collection.due_micros(resource),
        "schema": collection.schema,
        "body": collection.dump(resource),
    }
    identity = _identity(collection, scope, resource_id)
    if current:
        connection.execute(_UPDATE, _prefixed(identity) | row)
    else:
        connection.execute(_INSERT, identity | row)
    if collection.indexes:
        _reindex(connection, identity, collection.index_values(resource))
    return resource_id


def remove(
    connection: Connection, collection: Collection[T], scope: Scope, resource_id: str
) -> bool:
    """Delete a resource and its index entries; False when there is none."""
    values = _prefixed(_identity(collection, scope, resource_id))
    if collection.indexes:
        connection.execute(_UNINDEX, values)
    return connection.execute(_DELETE, values).rowcount > 0


def remove_all(connection: Connection) -> list[ResourceKey]:
    """Delete every resource, and return what there was."""
    keys = connection.execute(_EVERY_KEY).all()
    connection.execute(delete(resource_index))
    connection.execute(delete(resources))
    return [(f"{row.service}/{row.kind}", Scope(row.account, row.region), row.id) for row in keys]


def _identity(collection: Collection[T], scope: Scope, resource_id: str) -> dict[str, Any]:
    return {
        "service": collection.service,
        "kind": collection.kind,
        "account": scope.account,
        "region": scope.region,
        "id": resource_id,
    }


def _prefixed(identity: dict[str, Any]) -> dict[str, Any]:
    return {f"of_{name}": value for name, value in identity.items()}


def _reindex(
    connection: Connection, identity: dict[str, Any], pairs: Iterable[tuple[str, str]]
) -> None:
    connection.execute(_UNINDEX, _prefixed(identity))
    entries = [identity | {"name": name, "value": value} for name, value in pairs]
    if entries:
        connection.execute(_INDEX, entries)


def due(
    connection: Connection,
    collections: Sized[Collection[Any]],
    until: datetime,
    limit: int,
) -> list[tuple[Collection[Any], Scope, str, datetime]]:
    """Return what is due at `until`, earliest first."""
    by_kind = {(each.service, each.kind): each for each in collections}
    statement = (
        select(resources)
        .where(
            resources.c.due <= to_micros(until),
            tuple_(resources.c.service, resources.c.kind).in_(list(by_kind)),
        )
        .order_by(resources.c.due, *resources.primary_key.columns)
        .limit(limit)
    )
    return [
        (
            by_kind[row.service, row.kind],
            Scope(row.account, row.region),
            row.id,
            from_micros(row.due),
        )
        for row in connection.execute(statement)
    ]


def next_due(connection: Connection) -> datetime | None:
    """Return the earliest moment at which any resource is due."""
    micros = connection.execute(_NEXT_DUE).scalar()
    return None if micros is None else from_micros(micros)


def _limited(statement: Select[Any], limit: int | None) -> Select[Any]:
    return statement if limit is None else statement.limit(limit)


def _beyond(prefix: str) -> str | None:
    """Return the first string that sorts after all that begin with `prefix`, if there is one."""
    for end in range(len(prefix), 0, -1):
        last = ord(prefix[end - 1])
        if last < 0x10FFFF:
            # 0xD800 to 0xDFFF are no characters and have no bytes.
            following = 0xE000 if last == 0xD7FF else last + 1
            return prefix[: end - 1] + chr(following)
    return None
