# SPDX-License-Identifier: Apache-2.0
"""Request quotas: token buckets in the memory of one process, asked once a call is authorized.

A service says what a call is charged to (`RequestQuota`); without one nothing is counted. A bucket
holds what may be asked for within a second and fills again steadily, so that as many calls pass in
each second as the quota says, and no more than that at once.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from stockade.core.access import Touched
    from stockade.core.context import Context

MOST_BUCKETS = 10_000
"""Beyond so many, those that are full again are forgotten: they would come back as full."""
_ROUNDING = 1e-9


class Charge(NamedTuple):
    """What a call takes out of one bucket."""

    bucket: tuple[str, ...]
    per_second: float
    cost: float = 1.0

    @property
    def capacity(self) -> float:
        """How much the bucket holds; less than one call a second is still one call at once."""
        return max(self.per_second, 1.0)


class RequestQuota(Protocol):
    """The request quotas of a service."""

    def spend(
        self, ctx: Context, operation: str, params: Mapping[str, Any], touched: Touched
    ) -> Sequence[Charge]:
        """Count a call that is allowed and return what it was charged, or refuse it."""

    def give_back(self, charges: Sequence[Charge]) -> None:
        """Undo what `spend` did for a call that begins anew."""


class _Level(NamedTuple):
    """What was in a bucket at a moment, in seconds since 1970, and what fills it."""

    tokens: float
    moment: float
    charge: Charge

    def at(self, moment: float) -> float:
        """Return what is in the bucket by then; a clock that was put back adds nothing."""
        passed = max(0.0, moment - self.moment)
        return min(self.tokens + passed * self.charge.per_second, self.charge.capacity)


class Buckets:
    """Token buckets; safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._levels: dict[tuple[str, ...], _Level] = {}

    def take(self, charges: Sequence[Charge], moment: float) -> bool:
        """Take all charges at a moment, or none of them where a bucket holds too little.

        What costs more than a bucket holds takes a full one, and leaves it below empty.
        """
        with self._lock:
            levels = [self._level(charge, moment) for charge in charges]
            for charge, level in zip(charges, levels, strict=True):
                if level + _ROUNDING < min(charge.cost, charge.capacity):
                    return False
            for charge, level in zip(charges, levels, strict=True):
                self._levels[charge.bucket] = _Level(level - charge.cost, moment, charge)
            if len(self._levels) > MOST_BUCKETS:
                self._forget(moment)
            return True

    def give_back(self, charges: Sequence[Charge]) -> None:
        """Undo `take`."""
        with self._lock:
            for charge in charges:
                level = self._levels.get(charge.bucket)
                if level is not None:
                    self._levels[charge.bucket] = level._replace(tokens=level.tokens + charge.cost)

    def __len__(self) -> int:
        return len(self._levels)

    def _level(self, charge: Charge, moment: float) -> float:
        known = self._levels.get(charge.bucket)
        return charge.capacity if known is None else known.at(moment)

    def _forget(self, moment: float) -> None:
        for bucket, level in list(self._levels.items()):
            if level.at(moment) >= level.charge.capacity:
                del self._levels[bucket]
