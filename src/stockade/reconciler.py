# SPDX-License-Identifier: Apache-2.0
"""The door of time: takes what is due, in order, and has its service do what has to be done.

One process at a time holds the lease. Each due resource is read again inside a transaction, handed
to its service's reconciler, and stored with its next due moment; a crash means that it is done
again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from stockade.core.audit import Audit
from stockade.core.clock import Clock
from stockade.core.context import NONCE_SIZE, Context
from stockade.core.identity import Caller
from stockade.core.ids import Random, RandomPool
from stockade.core.operation import Reconcile, Service
from stockade.core.ports import Ports
from stockade.core.replay import answered
from stockade.store.errors import LeaseHeld, StoreError
from stockade.store.journal import Journal
from stockade.store.lease import Lease
from stockade.store.resources import Collection, Scope
from stockade.store.store import Store
from stockade.store.unit import Unit
from stockade.store.vault import Vault

log = logging.getLogger("stockade.reconciler")

BATCH = 100
LEASE_TIME = timedelta(seconds=15)
PAUSE_SECONDS = 1.0


class Reconciler:
    """Walks through what is due; `run` does it for ever, `travel` through simulated time."""

    def __init__(
        self,
        *,
        services: Sequence[Service],
        store: Store,
        journal: Journal,
        vault: Vault,
        clock: Clock,
        ports: Ports,
        random: Random,
    ) -> None:
        self._store = store
        self._journal = journal
        self._vault = vault
        self._clock = clock
        self._ports = ports
        self._random = random
        self._ids = RandomPool(random)
        self._nonces = RandomPool(random, NONCE_SIZE)
        self._audit = Audit(self._ids)
        self._actions: dict[str, Reconcile] = {
            collection.name: action
            for service in services
            for collection, action in service.reconcilers
        }
        self._audit_readers = frozenset[str]().union(*(one.audit_readers for one in services))
        self._collections: list[Collection[Any]] = [
            collection for service in services for collection, _ in service.reconcilers
        ]

    def run_due(self, until: datetime) -> int:
        """Do everything that is due at `until` or before; return how much that was."""
        done = 0
        while due := self._due(until):
            for collection, scope, id_, _ in due:
                done += self._reconcile(collection, scope, id_, until)
        return done

    def travel(self, to: datetime) -> int:
        """Move the clock to `to` from due moment to due moment, so that nothing is skipped."""
        done = 0
        while (moment := self._next_due()) is not None and moment <= to:
            self._clock.set(max(moment, self._clock.now()))
            done += self.run_due(self._clock.now())
        self._clock.set(to)
        return done

    def run(self, stop: threading.Event, chores: Sequence[Callable[[], None]] = ()) -> None:
        """Do what falls due, and the chores, until told to stop, while holding the lease."""
        lease = Lease(self._store, "reconciler")
        renew_at = self._clock.host()
        while not stop.wait(PAUSE_SECONDS):
            try:
                host = self._clock.host()
                if host >= renew_at:
                    lease.acquire(host, LEASE_TIME)
                    renew_at = host + LEASE_TIME / 2
                self.run_due(self._clock.now())
            except LeaseHeld:
                pass
            except StoreError as fault:
                log.warning("nothing that is due can be done: %s", fault)
            except Exception:
                log.exception("what is due could not be done")
            for chore in chores:
                self._try(chore)

    def _try(self, chore: Callable[[], None]) -> None:
        try:
            chore()
        except StoreError as fault:
            log.warning("what is to be kept in order has to wait: %s", fault)
        except Exception:
            log.exception("a chore failed")

    def _due(self, until: datetime) -> list[tuple[Collection[Any], Scope, str, datetime]]:
        with self._store.read() as unit:
            return unit.due(self._collections, until, BATCH)

    def _next_due(self) -> datetime | None:
        with self._store.read() as unit:
            return unit.next_due()

    def _reconcile(
        self, collection: Collection[Any], scope: Scope, id_: str, until: datetime
    ) -> int:
        """Do what one resource is due for; 0 where somebody else already did."""
        if collection.name in self._audit_readers:
            self._journal.ship(self._store)
        return answered(partial(self._attempt, collection, scope, id_, until), self._random)

    def _attempt(
        self,
        collection: Collection[Any],
        scope: Scope,
        id_: str,
        until: datetime,
        answers: Mapping[Hashable, Any],
        random: Random,
    ) -> int:
        with self._store.write() as unit:
            resource = unit.get(collection, scope, id_)
            due = None if resource is None else collection.due(resource)
            if resource is None or due is None or due > until:
                return 0
            ctx = self._context(unit, scope)
            ctx.answers, ctx.random = answers, random
            kept = self._actions[collection.name](ctx, resource)
            if kept is None:
                unit.delete(collection, scope, id_)
            else:
                unit.put(collection, scope, kept)
            for event in ctx.service_events:
                line = self._audit.service_event(event, ctx.now, ctx.request_id)
                self._journal.insert(unit, line)
        return 1

    def _context(self, unit: Unit, scope: Scope) -> Context:
        return Context(
            now=self._clock.now(),
            request_id=self._ids.uuid(),
            region=scope.region,
            caller=Caller.nobody(),
            unit=unit,
            record=self._journal.append,
            random=self._random,
            nonce=self._nonces.piece,
            vault=self._vault,
            ports=self._ports,
        )
