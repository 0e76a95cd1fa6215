# SPDX-License-Identifier: Apache-2.0
"""The journal: both ways in, shipping, the lookups of CloudTrail, and forgetting."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from stockade.store import blocks, lines
from stockade.store.bulk import insert_rows
from stockade.store.entries import Attribute, call_of, parse
from stockade.store.errors import StoreUnavailable
from stockade.store.journal import Journal, Moment
from stockade.store.segments import Segment
from stockade.store.store import Store
from tests.store.appenders import record
from tests.store.conftest import Place

ACCOUNT, REGION = "111122223333", "eu-west-1"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1"


@pytest.fixture
def journal(place: Place, tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(None if place.kind == "memory" else tmp_path, os.urandom)
    yield journal
    journal.close()


def at(seconds: int) -> str:
    return f"{NOON + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def page(store: Store, journal: Journal, **query: Any) -> tuple[list[str], Moment | None]:
    """Return the event ids of a page of a lookup, and where it goes on."""
    scope = query.pop("account", ACCOUNT), query.pop("region", REGION)
    with store.read() as unit:
        found, end = journal.lookup(unit, *scope, **query)
    return [parse(each).event_id for each in found], end


def ids(store: Store, journal: Journal, **query: Any) -> list[str]:
    """Return the event ids of all pages of a lookup."""
    found, end = page(store, journal, **query)
    while end is not None:
        more, end = page(store, journal, **query | {"before": end})
        found += more
    return found


def test_both_ways_in_are_found_after_shipping(store: Store, journal: Journal) -> None:
    with store.write() as unit:
        journal.insert(unit, record(1))
    journal.append(record(2))
    assert ids(store, journal) == []
    assert journal.ship(store) == 2
    assert sorted(ids(store, journal)) == ["event-1", "event-2"]
    with store.read() as unit:
        found, _ = journal.lookup(unit, ACCOUNT, REGION, attribute=("EventId", "event-2"))
    assert found == [record(2)]
    assert journal.ship(store) == 0


def test_a_record_shares_the_fate_of_its_transaction(store: Store, journal: Journal) -> None:
    def fail() -> None:
        with store.write() as unit:
            journal.insert(unit, record(1))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert journal.ship(store) == 0


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"{}",
        b"[1]",
        b"not json",
        b'{"eventID":1}',
        record(1, eventTime="noon"),
        record(1, eventTime="2026-11-23T12:00:00"),
        record(1).replace(b"alice", b"\xff"),
    ],
)
def test_what_is_no_record_is_refused_at_once(bad: bytes) -> None:
    store, journal = Store.open("sqlite://"), Journal(None, os.urandom)
    with store.write() as unit, pytest.raises((msgspec.MsgspecError, ValueError)):
        journal.insert(unit, bad)
    with pytest.raises((msgspec.MsgspecError, ValueError)):
        journal.append(bad)
    assert journal.ship(store) == 0
    store.close()


def test_newest_first_and_the_order_of_arrival_within_a_second(
    store: Store, journal: Journal
) -> None:
    for number, seconds in enumerate([5, 1, 5, 9, 5, 1]):
        journal.append(record(number, eventTime=at(seconds)))
    journal.ship(store)
    assert ids(store, journal) == [f"event-{n}" for n in (3, 4, 2, 0, 5, 1)]


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        (("EventId", "event-1"), {1}),
        (("EventName", "Decrypt"), {2}),
        (("EventName", "decrypt"), set()),
        (("ReadOnly", "false"), {3}),
        (("ReadOnly", "true"), {0, 1, 2, 4, 5, 6}),
        (("Username", "bob"), {1}),
        (("Username", "root"), {2}),
        (("Username", "session"), {3}),
        (("Username", "guardduty.amazonaws.com"), {4}),
        (("Username", ""), set()),
        (("ResourceType", "AWS::KMS::Key"), {4, 5}),
        (("ResourceName", KEY), {4}),
        (("ResourceName", KEY + "2"), {5}),
        (("EventSource", "iam.amazonaws.com"), {6}),
        (("AccessKeyId", "ASIAOTHER"), {3}),
        (("RequestId", "request-1"), set()),
        (None, {0, 1, 2, 3, 4, 5, 6}),
    ],
)
def test_the_attributes_of_lookup_events(
    store: Store, journal: Journal, attribute: Attribute | None, expected: set[int]
) -> None:
    key = {"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": KEY}
    session = "arn:aws:sts::111122223333:assumed-role/role/session"
    fields: list[dict[str, Any]] = [
        {},
        {"userIdentity": {"type": "IAMUser", "userName": "bob"}},
        {"userIdentity": {"type": "Root"}, "eventName": "Decrypt"},
        {
            "userIdentity": {"type": "AssumedRole", "arn": session, "accessKeyId": "ASIAOTHER"},
            "readOnly": False,
        },
        {
            "userIdentity": {"type": "AWSService", "invokedBy": "guardduty.amazonaws.com"},
            "resources": [key, key | {"ARN": ""}, {"ARN": "arn:aws:s3:::b"}],
        },
        {"resources": [key | {"ARN": KEY + "2"}, key | {"ARN": KEY + "3"}], "userIdentity": None},
        {"eventSource": "iam.amazonaws.com", "resources": None},
    ]
    for number, some in enumerate(fields):
        journal.append(record(number, **some))
    journal.ship(store)
    found = ids(store, journal, attribute=attribute)
    assert sorted(found) == sorted(f"event-{number}" for number in expected)


def test_accounts_and_regions_are_apart(store: Store, journal: Journal) -> None:
    journal.append(record(1))
    journal.append(record(2, awsRegion="us-east-1"))
    journal.append(record(3, recipientAccountId="444455556666"))
    journal.ship(store)
    for scope, expected in [
        ({}, ["event-1"]),
        ({"region": "us-east-1"}, ["event-2"]),
        ({"account": "444455556666"}, ["event-3"]),
        ({"account": "444455556666", "region": "us-east-1"}, []),
        ({"account": "", "region": ""}, []),
    ]:
        assert ids(store, journal, **scope) == expected
        assert ids(store, journal, attribute=("EventName", "Encrypt"), **scope) == expected


def test_records_of_a_request_are_found_wherever_they_are(store: Store, journal: Journal) -> None:
    journal.append(record(1, requestID="r", recipientAccountId="444455556666"))
    journal.append(record(2, requestID="r"))
    journal.append(record(3))
    journal.append(record(4, requestID=""))
    journal.ship(store)
    with store.read() as unit:
        found = journal.by_request_id(unit, "r")
        assert [parse(each).event_id for each in found] == ["event-2", "event-1"]
        assert journal.by_request_id(unit, "event-3") == []
        assert journal.by_request_id(unit, "") == []


def test_a_principal_is_found_in_all_regions_of_its_account(store: Store, journal: Journal) -> None:
    def call(number: int, **more: Any) -> None:
        who = {"type": "AssumedRole", "principalId": "AROA1:s", "accessKeyId": "ASIA1"}
        journal.append(record(number, userIdentity=who | more.pop("who", {}), **more))

    call(1, awsRegion="eu-west-1", eventTime=at(1))
    call(2, awsRegion="us-east-1", eventTime=at(2), eventSource="iam.amazonaws.com")
    call(3, recipientAccountId="999999999999")
    call(4, who={"type": "Unknown", "principalId": "", "accessKeyId": "AKIA1"})
    call(5, who={"type": "IAMUser", "principalId": "AIDA1", "accessKeyId": "AKIA1"})
    journal.ship(store)

    def found(name: str, value: str) -> list[str]:
        return ids(store, journal, region="", attribute=(name, value))

    assert found("PrincipalId", "AROA1") == ["event-2", "event-1"]
    assert found("PrincipalId", "AROA1 iam.amazonaws.com") == ["event-2"]
    assert found("AccessKeyId", "AKIA1") == ["event-5"]
    assert found("AccessKeyId", "ASIA1") == []


def test_start_and_end_belong_to_the_answer(store: Store, journal: Journal) -> None:
    for seconds in range(10):
        journal.append(record(seconds, eventTime=at(seconds)))
    journal.ship(store)
    found = ids(store, journal, start=NOON + timedelta(seconds=3), end=NOON + timedelta(seconds=6))
    assert found == ["event-6", "event-5", "event-4", "event-3"]
    assert ids(store, journal, start=NOON + timedelta(seconds=10)) == []
    assert ids(store, journal, end=NOON - timedelta(seconds=1)) == []


def test_pages_end_where_they_say(store: Store, journal: Journal) -> None:
    for number in range(5):
        journal.append(record(number, eventTime=at(number)))
    journal.ship(store)
    first, end = page(store, journal, limit=2)
    assert (first, end is None) == (["event-4", "event-3"], False)
    journal.append(record(5, eventTime=at(5)))
    journal.append(record(6, eventTime=at(2)))  # arrives late, and belongs to what is still to come
    journal.ship(store)
    second, end = page(store, journal, limit=3, before=end)
    assert second == ["event-6", "event-2", "event-1"]
    third, end = page(store, journal, limit=1, before=end)
    assert (third, end) == (["event-0"], None)


TIMES = st.integers(0, 6)
CALLS = st.lists(
    st.tuples(TIMES, st.sampled_from("ABC"), st.sampled_from(["eu-west-1", "us-east-1"])),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(
    CALLS,
    st.tuples(TIMES, TIMES),
    st.sampled_from(["A", "B", "D", None]),
    st.integers(1, 5),
    st.integers(1, 7),
    st.integers(1, 9),
)
def test_a_lookup_is_a_filter(
    calls: list[tuple[int, str, str]],
    window: tuple[int, int],
    name: str | None,
    limit: int,
    block: int,
    batch: int,
) -> None:
    store, journal = Store.open("sqlite://"), Journal(None, os.urandom)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", block)
        patch.setattr(lines, "BATCH", batch)
        for number, (seconds, event_name, region) in enumerate(calls):
            journal.append(
                record(number, eventTime=at(seconds), eventName=event_name, awsRegion=region)
            )
        assert journal.ship(store) == len(calls)
    matching = [
        (seconds, number)
        for number, (seconds, event_name, region) in enumerate(calls)
        if window[0] <= seconds <= window[1] and region == REGION and name in {event_name, None}
    ]
    found = ids(
        store,
        journal,
        start=NOON + timedelta(seconds=window[0]),
        end=NOON + timedelta(seconds=window[1]),
        attribute=None if name is None else ("EventName", name),
        limit=limit,
    )
    assert found == [f"event-{number}" for _, number in sorted(matching, reverse=True)]
    store.close()


def test_a_collision_of_hashes_shows_nothing_foreign(
    store: Store, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "_hash", lambda *_: 7)
    journal.append(record(1))
    journal.append(record(2, recipientAccountId="444455556666"))
    journal.append(record(3, eventName="Decrypt"))
    journal.ship(store)
    assert ids(store, journal) == ["event-3", "event-1"]
    assert ids(store, journal, attribute=("EventName", "Decrypt")) == ["event-3"]
    with store.read() as unit:
        assert journal.by_request_id(unit, "request-2") == [
            record(2, recipientAccountId="444455556666")
        ]


def test_shipping_goes_in_batches_and_misses_nothing(
    store: Store, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "BATCH", 10)
    monkeypatch.setattr(lines, "BATCH_BYTES", 4000)
    for number in range(35):
        journal.append(record(number, padding="x" * (number % 7) * 500))
    batches = []
    while count := journal.ship_batch(store):
        batches.append(count)
    assert sum(batches) == 35
    assert max(batches) <= 10
    assert len(ids(store, journal)) == 35


def test_old_blocks_are_pruned(
    store: Store, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 4)
    monkeypatch.setattr(lines, "BATCH", 2)
    for number in range(18):
        journal.append(record(number, eventTime=at(number)))
    journal.ship(store)
    with store.write() as unit:
        assert journal.prune(unit, NOON) == 0
        assert journal.prune(unit, NOON + timedelta(seconds=7)) == 4
    assert ids(store, journal) == [f"event-{number}" for number in range(17, 3, -1)]
    with store.write() as unit:
        assert journal.prune(unit, NOON + timedelta(days=1)) == 12
    assert ids(store, journal) == ["event-17", "event-16"]
    with store.read() as unit:
        kept = {row.block for row in unit.connection.execute(blocks.postings.select())}
        assert len(kept) == 1
        assert journal.by_request_id(unit, "request-1") == []
    journal.append(record(18, eventTime=at(18)))
    journal.ship(store)
    assert ids(store, journal)[0] == "event-18"


def test_pruning_is_bounded(
    store: Store, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 1)
    monkeypatch.setattr(lines, "BATCH", 1)
    for number in range(20):
        journal.append(record(number))
    journal.ship(store)
    with store.write() as unit:
        assert journal.prune(unit, NOON + timedelta(days=1)) == 16
        assert journal.prune(unit, NOON + timedelta(days=1)) == 3
        assert journal.prune(unit, NOON + timedelta(days=1)) == 0


def test_forgetting_forgets_all(store: Store, journal: Journal) -> None:
    journal.append(record(1))
    journal.ship(store)
    journal.append(record(2))
    with store.write() as unit:
        journal.insert(unit, record(3))
    journal.forget(store)
    assert ids(store, journal) == []
    journal.append(record(4))
    journal.ship(store)
    assert ids(store, journal) == ["event-4"]


# What is only so with files.


@pytest.fixture
def shared(shared_place: Place) -> Store:
    return shared_place.open()


def segments(directory: Path) -> list[Path]:
    return sorted((directory / "journal").glob("*.jsonl"))


def test_a_segment_is_deleted_when_it_is_shipped_and_its_owner_gone(
    shared: Store, tmp_path: Path
) -> None:
    journal, other = Journal(tmp_path, os.urandom), Journal(tmp_path, os.urandom)
    journal.append(record(1))
    other.append(record(2))
    assert journal.ship(shared) == 2
    assert len(segments(tmp_path)) == 2
    journal.append(record(3))
    journal.close()
    assert other.ship(shared) == 1
    assert len(segments(tmp_path)) == 1
    other.append(record(4))
    assert other.ship(shared) == 1
    with shared.read() as unit:
        rows = unit.connection.execute(lines.progress.select()).all()
    assert [row.name for row in rows] == [segments(tmp_path)[0].name]
    other.close()
    assert other.ship(shared) == 0
    assert segments(tmp_path) == []
    assert len(ids(shared, other)) == 4


def test_a_crash_between_commit_and_deletion_repeats_nothing(
    shared: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CrashError(Exception):
        pass

    def crash(_: Segment) -> None:
        raise CrashError

    journal = Journal(tmp_path, os.urandom)
    journal.append(record(1))
    journal.close()
    with monkeypatch.context() as patch:
        patch.setattr(Segment, "remove", crash)
        with pytest.raises(CrashError):
            journal.ship(shared)
    assert len(segments(tmp_path)) == 1
    after = Journal(tmp_path, os.urandom)
    assert after.ship(shared) == 0
    assert segments(tmp_path) == []
    assert ids(shared, after) == ["event-1"]


def test_a_crash_before_the_commit_loses_nothing(
    shared: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CrashError(Exception):
        pass

    def crash(*_: object) -> None:
        raise CrashError

    journal = Journal(tmp_path, os.urandom)
    journal.append(record(1))
    with shared.write() as unit:
        journal.insert(unit, record(2))
    with monkeypatch.context() as patch:
        patch.setattr(lines._TakenFromSegments, "note", crash)
        with pytest.raises(CrashError):
            journal.ship(shared)
    assert ids(shared, journal) == []
    assert journal.ship(shared) == 2
    assert len(ids(shared, journal)) == 2
    journal.close()


def test_a_torn_line_waits_for_its_owner_and_goes_with_him(shared: Store, tmp_path: Path) -> None:
    journal = Journal(tmp_path, os.urandom)
    journal.append(record(1))
    path = segments(tmp_path)[0]
    with path.open("ab") as file:
        file.write(record(2)[:50])
    assert journal.ship(shared) == 1
    with path.open("ab") as file:
        file.write(record(2)[50:] + b"\n" + record(3)[:50])
    assert journal.ship(shared) == 1
    journal.close()
    assert journal.ship(shared) == 0
    assert segments(tmp_path) == []
    assert ids(shared, journal) == ["event-2", "event-1"]


@pytest.mark.parametrize("owner", ["dead", "alive"])
def test_a_damaged_line_is_kept_aside_and_stops_nothing(
    shared: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture, owner: str
) -> None:
    journal = Journal(tmp_path, os.urandom)
    journal.append(record(1))
    path = segments(tmp_path)[0]
    bad = [b"\0\0\0{}", record(9, eventTime="noon"), b'{"a":"\xff"}', b""]
    with path.open("ab") as file:
        file.write(b"\n".join(bad) + b"\n" + record(2) + b"\n")
    assert journal.ship_batch(shared) == 1  # its owner lives: it might be a line in the making
    assert not path.with_suffix(".damaged").exists()
    if owner == "dead":
        journal.close()
    shipped = [journal.ship_batch(shared) for _ in bad]
    assert sum(shipped) == 1
    journal.close()
    journal.ship(shared)
    assert ids(shared, journal) == ["event-2", "event-1"]
    assert segments(tmp_path) == []
    assert path.with_suffix(".damaged").read_bytes() == b"\n".join(bad) + b"\n"
    assert path.with_suffix(".damaged").stat().st_mode & 0o777 == 0o600
    assert "damaged line" in caplog.text


def test_a_line_longer_than_a_batch_is_shipped(
    shared: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "BATCH_BYTES", 100)
    journal = Journal(tmp_path, os.urandom)
    for number in range(3):
        journal.append(record(number, padding="x" * 1000))
    assert journal.ship(shared) == 3
    assert len(ids(shared, journal)) == 3
    journal.close()


def test_more_segments_than_a_process_may_open(
    shared: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "OPEN_SEGMENTS", 3)
    for number in range(10):
        journal = Journal(tmp_path, os.urandom)
        journal.append(record(number))
        journal.close()
    assert journal.ship_batch(shared) == 3
    assert journal.ship(shared) == 7
    assert len(ids(shared, journal)) == 10
    assert segments(tmp_path) == []


def test_many_processes_ship_each_line_once(shared_place: Place, tmp_path: Path) -> None:
    first, second = shared_place.open(), shared_place.open()
    journals = [Journal(tmp_path, os.urandom) for _ in range(2)]
    for number in range(50):
        journals[number % 2].append(record(number))
    assert journals[0].ship_batch(first) + journals[1].ship_batch(second) == 50
    assert len(ids(second, journals[0])) == 50
    for journal in journals:
        journal.close()


def test_a_database_that_goes_away_while_rows_are_copied_is_said_to(
    postgres_place: Place, tmp_path: Path
) -> None:
    store, other = postgres_place.open(), postgres_place.open()
    rows = [(number, "cloudtrail", "{}") for number in range(10)]

    def lose_the_connection() -> None:
        with store.write() as unit:
            pid = unit.connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with other.read() as reader:
                reader.connection.execute(text(f"SELECT pg_terminate_backend({pid})"))
            insert_rows(unit.connection, blocks.records, rows)

    with pytest.raises(StoreUnavailable, match="PostgreSQL: the server is shutting down"):
        lose_the_connection()
    with pytest.raises(psycopg.errors.UniqueViolation), store.write() as unit:
        insert_rows(unit.connection, blocks.records, [*rows, *rows])
    with store.write() as unit:
        insert_rows(unit.connection, blocks.records, rows)
        assert len(unit.connection.execute(blocks.records.select()).all()) == 10


def test_calls_that_were_done_with_a_resource(store: Store, journal: Journal) -> None:
    resource = {"resources": [{"ARN": KEY, "type": "AWS::KMS::Key"}]}
    calls = [("Encrypt", {}), ("Decrypt", {}), ("Encrypt", {"errorCode": "AccessDenied"})]
    for number, (name, more) in enumerate(calls):
        journal.append(record(number, eventName=name, **resource, **more))
    journal.ship(store)
    encrypted, decrypted = call_of(KEY, "Encrypt"), call_of(KEY, "Decrypt")
    assert ids(store, journal, attribute=encrypted) == ["event-0"]
    assert ids(store, journal, any_of=[encrypted, decrypted]) == ["event-1", "event-0"]
    assert ids(store, journal, any_of=[encrypted, decrypted], limit=1) == ["event-1", "event-0"]
    assert ids(store, journal, attribute=("ResourceName", KEY)) == [f"event-{n}" for n in (2, 1, 0)]
