# SPDX-License-Identifier: Apache-2.0
"""Keys in custom key stores: what they do is done in a token, or by a proxy.

A CloudHSM store's key is an AES-256 key that is made in the token and never leaves it, with the
key's id as its label. A key in an external key store is KMS's own material and an external key, one
after the other (xks_envelope.py). Tokens and proxies are asked through `ctx.outside`, so neither
the event loop nor a writer ever waits for them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.services.kms import envelope, hsm_envelope, materials, specs, xks_envelope
from stockade.services.kms.errors import (
    InvalidCiphertextException,
    KMSInvalidStateException,
    UnsupportedOperationException,
    ValidationException,
)
from stockade.services.kms.key_store_errors import (
    CustomKeyStoreNotFoundException,
    XksKeyAlreadyInUseException,
)
from stockade.services.kms.key_store_links import KeyStoreLinks
from stockade.services.kms.key_store_resources import KEY_STORES, KeyStore
from stockade.services.kms.resources import KEYS, Key
from stockade.services.kms.xks import XksProxy
from stockade.services.kms.xks_errors import (
    CustomKeyStoreInvalidStateException,
    Situation,
    XksFailure,
    kms_error,
    unusable_key,
)
from stockade.services.kms.xks_metadata import request_metadata
from stockade.store.tokens import Token, TokenError, TokenKey

log = logging.getLogger("stockade.kms")

V = TypeVar("V")


def with_material(ctx: Context, key: Key) -> Key:
    """Return a new key with its key in the token, or with its external key looked at."""
    if key.key_spec != specs.SYMMETRIC or key.multi_region is not None:
        raise UnsupportedOperationException(
            "Custom key stores have symmetric encryption keys of a single Region only."
        )
    if not key.custom_key_store_id:
        raise ValidationException(f"CustomKeyStoreId is required with Origin {key.origin}.")
    store = connected(ctx, key.custom_key_store_id)
    if store.kind != key.origin:
        raise ValidationException(f"Origin {key.origin} is not valid for a store of {store.kind}.")
    if store.kind == "AWS_CLOUDHSM":
        if key.xks_key_id:
            raise ValidationException("XksKeyId is valid with Origin EXTERNAL_KEY_STORE only.")
        return _with_token_key(ctx, store, key)
    return _with_external_key(ctx, store, key)


def connected(ctx: Context, store_id: str) -> KeyStore:
    """Return a store of the caller's account and Region, which has to be connected."""
    store = ctx.unit.get(KEY_STORES, ctx.scope, store_id)
    if store is None:
        raise CustomKeyStoreNotFoundException(name=store_id)
    if store.state != "CONNECTED":
        raise CustomKeyStoreInvalidStateException(
            f"The custom key store {store_id} is {store.state}, which is not valid for this "
            "request."
        )
    return store


def seal(ctx: Context, key: Key, plaintext: bytes, context: Mapping[str, str]) -> bytes:
    """Return the blob of a plaintext."""
    asked = ("encrypt", key.arn, plaintext, envelope.canonical(context))
    nonce = ctx.nonce()
    if key.origin == "AWS_CLOUDHSM":
        token_key = _token_key(ctx, key)

        def in_token() -> bytes:
            return hsm_envelope.seal(
                key.account,
                key.key_id,
                plaintext,
                context,
                nonce=nonce[16:],
                encrypt=token_key.encrypt,
            )

        return ctx.outside(asked, lambda: _with_token(key, in_token))
    material = materials.current(ctx, key)
    header = envelope.Header(key.account, key.key_id, key.material_id)
    proxy, told = _proxy(ctx, key), request_metadata(ctx, "Encrypt", key.arn)

    def at_proxy() -> bytes:
        return xks_envelope.seal(
            material,
            header,
            plaintext,
            context,
            nonce=nonce,
            encrypt=lambda inner, aad: proxy.encrypt(key.xks_key_id, inner, aad, told),
        )

    return ctx.outside(asked, lambda: _with_proxy("use", at_proxy))


def open_blob(ctx: Context, key: Key, blob: bytes, context: Mapping[str, str]) -> bytes:
    """Return the plaintext of a blob that names this key."""
    asked = ("decrypt", key.arn, blob, envelope.canonical(context))
    if key.origin == "AWS_CLOUDHSM":
        token_key = _token_key(ctx, key)

        def in_token() -> bytes:
            return hsm_envelope.open_blob(blob, context, token_key.decrypt)

        return ctx.outside(asked, lambda: _with_token(key, in_token))
    material = materials.opened(ctx, key, xks_envelope.read_header(blob).material_id)
    if material is None:
        raise InvalidCiphertextException
    proxy, told = _proxy(ctx, key), request_metadata(ctx, "Decrypt", key.arn)

    def at_proxy() -> bytes:
        return xks_envelope.open_blob(
            material,
            blob,
            context,
            lambda encrypted, aad: proxy.decrypt(key.xks_key_id, encrypted, aad, told),
        )

    return ctx.outside(asked, lambda: _with_proxy("use", at_proxy))


