# SPDX-License-Identifier: Apache-2.0
"""How a service declares its operations, and what is held against AWS's model.

An operation is a function named as botocore's `xform_name` names it. What it touches comes first,
positionally, from its access resolver; its keyword-only parameters are the members of the input
shape that it honours. The model minus the signature is what Stockade does not honour: such a
member is answered with an error that names it, and the support matrix is generated from the same
difference.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from botocore import xform_name

from stockade.core.access import Resolver
from stockade.core.errors import MemberNotHonoured
from stockade.core.quotas import RequestQuota
from stockade.protocol.catalogue import ServiceEntry, WireOperation
from stockade.store.resources import Collection

if TYPE_CHECKING:
    from stockade.core.context import Context

Output = Mapping[str, Any]
Handler = Callable[..., Output]
H = TypeVar("H", bound=Handler)
R = TypeVar("R", bound=msgspec.Struct)
Reconcile = Callable[["Context", Any], Any]
Identify = Callable[["Context", Mapping[str, Any]], None]
Prepare = Callable[..., Any]
"""(ctx, the input by the model's names, *what the access resolver loaded) -> a value."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation that a service serves."""

    service: str
    python_name: str
    handler: Handler
    access: Resolver
    writes: bool
    """It changes the store: one transaction, its audit record inside it."""
    quick: bool
    """It only touches memory once the caches are warm, so it may run on the event loop."""
    read_only: bool
    """What the audit record says; a read's answer is not recorded."""
    parameters: frozenset[str]
    identify: Identify | None = None
    """Who calls, where what vouches for the caller is in the request and no signature is asked for
    (AssumeRoleWithWebIdentity). It runs before the transaction, so it may wait for others."""
    prepare: Prepare | None = None
    """The slow part of a write (Argon2id, RSA keys, calls to others), done before its turn to write
    and for nobody who may not have it done. The handler gets the value after what it touches."""

    def bind(self, wire: WireOperation) -> dict[str, str]:
        """Return member -> parameter for the members honoured; refuse a parameter AWS lacks."""
        members = wire.input_shape.members if wire.input_shape is not None else {}
        bound = {member: xform_name(member) for member in members}
        strangers = self.parameters - set(bound.values())
        if strangers:
            raise TypeError(f"{self.service}:{wire.name} has no members {sorted(strangers)}")
        return {member: name for member, name in bound.items() if name in self.parameters}


class BoundOperation:
    """An operation joined with its wire shapes: what the gateway runs."""

    def __init__(self, operation: Operation, wire: WireOperation) -> None:
        self.operation = operation
        self.wire = wire
        self.name: str = wire.name
        self.writes = operation.writes
        self.quick = operation.quick and not (wire.streams_in or wire.streams_out)
        self.quota: RequestQuota | None = None
        self._members = operation.bind(wire)

    def arguments(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the handler's keyword arguments, or say which member is not honoured."""
        members = self._members
        try:
            return {members[name]: value for name, value in params.items()}
        except KeyError as missing:
            raise MemberNotHonoured(member=missing.args[0], operation=self.name) from None


class Service:
    """A service: its entry in the catalogue, its operations, its collections and what is due."""

    def __init__(
        self,
        entry: ServiceEntry,
        *,
        clock_skew_minutes: int = 15,
        honours_expires: bool = True,
    ) -> None:
        self.entry = entry
        self.clock_skew = timedelta(minutes=clock_skew_minutes)
        self.honours_expires = honours_expires
        """Whether a presigned request lives for its X-Amz-Expires; STS's never does."""
        self.operations: dict[str, Operation] = {}
        self.reconcilers: list[tuple[Collection[Any], Reconcile]] = []
        self.audit_readers: set[str] = set()
        """The collections whose reconcilers read the audit trail."""

    def operation(
        self,
        *,
        access: Resolver,
        writes: bool = False,
        quick: bool = False,
        read_only: bool | None = None,
        identify: Identify | None = None,
        prepare: Prepare | None = None,
    ) -> Callable[[H], H]:
        """Register the decorated function as the operation of its name.

        `read_only` is given where AWS's record says otherwise than `writes` does, `identify` where
        the request needs no signature: it enters the caller into the context, or refuses.

        `prepare` keeps what is slow out of a write, so that no other write waits for it:

            def _material(ctx, params, key): ...   # any value; None where there is nothing to do

            @kms.operation(access=..., writes=True, prepare=_material)
            def rotate(ctx, key, material, *, key_id): ...

        It is called once the caller is allowed, in a unit that reads, and may refuse by an
        AwsError. Between reading and what is slow it calls `ctx.unit.rest()`: a store in memory has
        one connection for all. Then the write begins and decides anew, with what is stored by then:
        the handler must hold what was prepared against it. Within the write of another operation it
        runs in that one's transaction.
        """
        if prepare is not None and not writes:
            raise TypeError("what does not write has nothing to prepare for")

        def register(handler: H) -> H:
            name = handler.__name__
            if name in self.operations:
                raise TypeError(f"{self.entry.name}:{name} is declared twice")
            self.operations[name] = Operation(
                service=self.entry.name,
                python_name=name,
                handler=handler,
                access=access,
                writes=writes,
                quick=quick,
                read_only=not writes if read_only is None else read_only,
                parameters=_keyword_only(handler),
                identify=identify,
                prepare=prepare,
            )
            return handler

        return register

    def reconciles(
        self, collection: Collection[R], *, reads_audit: bool = False
    ) -> Callable[[Callable[..., R | None]], Any]:
        """Register the decorated function as what happens when a resource of `collection` is due.

        It returns the resource as it is from now on, or None when the resource is gone. With
        `reads_audit`, every call that was acknowledged is shipped before it runs.
        """
        if reads_audit:
            self.audit_readers.add(collection.name)

        def register(reconcile: Callable[..., R | None]) -> Any:
            self.reconcilers.append((collection, reconcile))
            return reconcile

        return register


def _keyword_only(handler: Handler) -> frozenset[str]:
    parameters = inspect.signature(handler).parameters.values()
    return frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
