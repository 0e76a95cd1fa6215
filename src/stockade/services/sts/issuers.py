# SPDX-License-Identifier: Apache-2.0
"""The keys that OpenID Connect issuers sign with: fetched, checked, remembered for a while.

The discovery document must name the issuer that was asked; the keys stand where it says. They are
fetched on the thread that asks, and kept for an hour, so that an issuer's bad minute does no harm.
A token signed with a key that is not there makes us look again, but not more often than every
minute: who sends nonsense does not make us send requests.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import jwt
import msgspec

from stockade.core.clock import Clock
from stockade.services.sts import fetch
from stockade.services.sts.errors import InvalidIdentityToken
from stockade.services.sts.requires import OidcProvider

KEPT = timedelta(hours=1)
AGAIN_AFTER = timedelta(minutes=1)
FAILED_FOR = timedelta(seconds=10)
"""How long an issuer that did not answer is not asked again."""
SMALLEST_RSA = 2_048
"""Bits; shorter keys prove nothing any more."""
MOST_ISSUERS = 1_000
"""How many issuers' keys are kept at the same time."""
ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")


class Discovery(msgspec.Struct):
    """What is needed of an issuer's `.well-known/openid-configuration`."""

    issuer: str
    jwks_uri: str


class Place(NamedTuple):
    """An issuer, and the thumbprints that its certificate may be known by."""

    issuer: str
    thumbprints: tuple[str, ...]


class Known(msgspec.Struct, frozen=True):
    """The keys of an issuer, or why there are none, and when they were asked for."""

    at: datetime
    keys: tuple[jwt.PyJWK, ...] = ()
    failure: InvalidIdentityToken | None = None


class Issuers:
    """Knows the keys of issuers; one per process, safe for many threads."""

    def __init__(self, clock: Clock, *, loopback: bool) -> None:
        self._clock = clock
        self._loopback = loopback
        """Whether an issuer on this host may speak plain HTTP (dev)."""
        self._known: dict[Place, Known] = {}
        self._turns: dict[Place, threading.Lock] = {}
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the host's time: tokens of others are dated by the world's clock."""
        return self._clock.host()

    def signing_keys(self, provider: OidcProvider, issuer: str, token: str) -> list[jwt.PyJWK]:
        """Return the keys that may have signed a token, or refuse where there are none."""
        header = _header(token)
        found = _matching(self._keys(provider, issuer), header)
        if not found:
            found = _matching(self._keys(provider, issuer, older_than=AGAIN_AFTER), header)
        if not found:
            raise _unverifiable()
        return found

    def _keys(
        self, provider: OidcProvider, issuer: str, older_than: timedelta = KEPT
    ) -> Sequence[jwt.PyJWK]:
        place = Place(issuer, tuple(provider.thumbprints))
        with self._turn(place):
            known = self._known.get(place)
            limit = older_than if known is None or known.failure is None else FAILED_FOR
            if known is None or self.now() - known.at >= limit:
                known = self._known[place] = self._ask(provider, issuer)
        if known.failure is not None:
            raise InvalidIdentityToken(known.failure.message)
        return known.keys

    def _turn(self, place: Place) -> threading.Lock:
        """Return the lock that lets one thread at a time ask an issuer, the others wait for it."""
        with self._lock:
            if len(self._turns) >= MOST_ISSUERS:
                self._turns.clear()
                self._known.clear()
            return self._turns.setdefault(place, threading.Lock())

    def _ask(self, provider: OidcProvider, issuer: str) -> Known:
        try:
            return Known(self.now(), keys=self._fetch(provider, issuer))
        except InvalidIdentityToken as failure:
            return Known(self.now(), failure=failure)

    def _fetch(self, provider: OidcProvider, issuer: str) -> tuple[jwt.PyJWK, ...]:
        try:
            said = self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration", provider)
            discovery = msgspec.json.decode(said, type=Discovery)
            if discovery.issuer.rstrip("/") != issuer.rstrip("/"):
                raise _unverifiable()
            return _parse(self._get(discovery.jwks_uri, provider))
        except fetch.UnknownAuthority:
            raise InvalidIdentityToken(
                "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint"
            ) from None
        except (fetch.Unreachable, msgspec.MsgspecError):
            raise _unverifiable() from None

    def _get(self, url: str, provider: OidcProvider) -> bytes:
        return fetch.get(url, thumbprints=provider.thumbprints, loopback=self._loopback)


def _header(token: str) -> dict[str, Any]:
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise not_a_token() from None
    if header.get("alg") not in ALGORITHMS:
        raise not_a_token()
    return header


def not_a_token() -> InvalidIdentityToken:
    """Say that a text is no ID token."""
    return InvalidIdentityToken(
        "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access "
        "Token)"
    )


def _unverifiable() -> InvalidIdentityToken:
    return InvalidIdentityToken(
        "Couldn't retrieve verification key from your identity provider,  please reference "
        "AssumeRoleWithWebIdentity documentation for requirements"
    )


def _parse(document: bytes) -> tuple[jwt.PyJWK, ...]:
    """Return the keys of a key set; those of kinds that are not used here are passed over."""
    found = []
    for each in msgspec.json.decode(document, type=dict[str, Any]).get("keys", ()):
        try:
            if each.get("kty") in ("RSA", "EC") and each.get("use", "sig") == "sig":
                key = jwt.PyJWK(each, each.get("alg") or _algorithm(each))
                if key.key.key_size >= SMALLEST_RSA or key.key_type == "EC":
                    found.append(key)
        except (jwt.PyJWTError, AttributeError, ValueError):
            continue
    return tuple(found)


def _algorithm(key: dict[str, Any]) -> str:
    """Return an algorithm of a key's kind: the token's header names the one that counts."""
    curves = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
    return curves.get(str(key.get("crv")), "RS256")


def _matching(keys: Sequence[jwt.PyJWK], header: dict[str, Any]) -> list[jwt.PyJWK]:
    """Return the keys of the kind and the id that a token's header names."""
    kind = "RSA" if header["alg"].startswith("RS") else "EC"
    of_kind = [key for key in keys if key.key_type == kind]
    if "kid" not in header:
        return of_kind
    return [key for key in of_kind if key.key_id == header["kid"]]
