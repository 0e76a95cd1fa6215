# SPDX-License-Identifier: Apache-2.0
"""AWS owned keys: what services encrypt with where their customer chose no key (kms-17).

One for each service and Region, made on first use. They are in no account, so that no list and no
DescribeKey shows them, no policy is asked and no record is written: the service that uses one
answers for it. Their ciphertexts are blobs like those of KMS keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from stockade.core.context import Context
from stockade.core.ids import uuid_of
from stockade.core.ports import Transactions
from stockade.crypto.aead import Tampered
from stockade.services.kms import envelope
from stockade.store.resources import Collection, Scope
from stockade.store.vault import Sealed

_OWNER = "aws"
"""Where they are stored: no account has this number."""
_NO_ACCOUNT = "0" * 12
"""What their blobs say instead of one; the key id in them is in no account either."""


class OwnedKey(msgspec.Struct, frozen=True, kw_only=True):
    """The key of a service in a Region."""

    service: str
    key_id: str
    material_id: str
    created: datetime
    sealed: Sealed

    @property
    def place(self) -> str:
        return _place(self.service)


OWNED_KEYS: Collection[OwnedKey] = Collection(
    OwnedKey, service="kms", kind="owned-key", id=lambda key: key.service
)


class KmsOwnedKeys:
    """The AWS owned keys, for the services that use them (see the port `OwnedKeys`)."""

    def seal_owned(
        self, ctx: Context, service: str, plaintext: bytes, context: Mapping[str, str]
    ) -> bytes:
        """Encrypt under a service's key, made where it is not yet."""
        key = ctx.unit.get(OWNED_KEYS, _scope(ctx), service)
        if key is None:
            key = ctx.port(Transactions).change(ctx, lambda ctx: _make(ctx, service))
        header = envelope.Header(_NO_ACCOUNT, key.key_id, key.material_id)
        return envelope.seal(_material(ctx, key), header, plaintext, context, nonce=ctx.nonce())

    def open_owned(
        self, ctx: Context, service: str, sealed: bytes, context: Mapping[str, str]
    ) -> bytes:
        """Decrypt what a service's key encrypted, or raise `Tampered`."""
        key = ctx.unit.get(OWNED_KEYS, _scope(ctx), service)
        try:
            header = envelope.read_header(sealed)
            if key is not None and header == (_NO_ACCOUNT, key.key_id, key.material_id):
                return envelope.open_blob(_material(ctx, key), sealed, context)
        except envelope.NotABlob:
            pass
        raise Tampered(f"this was not sealed for {service}")


def _make(ctx: Context, service: str) -> OwnedKey:
    """Store a service's key, or return the one that is there if somebody was faster."""
    scope = _scope(ctx)
    there = ctx.unit.get(OWNED_KEYS, scope, service)
    if there is not None:
        return there
    key_id, secret = uuid_of(ctx.random(16)), ctx.random(envelope.SYMMETRIC_SIZE)
    key = OwnedKey(
        service=service,
        key_id=key_id,
        material_id=envelope.material_id(secret, key_id),
        created=ctx.now,
        sealed=ctx.seal(scope, _place(service), secret),
    )
    ctx.unit.put(OWNED_KEYS, scope, key)
    return key


def _material(ctx: Context, key: OwnedKey) -> bytes:
    scope = _scope(ctx)
    return ctx.unit.derive(
        ("kms-owned", scope, key.key_id), lambda: ctx.unseal(scope, key.place, key.sealed)
    )


def _scope(ctx: Context) -> Scope:
    return Scope(_OWNER, ctx.region)


def _place(service: str) -> str:
    return f"kms/owned-key/{service}/sealed"
