# SPDX-License-Identifier: Apache-2.0
"""How stored data becomes that of this version: tables by number, documents by rewriting.

The number of the tables' shape is in `meta`. A change of shape counts SCHEMA up, adds one function
to MIGRATIONS, and to the tests a golden file of the new shape; nothing else. Tables that are
merely new need no migration: every opening creates what is missing.

Documents are upgraded when they are loaded (resources.py); `rewrite_outdated` makes that lasting,
which a new index or a new `due` needs.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, inspect, select, update

from stockade.store.errors import StoreTooNew
from stockade.store.resources import Scope
from stockade.store.tables import meta, metadata, resources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stockade.store.resources import Collection
    from stockade.store.unit import Unit

SCHEMA = 1
"""The shape of the tables that this program knows."""

MIGRATIONS: Mapping[int, Callable[[Connection], None]] = MappingProxyType({})
"""For each older shape, what makes it one newer."""

_NAME = "schema"


def upgrade_tables(
    connection: Connection,
    schema: int = SCHEMA,
    migrations: Mapping[int, Callable[[Connection], None]] = MIGRATIONS,
) -> None:
    """Create the tables, or bring them to this program's shape, in the caller's transaction."""
    found = _found_schema(connection)
    if found is not None and found > schema:
        raise StoreTooNew(
            f"the store has schema {found} and this Stockade knows {schema}: run the newer version"
        )
    for number in range(found or schema, schema):
        migrations[number](connection)
    metadata.create_all(connection)
    if found is None:
        connection.execute(insert(meta), {"name": _NAME, "value": str(schema)})
    elif found < schema:
        connection.execute(update(meta).where(meta.c.name == _NAME).values(value=str(schema)))


def _found_schema(connection: Connection) -> int | None:
    if not inspect(connection).has_table(meta.name):
        return None
    value = connection.execute(select(meta.c.value).where(meta.c.name == _NAME)).scalar()
    return None if value is None else int(value)


def rewrite_outdated(unit: Unit, collection: Collection[Any], limit: int = 1000) -> int:
    """Rewrite up to `limit` documents of older schemas, and return how many there were."""
    outdated = unit.connection.execute(
        select(resources.c.account, resources.c.region, resources.c.schema, resources.c.body)
        .where(
            resources.c.service == collection.service,
            resources.c.kind == collection.kind,
            resources.c.schema < collection.schema,
        )
        .limit(limit)
    ).all()
    for row in outdated:
        resource = collection.load(row.schema, row.body)
        unit.put(collection, Scope(row.account, row.region), resource)
    return len(outdated)
