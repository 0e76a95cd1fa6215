# SPDX-License-Identifier: Apache-2.0
"""Custom key stores: made, described, changed, connected, disconnected, deleted.

A store's name is taken at once; connecting is done by the reconciler right away (connecting.py), so
that ConnectCustomKeyStore answers at once as AWS's does. Proxies and tokens are asked while no
transaction is open (`ctx.outside`). Making a store looks at its cluster or, with public
connectivity, at its proxy; its password is only tried when it is connected.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from stockade.core.access import Demand, Resolver, Touched
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.kms import condition_keys, connecting
from stockade.services.kms.errors import LimitExceededException, ValidationException
from stockade.services.kms.key_store_errors import (
    CloudHsmClusterInUseException,
    CloudHsmClusterNotFoundException,
    CloudHsmClusterNotRelatedException,
    CustomKeyStoreHasCMKsException,
    CustomKeyStoreNameInUseException,
    CustomKeyStoreNotFoundException,
    IncorrectTrustAnchorException,
)
from stockade.services.kms.key_store_links import Cluster, KeyStoreLinks
from stockade.services.kms.key_store_properties import entry, given, must_be_unused, proxy_of
from stockade.services.kms.key_store_resources import (
    KEY_STORES,
    ConnectionState,
    Connectivity,
    KeyStore,
    Kind,
    secret_place,
)
from stockade.services.kms.paging import listed
from stockade.services.kms.resources import KEYS
from stockade.services.kms.service import kms
from stockade.services.kms.xks_errors import CustomKeyStoreInvalidStateException

QUOTA = 10
"""Custom key stores of an account in a Region, of both kinds together."""


def _demand(action: str) -> Resolver:
    """Return the resolver of an operation on key stores: IAM's alone, the ARN is `*`."""

    def resolve(ctx: Context, _params: Mapping[str, Any]) -> Touched:
        demand = Demand(action=action, account=ctx.account, keys=condition_keys.of_call(ctx))
        return Touched(demands=(demand,))

    return resolve


