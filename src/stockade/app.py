# SPDX-License-Identifier: Apache-2.0
"""The composition root: puts clock, store, seal, services and doors together, and it alone does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, TypeVar

from stockade.beside import Beside
from stockade.config import (
    DEFAULT_ACCOUNT,
    DEFAULT_REGION,
    Settings,
)
from stockade.core.clock import Clock, SystemClock
from stockade.core.context import Context
from stockade.core.errors import RequestTooLarge, ServiceUnavailable
from stockade.core.ids import Random, system_random
from stockade.gateway import Gateway
from stockade.joining import joined, request_quotas, services
from stockade.protocol.http import HttpRequest, HttpResponse
from stockade.protocol.proxies import Proxies
from stockade.reconciler import Reconciler
from stockade.seals import parse_seal
from stockade.services.kms.external_keys import ExternalKeys
from stockade.services.kms.key_store_links import KeyStoreLinks
from stockade.services.kms.pool import PoolKeeper
from stockade.store.entries import Attribute
from stockade.store.journal import Journal, Moment
from stockade.store.seal import RootKey, Seal
from stockade.store.store import Store
from stockade.store.unit import Unit
from stockade.store.vault import Vault
from stockade.succession import Succession
from stockade.xks.door import Door
from stockade.xks.stores import KeyStores, changing

R = TypeVar("R")

AUDIT_RETENTION = timedelta(days=90)
"""What LookupEvents reaches back to."""
BUSY_FACTOR, BUSY_SLACK_SECONDS = 1.5, 0.02
"""When shipping a batch of the journal shows that the host is busy: wall against CPU seconds."""
TIDY_EVERY = timedelta(seconds=30)
"""How long deleted key material may stay in a write-ahead log."""


class Stockade:
    """One deployment in this process."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        seal: Seal,
        *,
        clock: Clock | None = None,
        random: Random = system_random,
    ) -> None:
        self.settings = settings
        self.store = store
        self.clock: Clock = SystemClock(store.page) if clock is None else clock
        self.seal = seal
        self.vault = (
            Vault(seal, random, Succession(settings.data)) if settings.data else Vault(seal, random)
        )
        self.journal = Journal(settings.data, random)
        self.services = services()
        dev = settings.mode == "dev"
        self._key_stores = KeyStoreLinks(
            settings.cloudhsm, settings.xks_proxies, now=self.clock.host, loopback=dev
        )
        self._random = random
        self._proxies = Proxies(settings.trusted_proxies) if settings.trusted_proxies else None
        self._ports = ports = joined(
            settings, self.vault, self.clock, self.services, self._key_stores, deployment=self
        )
        self.gateway = Gateway(
            services=self.services,
            store=store,
            journal=self.journal,
            vault=self.vault,
            clock=self.clock,
            ports=ports,
            random=random,
            unknown_account=settings.account,
            region=settings.region,
            domains=settings.domains,
            proxies=self._proxies,
            quotas=request_quotas(settings),
        )
        self.reconciler = Reconciler(
            services=tuple(self.services.values()),
            store=store,
            journal=self.journal,
            vault=self.vault,
            clock=self.clock,
            ports=ports,
            random=random,
        )
        self._pool = PoolKeeper(store, self.vault, self.clock, random)
        self._beside = Beside(self)
        self._stop = threading.Event()
        self._tidy_at = self.clock.host()
        self._thread: threading.Thread | None = None

    @classmethod
    def in_memory(
        cls,
        *,
        account: str = DEFAULT_ACCOUNT,
        region: str = DEFAULT_REGION,
        clock: Clock | None = None,
    ) -> Stockade:
        """Return a dev deployment that lives and ends with this object."""
        return cls._in_memory(Settings(mode="dev", account=account, region=region), clock)

    @classmethod
    def _in_memory(cls, settings: Settings, clock: Clock | None = None) -> Stockade:
        store = Store.open("sqlite://")
        return cls(settings, store, RootKey("memory", system_random(32)), clock=clock)

    @classmethod
    def open(
        cls, settings: Settings, passphrase: Callable[[], str], seal: Seal | None = None
    ) -> Stockade:
        """Open the deployment of a data directory that `create` made.

        `seal` is what a parent of this process has opened before; the store may have been sealed
        anew since.
        """
        if settings.data is None:
            return cls._in_memory(settings)
        if seal is None:
            seal = parse_seal(settings.seal_choice, settings.data).open(passphrase)
        store = Store.open(settings.store_url, directory=settings.data)
        try:
            app = cls(settings, store, seal)
            with store.read() as unit:
                app.vault.check(unit)
        except BaseException:
            store.close()
            raise
        return app

    @property
    def body_limit(self) -> int:
        return self.settings.body_limit

    def answer(self, http: HttpRequest) -> HttpResponse:
        """Answer a request of AWS's wire."""
        return self.gateway.answer(http)

    def answer_from_memory(self, http: HttpRequest, held: list[bytes]) -> HttpResponse:
        """Answer without waiting (see `Gateway.answer_from_memory`)."""
        return self.gateway.answer_from_memory(http, held)

    def record(self, held: list[bytes]) -> None:
        """Write the records of answers that are about to leave."""
        self.gateway.record(held)

    def unavailable(self, http: HttpRequest) -> HttpResponse:
        """Answer a request whose record could not be written."""
        return self.gateway.refuse(http, ServiceUnavailable())

    def streams(self, http: HttpRequest) -> bool:
        """Tell whether a body is to be read as it arrives (see `Gateway.streams`)."""
        return self.gateway.streams(http)

    def beside(self, http: HttpRequest) -> HttpResponse | None:
        """Answer a request to the paths beside AWS's, or None where it is not one."""
        return self._beside.answer(http)

    def xks_door(self) -> Door:
        """Return the door through which another KMS uses keys here as its external keys."""
        return Door(
            store=self.store,
            journal=self.journal,
            vault=self.vault,
            clock=self.clock,
            ports=self._ports,
            random=self._random,
            keys=ExternalKeys(),
            unknown_account=self.settings.account,
            proxies=self._proxies,
            probes=self.beside,
        )

    def changing_key_stores(self) -> AbstractContextManager[KeyStores]:
        """Change the key stores behind that door, in one transaction."""
        return changing(self.store, self.journal, self.vault, self.clock.now(), self._random)

    def too_large(self, http: HttpRequest) -> HttpResponse:
        """Answer a request whose body is over the limit."""
        return self.gateway.refuse(http, RequestTooLarge(limit=self.body_limit))

    def ping(self) -> None:
        """Raise StoreError or JournalUnavailable where calls would fail at the moment."""
        self.journal.check()
        with self.store.read() as unit:
            unit.next_due()

    def start(self) -> None:
        """Start the thread that keeps a deployment in memory: `keep` for one process alone."""
        self._thread = threading.Thread(target=self.keep, name="keeper", daemon=True)
        self._thread.start()

    def keep(self) -> None:
        """Do what falls due and ship the journal, until `stop`."""
        self.reconciler.run(self._stop, chores=(self._tend_journal, self._tidy, self._pool.tend))

    def stop(self) -> None:
        """Have `keep` come to an end."""
        self._stop.set()

    def close(self) -> None:
        """Stop the background thread and let go of files and connections."""
        self.stop()
        if self._thread is not None:
            self._thread.join()
        self._key_stores.close()
        self.journal.close()
        self.store.close()

    def travel(self, to: datetime) -> None:
        """Move the clock to a moment, doing everything due on the way (dev and tests)."""
        self.reconciler.travel(to)
        self.store.tidy()

    def call(
        self, ctx: Context, service: str, operation: str, params: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Run an operation that another service calls (see the port `Calls`)."""
        return self.gateway.call(ctx, service, operation, params)

    def change(self, ctx: Context, action: Callable[[Context], R]) -> R:
        """Run an action that writes, whatever unit is at hand (see the port `Transactions`)."""
        return self.gateway.change(ctx, action)

    def ship_audit(self) -> None:
        """Bring every acknowledged call into the table that LookupEvents reads."""
        self.journal.ship(self.store)

    def lookup_audit(
        self,
        account: str,
        region: str,
        *,
        start: datetime,
        end: datetime,
        attribute: Attribute | None = None,
        any_of: Sequence[Attribute] = (),
        before: Moment | None,
        limit: int,
    ) -> tuple[list[bytes], Moment | None]:
        """Return a page of records, newest first (see the port `AuditLog`)."""
        self.ship_audit()
        with self.store.read() as unit:
            return self.shipped_audit(
                unit,
                account,
                region,
                start=start,
                end=end,
                attribute=attribute,
                any_of=any_of,
                before=before,
                limit=limit,
            )

    def shipped_audit(
        self,
        unit: Unit,
        account: str,
        region: str,
        *,
        start: datetime,
        end: datetime,
        attribute: Attribute | None = None,
        any_of: Sequence[Attribute] = (),
        before: Moment | None,
        limit: int,
    ) -> tuple[list[bytes], Moment | None]:
        """Return a page of the records shipped so far (see the port `AuditLog`)."""
        return self.journal.lookup(
            unit,
            account,
            region,
            start=start,
            end=end,
            attribute=attribute,
            any_of=any_of,
            before=before,
            limit=limit,
        )

    def find_record(self, request_id: str) -> bytes | None:
        """Return the audit record of a call, the caller's, or None where there is none."""
        self.ship_audit()
        with self.store.read() as unit:
            records = self.journal.by_request_id(unit, request_id)
        return records[-1] if records else None

    def reset(self) -> None:
        """Forget everything but the seal (dev)."""
        self.store.clear()
        self.journal.forget(self.store)

    def _tend_journal(self) -> None:
        """Ship the journal while the host has time to spare; lookups ship what they need.

        A batch that took far longer than it computed shared the processors with who answers.
        """
        idle = True
        while idle and not self._stop.is_set():
            wall, computed = time.monotonic(), time.thread_time()
            if not self.journal.ship_batch(self.store):
                break
            wall, computed = time.monotonic() - wall, time.thread_time() - computed
            idle = wall < BUSY_FACTOR * computed + BUSY_SLACK_SECONDS

    def _tidy(self) -> None:
        """Now and then, not every second; soon again where somebody was in the way."""
        if self.clock.host() < self._tidy_at:
            return
        while self._prune_some():
            pass
        if self.store.tidy():
            self._tidy_at = self.clock.host() + TIDY_EVERY

    def _prune_some(self) -> int:
        """Forget some of what is too old for lookups, in one short transaction."""
        with self.store.write() as unit:
            return self.journal.prune(unit, self.clock.now() - AUDIT_RETENTION)
