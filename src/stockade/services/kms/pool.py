# SPDX-License-Identifier: Apache-2.0
"""RSA keys made ahead, so that CreateKey does not keep its caller waiting for a second.

The pool is rows in the store, sealed for the deployment as a whole; CreateKey takes one in its
transaction and seals it anew for the key it becomes. The keeper fills the pool up, one key at a
time, and rests where a key took far longer than it computed: somebody else needs the processors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from stockade.core.ports import Transactions
from stockade.crypto import keypairs
from stockade.store.resources import Collection, Scope
from stockade.store.vault import Sealed

if TYPE_CHECKING:
    from stockade.core.clock import Clock
    from stockade.core.context import Context
    from stockade.core.ids import Random
    from stockade.store.store import Store
    from stockade.store.unit import Unit
    from stockade.store.vault import Vault

SIZES: Mapping[str, int] = MappingProxyType({"RSA_2048": 8, "RSA_3072": 4, "RSA_4096": 4})
"""KeySpec -> how many are kept."""
SCOPE = Scope("", "")
"""The deployment as a whole."""

SETTLING = timedelta(seconds=10)
"""How long a deployment runs before its keeper makes keys: those of tests never do."""
BUSY_PAUSE = timedelta(seconds=5)
BUSY_FACTOR, BUSY_SLACK_SECONDS = 1.5, 0.02
"""When a key shows that the host is busy: wall against CPU seconds."""


class PooledKey(msgspec.Struct, frozen=True, kw_only=True):
    """A private key that is nobody's yet, as PKCS#8."""

    id: str
    spec: str
    sealed: Sealed

    @property
    def place(self) -> str:
        return f"kms/pooled-key/{self.id}/sealed"


POOL: Collection[PooledKey] = Collection(
    PooledKey,
    service="kms",
    kind="pooled-key",
    id=lambda key: key.id,
    indexes={"spec": lambda key: key.spec},
)


def take(ctx: Context, spec: str) -> bytes | None:
    """Take a key of `spec` out of the pool; None where there is none."""
    if not ctx.unit.find(POOL, SCOPE, "spec", spec, limit=1):
        return None
    return ctx.port(Transactions).change(ctx, lambda ctx: _taken(ctx, spec))


def _taken(ctx: Context, spec: str) -> bytes | None:
    for key in ctx.unit.find(POOL, SCOPE, "spec", spec, limit=1):
        ctx.unit.delete(POOL, SCOPE, key.id)
        return ctx.unseal(SCOPE, key.place, key.sealed)
    return None


def add(unit: Unit, vault: Vault, random: Random, spec: str, private_key: bytes) -> None:
    """Put a key into the pool."""
    empty = PooledKey(id=random(16).hex(), spec=spec, sealed=Sealed(b""))
    sealed = vault.seal(unit, SCOPE, empty.place, private_key)
    unit.put(POOL, SCOPE, msgspec.structs.replace(empty, sealed=sealed))


def missing(unit: Unit) -> str | None:
    """Return a spec of which the pool has too few keys, the one used most first."""
    for spec, size in SIZES.items():
        if len(unit.find(POOL, SCOPE, "spec", spec, limit=size)) < size:
            return spec
    return None


class PoolKeeper:
    """Fills the pool: a chore of the keeper."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        clock: Clock,
        random: Random,
        make: Callable[[str], bytes] = keypairs.generate,
    ) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._random = random
        self._make = make
        self._next = clock.host() + SETTLING

    def tend(self) -> None:
        """Make one key if one is missing and the host has time to spare."""
        if self._clock.host() < self._next:
            return
        with self._store.read() as unit:
            spec = unit.derive(("kms-pool-missing",), lambda: missing(unit))
        if spec is None:
            return
        wall, computed = time.monotonic(), time.thread_time()
        private_key = self._make(spec)
        wall, computed = time.monotonic() - wall, time.thread_time() - computed
        with self._store.write() as unit:
            add(unit, self._vault, self._random, spec, private_key)
        if wall > BUSY_FACTOR * computed + BUSY_SLACK_SECONDS:
            self._next = self._clock.host() + BUSY_PAUSE
