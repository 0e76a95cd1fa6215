# SPDX-License-Identifier: Apache-2.0
"""The journal's records in the database, and how one of them is found among millions.

Records get positions in the order in which they are shipped, and every few thousand of them form
a block. For each attribute value that occurs in a batch of records, one posting lists the times
and positions of the records that have it. A posting's key begins with the block's number, so that
writing touches the end of each table only; one index per column would cost four times as much.
A lookup walks the blocks from the newest on and stops when no older one can matter.

A posting is keyed by 64 bits of a hash of scope, attribute and value. What is found is therefore
compared with the record itself, so that a collision shows nobody another account's records.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from stockade.store import entries
from stockade.store.bulk import insert_rows
from stockade.store.entries import EVENT_ID, REQUEST_ID, account_attributes, profile_attributes
from stockade.store.resources import Scope
from stockade.store.tables import bytewise, metadata

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Row

    from stockade.store.entries import Attribute, Profile, Resource

BLOCK = 4096
"""A block takes no further records once it has this many."""
ANY: Attribute = ("", "")
"""The attribute that every record of an account and Region has."""

records = Table(
    "journal",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", bytewise, nullable=False),
    Column("record", Text, nullable=False),
)

blocks = Table(
    "journal_blocks",
    metadata,
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("first", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("oldest", BigInteger, nullable=False),
    Column("newest", BigInteger, nullable=False),
)

postings = Table(
    "journal_postings",
    metadata,
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", BigInteger, primary_key=True, autoincrement=False),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("moments", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

_MOMENT = struct.Struct("<qq")
FOREVER = 2**62
_NO_TIMES = (FOREVER, -FOREVER)
_MOST_BLOCKS = 512

_LAST = select(blocks).order_by(blocks.c.block.desc()).limit(1)
_INSERT_BLOCK = insert(blocks)
_GROW = update(blocks).where(blocks.c.block == bindparam("of_block"))
_CANDIDATES = (
    select(blocks)
    .where(blocks.c.newest >= bindparam("start"), blocks.c.oldest <= bindparam("end"))
    .order_by(blocks.c.newest.desc(), blocks.c.block.desc())
)
_POSTINGS = select(postings.c.moments).where(
    postings.c.hash.in_(bindparam("hashes", expanding=True)),
    postings.c.block.in_(bindparam("blocks", expanding=True)),
)
_FETCH = select(records.c.position, records.c.record).where(
    records.c.position.in_(bindparam("positions", expanding=True))
)
_OF_BLOCK = (
    select(records.c.record)
    .where(records.c.position.between(bindparam("first_position"), bindparam("last_position")))
    .order_by(records.c.position)
)
_OUTDATED = (
    select(blocks)
    .where(
        blocks.c.newest < bindparam("before"),
        blocks.c.block < select(func.max(blocks.c.block)).scalar_subquery(),
    )
    .order_by(blocks.c.block)
    .limit(1)
)
_DROP_POSTINGS = delete(postings).where(postings.c.block == bindparam("of_block"))
_DROP_BLOCK = delete(blocks).where(blocks.c.block == bindparam("of_block"))
_DROP_RECORDS = delete(records).where(
    records.c.position.between(bindparam("first_position"), bindparam("last_position"))
)


class Moment(NamedTuple):
    """Where a record stands: its time in microseconds since 1970, then its position."""

    time: int
    position: int


EVERYWHERE = Scope("", "")
"""Where a request id is looked up."""


class _Block(NamedTuple):
    """A row of `journal_blocks`."""

    block: int
    first: int
    size: int
    oldest: int
    newest: int


class Batch:
    """Records on their way into the database, with what they are found by."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._records: list[str] = []
        self._times: list[int] = []
        self._ids: list[tuple[Scope, str, str]] = []
        self._profiles: dict[Profile, list[int]] = {}
        self._resources: dict[tuple[Scope, Resource, str], list[int]] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: bytes) -> None:
        """Add a record; msgspec.MsgspecError or ValueError says that it is none."""
        entry, text = entries.parse(record), record.decode()
        moment = entry.moment
        number = len(self._records)
        scope = Scope(entry.account, entry.region)
        self._ids.append((scope, entry.event_id, entry.request_id))
        self._profiles.setdefault(entry.profile, []).append(number)
        for resource in entry.resources or ():
            self._resources.setdefault((scope, resource, entry.done), []).append(number)
        self._records.append(text)
        self._times.append(moment)
        self.size += len(text)

    def write(self, connection: Connection) -> None:
        """Write everything in the caller's transaction, the only one that writes."""
        if not self._records:
            return
        block = _open_block(connection)
        first = block.first + block.size
        rows = [
            (position, self._kind, record) for position, record in enumerate(self._records, first)
        ]
        insert_rows(connection, records, rows)
        insert_rows(connection, postings, self._postings(block.block, first))
        grown = {
            "of_block": block.block,
            "size": block.size + len(rows),
            "oldest": min(block.oldest, *self._times),
            "newest": max(block.newest, *self._times),
        }
        connection.execute(_GROW, grown)

    def _postings(self, block: int, first: int) -> list[tuple[int, int, int, bytes]]:
        """Return the rows of the postings, in the order of their key."""
        pack = _MOMENT.pack
        packed = [pack(time, position) for position, time in enumerate(self._times, first)]
        found: dict[int, bytes] = {}
        for (scope, attribute), numbers in self._found_by().items():
            key = _hash(self._kind, scope, attribute)
            found[key] = found.get(key, b"") + b"".join([packed[number] for number in numbers])
        for moment, (scope, event_id, request_id) in zip(packed, self._ids, strict=True):
            key = _hash(self._kind, scope, (EVENT_ID, event_id))
            found[key] = found.get(key, b"") + moment
            if request_id:
                key = _hash(self._kind, EVERYWHERE, (REQUEST_ID, request_id))
                found[key] = found.get(key, b"") + moment
        return [(block, key, first, found[key]) for key in sorted(found)]

    def _found_by(self) -> dict[tuple[Scope, Attribute], list[int]]:
        """Return the records by each attribute that records can share."""
        found: defaultdict[tuple[Scope, Attribute], list[int]] = defaultdict(list)
        for profile, numbers in self._profiles.items():
            for attribute in (ANY, *profile_attributes(profile)):
                found[Scope(*profile[:2]), attribute] += numbers
            for attribute in account_attributes(profile):
                found[Scope(profile[0], ""), attribute] += numbers
        for (scope, resource, done), numbers in self._resources.items():
            for attribute in resource.attributes(done):
                found[scope, attribute] += numbers
        return found


