# SPDX-License-Identifier: Apache-2.0
"""Every test of a service runs on both stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stockade.app import Stockade
from stockade.config import Settings
from stockade.core.clock import ManualClock
from stockade.store.seal import RootKey
from stockade.store.store import Store
from tests.postgres import PostgresServer


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    return postgres_server.create_database("services")


@pytest.fixture
def deployment() -> Settings:
    """Return the settings of the deployment, for tests that change one."""
    return Settings(mode="dev")


@pytest.fixture(params=["sqlite", "postgres"])
def stockade(
    request: pytest.FixtureRequest, tmp_path: Path, deployment: Settings
) -> Iterator[Stockade]:
    """Yield an empty deployment in this process, its store in memory or in PostgreSQL."""
    url = "sqlite://" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    store = Store.open(url, directory=tmp_path)
    store.clear()
    seal = RootKey("memory", bytes(range(32)))  # one for all: the database remembers its seal
    app = Stockade(deployment, store, seal, clock=ManualClock.today())
    app.journal.forget(store)
    yield app
    app.close()
