# SPDX-License-Identifier: Apache-2.0
"""What KMS stores: keys, their material, aliases.

A key lives in its account and Region. Its material stands in rows of its own, one a rotation, found
by the KeyMaterialId that every ciphertext carries; deleting a key deletes those rows.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from stockade.core.arn import arn
from stockade.store.resources import Collection, Scope
from stockade.store.vault import Sealed

KeyState = Literal[
    "Creating",
    "Enabled",
    "Disabled",
    "PendingDeletion",
    "PendingImport",
    "PendingReplicaDeletion",
    "Unavailable",
    "Updating",
]
Origin = Literal["AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"]
RotationType = Literal["AUTOMATIC", "ON_DEMAND"]
ROTATING: frozenset[KeyState] = frozenset(
    {"Enabled", "Disabled", "PendingDeletion", "PendingReplicaDeletion"}
)
"""The states in which a rotation is carried out that was asked for before."""
ExpirationModel = Literal["KEY_MATERIAL_EXPIRES", "KEY_MATERIAL_DOES_NOT_EXPIRE"]


class MultiRegion(msgspec.Struct, frozen=True, kw_only=True):
    """Where a multi-Region key stands: the same on the rows of all its Regions (kms-31)."""

    primary: str
    """The Region of the primary key."""
    replicas: tuple[str, ...] = ()
    """The Regions of its replicas."""


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """Automatic rotation that is switched on."""

    period_days: int
    next_date: datetime


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A KMS key without its material."""

    key_id: str
    account: str
    region: str
    created: datetime
    description: str = ""
    state: KeyState = "Enabled"
    manager: Literal["CUSTOMER", "AWS"] = "CUSTOMER"
    origin: Origin = "AWS_KMS"
    deletion_date: datetime | None = None
    policy: str
    """The key policy as it was put."""
    trusted: dict[str, str] = {}
    """ARN of a user or role that the policy names -> its unique id (trusted.py)."""
    tags: dict[str, str] = {}
    key_spec: str = "SYMMETRIC_DEFAULT"
    key_usage: str = "ENCRYPT_DECRYPT"
    material_id: str = ""
    """The current KeyMaterialId: what Encrypt uses; empty until there is material."""
    pending_material_id: str = ""
    """Imported material that RotateKeyOnDemand is to make the current one (kms-24)."""
    rotation: Rotation | None = None
    on_demand_since: datetime | None = None
    """When RotateKeyOnDemand was called, until the rotation is done."""
    on_demand_rotations: int = 0
    """How many of the 25 are used up."""
    multi_region: MultiRegion | None = None
    pending_window_days: int = 0
    """The waiting period of a primary key that first waits for its replicas' end."""
    ready: datetime | None = None
    """When a key that is Creating or Updating is to be ready."""
    expires: datetime | None = None
    """When imported material next expires."""
    expiration_model: ExpirationModel | None = None
    """Of imported material that is there: whether some of it expires, and when the first does."""
    valid_to: datetime | None = None
    custom_key_store_id: str = ""
    cloud_hsm_cluster_id: str = ""
    xks_key_id: str = ""

    @property
    def arn(self) -> str:
        return arn("kms", self.region, self.account, f"key/{self.key_id}")

    @property
    def scope(self) -> Scope:
        return Scope(self.account, self.region)

    @property
    def is_replica(self) -> bool:
        """Whether the key follows a primary key in another Region."""
        return self.multi_region is not None and self.multi_region.primary != self.region

    @property
    def due(self) -> datetime | None:
        """When the key next needs attention: the first of the dates that its state has."""
        if self.state == "PendingDeletion":
            dates = [self.deletion_date, self.expires]
        else:
            dates = [self.ready, self.expires]
        if self.state in ROTATING:
            dates.append(self.on_demand_since)
        if self.state == "Enabled" and self.rotation is not None and not self.is_replica:
            dates.append(self.rotation.next_date)
        return min((date for date in dates if date is not None), default=None)


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """One backing key, sealed: the bytes of a secret key, or a private key as PKCS#8.

    The row of imported material stays when that expires or is deleted: it says what may be
    imported again.
    """

    material_id: str
    key_id: str
    created: datetime
    sealed: Sealed | None
    """None while imported material is gone."""
    number: int = 0
    """Which of the key's materials it is, the first one being 0."""
    rotated: datetime | None = None
    """When it became the current one by a rotation."""
    rotation_type: RotationType | None = None
    description: str = ""
    valid_to: datetime | None = None

    @property
    def place(self) -> str:
        return material_place(self.material_id)


def material_place(material_id: str) -> str:
    """Return the place that the seal of a material is bound to."""
    return f"kms/material/{material_id}/sealed"


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    """A name that points at a key of the same account and Region."""

    name: str
    """With its prefix: `alias/...`."""
    key_id: str
    created: datetime
    updated: datetime


KEYS: Collection[Key] = Collection(
    Key,
    service="kms",
    kind="key",
    id=lambda key: key.key_id,
    indexes={
        "store": lambda key: key.custom_key_store_id or None,
        "trusted": lambda key: key.trusted,
        "xks": lambda key: (
            f"{key.custom_key_store_id}/{key.xks_key_id}" if key.xks_key_id else None
        ),
    },
    due=lambda key: key.due,
)
MATERIALS: Collection[Material] = Collection(
    Material,
    service="kms",
    kind="material",
    id=lambda material: material.material_id,
    indexes={"key": lambda material: material.key_id},
)
ALIASES: Collection[Alias] = Collection(
    Alias,
    service="kms",
    kind="alias",
    id=lambda alias: alias.name,
    indexes={"key": lambda alias: alias.key_id},
)
