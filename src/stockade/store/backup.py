# SPDX-License-Identifier: Apache-2.0
"""A backup: the whole store of one moment in one file, which restores into a store of either kind.

One line of JSON each: a header (format, program, rows per table), then for each table its name and
columns followed by its rows as arrays, then the SHA-256 of all lines before. Bytes are in base64,
rows in the order of their keys: the same content gives the same lines, from whichever database.

What is sealed in the store is as sealed here: domain keys wrapped, secrets encrypted. The seal
itself is never in a backup, and without it a restored store does not open.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from sqlalchemy import Connection, LargeBinary, Row, Table, delete, func, select

from stockade import __version__
from stockade.store import blocks, files, journal, lines, vault
from stockade.store.bulk import insert_rows
from stockade.store.seal import Description
from stockade.store.store import Store
from stockade.store.tables import changes, meta, resource_index, resources
from stockade.store.upgrade import SCHEMA

Progress = Callable[[int, int], None]
"""Called with the rows done and the rows there are."""

FORMAT = 1
_AT_ONCE = 200
TABLES = (
    meta,
    resources,
    resource_index,
    changes,
    journal.inbox,
    lines.progress,
    blocks.blocks,
    blocks.records,
    blocks.postings,
)
"""All but `lease`: who leads at the moment is nothing to come back to."""
_END = b'{"sha256":'
_ELSEWHERE = "take another copy of it, or an older backup"


class BackupError(Exception):
    """A backup cannot be made or restored: one sentence for a person, and what to do about it."""

    def __init__(self, sentence: str, hint: str = "") -> None:
        self.sentence = sentence
        self.hint = hint
        super().__init__(sentence)


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a backup."""

    stockade_backup: int
    """The number of the format."""
    program: str
    """The version of the program that wrote it."""
    schema: int
    """The shape of the tables."""
    created: datetime
    seal: Description | None
    """Which seal opens what is sealed in it."""
    rows: dict[str, int]

    @property
    def total(self) -> int:
        """How many rows there are."""
        return sum(self.rows.values())


class _Format(msgspec.Struct):
    """What every format's first line has."""

    stockade_backup: int


class _TableLine(msgspec.Struct):
    """The line before a table's rows."""

    table: str
    columns: list[str]


class _Trailer(msgspec.Struct):
    """The last line."""

    sha256: str


def quietly(_done: int, _total: int) -> None:
    """Say nothing of the progress."""


def write(store: Store, path: Path, now: datetime, progress: Progress = quietly) -> Header:
    """Write a backup of one consistent moment to a new private file, and return its header."""
    if path.exists():
        raise BackupError(f"{path} exists already", "choose another name for the backup")
    meanwhile = path.with_name(f"{path.name}.partial")
    meanwhile.unlink(missing_ok=True)
    try:
        with files.writing_new(path, meanwhile) as file, store.read() as unit:
            header = Header(
                stockade_backup=FORMAT,
                program=__version__,
                schema=SCHEMA,
                created=now,
                seal=vault.describe(unit),
                rows={str(table.name): _count(unit.connection, table) for table in TABLES},
            )
            _Writer(file, header, progress).write(unit.connection)
    except OSError as error:
        raise BackupError(f"the backup {path} cannot be written ({error.strerror})") from None
    return header


class _Writer:
    """Writes lines, and counts and hashes what it writes."""

    def __init__(self, file: BinaryIO, header: Header, progress: Progress) -> None:
        self._file = file
        self._header = header
        self._progress = progress
        self._digest = hashlib.sha256()
        self._encode = msgspec.json.Encoder().encode
        self._done = 0

    def write(self, connection: Connection) -> None:
        self._line(self._header)
        for table in TABLES:
            self._line(_TableLine(str(table.name), _names(table)))
            rows = connection.execute(
                select(table).order_by(*table.primary_key.columns),
                execution_options={"yield_per": _AT_ONCE},
            )
            for some in rows.partitions():
                self._rows(some)
        self._file.write(_trailer(self._digest.hexdigest()))

    def _rows(self, rows: Sequence[Row[Any]]) -> None:
        for row in rows:
            self._write(self._encode(tuple(row)) + b"\n")
        self._done += len(rows)
        self._progress(self._done, self._header.total)

    def _line(self, value: msgspec.Struct) -> None:
        self._write(self._encode(value) + b"\n")

    def _write(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)


