# SPDX-License-Identifier: Apache-2.0
"""The tables of the store: documents, their index, what changed, and who leads.

Text compares by its bytes everywhere (SQLite's BINARY, PostgreSQL's "C" collation), so that
a range scan on `id` walks in the same order on both databases. Moments are whole
microseconds since 1970 in UTC.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text

metadata = MetaData()

bytewise = Text().with_variant(Text(collation="C"), "postgresql")

resources = Table(
    "resources",
    metadata,
    Column("service", bytewise, primary_key=True),
    Column("kind", bytewise, primary_key=True),
    Column("account", bytewise, primary_key=True),
    Column("region", bytewise, primary_key=True),
    Column("id", bytewise, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("due", BigInteger),
    Column("schema", Integer, nullable=False),
    Column("body", Text, nullable=False),
)

Index(
    "resources_due",
    resources.c.due,
    sqlite_where=resources.c.due.is_not(None),
    postgresql_where=resources.c.due.is_not(None),
)

resource_index = Table(
    "resource_index",
    metadata,
    Column("service", bytewise, primary_key=True),
    Column("kind", bytewise, primary_key=True),
    Column("name", bytewise, primary_key=True),
    Column("value", bytewise, primary_key=True),
    Column("account", bytewise, primary_key=True),
    Column("region", bytewise, primary_key=True),
    Column("id", bytewise, primary_key=True),
    sqlite_with_rowid=False,
)

Index(
    "resource_index_owner",
    resource_index.c.service,
    resource_index.c.kind,
    resource_index.c.account,
    resource_index.c.region,
    resource_index.c.id,
)

changes = Table(
    "changes",
    metadata,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("service", bytewise, primary_key=True),
    Column("kind", bytewise, primary_key=True),
    Column("account", bytewise, primary_key=True),
    Column("region", bytewise, primary_key=True),
    Column("id", bytewise, primary_key=True),
    sqlite_with_rowid=False,
)

meta = Table(
    "meta",
    metadata,
    Column("name", bytewise, primary_key=True),
    Column("value", Text, nullable=False),
)

lease = Table(
    "lease",
    metadata,
    Column("name", bytewise, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