def _named(action: str) -> Resolver:
    """Return the resolver of an operation on the store that CustomKeyStoreId names."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        store_id = params["CustomKeyStoreId"]
        store = ctx.unit.get(KEY_STORES, ctx.scope, store_id)
        demand = Demand(action=action, account=ctx.account, keys=condition_keys.of_call(ctx))
        return Touched(
            demands=(demand,),
            resources=(store,),
            absent=None if store else CustomKeyStoreNotFoundException(name=store_id),
        )

    return resolve


@kms.operation(access=_demand("kms:CreateCustomKeyStore"), writes=True)
def create_custom_key_store(
    ctx: Context,
    *,
    custom_key_store_name: str,
    cloud_hsm_cluster_id: str | None = None,
    trust_anchor_certificate: str | None = None,
    key_store_password: str | None = None,
    custom_key_store_type: Kind = "AWS_CLOUDHSM",
    xks_proxy_uri_endpoint: str | None = None,
    xks_proxy_uri_path: str | None = None,
    xks_proxy_vpc_endpoint_service_name: str | None = None,
    xks_proxy_vpc_endpoint_service_owner: str | None = None,
    xks_proxy_authentication_credential: Mapping[str, str] | None = None,
    xks_proxy_connectivity: Connectivity | None = None,
) -> Output:
    """Make a custom key store, which is not connected yet."""
    _name_must_be_free(ctx, custom_key_store_name)
    if ctx.unit.count(KEY_STORES, ctx.scope) >= QUOTA:
        raise LimitExceededException(f"There are {QUOTA} custom key stores in this Region already.")
    hsm = {
        "CloudHsmClusterId": cloud_hsm_cluster_id,
        "TrustAnchorCertificate": trust_anchor_certificate,
        "KeyStorePassword": key_store_password,
    }
    xks = {
        "XksProxyConnectivity": xks_proxy_connectivity,
        "XksProxyUriEndpoint": xks_proxy_uri_endpoint,
        "XksProxyUriPath": xks_proxy_uri_path,
        "XksProxyAuthenticationCredential": xks_proxy_authentication_credential,
    }
    vpc = {
        "XksProxyVpcEndpointServiceName": xks_proxy_vpc_endpoint_service_name,
        "XksProxyVpcEndpointServiceOwner": xks_proxy_vpc_endpoint_service_owner,
    }
    if custom_key_store_type == "AWS_CLOUDHSM":
        _must_be_complete(custom_key_store_type, hsm, {**xks, **vpc})
        store = _cloud_hsm(ctx, custom_key_store_name, hsm)
    else:
        _must_be_complete(custom_key_store_type, xks, hsm)
        store = _external(ctx, custom_key_store_name, {**xks, **vpc})
    ctx.unit.put(KEY_STORES, ctx.scope, store)
    return {"CustomKeyStoreId": store.store_id}


@kms.operation(access=_demand("kms:DescribeCustomKeyStores"))
def describe_custom_key_stores(
    ctx: Context,
    *,
    custom_key_store_id: str | None = None,
    custom_key_store_name: str | None = None,
    limit: int = 100,
    marker: str | None = None,
) -> Output:
    """Return the stores of the account and Region, or the one that is asked for."""
    if custom_key_store_id is not None and custom_key_store_name is not None:
        raise ValidationException(
            "You cannot specify CustomKeyStoreId and CustomKeyStoreName in the same request."
        )
    if custom_key_store_id is not None or custom_key_store_name is not None:
        store = _find(ctx, custom_key_store_id, custom_key_store_name)
        return {"CustomKeyStores": [entry(store)], "Truncated": False}

    def stores(after: str, count: int) -> list[KeyStore]:
        return ctx.unit.list(KEY_STORES, ctx.scope, after=after, limit=count)

    return listed("CustomKeyStores", stores, lambda each: each.store_id, entry, limit, marker)


@kms.operation(access=_named("kms:UpdateCustomKeyStore"), writes=True)
def update_custom_key_store(
    ctx: Context,
    store: KeyStore,
    *,
    custom_key_store_id: str,
    new_custom_key_store_name: str | None = None,
    key_store_password: str | None = None,
    cloud_hsm_cluster_id: str | None = None,
    xks_proxy_uri_endpoint: str | None = None,
    xks_proxy_uri_path: str | None = None,
    xks_proxy_vpc_endpoint_service_name: str | None = None,
    xks_proxy_vpc_endpoint_service_owner: str | None = None,
    xks_proxy_authentication_credential: Mapping[str, str] | None = None,
    xks_proxy_connectivity: Connectivity | None = None,
) -> Output:
    """Change a store: only some properties while it is connected."""
    del custom_key_store_id
    hsm = given(CloudHsmClusterId=cloud_hsm_cluster_id, KeyStorePassword=key_store_password)
    live = given(
        XksProxyUriPath=xks_proxy_uri_path,
        XksProxyAuthenticationCredential=xks_proxy_authentication_credential,
    )
    at_rest = given(
        XksProxyUriEndpoint=xks_proxy_uri_endpoint,
        XksProxyVpcEndpointServiceName=xks_proxy_vpc_endpoint_service_name,
        XksProxyVpcEndpointServiceOwner=xks_proxy_vpc_endpoint_service_owner,
        XksProxyConnectivity=xks_proxy_connectivity,
    )
    _must_be_of(store, "EXTERNAL_KEY_STORE", hsm)
    _must_be_of(store, "AWS_CLOUDHSM", {**live, **at_rest})
    allowed: tuple[ConnectionState, ...] = ("DISCONNECTED",)
    if not (hsm or at_rest):
        allowed += ("CONNECTED",)
    _must_be(store, *allowed)
    if new_custom_key_store_name not in (None, store.name):
        _name_must_be_free(ctx, new_custom_key_store_name or "")
        store = replace(store, name=new_custom_key_store_name or "")
    if hsm:
        store = _with_cluster(ctx, store, hsm)
    if live or at_rest:
        store = _withproxy_of(ctx, store, {**live, **at_rest})
    ctx.unit.put(KEY_STORES, ctx.scope, store)
    return {}


@kms.operation(access=_named("kms:ConnectCustomKeyStore"), writes=True)
def connect_custom_key_store(ctx: Context, store: KeyStore, *, custom_key_store_id: str) -> Output:
    """Begin to connect a store to its cluster or its proxy."""
    del custom_key_store_id
    _must_be(store, "DISCONNECTED", "CONNECTING", "CONNECTED")
    if store.kind == "AWS_CLOUDHSM":
        connecting.must_be_active(ctx, _cluster(ctx, store.cluster_id))
    if store.state == "DISCONNECTED":
        ctx.unit.put(KEY_STORES, ctx.scope, replace(store, state="CONNECTING", due=ctx.now))
    return {}


@kms.operation(access=_named("kms:DisconnectCustomKeyStore"), writes=True)
def disconnect_custom_key_store(
    ctx: Context, store: KeyStore, *, custom_key_store_id: str
) -> Output:
    """Begin to disconnect a store: its keys are Unavailable from now on."""
    del custom_key_store_id
    _must_be(store, "CONNECTED", "CONNECTING", "FAILED")
    changed = replace(store, state="DISCONNECTING", error_code="", due=ctx.now)
    ctx.unit.put(KEY_STORES, ctx.scope, changed)
    return {}


@kms.operation(access=_named("kms:DeleteCustomKeyStore"), writes=True)
def delete_custom_key_store(ctx: Context, store: KeyStore, *, custom_key_store_id: str) -> Output:
    """Delete a store without keys; what is behind it stays as it is."""
    del custom_key_store_id
    if ctx.unit.find(KEYS, ctx.scope, "store", store.store_id, limit=1):
        raise CustomKeyStoreHasCMKsException(name=store.store_id)
    _must_be(store, "DISCONNECTED")
    ctx.unit.delete(KEY_STORES, ctx.scope, store.store_id)
    return {}


def _cloud_hsm(ctx: Context, name: str, members: Mapping[str, Any]) -> KeyStore:
    cluster = _cluster(ctx, members["CloudHsmClusterId"])
    if any(
        scope.account == ctx.account
        for scope, _ in ctx.unit.find_anywhere(KEY_STORES, "cluster", cluster.cluster_id)
    ):
        raise CloudHsmClusterInUseException(cluster=cluster.cluster_id)
    if not cluster.trusts(members["TrustAnchorCertificate"]):
        raise IncorrectTrustAnchorException(cluster=cluster.cluster_id)
    connecting.must_be_active(ctx, cluster)
    store_id = _new_id(ctx)
    return KeyStore(
        store_id=store_id,
        account=ctx.account,
        region=ctx.region,
        name=name,
        kind="AWS_CLOUDHSM",
        created=ctx.now,
        cluster_id=cluster.cluster_id,
        trust_anchor=members["TrustAnchorCertificate"],
        secret=ctx.seal(ctx.scope, secret_place(store_id), members["KeyStorePassword"].encode()),
    )


def _external(ctx: Context, name: str, members: Mapping[str, Any]) -> KeyStore:
    proxy = proxy_of(None, members)
    must_be_unused(ctx, proxy, "")
    secret = members["XksProxyAuthenticationCredential"]["RawSecretAccessKey"]
    if proxy.connectivity == "PUBLIC_ENDPOINT":
        connecting.must_answer(ctx, proxy, secret)
    store_id = _new_id(ctx)
    return KeyStore(
        store_id=store_id,
        account=ctx.account,
        region=ctx.region,
        name=name,
        kind="EXTERNAL_KEY_STORE",
        created=ctx.now,
        proxy=proxy,
        secret=ctx.seal(ctx.scope, secret_place(store_id), secret.encode()),
    )


def _with_cluster(ctx: Context, store: KeyStore, members: Mapping[str, Any]) -> KeyStore:
    if "CloudHsmClusterId" in members:
        cluster = _cluster(ctx, members["CloudHsmClusterId"])
        if not cluster.trusts(store.trust_anchor):
            raise CloudHsmClusterNotRelatedException(cluster=cluster.cluster_id)
        connecting.must_be_active(ctx, cluster)
        store = replace(store, cluster_id=cluster.cluster_id)
    if "KeyStorePassword" in members:
        secret = members["KeyStorePassword"].encode()
        store = replace(store, secret=ctx.seal(store.scope, store.secret_place, secret))
    return store


def _withproxy_of(ctx: Context, store: KeyStore, members: Mapping[str, Any]) -> KeyStore:
    proxy = proxy_of(store.proxy, members)
    must_be_unused(ctx, proxy, store.store_id)
    credential = members.get("XksProxyAuthenticationCredential")
    if credential is None:
        secret = ctx.unseal(store.scope, store.secret_place, store.secret).decode()
    else:
        secret = credential["RawSecretAccessKey"]
    if proxy.connectivity == "PUBLIC_ENDPOINT":
        connecting.must_answer(ctx, proxy, secret)
    sealed = ctx.seal(store.scope, store.secret_place, secret.encode())
    return replace(store, proxy=proxy, secret=sealed)


def _cluster(ctx: Context, cluster_id: str) -> Cluster:
    cluster = ctx.port(KeyStoreLinks).cluster(cluster_id)
    if cluster is None:
        hint = "a cluster is a PKCS#11 token that the server was started with: --cloudhsm"
        raise CloudHsmClusterNotFoundException(cluster=cluster_id, hint=hint)
    return cluster


def _must_be(store: KeyStore, *states: ConnectionState) -> None:
    if store.state not in states:
        raise CustomKeyStoreInvalidStateException(
            f"The custom key store {store.store_id} is {store.state}, which is not valid for this "
            "request."
        )


def _must_be_of(store: KeyStore, other: Kind, members: Mapping[str, Any]) -> None:
    """Refuse members that belong to the other kind of store."""
    if members and store.kind == other:
        raise ValidationException(f"{next(iter(members))} is not valid for {store.kind} stores.")


def _must_be_complete(kind: Kind, wanted: Mapping[str, Any], foreign: Mapping[str, Any]) -> None:
    for name, value in wanted.items():
        if value is None:
            raise ValidationException(f"{name} is required for a store of type {kind}.")
    for name, value in foreign.items():
        if value is not None:
            raise ValidationException(f"{name} is not valid for a store of type {kind}.")


def _name_must_be_free(ctx: Context, name: str) -> None:
    if ctx.unit.find(KEY_STORES, ctx.scope, "name", name, limit=1):
        raise CustomKeyStoreNameInUseException(name=name)


def _new_id(ctx: Context) -> str:
    return "cks-" + ctx.random(9).hex()[:17]


def _find(ctx: Context, store_id: str | None, name: str | None) -> KeyStore:
    if store_id is not None:
        store = ctx.unit.get(KEY_STORES, ctx.scope, store_id)
    else:
        found = ctx.unit.find(KEY_STORES, ctx.scope, "name", name or "", limit=1)
        store = found[0] if found else None
    if store is None:
        raise CustomKeyStoreNotFoundException(name=store_id or name)
    return store