def random(ctx: Context, store_id: str, size: int) -> bytes:
    """Return random bytes of a CloudHSM store's cluster."""
    store = connected(ctx, store_id)
    if store.kind != "AWS_CLOUDHSM":
        raise UnsupportedOperationException(
            "GenerateRandom is not supported in external key stores."
        )
    token = _token(ctx, store)

    def draw() -> bytes:
        try:
            return token.random(size)
        except TokenError as fault:
            raise CustomKeyStoreInvalidStateException(
                f"The cluster of the custom key store {store_id} does not answer.",
                hint=fault.sentence,
            ) from None

    return ctx.outside(("random", store_id, size), draw)


def wipe(ctx: Context, key: Key) -> None:
    """Delete the token's key as well as it can be: what is not there then, AWS leaves too."""
    store = ctx.unit.get(KEY_STORES, key.scope, key.custom_key_store_id)
    if key.origin != "AWS_CLOUDHSM" or store is None or store.state != "CONNECTED":
        return
    token_key = _token_key(ctx, key)

    def destroy() -> None:
        try:
            token_key.destroy()
        except TokenError as fault:
            log.warning("the key of %s stays in its token: %s", key.arn, fault.sentence)

    ctx.outside(("destroy", key.arn), destroy)


def _with_token_key(ctx: Context, store: KeyStore, key: Key) -> Key:
    made = replace(key, cloud_hsm_cluster_id=store.cluster_id)
    token_key = _token(ctx, store).key(key.key_id, _cka_id(key.key_id))
    ctx.outside(("generate", key.arn), lambda: _with_token(key, token_key.generate))
    return made


def _with_external_key(ctx: Context, store: KeyStore, key: Key) -> Key:
    if not key.xks_key_id:
        raise ValidationException("XksKeyId is required with Origin EXTERNAL_KEY_STORE.")
    name = f"{store.store_id}/{key.xks_key_id}"
    if ctx.unit.find(KEYS, key.scope, "xks", name, limit=1):
        raise XksKeyAlreadyInUseException(key=key.xks_key_id)
    proxy = ctx.port(KeyStoreLinks).proxy(store, _secret(ctx, store))
    told = request_metadata(ctx, "CreateKey")

    def look() -> None:
        found = _with_proxy("key", lambda: proxy.metadata(key.xks_key_id, told))
        refusal = unusable_key(found.key_spec, found.key_usage, found.key_status)
        if refusal is not None:
            raise refusal

    ctx.outside(("external key", store, key.xks_key_id), look)
    return replace(key, material_id=materials.generate(ctx, key.scope, key.key_id).material_id)


def _proxy(ctx: Context, key: Key) -> XksProxy:
    store = _store(ctx, key)
    return ctx.port(KeyStoreLinks).proxy(store, _secret(ctx, store))


def _token_key(ctx: Context, key: Key) -> TokenKey:
    return _token(ctx, _store(ctx, key)).key(key.key_id, _cka_id(key.key_id))


def _token(ctx: Context, store: KeyStore) -> Token:
    cluster = ctx.port(KeyStoreLinks).cluster(store.cluster_id)
    if cluster is None:
        raise KMSInvalidStateException(
            f"The CloudHSM cluster {store.cluster_id} was not found.",
            hint="the server was started without its --cloudhsm",
        )
    return cluster.token(_secret(ctx, store))


def _store(ctx: Context, key: Key) -> KeyStore:
    store = ctx.unit.get(KEY_STORES, key.scope, key.custom_key_store_id)
    assert store is not None, "a store is deleted only once it has no keys"
    return store


def _secret(ctx: Context, store: KeyStore) -> str:
    """Return the password or the secret key of a store, from memory once it is known."""

    def build() -> str:
        kept = ctx.unit.get(KEY_STORES, store.scope, store.store_id) or store
        return ctx.unseal(kept.scope, kept.secret_place, kept.secret).decode()

    return ctx.unit.derive(("kms-key-store", store.scope, store.store_id), build)


def _with_token(key: Key, action: Callable[[], V]) -> V:
    try:
        return action()
    except TokenError as fault:
        raise KMSInvalidStateException(
            f"The CloudHSM cluster of {key.arn} does not perform the operation.",
            hint=fault.sentence,
        ) from None


def _with_proxy(situation: Situation, action: Callable[[], V]) -> V:
    try:
        return action()
    except XksFailure as failure:
        log.warning("an external key store proxy: %s", failure)
        raise kms_error(failure, situation) from None


def _cka_id(key_id: str) -> bytes:
    return bytes.fromhex(key_id.replace("-", ""))