def _open_block(connection: Connection) -> _Block:
    """Return the block that takes the next records, a new one if the last is full."""
    row = connection.execute(_LAST).first()
    last = _Block(*row) if row else _Block(0, 1, BLOCK, *_NO_TIMES)
    if last.size < BLOCK:
        return last
    first = last.first + last.size if row else 1
    block = _Block(last.block + 1, first, 0, *_NO_TIMES)
    connection.execute(_INSERT_BLOCK, block._asdict())
    return block


def _hash(kind: str, scope: Scope, attribute: Attribute) -> int:
    text = f"{kind}\0{scope[0]}\0{scope[1]}\0{attribute[0]}\0{attribute[1]}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for, newest first: all of a scope's records, or those with an attribute.

    Of several attributes a record needs one.
    """

    kind: str
    scope: Scope
    attributes: tuple[Attribute, ...] = (ANY,)
    start: int = -FOREVER
    end: int = FOREVER
    """The last microsecond that belongs to the answer."""
    before: Moment | None = None
    """Where the page before this one ended."""
    limit: int

    def bound(self) -> Moment:
        """Return the moment that every moment of the answer is less than."""
        end = Moment(self.end + 1, 0)
        return end if self.before is None else min(end, self.before)


def search(connection: Connection, query: Query) -> list[Moment]:
    """Return up to `limit` moments of matching records, newest first."""
    bound = query.bound()
    candidates = connection.execute(_CANDIDATES, {"start": query.start, "end": bound.time}).all()
    found: list[Moment] = []
    at, size = 0, 1
    while at < len(candidates) and not _enough(found, query.limit, candidates[at]):
        some = [row.block for row in candidates[at : at + size]]
        found += _moments(connection, some, query, bound)
        found = sorted(set(found), reverse=True)[: query.limit]
        at, size = at + size, min(2 * size, _MOST_BLOCKS)
    return found


def _enough(found: list[Moment], limit: int, block: Row[Any]) -> bool:
    """Return whether a block, and so every block behind it, is older than all that was found."""
    return len(found) == limit and found[-1] >= (block.newest, block.first + block.size)


def _moments(
    connection: Connection, some: list[int], query: Query, bound: Moment
) -> Iterator[Moment]:
    hashes = [_hash(query.kind, query.scope, attribute) for attribute in query.attributes]
    least = Moment(query.start, 0)
    for row in connection.execute(_POSTINGS, {"hashes": hashes, "blocks": some}):
        for moment in _MOMENT.iter_unpack(row.moments):
            if least <= moment < bound:
                yield Moment(*moment)


def fetch(connection: Connection, moments: Sequence[Moment]) -> list[bytes]:
    """Return the records of these moments, in their order."""
    positions = [moment.position for moment in moments]
    found = {
        row.position: row.record.encode()
        for row in connection.execute(_FETCH, {"positions": positions})
    }
    return [found[position] for position in positions if position in found]


def spans(connection: Connection, start: int, end: int) -> list[tuple[int, int]]:
    """Return the first and last positions of the blocks that reach into a time, newest first."""
    found = connection.execute(_CANDIDATES, {"start": start, "end": end}).all()
    return [(row.first, row.first + row.size - 1) for row in found]


def fetch_span(connection: Connection, first: int, last: int) -> list[bytes]:
    """Return the records at these positions, as far as they are still there."""
    found = connection.execute(_OF_BLOCK, {"first_position": first, "last_position": last})
    return [row.record.encode() for row in found]


def drop_block(connection: Connection, before: int) -> int:
    """Delete the oldest block if all of it is older than `before`, and return its size.

    The last block always stays, so that positions are never used twice.
    """
    row = connection.execute(_OUTDATED, {"before": before}).first()
    if row is None:
        return 0
    connection.execute(_DROP_POSTINGS, {"of_block": row.block})
    last = row.first + row.size - 1
    connection.execute(_DROP_RECORDS, {"first_position": row.first, "last_position": last})
    connection.execute(_DROP_BLOCK, {"of_block": row.block})
    size: int = row.size
    return size
