# SPDX-License-Identifier: Apache-2.0
"""One call: who, when, where, with what randomness; fixed once and handed to every layer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from stockade.core.identity import Caller
from stockade.core.ids import Random
from stockade.core.ports import Ports
from stockade.store.resources import Scope
from stockade.store.unit import Unit
from stockade.store.vault import Sealed, Vault

P = TypeVar("P")

NONCE_SIZE = 28
"""16 bytes for a key derivation, 12 for AES-GCM."""


class ServiceEvent(msgspec.Struct, frozen=True):
    """Something that AWS did by itself, such as KMS's RotateKey: a record without a caller."""

    source: str
    name: str
    account: str
    region: str
    arn: str
    kind: str
    details: dict[str, str]


class Context(msgspec.Struct, kw_only=True):
    """What an operation may know beside its resources and arguments."""

    now: datetime
    request_id: str
    region: str
    caller: Caller
    unit: Unit
    random: Random
    """For secrets; see `nonce` for what is none."""
    nonce: Callable[[], bytes]
    """28 random bytes that are handed out once."""
    vault: Vault
    ports: Ports
    recipient: str = ""
    """The account whose trail gets the call where the caller belongs to none."""
    proof: Any = None
    """What `identify` found in an unsigned request, for the resolver and the handler."""
    source_ip: str = ""
    user_agent: str = ""
    secure: bool = False
    host: str = ""
    created: list[tuple[str, str]] = msgspec.field(default_factory=list)
    """(ARN, type) of what the operation made, for the record's `resources`."""
    service_events: list[ServiceEvent] = msgspec.field(default_factory=list)
    """What a reconciler did on AWS's behalf: recorded in the transaction that does it."""

    @property
    def account(self) -> str:
        """The caller's account."""
        return self.caller.principal.account

    @property
    def scope(self) -> Scope:
        """The caller's account in the Region of the call."""
        return Scope(self.caller.principal.account, self.region)

    @property
    def global_scope(self) -> Scope:
        """The caller's account for services without Regions."""
        return Scope(self.caller.principal.account, "")

    def port(self, kind: type[P]) -> P:
        """Return what another service does below its API."""
        return self.ports.find(kind)

    def seal(self, scope: Scope, place: str, secret: bytes) -> Sealed:
        """Encrypt a secret for a row: `place` names service, kind, id and field."""
        return self.vault.seal(self.unit, scope, place, secret)

    def unseal(self, scope: Scope, place: str, sealed: Sealed) -> bytes:
        """Decrypt a secret that `seal` made for the same place."""
        return self.vault.open(self.unit, scope, place, sealed)
