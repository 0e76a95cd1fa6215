# SPDX-License-Identifier: Apache-2.0
"""Whether a custom key store's cluster or proxy is there, and connecting to it.

Everything is asked through `ctx.outside`, so that no transaction waits for a token or a proxy.
"""

from __future__ import annotations

import logging
from contextlib import closing

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.protocol.xks import RequestMetadata
from stockade.services.kms.key_store_errors import (
    CloudHsmClusterInvalidConfigurationException,
    CloudHsmClusterNotActiveException,
)
from stockade.services.kms.key_store_links import Cluster, KeyStoreLinks
from stockade.services.kms.key_store_resources import KEY_STORES, KeyStore, Proxy
from stockade.services.kms.service import kms
from stockade.services.kms.xks_errors import XksFailure, connection_error_code, kms_error
from stockade.services.kms.xks_metadata import health_metadata
from stockade.store.tokens import (
    PinLocked,
    PinRefused,
    TokenError,
    TokenMissing,
    UserMissing,
    must_be_there,
)

log = logging.getLogger("stockade.kms")


@kms.reconciles(KEY_STORES)
def keep(ctx: Context, store: KeyStore) -> KeyStore:
    """Return the store as it is once it is connected or disconnected."""
    if store.state == "CONNECTING":
        code = _connect(ctx, store)
        state = "FAILED" if code else "CONNECTED"
        return replace(store, state=state, error_code=code, due=None)
    _disconnect(ctx, store)
    return replace(store, state="DISCONNECTED", due=None)


def must_be_active(ctx: Context, cluster: Cluster) -> None:
    """Refuse a cluster whose token is not there."""

    def look() -> None:
        try:
            must_be_there(cluster.uri)
        except TokenMissing as missing:
            raise CloudHsmClusterNotActiveException(
                cluster=cluster.cluster_id, hint=missing.sentence
            ) from None
        except TokenError as fault:
            raise CloudHsmClusterInvalidConfigurationException(
                cluster=cluster.cluster_id, hint=fault.sentence
            ) from None

    ctx.outside(("cluster", cluster.cluster_id), look)


def must_answer(ctx: Context, proxy: Proxy, secret: str) -> None:
    """Refuse a proxy that does not answer GetHealthStatus as it should."""
    asked = health_metadata(ctx.request_id)

    def ask() -> None:
        failure = _health(ctx, proxy, secret, ctx.region, asked)
        if failure is not None:
            raise kms_error(failure, "store") from None

    ctx.outside(("proxy", proxy, secret), ask)


def _connect(ctx: Context, store: KeyStore) -> str:
    """Return the ConnectionErrorCode, or nothing where the store is connected."""
    secret = ctx.unseal(store.scope, store.secret_place, store.secret).decode()
    links = ctx.port(KeyStoreLinks)
    if store.proxy is not None:
        proxy, asked = store.proxy, health_metadata(ctx.request_id, "ConnectCustomKeyStore")
        failure = ctx.outside(
            ("proxy", proxy, secret), lambda: _health(ctx, proxy, secret, store.region, asked)
        )
        return "" if failure is None else connection_error_code(failure)
    cluster = links.cluster(store.cluster_id)
    if cluster is None:
        return "CLUSTER_NOT_FOUND"
    return ctx.outside((store.cluster_id, secret), lambda: _log_in(cluster, secret))


def _disconnect(ctx: Context, store: KeyStore) -> None:
    """Let go of what this process holds; others do when they next look at the store."""
    links = ctx.port(KeyStoreLinks)
    links.drop(store)
    cluster = links.cluster(store.cluster_id)
    if cluster is not None:
        ctx.outside(("logout", store.cluster_id), cluster.token("").close)


def _health(
    ctx: Context, proxy: Proxy, secret: str, region: str, asked: RequestMetadata
) -> XksFailure | None:
    with closing(ctx.port(KeyStoreLinks).connect(proxy, secret, region)) as connection:
        try:
            connection.health_status(asked)
        except XksFailure as failure:
            log.warning("the proxy %s: %s", proxy.endpoint, failure)
            return failure
    return None


def _log_in(cluster: Cluster, password: str) -> str:
    try:
        cluster.token(password).check()
    except PinRefused:
        return "INVALID_CREDENTIALS"
    except PinLocked:
        return "USER_LOCKED_OUT"
    except UserMissing:
        return "USER_NOT_FOUND"
    except TokenMissing as missing:
        log.warning("%s: %s", cluster.cluster_id, missing.sentence)
        return "INSUFFICIENT_CLOUDHSM_HSMS"
    except TokenError as fault:
        log.warning("%s: %s", cluster.cluster_id, fault.sentence)
        return "INTERNAL_ERROR"
    return ""
