# SPDX-License-Identifier: Apache-2.0
"""Who leads: a lease that one holder has until it expires or is given back.

The reconciler takes one, so that what is due is done by one process at a time. Every holding has
a higher token than the one before (a fence): a holder is known by its token, and one that slept
through its expiry cannot mistake another's lease for its own. `now` is the host's time, passed in.

The shape (acquire, renew, release; owner, token, expiry) is that of litestream's leaser.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import insert, select, update

from stockade.store.errors import LeaseHeld, LeaseLost
from stockade.store.resources import from_micros, to_micros
from stockade.store.tables import lease as table

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from stockade.store.store import Store
    from stockade.store.unit import Unit

_NOBODY = 0


class _Holding(NamedTuple):
    holder: str
    token: int
    expires_at: datetime


class Lease:
    """One process's claim to a lease; any number of processes may make one."""

    def __init__(self, store: Store, name: str, holder: str = "") -> None:
        self._store = store
        self._name = name
        self._holder = holder or f"{socket.gethostname()}:{os.getpid()}"
        self._token = _NOBODY

    def acquire(self, now: datetime, lasting: timedelta) -> int:
        """Take the lease, or keep it, and return its token; LeaseHeld when another has it."""
        with self._store.write() as unit:
            last = self._read(unit)
            if last is not None and last.token == self._token and last.expires_at > now:
                token = last.token
            elif last is not None and last.expires_at > now:
                raise LeaseHeld(
                    f"{last.holder} holds the lease {self._name} until {last.expires_at}"
                )
            else:
                token = 1 if last is None else last.token + 1
            self._write(unit, token, now + lasting, new=last is None)
        self._token = token
        return token

    def renew(self, now: datetime, lasting: timedelta) -> None:
        """Hold the lease for longer; LeaseLost when it has expired or passed on."""
        with self._store.write() as unit:
            last = self._read(unit)
            if last is None or last.token != self._token or last.expires_at <= now:
                raise LeaseLost(f"{self._holder} has lost the lease {self._name}")
            self._write(unit, self._token, now + lasting)

    def release(self) -> None:
        """Give the lease back; nothing happens when it has passed on already."""
        with self._store.write() as unit:
            last = self._read(unit)
            if last is not None and last.token == self._token:
                # The row stays, so that the next token is higher.
                self._write(unit, self._token, from_micros(0))
        self._token = _NOBODY

    def _read(self, unit: Unit) -> _Holding | None:
        row = unit.connection.execute(select(table).where(table.c.name == self._name)).first()
        if row is None:
            return None
        return _Holding(row.holder, row.token, from_micros(row.expires_at))

    def _write(self, unit: Unit, token: int, expires_at: datetime, *, new: bool = False) -> None:
        statement = insert(table) if new else update(table).where(table.c.name == self._name)
        unit.connection.execute(
            statement.values(
                name=self._name,
                holder=self._holder,
                token=token,
                expires_at=to_micros(expires_at),
            )
        )
