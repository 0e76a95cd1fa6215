# SPDX-License-Identifier: Apache-2.0
"""What the proxy keeps: external key stores, and the credentials that their KMS signs with."""

from __future__ import annotations

from datetime import datetime

import msgspec

from stockade.protocol.xks import API_PATH
from stockade.store.resources import Collection, Scope
from stockade.store.vault import Sealed

EVERYWHERE = Scope("", "")
"""Stores are the deployment's: their URI paths and access key ids are unique in it."""


class KeyStore(msgspec.Struct, frozen=True, kw_only=True):
    """An external key store: a URI path that leads to the KMS keys of one account and Region."""

    name: str
    account: str
    region: str
    created: datetime

    @property
    def path(self) -> str:
        """Return XksProxyUriPath."""
        return f"/{self.name}{API_PATH}"

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)


class StoreCredential(msgspec.Struct, frozen=True, kw_only=True):
    """What the KMS behind a store signs with."""

    access_key_id: str
    store: str
    secret: Sealed
    created: datetime

    @property
    def place(self) -> str:
        return secret_place(self.access_key_id)


def secret_place(access_key_id: str) -> str:
    """Return the place that the seal of a secret is bound to."""
    return f"xks/credential/{access_key_id}/secret"


KEY_STORES: Collection[KeyStore] = Collection(
    KeyStore, service="xks", kind="key-store", id=lambda store: store.name
)
CREDENTIALS: Collection[StoreCredential] = Collection(
    StoreCredential,
    service="xks",
    kind="credential",
    id=lambda credential: credential.access_key_id,
    indexes={"store": lambda credential: credential.store},
)