def verify(path: Path) -> Header:
    """Read a backup from end to end, and return its header if it is whole and undamaged."""
    with _open(path) as file:
        header = _read_header(path, file.readline())
        file.seek(0)
        digest = hashlib.sha256()
        for line in file:
            if line.startswith(_END):
                if line != _trailer(digest.hexdigest()) or file.read(1):
                    raise _damaged(path)
                return header
            digest.update(line)
    raise BackupError(f"the backup {path} is incomplete: its end is missing", _ELSEWHERE)


def restore(store: Store, path: Path, progress: Progress = quietly) -> Header:
    """Bring a backup into an empty store that nobody else has open, all of it or nothing."""
    header = verify(path)
    _must_fit(path, header)
    with _open(path) as file, store.write() as unit:
        _must_be_empty(unit.connection)
        unit.connection.execute(delete(meta))
        file.readline()
        done = 0
        for table, rows in _batches(file):
            insert_rows(unit.connection, table, rows)
            done += len(rows)
            progress(done, header.total)
    return header


def _names(table: Table) -> list[str]:
    return [str(column.name) for column in table.columns]


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _trailer(digest: str) -> bytes:
    return msgspec.json.encode(_Trailer(digest)) + b"\n"


def _damaged(path: Path) -> BackupError:
    return BackupError(f"the backup {path} is damaged", _ELSEWHERE)


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise BackupError(f"the backup {path} cannot be read ({error.strerror})") from None


def _read_header(path: Path, line: bytes) -> Header:
    try:
        number = msgspec.json.decode(line, type=_Format).stockade_backup
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BackupError(f"{path} is not a backup of Stockade") from None
    if number > FORMAT:
        raise BackupError(
            f"the backup {path} has format {number}, and this Stockade knows {FORMAT}",
            "restore it with the version that wrote it, or a newer one",
        )
    try:
        return msgspec.json.decode(line, type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _damaged(path) from None


def _must_fit(path: Path, header: Header) -> None:
    if header.schema != SCHEMA:
        raise BackupError(
            f"the backup {path} has tables of schema {header.schema}, not {SCHEMA}",
            f"restore it with Stockade {header.program}, then open that store with this one",
        )


def _must_be_empty(connection: Connection) -> None:
    for table in TABLES:
        if _count(connection, table) > (table is meta):
            raise BackupError(
                f"the store is not empty: it has rows in `{table.name}`",
                "restore into a new store, and keep this one until you have seen the result",
            )


def _batches(file: BinaryIO) -> Iterator[tuple[Table, list[tuple[Any, ...]]]]:
    """Yield the rows of a verified backup, table by table, some at a time."""
    decode = msgspec.json.Decoder(list[Any]).decode
    rows: list[tuple[Any, ...]] = []
    table: Table = meta
    binary: list[int] = []
    for line in file:
        if line.startswith(b"["):
            values = decode(line)
            for index in binary:
                values[index] = base64.b64decode(values[index])
            rows.append(tuple(values))
        if rows and (len(rows) == _AT_ONCE or not line.startswith(b"[")):
            yield table, rows
            rows = []
        if line.startswith(b'{"table"'):
            table = _table(msgspec.json.decode(line, type=_TableLine))
            binary = [
                index
                for index, column in enumerate(table.columns)
                if isinstance(column.type, LargeBinary)
            ]


def _table(line: _TableLine) -> Table:
    """Return the table that a line of a backup announces."""
    known = {table.name: table for table in TABLES}
    table = known.get(line.table)
    if table is None or _names(table) != line.columns:
        raise BackupError(
            f"the backup has a table `{line.table}` that this Stockade does not know",
            "restore it with the version that wrote it, or a newer one",
        )
    return table
