# SPDX-License-Identifier: Apache-2.0
"""The few paths beside AWS's: probes for everybody; clock, reset and explanations in dev only.

GET  /_stockade/live, /_stockade/ready     200 or 503, the status code alone
GET  /_stockade/health, /_localstack/health
GET  /_stockade/oidc/ACCOUNT/.well-known/openid-configuration, .../jwks.json
GET  /_stockade/clock                      {"now", "offset_seconds", "frozen"}
POST /_stockade/clock                      {"advance_seconds": N} or {"set": "ISO time"} ...
GET  /_stockade/explain?request_id=ID      the record of a call, with its decision
POST /moto-api/reset
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import msgspec

from stockade import __version__
from stockade.protocol.http import HttpRequest, HttpResponse
from stockade.services.sts import outbound
from stockade.store.errors import StoreError
from stockade.store.segments import JournalUnavailable

if TYPE_CHECKING:
    from stockade.app import Stockade

FARTHEST = timedelta(days=200 * 365)
"""How far one request may move the clock."""


class ClockChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of `POST /_stockade/clock`; exactly one member."""

    advance_seconds: float | None = None
    set: datetime | None = None
    frozen: bool | None = None


class Refused(Exception):
    """A request that cannot be carried out: status and one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


Answer = Callable[["Stockade", HttpRequest], HttpResponse]


class Beside:
    """Answers the paths beside AWS's for one deployment."""

    def __init__(self, app: Stockade) -> None:
        self._app = app
        self._routes = {**_PROBES, **(_DEV if app.settings.mode == "dev" else {})}

    def answer(self, http: HttpRequest) -> HttpResponse | None:
        """Return the answer, or None for a path that is not one of these."""
        path = http.raw_path.decode("latin-1")
        method = "GET" if http.method == "HEAD" else http.method
        route = self._routes.get((method, path))
        if route is None and method == "GET" and path.startswith(outbound.PATH):
            route = _issuer
        if route is not None:
            try:
                return route(self._app, http)
            except Refused as refused:
                return _json({"error": refused.sentence}, refused.status)
            except (StoreError, JournalUnavailable) as fault:
                return _json({"error": str(fault)}, 503)
        if any(known == path for _, known in self._routes):
            return _json({"error": f"{path} does not take {http.method}"}, 405)
        if path.startswith(("/_stockade/", "/moto-api/")):
            return _json({"error": f"there is nothing at {path}"}, 404)
        return None


def _live(_app: Stockade, _http: HttpRequest) -> HttpResponse:
    return HttpResponse(status=200)


def _ready(app: Stockade, _http: HttpRequest) -> HttpResponse:
    return HttpResponse(status=200 if _fault(app) is None else 503)


def _health(app: Stockade, _http: HttpRequest) -> HttpResponse:
    fault = _fault(app)
    state = "running" if fault is None else "error"
    health: dict[str, Any] = {
        "status": "ok" if fault is None else "unavailable",
        "version": __version__,
        "edition": "stockade",
        "mode": app.settings.mode,
        "services": dict.fromkeys(sorted(app.services), state),
    }
    if fault is not None:
        health["error"] = fault
    return _json(health, 200 if fault is None else 503)


def _fault(app: Stockade) -> str | None:
    """Return why nothing can be served, or None where all is well."""
    try:
        app.ping()
    except (StoreError, JournalUnavailable) as fault:
        return str(fault)
    return None


def _clock(app: Stockade, _http: HttpRequest) -> HttpResponse:
    shown = {
        "now": app.clock.now().astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z",
        "offset_seconds": round(app.clock.offset().total_seconds()),
        "frozen": app.clock.frozen,
    }
    return _json(shown)


def _move_clock(app: Stockade, http: HttpRequest) -> HttpResponse:
    change = _change(http)
    if change.frozen is not None:
        app.clock.freeze(frozen=change.frozen)
        return _clock(app, http)
    now = app.clock.now()
    to = change.set
    if change.advance_seconds is not None:
        if not 0 <= change.advance_seconds <= FARTHEST.total_seconds():
            raise Refused(400, f"advance_seconds is from 0 to {FARTHEST.total_seconds():.0f}")
        to = now + timedelta(seconds=change.advance_seconds)
    assert to is not None, "_change leaves nothing else"
    to = to if to.tzinfo is not None else to.replace(tzinfo=UTC)
    if abs(to - now) > FARTHEST:
        raise Refused(400, "the clock does not go farther than 200 years at once")
    app.travel(to)
    return _clock(app, http)


def _change(http: HttpRequest) -> ClockChange:
    try:
        change = msgspec.json.decode(http.body, type=ClockChange)
    except msgspec.MsgspecError as error:
        raise Refused(400, f"the body is not a change of the clock: {error}") from None
    given = (change.advance_seconds, change.set, change.frozen)
    if sum(value is not None for value in given) != 1:
        raise Refused(400, "give one of advance_seconds, set, frozen")
    return change


def _reset(app: Stockade, _http: HttpRequest) -> HttpResponse:
    app.reset()
    return _json({"status": "ok"})


def _explain(app: Stockade, http: HttpRequest) -> HttpResponse:
    wanted = parse_qs(http.query.decode("latin-1")).get("request_id", [""])[0]
    record = app.find_record(wanted)
    if record is None:
        raise Refused(404, f"there is no call with the request id {wanted!r}")
    return HttpResponse(status=200, headers=[_JSON], body=record)


_JSON = (b"content-type", b"application/json")


def _issuer(app: Stockade, http: HttpRequest) -> HttpResponse:
    """Answer what an account's issuer of web identity tokens publishes."""
    path = http.raw_path.decode("latin-1").removeprefix(outbound.PATH)
    account, _, file = path.partition("/")
    host = (http.header(b"host") or b"").decode("latin-1")
    name = outbound.issuer(account, host, secure=http.secure)
    with app.store.read() as unit:
        document = outbound.published(unit, account, name, file)
    if document is None:
        raise Refused(404, "there is no such issuer or document")
    return _json(document)


def _json(value: Any, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, headers=[_JSON], body=msgspec.json.encode(value))


_PROBES: Mapping[tuple[str, str], Answer] = MappingProxyType(
    {
        ("GET", "/_stockade/live"): _live,
        ("GET", "/_stockade/ready"): _ready,
        ("GET", "/_stockade/health"): _health,
        ("GET", "/_localstack/health"): _health,
    }
)
_DEV: Mapping[tuple[str, str], Answer] = MappingProxyType(
    {
        ("GET", "/_stockade/clock"): _clock,
        ("POST", "/_stockade/clock"): _move_clock,
        ("GET", "/_stockade/explain"): _explain,
        ("POST", "/moto-api/reset"): _reset,
    }
)
