# SPDX-License-Identifier: Apache-2.0
"""The whole way of a request: identify > authenticate > parse > audit > authorize > run > render.

Every operation is reached through `Gateway.perform` and nowhere else, so that no path leads around
the signature, the decision and the audit record. A refusal is an `AwsError` with AWS's code, status
and text; a bug is logged under its request id and leaves the wire as a bare 500.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from msgspec.structs import replace

from stockade.core import audit, authorization
from stockade.core.audit import Audit, Record, Shapes
from stockade.core.clock import Clock
from stockade.core.context import NONCE_SIZE, Context
from stockade.core.errors import InternalFailure, OperationNotServed, ServiceUnavailable
from stockade.core.identity import Caller, Credential
from stockade.core.ids import Random, RandomPool
from stockade.core.operation import BoundOperation, Identify, Output, Service
from stockade.core.ports import Credentials, Ports
from stockade.protocol import sigv4
from stockade.protocol.catalogue import Catalogue, Wire, WireOperation
from stockade.protocol.errors import AwsError
from stockade.protocol.http import HttpRequest, HttpResponse
from stockade.protocol.refusals import (
    AccessDenied,
    ExpiredToken,
    InvalidClientToken,
    MissingAuthenticationToken,
    Refusal,
)
from stockade.protocol.sigv4 import SignedRequest
from stockade.store.errors import NotInMemory, StoreUnavailable
from stockade.store.journal import Journal
from stockade.store.segments import JournalUnavailable
from stockade.store.store import Store
from stockade.store.unit import Unit
from stockade.store.vault import Vault

log = logging.getLogger("stockade.gateway")

GLOBAL_REGION = "us-east-1"
"""Where AWS records the calls of services without Regions."""


class Bound(BoundOperation):
    """An operation with everything that is computed once for it."""

    def __init__(self, service: Service, operation: Any, wire: Any) -> None:
        super().__init__(operation, wire)
        self.service = service
        self.shapes = Shapes(self)
        self.event_source = f"{service.entry.signing_name}.amazonaws.com"
        self.skew = timedelta(minutes=service.clock_skew_minutes)


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
    ) -> None:
        self._services = services
        self._catalogue = Catalogue([service.entry for service in services.values()])
        self._store = store
        self._journal = journal
        self._vault = vault
        self._clock = clock
        self._ports = ports
        self._credentials = ports.find(Credentials)
        self._random = random
        self._ids = RandomPool(random)
        self._nonces = RandomPool(random, NONCE_SIZE)
        self._audit = Audit(self._ids)
        self._unknown_account = unknown_account
        self._bound: dict[tuple[str, str], Bound] = {}

    def answer(self, http: HttpRequest, *, memory_only: bool = False) -> HttpResponse:
        """Answer one request.

        With `memory_only` it either answers from memory, without waiting for anything, or raises
        `NotInMemory` before anything was changed or recorded: call it again on a thread then.
        """
        request_id = self._ids.uuid()
        claim = _claim(http)
        wire = self._catalogue.wire(http, claim.service)
        operation: WireOperation | None = None
        try:
            bound = self._operation(http, wire, claim, memory_only=memory_only)
            operation = bound.wire
            with self._store.read(memory_only=memory_only) as unit:
                return self._answer(http, wire, claim, bound, unit, request_id)
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

    def refuse(self, http: HttpRequest, error: AwsError) -> HttpResponse:
        """Answer a request that the shell turned away, in the words of its protocol."""
        wire = self._catalogue.wire(http, _claim(http).service)
        return wire.render_error(error, self._ids.uuid())

    def _answer(
        self, http: HttpRequest, wire: Wire, claim: Claim, bound: Bound, unit: Unit, request_id: str
    ) -> HttpResponse:
        ctx = self._context(http, bound, claim, unit, request_id)
        identify = bound.operation.identify
        if identify is None:
            self._authenticate(http, bound, claim, ctx, wire.family)
        else:
            ctx.recipient = self._unknown_account
        params = self._read(http, wire, bound, ctx)
        if identify is not None:
            self._identify(identify, ctx, bound, params, wire.family)
        return wire.render(bound.wire, self.perform(ctx, bound, params, wire.family), request_id)

    def perform(self, ctx: Context, bound: Bound, params: Mapping[str, Any], family: str) -> Output:
        """Decide, record and run one operation; a write is one transaction, its record inside."""
        record = self._record(ctx, bound)
        try:
            record.request_parameters = bound.shapes.request(params)
            if bound.writes:
                return self._write(ctx, bound, params, record)
            output = self._run(ctx, bound, params, record)
        except NotInMemory:
            raise
        except Exception as fault:
            self._journal.append(_refused(record, _as_error(fault), family))
            raise
        for line in self._audit.succeed(record, None, ctx.now):
            self._journal.append(line)
        return output

    def _write(
        self, ctx: Context, bound: Bound, params: Mapping[str, Any], record: Record
    ) -> Output:
        ctx.unit.rest()
        with self._store.write() as unit:
            output = self._run(replace(ctx, unit=unit), bound, params, record)
            response = bound.shapes.response
            elements = response(output) if response is not None else None
            for line in self._audit.succeed(record, elements, ctx.now):
                self._journal.insert(unit, line)
            return output

    def _run(self, ctx: Context, bound: Bound, params: Mapping[str, Any], record: Record) -> Output:
        """Resolve what is touched, authorize, and hand it to the handler."""
        arguments = bound.arguments(params)
        touched = bound.operation.access(ctx, params)
        audit.touch(record, touched.audit)
        authorization.require(ctx, touched)
        if touched.absent is not None:
            raise touched.absent
        output = bound.operation.handler(ctx, *touched.resources, **arguments)
        if ctx.created:
            audit.touch(record, (*touched.audit, *ctx.created))
        return output

    def _operation(
        self, http: HttpRequest, wire: Wire, claim: Claim, *, memory_only: bool
    ) -> Bound:
        try:
            named = self._catalogue.operation(http, wire, claim.service)
        except AwsError as unknown:
            # Who did not sign hears of that first where the service follows from the signature.
            raise claim.refusal or unknown from None
        key = (named.service, named.name)
        bound = self._bound.get(key)
        if bound is None:
            service = self._services[named.service]
            operation = service.operations.get(named.python_name)
            if operation is None:
                raise OperationNotServed(service=named.service, operation=named.name)
            bound = self._bound[key] = Bound(service, operation, named)
        if memory_only and not bound.quick:
            raise NotInMemory
        return bound

    def _context(
        self, http: HttpRequest, bound: Bound, claim: Claim, unit: Unit, request_id: str
    ) -> Context:
        """Return the context of a call whose caller is not proven yet."""
        region = claim.signed.region if claim.signed else GLOBAL_REGION
        return Context(
            now=self._clock.now(),
            request_id=request_id,
            region=GLOBAL_REGION if bound.service.entry.global_service else region,
            caller=_NOBODY,
            unit=unit,
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
            ctx.caller = self._credential(http, bound, claim, ctx).caller
        except AwsError as refusal:
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
            self._journal.append(_refused(record, refusal, family))
            raise

    def _credential(
        self, http: HttpRequest, bound: Bound, claim: Claim, ctx: Context
    ) -> Credential:
        signed = claim.signed
        if signed is None:
            raise claim.refusal or MissingAuthenticationToken
        sigv4.check_scope(signed, (bound.service.entry.signing_name,))
        credential = self._credentials.find_credential(
            ctx.unit, signed.access_key_id, signed.session_token, ctx.now
        )
        sigv4.check_time(
            signed,
            self._clock.host(),
            bound.skew,
            honour_expires=bound.service.honours_expires,
        )
        key = ctx.unit.derive(
            ("signing-key", signed.access_key_id, signed.date, signed.region, signed.service),
            lambda: self._signing_key(signed, ctx),
        )
        sigv4.check_signature(http, signed, key)
        if credential.expires is not None and credential.expires <= ctx.now:
            raise ExpiredToken
        if credential.closed and bound.service.entry.signing_name in credential.closed:
            raise InvalidClientToken
        return credential

    def _signing_key(self, signed: SignedRequest, ctx: Context) -> bytes:
        # The credential is looked up again so that the key depends on what it is made of.
        secret = self._credentials.find_credential(
            ctx.unit, signed.access_key_id, signed.session_token, ctx.now
        ).secret
        return sigv4.signing_key(secret, signed.date, signed.region, signed.service)

    def _read(self, http: HttpRequest, wire: Wire, bound: Bound, ctx: Context) -> Mapping[str, Any]:
        """Return the validated members of the input; a request that fails here is recorded too."""
        try:
            params: Mapping[str, Any] = wire.read(http, bound.wire)
        except AwsError as refusal:
            self._journal.append(_refused(self._record(ctx, bound), refusal, wire.family))
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
        self._journal.append(_refused(record, refusal, family))


class Claim(NamedTuple):
    """What a request says of its signature, or why it says nothing useful."""

    signed: SignedRequest | None
    refusal: Refusal | None

    @property
    def service(self) -> str | None:
        """The service in the credential scope."""
        return self.signed.service if self.signed else None


def _claim(http: HttpRequest) -> Claim:
    try:
        return Claim(sigv4.parse(http), None)
    except Refusal as refusal:
        return Claim(None, refusal)


def _refused(record: Record, error: AwsError, family: str) -> bytes:
    """Return the line of a refused call, with the explanation where a decision was made."""
    if isinstance(error, AccessDenied):
        code = "AccessDenied"
    else:
        code, _ = error.on(family)
    if isinstance(error, authorization.Denied):
        record.additional_event_data = {"decision": error.explanation}
    return audit.refuse(record, error, code)


def _as_error(fault: Exception) -> AwsError:
    """Return what the client will hear of a failure."""
    if isinstance(fault, AwsError):
        return fault
    return ServiceUnavailable() if isinstance(fault, StoreUnavailable) else InternalFailure()


def _text(value: bytes | None) -> str:
    return value.decode("latin-1")[:1024] if value else ""


_NOBODY = replace(Caller.nobody(), audit_identity=audit.anonymous_identity(""))
