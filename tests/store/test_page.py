# SPDX-License-Identifier: Apache-2.0
"""The shared page by itself."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from stockade.store.errors import StoreError, StoreUnavailable
from stockade.store.page import EPOCH_WORD, Page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[tuple[Page, Page]]:
    """Yield the page as two processes have it."""
    pair = Page(tmp_path / "page"), Page(tmp_path / "page")
    yield pair
    for page in pair:
        page.close()


def test_processes_see_one_page(pages: tuple[Page, Page]) -> None:
    ours, theirs = pages
    ours.settle(21)
    assert theirs.words[EPOCH_WORD] == 42
    ours.write_clock(5, 7)
    assert theirs.read_clock() == (5, 7)
    theirs.write_clock(-1, 0)
    assert ours.read_clock() == (-1, 0)


def test_a_new_page_shows_the_real_time() -> None:
    page = Page()
    assert page.read_clock() == (0, 0)
    page.close()


def test_one_process_at_a_time_has_the_lock(pages: tuple[Page, Page]) -> None:
    ours, theirs = pages
    ours.acquire()
    assert not theirs.try_acquire()
    ours.release()
    assert theirs.try_acquire()
    theirs.release()


def test_one_thread_at_a_time_has_the_lock(pages: tuple[Page, Page]) -> None:
    ours, _ = pages
    got: list[bool] = []
    ours.acquire()
    thread = threading.Thread(target=lambda: got.append(ours.try_acquire()))
    thread.start()
    thread.join()
    with pytest.raises(RuntimeError, match="does not nest"):
        ours.acquire()
    ours.release()
    assert got == [False]


def test_the_word_is_odd_during_a_commit(pages: tuple[Page, Page]) -> None:
    ours, theirs = pages
    seen = []
    with ours.committing(3):
        seen.append((theirs.torn, theirs.words[EPOCH_WORD]))
    seen.append((theirs.torn, theirs.words[EPOCH_WORD]))
    assert seen == [(True, 5), (False, 6)]


def test_a_commit_that_fails_leaves_the_page_torn(pages: tuple[Page, Page]) -> None:
    ours, theirs = pages
    with pytest.raises(ZeroDivisionError), ours.committing(3):
        raise ZeroDivisionError
    assert theirs.torn


def test_news_from_elsewhere_never_turn_the_page_back(pages: tuple[Page, Page]) -> None:
    ours, theirs = pages
    ours.settle(5)
    theirs.advance(4)
    assert ours.words[EPOCH_WORD] == 10
    theirs.advance(6)
    assert ours.words[EPOCH_WORD] == 12


def test_the_clock_is_never_seen_half_set(pages: tuple[Page, Page]) -> None:
    ours, theirs = pages
    done = threading.Event()

    def move() -> None:
        for n in range(2000):
            ours.write_clock(n, -n)
        done.set()

    mover = threading.Thread(target=move)
    mover.start()
    while not done.is_set():
        offset, frozen = theirs.read_clock()
        assert offset == -frozen
    mover.join()


def test_a_page_of_another_version_is_refused(tmp_path: Path) -> None:
    page = Page(tmp_path / "page")
    page.words[0] = 99
    page.close()
    with pytest.raises(StoreError, match="another version"):
        Page(tmp_path / "page")


def test_a_page_needs_its_directory(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="directory"):
        Page(tmp_path / "absent" / "page")


def test_a_page_is_private(tmp_path: Path) -> None:
    Page(tmp_path / "page").close()
    assert (tmp_path / "page").stat().st_mode & 0o777 == 0o600
