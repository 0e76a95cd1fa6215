# SPDX-License-Identifier: Apache-2.0
"""Segments: one write per line, nothing lost that was answered for, nothing half-written left."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stockade.store.segments import JournalUnavailable, Segment, SegmentWriter, shipping
from tests.store import appenders


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[SegmentWriter]:
    writer = SegmentWriter(tmp_path, "host-1-ab", roll_at=1000, sync_every=0.01)
    yield writer
    writer.close()


def only(directory: Path) -> Path:
    (path,) = directory.iterdir()
    return path


def lines(directory: Path) -> list[bytes]:
    """Return all lines of a directory, without their order between files."""
    return [line for path in directory.iterdir() for line in path.read_bytes().splitlines()]


def test_no_segment_without_a_line(writer: SegmentWriter, tmp_path: Path) -> None:
    assert list(tmp_path.iterdir()) == []


def test_a_line_is_in_a_private_file_at_once(writer: SegmentWriter, tmp_path: Path) -> None:
    writer.append(b'{"a":1}')
    assert only(tmp_path).name == "host-1-ab-0.jsonl"
    assert only(tmp_path).read_bytes() == b'{"a":1}\n'
    assert stat.S_IMODE(only(tmp_path).stat().st_mode) == 0o600
    writer.append(b'{"b":2}')
    assert only(tmp_path).read_bytes() == b'{"a":1}\n{"b":2}\n'


def test_a_line_is_one_system_call(
    writer: SegmentWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[bytes] = []
    write = os.write

    def counted(fd: int, data: bytes) -> int:
        calls.append(data)
        return write(fd, data)

    monkeypatch.setattr(os, "write", counted)
    for number in range(5):
        writer.append(b"line %d" % number)
    assert calls == [b"line %d\n" % number for number in range(5)]


def test_a_line_cannot_be_two(writer: SegmentWriter) -> None:
    with pytest.raises(ValueError, match="one line"):
        writer.append(b"{}\n{}")


def test_segments_roll(writer: SegmentWriter, tmp_path: Path) -> None:
    for number in range(25):
        writer.append(b"%0100d" % number)
    assert len(list(tmp_path.iterdir())) == 3
    assert all(path.stat().st_size <= 1000 for path in tmp_path.iterdir())
    assert sorted(lines(tmp_path)) == [b"%0100d" % number for number in range(25)]
    writer.append(b"x" * 5000)
    assert len(lines(tmp_path)) == 26


def test_rolled_segments_are_let_go(writer: SegmentWriter, tmp_path: Path) -> None:
    for number in range(12):
        writer.append(b"%0100d" % number)
    deadline = time.monotonic() + 10
    while not abandoned(tmp_path / "host-1-ab-0.jsonl"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not abandoned(tmp_path / "host-1-ab-1.jsonl")


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, "host-1-ab", roll_at=20_000)
    expected = [b"%d" % thread * (50 + number) for thread in range(1, 5) for number in range(300)]

    def work(thread: int) -> None:
        for number in range(300):
            writer.append(b"%d" % thread * (50 + number))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert sorted(lines(tmp_path)) == sorted(expected)


def test_lines_are_synced_soon_and_not_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def counted(fd: int) -> None:
        synced.append(os.fstat(fd).st_size)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", counted)
    writer = SegmentWriter(tmp_path, "host-1-ab")
    for _ in range(500):
        writer.append(b"x" * 99)
    deadline = time.monotonic() + 10
    while 50_000 not in synced:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert len(synced) < 100
    before = len(synced)
    time.sleep(0.15)
    assert len(synced) == before
    writer.close()


def short_write(fd: int, data: bytes) -> int:
    """Write as a disk does that is full in the middle of the line."""
    return os.pwrite(fd, data[: len(data) // 2], 0)  # appended, as the file is opened so


def test_a_half_written_line_is_taken_back(
    writer: SegmentWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.append(b"first")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short_write)
        with pytest.raises(JournalUnavailable, match="took only a part"):
            writer.append(b"second")
    assert only(tmp_path).read_bytes() == b"first\n"
    writer.append(b"third")
    assert only(tmp_path).read_bytes() == b"first\nthird\n"


def test_a_half_line_that_cannot_be_taken_back_ends_its_segment(
    writer: SegmentWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_fd: int, _size: int) -> None:
        raise OSError(5, "Input/output error")

    writer.append(b"first")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short_write)
        patch.setattr(os, "ftruncate", fail)
        with pytest.raises(JournalUnavailable):
            writer.append(b"second")
    writer.append(b"third")
    writer.close()
    contents = sorted(path.read_bytes() for path in tmp_path.iterdir())
    assert contents == [b"first\nsec", b"third\n"]
    with Segment(tmp_path / "host-1-ab-0.jsonl") as segment:
        assert segment.abandoned
        assert segment.read(0, 1000) == [b"first"]


def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    with appenders.process("fill", "", tmp_path) as child:
        assert child.stdout is not None
        numbers = [0, int(child.stdout.readline())]
        while numbers[-1] - numbers[-2] == 1:
            numbers.append(int(child.stdout.readline()))
        content = only(tmp_path / "journal").read_bytes()
    assert numbers[-1] - numbers[-2] == 11
    assert content == b"".join(appenders.record(number) + b"\n" for number in numbers[1:])


def test_no_directory_no_journal(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "missing", "host-1-ab")
    with pytest.raises(JournalUnavailable, match="No such file or directory"):
        writer.append(b"line")
    (tmp_path / "missing").mkdir()
    writer.append(b"line")
    writer.close()
    assert lines(tmp_path / "missing") == [b"line"]


def test_after_a_failed_sync_nothing_is_promised_any_more(
    writer: SegmentWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    def append_for_a_while() -> None:
        for _ in range(1000):
            writer.append(b"more")
            time.sleep(0.01)

    writer.append(b"first")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(JournalUnavailable, match="failed to keep"):
        append_for_a_while()


def abandoned(path: Path) -> bool:
    with Segment(path) as segment:
        return segment.abandoned


def test_a_segment_belongs_to_a_living_process(tmp_path: Path) -> None:
    with appenders.process("append_and_stop", "", tmp_path) as child:
        assert child.stdout is not None
        child.stdout.readline()
        path = only(tmp_path / "journal")
        assert not abandoned(path)
        child.kill()
        child.wait()
        assert abandoned(path)


def test_a_segment_taken_for_an_abandoned_one_is_made_again(
    writer: SegmentWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock
    deleted: list[Path] = []

    def deleted_before(fd: int, operation: int) -> None:
        if not deleted:
            deleted.append(only(tmp_path))
            deleted[0].unlink()
        flock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", deleted_before)
    writer.append(b"line")
    assert only(tmp_path).read_bytes() == b"line\n"


def test_a_line_without_its_end_is_no_line(tmp_path: Path) -> None:
    path = tmp_path / "host-1-ab-0.jsonl"
    path.write_bytes(b"one\ntwo\nthr")
    with Segment(path) as segment:
        assert segment.read(0, 1000) == [b"one", b"two"]
        assert segment.read(4, 1000) == [b"two"]
        assert segment.read(8, 1000) == []
        assert segment.read(0, 5) == [b"one"]
        assert segment.read(0, 2) == [b"one"]
        assert segment.read(100, 1000) == []


def test_shipping_sees_segments_oldest_first_and_nothing_else(tmp_path: Path) -> None:
    for age, name in enumerate(["c-1-ab-1.jsonl", "a-1-ab-0.jsonl", "b.damaged", "b-1-ab-0.jsonl"]):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (age, age))
    with shipping(tmp_path) as paths:
        assert [path.name for path in paths] == [
            "c-1-ab-1.jsonl",
            "a-1-ab-0.jsonl",
            "b-1-ab-0.jsonl",
        ]


def test_one_ships_at_a_time(tmp_path: Path) -> None:
    order: list[str] = []

    def ship() -> None:
        with shipping(tmp_path):
            order.append("other")

    other = threading.Thread(target=ship)
    with shipping(tmp_path):
        other.start()
        time.sleep(0.05)
        order.append("first")
    other.join()
    assert order == ["first", "other"]
