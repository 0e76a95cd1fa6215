# SPDX-License-Identifier: Apache-2.0
"""What KMS stores of a custom key store: what it is, where its keys are, and how to get there."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from stockade.services.kms.resources import Key
from stockade.store.resources import Collection, Scope
from stockade.store.unit import Unit
from stockade.store.vault import Sealed

Kind = Literal["AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"]
ConnectionState = Literal["CONNECTED", "CONNECTING", "FAILED", "DISCONNECTED", "DISCONNECTING"]
Connectivity = Literal["PUBLIC_ENDPOINT", "VPC_ENDPOINT_SERVICE"]


class Proxy(msgspec.Struct, frozen=True, kw_only=True):
    """Where an external key store proxy is, and under whose name it is asked."""

    connectivity: Connectivity
    endpoint: str
    path: str
    access_key_id: str
    vpc_service: str = ""
    vpc_service_owner: str = ""


class KeyStore(msgspec.Struct, frozen=True, kw_only=True):
    """A custom key store."""

    store_id: str
    """`cks-` and 17 hexadecimal digits."""
    account: str
    region: str
    name: str
    kind: Kind
    created: datetime
    state: ConnectionState = "DISCONNECTED"
    error_code: str = ""
    """ConnectionErrorCode, while the state is FAILED."""
    secret: Sealed
    """The password of kmsuser, or the secret key that requests to the proxy are signed with."""
    cluster_id: str = ""
    trust_anchor: str = ""
    proxy: Proxy | None = None
    due: datetime | None = None
    """When the store is to be connected or disconnected, while it is CONNECTING or so."""

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)

    @property
    def secret_place(self) -> str:
        return secret_place(self.store_id)


def secret_place(store_id: str) -> str:
    """Return the place that a store's secret is bound to."""
    return f"kms/key-store/{store_id}/secret"


KEY_STORES: Collection[KeyStore] = Collection(
    KeyStore,
    service="kms",
    kind="key-store",
    id=lambda store: store.store_id,
    indexes={"name": lambda store: store.name, "cluster": lambda store: store.cluster_id or None},
    due=lambda store: store.due,
)


def present(unit: Unit, key: Key) -> Key:
    """Return a key of a custom key store as it is now.

    Enabled and Unavailable are the same in its row: the store's connection decides which it is.
    """
    store = unit.get(KEY_STORES, key.scope, key.custom_key_store_id)
    if store is None:
        return key
    if key.state in ("Enabled", "Unavailable"):
        key = replace(key, state="Enabled" if store.state == "CONNECTED" else "Unavailable")
    return replace(key, cloud_hsm_cluster_id=store.cluster_id)
