# SPDX-License-Identifier: Apache-2.0
"""Time: the one place that reads the wall clock.

Everything else is told the time (`ctx.now`), so that a test or `stockade clock advance` can move
it. `SystemClock` adds the offset that all workers of a host share; `ManualClock` stands still.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class ClockMemory(Protocol):
    """Where the workers of one host keep the state of a movable clock together."""

    def read_clock(self) -> tuple[int, int]: ...
    def write_clock(self, offset_us: int, frozen_at_us: int) -> None: ...


class Clock(Protocol):
    """What the rest of the house may know of time."""

    def now(self) -> datetime: ...
    def host(self) -> datetime: ...
    def set(self, moment: datetime) -> None: ...
    def offset(self) -> timedelta: ...
    @property
    def frozen(self) -> bool: ...
    def freeze(self, *, frozen: bool) -> None: ...


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Return a moment as whole microseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_microseconds(value: int) -> datetime:
    """Return the moment that lies `value` microseconds after 1970."""
    return EPOCH + timedelta(microseconds=value)


class SystemClock:
    """The host's clock plus an offset kept in memory that all workers share.

    It can be made to stand still (dev); `frozen_at` 0 in that memory means that it runs.
    """

    def __init__(self, memory: ClockMemory) -> None:
        self._memory = memory

    def host(self) -> datetime:
        """Return the host's own time, which alone dates signatures and leases."""
        return datetime.now(UTC)

    def now(self) -> datetime:
        offset_us, frozen_at_us = self._memory.read_clock()
        if frozen_at_us:
            return from_microseconds(frozen_at_us)
        return datetime.fromtimestamp(time.time() + offset_us / 1e6, UTC)

    def set(self, moment: datetime) -> None:
        """Move the clock so that it shows `moment` now, and runs on from there if it runs."""
        self._write(moment, frozen=self.frozen)

    def freeze(self, *, frozen: bool) -> None:
        """Have the clock stand still at its present moment, or run on from it."""
        self._write(self.now(), frozen=frozen)

    @property
    def frozen(self) -> bool:
        return self._memory.read_clock()[1] != 0

    def offset(self) -> timedelta:
        """Return how far the clock is from the host's."""
        return self.now() - self.host()

    def _write(self, moment: datetime, *, frozen: bool) -> None:
        at = microseconds(moment)
        self._memory.write_clock(at - microseconds(self.host()), at if frozen else 0)


class ManualClock:
    """A clock that stands where it was set, for tests."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    @classmethod
    def today(cls) -> ManualClock:
        """Return a clock that stands at the host's present second."""
        return cls(datetime.now(UTC).replace(microsecond=0))

    def host(self) -> datetime:
        return datetime.now(UTC)

    def now(self) -> datetime:
        return self._moment

    def set(self, moment: datetime) -> None:
        self._moment = moment

    def offset(self) -> timedelta:
        return self._moment - self.host()

    @property
    def frozen(self) -> bool:
        return True

    def freeze(self, *, frozen: bool) -> None:
        """Stay as it is: a manual clock never runs."""
        del frozen
