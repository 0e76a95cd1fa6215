# SPDX-License-Identifier: Apache-2.0
"""The whole way of a request: identify > authenticate > parse > audit > authorize > run > render.

Every operation is reached through `Gateway.perform` and nowhere else, so that no path leads around
the signature, the decision and the audit record. A refusal is an `AwsError` with AWS's code, status
and text; a bug is logged under its request id and leaves the wire as a bare 500.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from stockade.authentication import Authentication, Claim, leaves_body_out
from stockade.core import audit, authorization, running
from stockade.core.audit import Audit, Record, Shapes
from stockade.core.clock import Clock
from stockade.core.context import NONCE_SIZE, Context, Outside
from stockade.core.errors import InternalFailure, OperationNotServed, ServiceUnavailable
from stockade.core.identity import Caller
from stockade.core.ids import Random, RandomPool
from stockade.core.operation import BoundOperation, Identify, Output, Service
from stockade.core.ports import Credentials, Ports
from stockade.core.quotas import RequestQuota
from stockade.core.replay import answered
from stockade.protocol import chunked
from stockade.protocol.catalogue import Catalogue, Wire, WireOperation
from stockade.protocol.errors import AwsError
from stockade.protocol.http import HttpRequest, HttpResponse
from stockade.protocol.proxies import Proxies, UnclearOrigin
from stockade.protocol.refusals import (
    AccessDenied,
    InvalidClientToken,
)
from stockade.store.errors import NotInMemory, StoreUnavailable
from stockade.store.journal import Journal
from stockade.store.segments import JournalUnavailable
from stockade.store.store import Store
from stockade.store.unit import Unit
from stockade.store.vault import Vault

log = logging.getLogger("stockade.gateway")

R = TypeVar("R")
Write = Callable[[bytes], None]
"""Takes the line of a record that has no transaction."""

GLOBAL_REGION = "us-east-1"
"""Where AWS records the calls of services without Regions."""


class Bound(BoundOperation):
    """An operation with everything that is computed once for it."""

    def __init__(self, service: Service, operation: Any, wire: Any) -> None:
        super().__init__(operation, wire)
        self.service = service
        self.shapes = Shapes(self)
        self.event_source = f"{service.entry.signing_name}.amazonaws.com"


class Gateway:
    """Answers requests; one per process, safe for many threads."""

    def __init__(
        self,
        *,
        services: Mapping[str, Service],
        store: Store,
        journal: Journal,
        vault: Vault,
        clock: Clock,
        ports: Ports,
        random: Random,
        unknown_account: str,
        region: str,
        domains: Sequence[str],
        proxies: Proxies | None,
        quotas: Mapping[str, RequestQuota],
    ) -> None:
        self._services = services
        self._catalogue = Catalogue([service.entry for service in services.values()])
        self._store = store
        self._journal = journal
        self._vault = vault
        self._clock = clock
        self._ports = ports
        self._authentication = Authentication(ports.find(Credentials), clock, region, domains)
        self._random = random
        self._ids = RandomPool(random)
        self._nonces = RandomPool(random, NONCE_SIZE)
        self._audit = Audit(self._ids)
        self._unknown_account = unknown_account
        self._proxies = proxies
        self._quotas = quotas
        self._bound: dict[tuple[str, str], Bound] = {}

    def answer(self, http: HttpRequest) -> HttpResponse:
        """Answer one request, its record written."""
        return self._answer(http, self._journal.append, memory_only=False)

    def answer_from_memory(self, http: HttpRequest, held: list[bytes]) -> HttpResponse:
        """Answer one request without waiting for anything, its record put into `held`.

        The caller has what was held written (`record`) before the answer leaves. What memory does
        not have raises `NotInMemory` before anything was held: call `answer` on a thread then.
        """
        return self._answer(http, held.append, memory_only=True)

    def record(self, held: list[bytes]) -> None:
        """Write the records of answers that are about to leave, or raise JournalUnavailable."""
        if held:
            self._journal.append(*held)

    def _answer(self, http: HttpRequest, record: Write, *, memory_only: bool) -> HttpResponse:
        if self._proxies is not None:
            try:
                http = self._proxies.original(http)
            except UnclearOrigin as unclear:
                return self.refuse(http, unclear)
        request_id = self._ids.uuid()
        claim = self._authentication.claim(http)
        wire = self._catalogue.wire(http, claim.service)
        operation: WireOperation | None = None
        try:
            bound = self._operation(http, wire, claim, memory_only=memory_only)
            operation = bound.wire
            with self._store.read(memory_only=memory_only) as unit:
                ctx = self._context(http, bound, claim, unit, request_id, record)
                identify = bound.operation.identify
                if identify is None:
                    self._authenticate(http, bound, claim, ctx, wire.family)
                else:
                    ctx.recipient = self._unknown_account
                params = self._read(http, wire, bound, ctx, claim)
                if identify is not None:
                    self._identify(identify, ctx, bound, params, wire.family)
                output = self.perform(ctx, bound, params, wire.family)
                return wire.render(operation, output, request_id)
        except NotInMemory:
            raise
        except AwsError as error:
            return wire.render_error(error, request_id, operation)
        except (StoreUnavailable, JournalUnavailable) as fault:
            log.error("%s: %s", request_id, fault)  # noqa: TRY400  the sentence says it all
            return wire.render_error(ServiceUnavailable(), request_id, operation)
        except Exception:
            log.exception("request %s failed", request_id)
            return wire.render_error(InternalFailure(), request_id, operation)

    def streams(self, http: HttpRequest) -> bool:
        """Tell whether a body is to be read as it arrives: asked before any of it is there.

        So it is where the model says so, and the signature does not cover the body as a whole.
        """
        if not leaves_body_out(http):
            return False
        claim = self._authentication.claim(http)
        wire = self._catalogue.wire(http, claim.service)
        try:
            operation = self._catalogue.operation(http, wire, claim.service)
        except AwsError:  # said when it is answered
            return False
        return operation.streams_in and operation.home.entry.s3_style

    def refuse(self, http: HttpRequest, error: AwsError) -> HttpResponse:
        """Answer a request that the shell turned away, in the words of its protocol."""
        wire = self._catalogue.wire(http, self._authentication.claim(http).service)
        return wire.render_error(error, self._ids.uuid())

    def perform(self, ctx: Context, bound: Bound, params: Mapping[str, Any], family: str) -> Output:
        """Decide, record and run one operation; a write is one transaction, its record inside."""
        record = self._record(ctx, bound)
        try:
            record.request_parameters = bound.shapes.request(params)
            if bound.writes:
                return self._write(ctx, bound, params, record)
            output = running.run(ctx, bound, params, record)
        except (NotInMemory, Outside):
            raise
        except Exception as fault:
            if family == "ec2" and isinstance(fault, authorization.Denied):
                self._encode_message(ctx, fault)
            ctx.record(_refused(record, _as_error(fault), family))
            raise
        for line in self._audit.succeed(record, None, ctx.now):
            ctx.record(line)
        return output

    def call(self, ctx: Context, service: str, operation: str, params: Mapping[str, Any]) -> Output:
        """Run an operation that another service calls (see the port `Calls`).

        What is called from within a write is part of its transaction. Nothing is done from memory
        alone: the call would be recorded although its caller has to begin anew on a thread.
        """
        if ctx.unit.memory_only:
            raise NotInMemory
        bound = self._called(service, operation)
        entry = bound.service.entry
        inner = replace(
            ctx,
            request_id=self._ids.uuid(),
            region=GLOBAL_REGION if entry.global_service else ctx.region,
        )
        return self.perform(inner, bound, params, bound.wire.home.model.protocol)

    def _called(self, service: str, operation: str) -> Bound:
        home = self._catalogue.service(service)
        named = None if home is None else home.operation(operation)
        if named is None:
            raise TypeError(f"no service here has the operation {service}:{operation}")
        return self._bind(named)

    def _write(
        self, ctx: Context, bound: Bound, params: Mapping[str, Any], record: Record
    ) -> Output:
        prepared = running.prepare(ctx, bound, params, record)
        if ctx.unit.writes:
            return self._change(ctx, bound, params, record, prepared)

        def attempt(answers: Mapping[Hashable, Any], random: Random) -> Output:
            ctx.unit.rest()
            held: list[bytes] = []  # what is undone was not called: its records wait
            again = replace(
                ctx,
                answers=answers,
                random=random,
                nonce=lambda: random(NONCE_SIZE),
                record=held.append,
                created=[],
                service_events=[],
            )
            try:
                with self._store.write() as unit:
                    changed = replace(again, unit=unit)
                    output = self._change(changed, bound, params, record, prepared)
                    _write_held(held, ctx.record)
                    return output
            except Outside:
                raise
            except Exception:
                _write_held(held, ctx.record)
                raise

        return answered(attempt, ctx.random)

    def _change(
        self,
        ctx: Context,
        bound: Bound,
        params: Mapping[str, Any],
        record: Record,
        prepared: running.Prepared,
    ) -> Output:
        output = running.run(ctx, bound, params, record, prepared)
        response = bound.shapes.response
        elements = response(output) if response is not None else None
        for line in self._audit.succeed(record, elements, ctx.now):
            self._journal.insert(ctx.unit, line)
        for event in ctx.service_events:
            own = self._audit.service_event(event, ctx.now, self._ids.uuid())
            self._journal.insert(ctx.unit, own)
        return output

    def change(self, ctx: Context, action: Callable[[Context], R]) -> R:
        """Run an action that writes, whatever unit is at hand (see the port `Transactions`)."""
        if ctx.unit.memory_only:
            raise NotInMemory
        if ctx.unit.writes:
            return action(ctx)
        ctx.unit.rest()
        with self._store.write() as unit:
            return action(replace(ctx, unit=unit))

    def _encode_message(self, ctx: Context, denied: authorization.Denied) -> None:
        """Add the encoded message to a refusal; sealing may have to write a domain key."""
        self.change(ctx, lambda ctx: authorization.encode_message(ctx, denied))

    def _operation(
        self, http: HttpRequest, wire: Wire, claim: Claim, *, memory_only: bool
    ) -> Bound:
        try:
            named = self._catalogue.operation(http, wire, claim.service)
        except AwsError as unknown:
            # Who did not sign hears of that first where the service follows from the signature.
            raise claim.refusal or unknown from None
        bound = self._bind(named)
        if memory_only and not bound.quick:
            raise NotInMemory
        return bound

    def _bind(self, named: WireOperation) -> Bound:
        key = (named.service, named.name)
        bound = self._bound.get(key)
        if bound is None:
            service = self._services[named.service]
            operation = service.operations.get(named.python_name)
            if operation is None:
                raise OperationNotServed(service=named.service, operation=named.name)
            bound = Bound(service, operation, named)
            bound.quota = self._quotas.get(named.service)
            self._bound[key] = bound
        return bound

    def _context(
        self,
        http: HttpRequest,
        bound: Bound,
        claim: Claim,
        unit: Unit,
        request_id: str,
        record: Write,
    ) -> Context:
        """Return the context of a call whose caller is not proven yet."""
        region = claim.signed.region if claim.signed else GLOBAL_REGION
        return Context(
            now=self._clock.now(),
            request_id=request_id,
            region=GLOBAL_REGION if bound.service.entry.global_service else region,
            caller=_NOBODY,
            unit=unit,
            record=record,
            random=self._random,
            nonce=self._nonces.piece,
            vault=self._vault,
            ports=self._ports,
            source_ip=http.client,
            user_agent=_text(http.header(b"user-agent")),
            secure=http.secure,
            host=_text(http.header(b"host")),
        )

    def _authenticate(
        self, http: HttpRequest, bound: Bound, claim: Claim, ctx: Context, family: str
    ) -> None:
        """Enter the caller whose secret signed the request; record and raise the refusal."""
        try:
            ctx.caller = self._authentication.credential(http, bound.service, claim, ctx).caller
        except AwsError as refusal:
            if isinstance(refusal, InvalidClientToken) and claim.signed is not None:
                refusal.add("AWSAccessKeyId", claim.signed.access_key_id)
            self._record_stranger(ctx, bound, claim, refusal, family)
            raise

    def _identify(
        self, identify: Identify, ctx: Context, bound: Bound, params: Mapping[str, Any], family: str
    ) -> None:
        """Enter the caller that an unsigned request vouches for; record and raise the refusal."""
        try:
            identify(ctx, params)
        except AwsError as refusal:
            record = self._record(ctx, bound)
            record.request_parameters = bound.shapes.request(params)
            ctx.record(_refused(record, refusal, family))
            raise

    def _read(
        self, http: HttpRequest, wire: Wire, bound: Bound, ctx: Context, claim: Claim
    ) -> Mapping[str, Any]:
        """Return the validated members of the input; a request that fails here is recorded too."""
        try:
            if bound.service.entry.s3_style and claim.signed is not None:
                key = self._authentication.signing_key(claim.signed, ctx)
                http = chunked.opened(http, claim.signed, key)
            params: Mapping[str, Any] = wire.read(http, bound.wire)
        except AwsError as refusal:
            ctx.record(_refused(self._record(ctx, bound), refusal, wire.family))
            raise
        return params

    def _record(self, ctx: Context, bound: Bound) -> Record:
        return self._audit.open(
            ctx, bound.event_source, bound.name, read_only=bound.operation.read_only
        )

    def _record_stranger(
        self, ctx: Context, bound: Bound, claim: Claim, refusal: AwsError, family: str
    ) -> None:
        """Record a call whose caller is not proven, in the deployment's first account."""
        record = self._record(ctx, bound)
        record.user_identity = audit.anonymous_identity(
            claim.signed.access_key_id if claim.signed else ""
        )
        record.recipient_account_id = self._unknown_account
        ctx.record(_refused(record, refusal, family))


def _write_held(held: list[bytes], record: Write) -> None:
    while held:
        record(held.pop(0))


def _refused(record: Record, error: AwsError, family: str) -> bytes:
    """Return the line of a refused call, with the explanation where a decision was made."""
    if isinstance(error, AccessDenied):
        code = "AccessDenied"
    else:
        code, _ = error.on(family)
    if isinstance(error, authorization.Denied):
        noted = record.additional_event_data or {}
        record.additional_event_data = {**noted, "decision": error.explanation}
    return audit.refuse(record, error, code)


def _as_error(fault: Exception) -> AwsError:
    """Return what the client will hear of a failure."""
    if isinstance(fault, AwsError):
        return fault
    return ServiceUnavailable() if isinstance(fault, StoreUnavailable) else InternalFailure()


def _text(value: bytes | None) -> str:
    return value.decode("latin-1")[:1024] if value else ""


_NOBODY = replace(Caller.nobody(), audit_identity=audit.anonymous_identity(""))
