# SPDX-License-Identifier: Apache-2.0
"""Stores of every kind: in memory, in a file, in a real PostgreSQL."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from stockade.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres import PostgresServer


class Place:
    """Where a store is; opens it as often as wanted and closes what it opened."""

    def __init__(self, kind: str, url: str, directory: Path) -> None:
        self.kind = kind
        self.url = url
        self.directory = directory
        self._stores: list[Store] = []

    def open(self, directory: Path | None = None) -> Store:
        """Open the store; another directory stands for another host."""
        store = Store.open(self.url, directory=directory or self.directory)
        self._stores.append(store)
        return store

    def close(self) -> None:
        for store in self._stores:
            store.close()


def _place(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if kind == "memory":
        url = "sqlite://"
    elif kind == "file":
        url = f"sqlite:///{tmp_path}/store.db"
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = server.create_database(f"test_{uuid.uuid4().hex}")
    return Place(kind, url, tmp_path)


@pytest.fixture(params=["memory", "file", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Yield a place of each kind."""
    place = _place(request.param, request, tmp_path)
    yield place
    place.close()


@pytest.fixture(params=["file", "postgres"])
def shared_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Yield a place of each kind that several processes can share."""
    place = _place(request.param, request, tmp_path)
    yield place
    place.close()


@pytest.fixture
def postgres_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Yield a database in PostgreSQL."""
    place = _place("postgres", request, tmp_path)
    yield place
    place.close()


@pytest.fixture
def store(place: Place) -> Store:
    """Return an open store of each kind."""
    return place.open()
