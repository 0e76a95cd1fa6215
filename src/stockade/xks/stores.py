# SPDX-License-Identifier: Apache-2.0
"""Making, changing and removing external key stores: what `stockade xks` does in a data directory.

A secret is handed out once, by what makes it. A store has up to two credentials, so that the other
KMS can be given the new one while it still uses the old one; both count until one is revoked, at
once, in every running server. Every change is in the trail of the store's account.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec

from stockade.core.audit import Audit
from stockade.core.context import ServiceEvent
from stockade.core.ids import Random, RandomPool, random_letters
from stockade.protocol.xks import SIGNING_NAME
from stockade.store.journal import Journal
from stockade.store.store import Store
from stockade.store.unit import Unit
from stockade.store.vault import Vault
from stockade.xks.resources import (
    CREDENTIALS,
    EVERYWHERE,
    KEY_STORES,
    KeyStore,
    StoreCredential,
    secret_place,
)

MOST_CREDENTIALS = 2
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LETTERS = 26
"""Of an access key id: base32, 130 bits; the specification allows 20 to 30."""

Note = Callable[[ServiceEvent], None]
"""Takes the record of a change, within its transaction."""


class StoreProblem(Exception):
    """What a store cannot do: one sentence, and what to do about it."""

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint


class NewCredential(msgspec.Struct, frozen=True, kw_only=True):
    """A credential as it is handed out, once."""

    store: KeyStore
    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"NewCredential({self.store.name}, {self.access_key_id})"


class KeyStores:
    """The external key stores of a deployment, in a unit that writes."""

    def __init__(self, unit: Unit, vault: Vault, now: datetime, random: Random, note: Note) -> None:
        self._unit = unit
        self._vault = vault
        self._now = now
        self._random = random
        self._note = note

    def create(self, name: str, account: str, region: str) -> NewCredential:
        """Make a store with its first credential."""
        if not NAME.fullmatch(name):
            raise StoreProblem(
                f"{name!r} cannot stand in a URI path",
                "up to 64 letters, digits, hyphens and underscores",
            )
        if self._unit.get(KEY_STORES, EVERYWHERE, name) is not None:
            raise StoreProblem(f"there is a key store {name} already", "choose another name")
        store = KeyStore(name=name, account=account, region=region, created=self._now)
        self._unit.put(KEY_STORES, EVERYWHERE, store)
        self._say("CreateKeyStore", store)
        return self._new_credential(store)

    def rotate(self, name: str) -> NewCredential:
        """Make a further credential; the one before stays valid until it is revoked."""
        store = self._store(name)
        if len(self.credentials(name)) >= MOST_CREDENTIALS:
            hint = f"revoke the older one first: stockade xks revoke {name} ACCESS_KEY_ID"
            raise StoreProblem(f"{name} has two credentials already", hint)
        return self._new_credential(store)

    def revoke(self, name: str, access_key_id: str) -> None:
        """Have a credential count no longer."""
        store = self._store(name)
        found = self._unit.get(CREDENTIALS, EVERYWHERE, access_key_id)
        if found is None or found.store != name:
            hint = "`stockade xks list` shows them"
            raise StoreProblem(f"{name} has no credential {access_key_id}", hint)
        self._unit.delete(CREDENTIALS, EVERYWHERE, access_key_id)
        self._say("RevokeCredential", store, accessKeyId=access_key_id)

    def delete(self, name: str) -> None:
        """Remove a store with its credentials; the KMS keys stay as they are."""
        store = self._store(name)
        for credential in self.credentials(name):
            self._unit.delete(CREDENTIALS, EVERYWHERE, credential.access_key_id)
        self._unit.delete(KEY_STORES, EVERYWHERE, name)
        self._say("DeleteKeyStore", store)

    def credentials(self, name: str) -> list[StoreCredential]:
        """Return the credentials of a store, the oldest first."""
        found = self._unit.find(CREDENTIALS, EVERYWHERE, "store", name)
        return sorted(found, key=lambda credential: credential.created)

    def _store(self, name: str) -> KeyStore:
        store = self._unit.get(KEY_STORES, EVERYWHERE, name)
        if store is None:
            hint = "`stockade xks list` shows those that there are"
            raise StoreProblem(f"there is no key store {name}", hint)
        return store

    def _new_credential(self, store: KeyStore) -> NewCredential:
        access_key_id = random_letters(_LETTERS, self._random)
        secret = base64.b64encode(self._random(32)).decode().rstrip("=")
        place = secret_place(access_key_id)
        sealed = self._vault.seal(self._unit, store.scope, place, secret.encode())
        credential = StoreCredential(
            access_key_id=access_key_id, store=store.name, secret=sealed, created=self._now
        )
        self._unit.put(CREDENTIALS, EVERYWHERE, credential)
        self._say("CreateCredential", store, accessKeyId=access_key_id)
        return NewCredential(store=store, access_key_id=access_key_id, secret_access_key=secret)

    def _say(self, name: str, store: KeyStore, **details: Any) -> None:
        event = ServiceEvent(
            source=f"{SIGNING_NAME}.amazonaws.com",
            name=name,
            account=store.account,
            region=store.region,
            arn="",
            kind="",
            details={"keyStore": store.name, **details},
        )
        self._note(event)


@contextmanager
def changing(
    store: Store, journal: Journal, vault: Vault, now: datetime, random: Random
) -> Iterator[KeyStores]:
    """Change key stores in one transaction, the records of what was done among it."""
    ids = RandomPool(random)
    entries = Audit(ids)
    with store.write() as unit:

        def note(event: ServiceEvent) -> None:
            journal.insert(unit, entries.service_event(event, now, ids.uuid()))

        yield KeyStores(unit, vault, now, random, note)


def every(unit: Unit) -> list[tuple[KeyStore, list[StoreCredential]]]:
    """Return every store with its credentials, the oldest first."""
    stores = unit.list(KEY_STORES, EVERYWHERE)
    credentials = sorted(unit.list(CREDENTIALS, EVERYWHERE), key=lambda each: each.created)
    return [(store, [each for each in credentials if each.store == store.name]) for store in stores]
