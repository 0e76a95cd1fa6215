# SPDX-License-Identifier: Apache-2.0
"""The door of the external key store proxy: identify > authenticate > read > authorize > run.

Another KMS comes through here, with a credential of its store and nothing else; IAM's credentials
open nothing. What it may do with a key, the key's policy says: the same decision as at the gateway,
with the same record. A key that it may neither use nor describe does not exist for it.

Nothing here waits: no write, no call, everything from memory once it is warm, because the other
side hangs up after 250 ms.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from stockade.core import audit
from stockade.core.audit import Audit, Record
from stockade.core.clock import Clock
from stockade.core.context import NONCE_SIZE, Context
from stockade.core.identity import Caller
from stockade.core.ids import Random, RandomPool
from stockade.core.ports import Ports
from stockade.protocol import xks as wire
from stockade.protocol.errors import AwsError
from stockade.protocol.http import HttpRequest, HttpResponse
from stockade.protocol.proxies import Proxies, UnclearOrigin
from stockade.store.errors import NotInMemory, StoreUnavailable
from stockade.store.journal import Journal
from stockade.store.segments import JournalUnavailable
from stockade.store.store import Store
from stockade.store.unit import Unit
from stockade.store.vault import Vault
from stockade.xks import questions
from stockade.xks.apis import Apis, Question
from stockade.xks.authentication import Authentication
from stockade.xks.questions import EVENT_NAMES, Route, route_of
from stockade.xks.refusals import Refusal, of_kms
from stockade.xks.requires import Keys
from stockade.xks.resources import KeyStore

log = logging.getLogger("stockade.xks")

EVENT_SOURCE = f"{wire.SIGNING_NAME}.amazonaws.com"
_PROBES = (b"/_stockade/live", b"/_stockade/ready")


class Door:
    """Answers another KMS; one per process, safe for many threads."""

    body_limit = questions.BODY_LIMIT

    def __init__(
        self,
        *,
        store: Store,
        journal: Journal,
        vault: Vault,
        clock: Clock,
        ports: Ports,
        random: Random,
        keys: Keys,
        unknown_account: str,
        proxies: Proxies | None,
        probes: Callable[[HttpRequest], HttpResponse | None],
    ) -> None:
        self._store = store
        self._journal = journal
        self._vault = vault
        self._clock = clock
        self._ports = ports
        self._random = random
        self._ids = RandomPool(random)
        self._nonces = RandomPool(random, NONCE_SIZE)
        self._audit = Audit(self._ids)
        self._authentication = Authentication(vault, clock)
        self._apis = Apis(keys, vault)
        self._unknown_account = unknown_account
        self._proxies = proxies
        self._probes = probes
        self._caller = Caller.service(keys.principal)

    def answer(self, http: HttpRequest) -> HttpResponse:
        """Answer one request, its record written."""
        return self._answer(http, self._journal.append, memory_only=False)

    def answer_from_memory(self, http: HttpRequest, held: list[bytes]) -> HttpResponse:
        """Answer without waiting, the record put into `held`, or raise NotInMemory."""
        return self._answer(http, held.append, memory_only=True)

    def record(self, held: list[bytes]) -> None:
        """Write the records of answers that are about to leave."""
        if held:
            self._journal.append(*held)

    def unavailable(self, http: HttpRequest) -> HttpResponse:
        """Answer a request whose record could not be written."""
        del http
        return _refused(Refusal("InternalException"), self._ids.uuid())

    def beside(self, http: HttpRequest) -> HttpResponse | None:
        """Answer the probes of load balancers; nothing else is beside."""
        return self._probes(http) if http.raw_path in _PROBES else None

    def streams(self, http: HttpRequest) -> bool:
        """Tell that no body is a stream here."""
        del http
        return False

    def too_large(self, http: HttpRequest) -> HttpResponse:
        """Answer a request whose body is over the limit."""
        del http
        return _refused(Refusal("UnsupportedOperationException"), self._ids.uuid())

    def _answer(
        self, http: HttpRequest, record: Callable[[bytes], None], *, memory_only: bool
    ) -> HttpResponse:
        if http.method != "POST":
            return HttpResponse(status=405, headers=[(b"allow", b"POST")])
        request_id = self._ids.uuid()
        try:
            http = http if self._proxies is None else self._proxies.original(http)
            with self._store.read(memory_only=memory_only) as unit:
                ctx = self._context(http, unit, request_id, record)
                return _answered(self._perform(http, ctx), request_id)
        except NotInMemory:
            raise
        except Refusal as refusal:
            return _refused(refusal, request_id)
        except UnclearOrigin:
            return _refused(Refusal("ValidationException"), request_id)
        except (StoreUnavailable, JournalUnavailable) as fault:
            log.error("%s: %s", request_id, fault)  # noqa: TRY400  the sentence says it all
        except Exception:
            log.exception("request %s failed", request_id)
        return _refused(Refusal("InternalException"), request_id)

    def _perform(self, http: HttpRequest, ctx: Context) -> msgspec.Struct:
        """Return the answer to a request; record it, whatever becomes of it."""
        route = route_of(http)
        name = "InvalidUriPath" if route is None else EVENT_NAMES[route.api]
        record = self._audit.open(ctx, EVENT_SOURCE, name, read_only=True)
        try:
            store = self._authenticate(http, ctx, record)
            answer = self._run(http, ctx, store, route, record)
        except NotInMemory:
            raise
        except Exception as fault:
            refusal = _as_refusal(fault)
            ctx.record(_record_of(record, refusal))
            if isinstance(fault, AwsError):
                raise refusal from None
            raise
        for line in self._audit.succeed(record, None, ctx.now):
            ctx.record(line)
        return answer

    def _authenticate(self, http: HttpRequest, ctx: Context, record: Record) -> KeyStore:
        """Return the store whose credential signed the request; enter it as the caller."""
        claimed, refusal = self._authentication.claim(http)
        record.user_identity = audit.anonymous_identity(claimed.access_key_id if claimed else "")
        if claimed is None:
            raise Refusal("AuthenticationFailedException", cause=refusal)
        store = self._authentication.store_of(http, claimed, ctx)
        ctx.region = record.aws_region = store.region
        ctx.recipient = record.recipient_account_id = store.account
        record.user_identity = self._caller.audit_identity
        return store

    def _run(
        self, http: HttpRequest, ctx: Context, store: KeyStore, route: Route | None, record: Record
    ) -> msgspec.Struct:
        if route is None or route.path != store.path:
            raise Refusal("InvalidUriPathException")
        record.request_parameters = {"keyStore": store.name}
        if route.key_id:
            record.request_parameters["externalKeyId"] = route.key_id
        return self._apis.answer(Question(ctx, store, route, http.body, record))

    def _context(
        self, http: HttpRequest, unit: Unit, request_id: str, record: Callable[[bytes], None]
    ) -> Context:
        """Return the context of a request that nobody is known to have sent."""
        return Context(
            now=self._clock.now(),
            request_id=request_id,
            region="us-east-1",
            caller=self._caller,
            unit=unit,
            record=record,
            random=self._random,
            nonce=self._nonces.piece,
            vault=self._vault,
            ports=self._ports,
            recipient=self._unknown_account,
            source_ip=http.client,
            user_agent=(http.header(b"user-agent") or b"").decode("latin-1")[:1024],
            secure=http.secure,
            host=(http.header(b"host") or b"").decode("latin-1")[:1024],
        )


def _as_refusal(fault: Exception) -> Refusal:
    """Return what the asking KMS will hear of a failure."""
    if isinstance(fault, Refusal):
        return fault
    return of_kms(fault) if isinstance(fault, AwsError) else Refusal("InternalException")


def _record_of(record: Record, refusal: Refusal) -> bytes:
    """Return the line of a request that was refused, with the explanation if it was a decision."""
    if refusal.decision is not None:
        record.additional_event_data = {"decision": refusal.decision.explanation}
        return audit.refuse(record, refusal.decision, "AccessDenied")
    return audit.refuse(record, refusal.cause or refusal, refusal.name)


def _answered(answer: msgspec.Struct, request_id: str) -> HttpResponse:
    return _response(200, msgspec.json.encode(answer), request_id)


def _refused(refusal: Refusal, request_id: str) -> HttpResponse:
    body = wire.Refused(error_name=refusal.name, error_message=refusal.message)
    return _response(refusal.http_status, msgspec.json.encode(body), request_id)


def _response(status: int, body: bytes, request_id: str) -> HttpResponse:
    headers = [
        (b"content-type", b"application/json"),
        (b"x-amzn-requestid", request_id.encode()),
    ]
    return HttpResponse(status=status, headers=headers, body=body)
