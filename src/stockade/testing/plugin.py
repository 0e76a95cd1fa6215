# SPDX-License-Identifier: Apache-2.0
"""pytest fixtures: `stockade` (a deployment in this process), `aws` (a boto3 session), `clock`.

Each test has a deployment of its own; two never meet. Nothing is imported until a test asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade


class TestClock:
    """The clock of a deployment under test: it stands where it was put."""

    __test__ = False

    def __init__(self, app: Stockade) -> None:
        self._app = app

    @property
    def now(self) -> datetime:
        return self._app.clock.now()

    def advance(self, *, days: float = 0, hours: float = 0, seconds: float = 0) -> datetime:
        """Move on, doing everything that falls due on the way; return the new moment."""
        return self.set(self.now + timedelta(days=days, hours=hours, seconds=seconds))

    def set(self, moment: datetime) -> datetime:
        """Move to a moment, doing everything that falls due on the way."""
        self._app.travel(moment)
        return self.now


@pytest.fixture
def stockade() -> Iterator[Stockade]:
    """Give a deployment in memory, enforcement and audit as ever, on a clock that stands still."""
    from stockade.app import Stockade
    from stockade.core.clock import ManualClock

    app = Stockade.in_memory(clock=ManualClock.today())
    yield app
    app.close()


@pytest.fixture
def aws(stockade: Stockade) -> boto3.Session:
    """Give a boto3 session as the root of account 000000000000."""
    from stockade.testing.transport import session

    return session(stockade)


@pytest.fixture
def clock(stockade: Stockade) -> TestClock:
    """Give the deployment's clock, to be moved by the test."""
    return TestClock(stockade)
