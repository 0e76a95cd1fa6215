# SPDX-License-Identifier: Apache-2.0
"""What a custom key store is asked to be, and how it is shown: from members and back to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stockade.core.context import Context
from stockade.services.kms.errors import ValidationException
from stockade.services.kms.key_store_errors import (
    XksProxyUriEndpointInUseException,
    XksProxyUriInUseException,
    XksProxyVpcEndpointServiceInUseException,
)
from stockade.services.kms.key_store_resources import KEY_STORES, KeyStore, Proxy


def proxy_of(old: Proxy | None, members: Mapping[str, Any]) -> Proxy:
    """Return the proxy that a request describes, what it leaves out taken from the old one."""
    base = old or Proxy(connectivity="PUBLIC_ENDPOINT", endpoint="", path="", access_key_id="")
    credential = members.get("XksProxyAuthenticationCredential")
    connectivity = members.get("XksProxyConnectivity") or base.connectivity
    through_vpc = connectivity == "VPC_ENDPOINT_SERVICE"
    service = members.get("XksProxyVpcEndpointServiceName") or ""
    if service and not through_vpc:
        raise ValidationException(
            "XksProxyVpcEndpointServiceName is valid with VPC_ENDPOINT_SERVICE connectivity only."
        )
    proxy = Proxy(
        connectivity=connectivity,
        endpoint=members.get("XksProxyUriEndpoint") or base.endpoint,
        path=members.get("XksProxyUriPath") or base.path,
        access_key_id=credential["AccessKeyId"] if credential else base.access_key_id,
        vpc_service=(service or base.vpc_service) if through_vpc else "",
        vpc_service_owner=members.get("XksProxyVpcEndpointServiceOwner") or base.vpc_service_owner,
    )
    if through_vpc and not proxy.vpc_service:
        raise ValidationException(
            "XksProxyVpcEndpointServiceName is required with VPC_ENDPOINT_SERVICE connectivity."
        )
    return proxy


def must_be_unused(ctx: Context, proxy: Proxy, store_id: str) -> None:
    """Refuse a proxy that another store of the account and Region has."""
    for other in ctx.unit.list(KEY_STORES, ctx.scope):
        theirs = other.proxy
        if theirs is None or other.store_id == store_id:
            continue
        if (theirs.endpoint, theirs.path) == (proxy.endpoint, proxy.path):
            raise XksProxyUriInUseException
        through_vpc = "VPC_ENDPOINT_SERVICE" in (theirs.connectivity, proxy.connectivity)
        if theirs.endpoint == proxy.endpoint and through_vpc:
            raise XksProxyUriEndpointInUseException(endpoint=proxy.endpoint)
        if proxy.vpc_service and theirs.vpc_service == proxy.vpc_service:
            raise XksProxyVpcEndpointServiceInUseException(service=proxy.vpc_service)


def entry(store: KeyStore) -> dict[str, Any]:
    """Return a store as `CustomKeyStoresListEntry`; no secret is in it."""
    shown: dict[str, Any] = {
        "CustomKeyStoreId": store.store_id,
        "CustomKeyStoreName": store.name,
        "ConnectionState": store.state,
        "CreationDate": store.created,
        "CustomKeyStoreType": store.kind,
    }
    if store.error_code:
        shown["ConnectionErrorCode"] = store.error_code
    if store.proxy is None:
        shown["CloudHsmClusterId"] = store.cluster_id
        shown["TrustAnchorCertificate"] = store.trust_anchor
        return shown
    shown["XksProxyConfiguration"] = given(
        Connectivity=store.proxy.connectivity,
        AccessKeyId=store.proxy.access_key_id,
        UriEndpoint=store.proxy.endpoint,
        UriPath=store.proxy.path,
        VpcEndpointServiceName=store.proxy.vpc_service or None,
        VpcEndpointServiceOwner=store.proxy.vpc_service_owner or None,
    )
    return shown


def given(**members: Any) -> dict[str, Any]:
    """Return the members that are there."""
    return {name: value for name, value in members.items() if value is not None}
