# SPDX-License-Identifier: Apache-2.0
"""Who signed a request: from what it claims to the credential whose secret made the signature.

The claim is read first, because it names the service; it is proven once the operation is known. The
keys that verify are remembered until the credential changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from stockade.core.clock import Clock
from stockade.core.context import Context
from stockade.core.identity import Credential
from stockade.core.operation import Service
from stockade.core.ports import Credentials
from stockade.protocol import sigv4, sigv4a
from stockade.protocol.addressing import place_of
from stockade.protocol.canonical import UNSIGNED_PAYLOAD
from stockade.protocol.http import HttpRequest
from stockade.protocol.refusals import (
    ExpiredToken,
    InvalidClientToken,
    MissingAuthenticationToken,
    Refusal,
)
from stockade.protocol.sigv4 import SignedRequest


class Claim(NamedTuple):
    """What a request says of its signature, or why it says nothing useful."""

    signed: SignedRequest | None
    refusal: Refusal | None

    @property
    def service(self) -> str | None:
        """The service in the credential scope."""
        return self.signed.service if self.signed else None


class Authentication:
    """Reads claims and proves them."""

    def __init__(
        self, credentials: Credentials, clock: Clock, region: str, domains: Sequence[str]
    ) -> None:
        self._credentials = credentials
        self._clock = clock
        self._region = region
        self._domains = domains

    def claim(self, http: HttpRequest) -> Claim:
        """Return what a request says of its signature."""
        try:
            signed = sigv4.parse(http)
            if signed.region_set is not None:
                here = place_of(http.header(b"host"), self._domains).region or self._region
                signed = replace(signed, region=sigv4a.region_in(signed.region_set, here))
            return Claim(signed, None)
        except Refusal as refusal:
            return Claim(None, refusal)

    def credential(
        self, http: HttpRequest, service: Service, claim: Claim, ctx: Context
    ) -> Credential:
        """Return the credential whose secret signed the request, or raise what AWS says of it."""
        signed = claim.signed
        if signed is None:
            raise claim.refusal or MissingAuthenticationToken
        sigv4.check_scope(signed, (service.entry.signing_name,))
        credential = self._credentials.find_credential(
            ctx.unit, signed.access_key_id, signed.session_token, ctx.now
        )
        sigv4.check_time(
            signed,
            self._clock.host(),
            service.clock_skew,
            honour_expires=service.honours_expires,
        )
        sigv4.check_signature(
            http,
            signed,
            self.signing_key(signed, ctx),
            s3=service.entry.s3_style,
            body_follows=http.stream is not None,
        )
        if credential.expires is not None and credential.expires <= ctx.now:
            raise ExpiredToken
        if credential.closed and service.entry.signing_name in credential.closed:
            raise InvalidClientToken
        return credential

    def signing_key(self, signed: SignedRequest, ctx: Context) -> bytes | sigv4a.PublicKey:
        """Return what verifies the signature, remembered until the credential changes."""
        key_id, date = signed.access_key_id, signed.date
        if signed.region_set is not None:
            return ctx.unit.derive(
                ("signing-key-v4a", key_id),
                lambda: sigv4a.public_key(key_id, self._secret(signed, ctx)),
            )
        return ctx.unit.derive(
            ("signing-key", key_id, date, signed.region, signed.service),
            lambda: sigv4.signing_key(
                self._secret(signed, ctx), date, signed.region, signed.service
            ),
        )

    def _secret(self, signed: SignedRequest, ctx: Context) -> str:
        # The credential is looked up again so that the key depends on what it is made of.
        return self._credentials.find_credential(
            ctx.unit, signed.access_key_id, signed.session_token, ctx.now
        ).secret


def leaves_body_out(http: HttpRequest) -> bool:
    """Tell whether S3's signature does not cover the body as a whole, as far as the head tells."""
    declared = http.header(b"x-amz-content-sha256")
    if declared is not None:
        return declared == UNSIGNED_PAYLOAD or declared.startswith(b"STREAMING-")
    return b"X-Amz-Signature=" in http.query and b"X-Amz-Content-Sha256=" not in http.query
