# SPDX-License-Identifier: Apache-2.0
"""One call: who, when, where, with what randomness; fixed once and handed to every layer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from stockade.core.identity import Caller
from stockade.core.ids import Random
from stockade.core.ports import Calls, Ports
from stockade.policy.compile import Policy
from stockade.store.errors import NotInMemory
from stockade.store.resources import Scope
from stockade.store.unit import Unit
from stockade.store.vault import Sealed, Vault

P = TypeVar("P")
V = TypeVar("V")

NONCE_SIZE = 28
"""16 bytes for a key derivation, 12 for AES-GCM."""


class Outside(Exception):
    """Raised by `Context.outside` in a transaction: undo it, ask, and begin it again."""

    def __init__(self, name: Hashable, question: Callable[[], Any]) -> None:
        super().__init__(name)
        self.name = name
        self.question = question


class ServiceEvent(msgspec.Struct, frozen=True):
    """Something that AWS did by itself, such as KMS's RotateKey: a record without a caller."""

    source: str
    name: str
    account: str
    region: str
    arn: str
    kind: str
    details: dict[str, Any]


class Context(msgspec.Struct, kw_only=True):
    """What an operation may know beside its resources and arguments."""

    now: datetime
    request_id: str
    region: str
    caller: Caller
    unit: Unit
    record: Callable[[bytes], None]
    """Takes a record that has no transaction; it is written before the answer leaves."""
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
    """What was done on AWS's behalf: recorded in the transaction that does it."""
    via: tuple[str, ...] = ()
    """The services that passed the caller's request on, the first one first: `aws:CalledVia`."""
    source_arn: str = ""
    """For what a service calls in its own name, `aws:SourceArn`."""
    source_account: str = ""
    """And `aws:SourceAccount`."""
    endpoint: Policy | None = None
    """The policy of the VPC endpoint that the request came through."""
    answers: Mapping[Hashable, Any] | None = None
    """What `outside` has asked for this call so far."""

    @property
    def internal(self) -> bool:
        """Whether a service makes the call, be it in its caller's name or in its own."""
        return bool(self.via) or self.caller.principal.kind == "service"

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

    def outside(self, name: Hashable, question: Callable[[], V]) -> V:
        """Return what somebody outside the store answers, who may be slow: an HSM, a proxy.

        Nobody waits for it: not the event loop (NotInMemory), and not other writers. Within a
        transaction this one is undone, the question asked, and the operation run again from its
        decision on; `name`, which holds all that the question depends on, finds the answer then.
        """
        if self.answers is not None and name in self.answers:
            answer: V = self.answers[name]
            return answer
        if self.unit.memory_only:
            raise NotInMemory
        if self.unit.writes:
            raise Outside(name, question)
        self.unit.rest()
        return question()

    def call(
        self, service: str, operation: str, params: Mapping[str, Any], *, by: str, region: str = ""
    ) -> Mapping[str, Any]:
        """Run another service's operation on the caller's behalf: same law, a record of its own.

        `by` is the calling service, `s3.amazonaws.com`; members have the model's names. The caller
        needs the permission for this operation, too. Not for operations that are `quick`.
        """
        inner = replace(
            self,
            caller=self.caller.invoked_by(by),
            source_ip=by,
            user_agent=by,
            secure=False,
            region=region or self.region,
            created=[],
            via=(*self.via, by),
        )
        return self.port(Calls).call(inner, service, operation, params)

    def call_as_service(
        self,
        service: str,
        operation: str,
        params: Mapping[str, Any],
        *,
        by: str,
        source_arn: str,
        source_account: str,
        region: str = "",
    ) -> Mapping[str, Any]:
        """Run another service's operation in the name of the service `by`.

        The resource's policy alone decides. `source_arn` is for whose sake the service calls, such
        as a rule or a trail; resources are named by their ARNs, since a service has no account.
        """
        inner = replace(
            self,
            caller=Caller.service(by),
            source_ip=by,
            user_agent=by,
            secure=False,
            region=region or self.region,
            created=[],
            via=(),
            source_arn=source_arn,
            source_account=source_account,
        )
        return self.port(Calls).call(inner, service, operation, params)
