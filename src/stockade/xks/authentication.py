# SPDX-License-Identifier: Apache-2.0
"""Which key store a request comes from: the one whose credential signed it.

Signature Version 4 in the Authorization header, for the service `kms-xks-proxy` and any Region, not
older or younger than five minutes by the host's clock. IAM's credentials are other ones.
"""

from __future__ import annotations

from datetime import timedelta

from stockade.core.clock import Clock
from stockade.core.context import Context
from stockade.protocol import sigv4
from stockade.protocol.errors import AwsError
from stockade.protocol.http import HttpRequest
from stockade.protocol.sigv4 import SignedRequest
from stockade.protocol.xks import SIGNING_NAME
from stockade.store.vault import Vault
from stockade.xks.refusals import Refusal
from stockade.xks.resources import CREDENTIALS, EVERYWHERE, KEY_STORES, KeyStore

WINDOW = timedelta(minutes=5)

_FAILED = "AuthenticationFailedException"


class Authentication:
    """Reads claims and proves them."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock

    def claim(self, http: HttpRequest) -> tuple[SignedRequest | None, AwsError | None]:
        """Return what a request says of its signature, or why it says nothing useful."""
        try:
            signed = sigv4.parse(http)
        except AwsError as refusal:
            return None, refusal
        if signed.presigned or signed.region_set is not None:
            return None, Refusal(_FAILED)
        return signed, None

    def store_of(self, http: HttpRequest, signed: SignedRequest, ctx: Context) -> KeyStore:
        """Return the store whose secret made the signature, or refuse the request."""
        store = self._stores(ctx).get(signed.access_key_id)
        try:
            sigv4.check_scope(signed, (SIGNING_NAME,))
            if store is None:
                raise Refusal(_FAILED)
            sigv4.check_time(signed, self._clock.host(), WINDOW)
            sigv4.check_signature(http, signed, self._signing_key(ctx, signed, store))
        except AwsError as refusal:
            raise Refusal(_FAILED, cause=refusal) from None
        return store

    def _stores(self, ctx: Context) -> dict[str, KeyStore]:
        """Return every store by its access key ids; so guessed ids need not be remembered."""

        def build() -> dict[str, KeyStore]:
            stores = {store.name: store for store in ctx.unit.list(KEY_STORES, EVERYWHERE)}
            return {
                credential.access_key_id: stores[credential.store]
                for credential in ctx.unit.list(CREDENTIALS, EVERYWHERE)
            }

        return ctx.unit.derive(("xks-stores",), build)

    def _signing_key(self, ctx: Context, signed: SignedRequest, store: KeyStore) -> bytes:
        """Return what verifies a signature, remembered until the credential changes."""
        key_id, date, region = signed.access_key_id, signed.date, signed.region

        def build() -> bytes:
            kept = ctx.unit.get(CREDENTIALS, EVERYWHERE, key_id)
            if kept is None:
                raise Refusal(_FAILED)
            secret = self._vault.open(ctx.unit, store.scope, kept.place, kept.secret).decode()
            return sigv4.signing_key(secret, date, region, SIGNING_NAME)

        return ctx.unit.derive(("xks-signing-key", key_id, date, region), build)
