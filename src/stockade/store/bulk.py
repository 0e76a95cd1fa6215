# SPDX-License-Identifier: Apache-2.0
"""Inserting thousands of rows at the driver's own speed, past SQLAlchemy's work per parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stockade.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table


def insert_rows(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> None:
    """Insert rows whose values are in the order of the table's columns."""
    names = ", ".join(column.name for column in table.columns)
    if connection.dialect.name == "postgresql":
        _copy(connection, f"COPY {table.name} ({names}) FROM STDIN", rows)
    elif rows:
        marks = ", ".join("?" for _ in table.columns)
        statement = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 - ours
        connection.exec_driver_sql(statement, rows)


def _copy(connection: Connection, statement: str, rows: list[tuple[Any, ...]]) -> None:
    """Send rows by PostgreSQL's COPY, in a fifth of the time of as many INSERTs.

    The engine's hook (faults.py) does not see these errors, so they are told apart here.
    """
    from stockade.store.postgres import reason_of  # noqa: PLC0415 - SQLite must not load psycopg

    driver = connection.connection.driver_connection
    assert driver is not None
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except connection.dialect.loaded_dbapi.Error as error:
        reason = reason_of(error)
        if reason is None:
            raise
        connection.invalidate()
        raise StoreUnavailable(f"PostgreSQL: {reason}") from error
