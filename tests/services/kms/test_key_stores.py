# SPDX-License-Identifier: Apache-2.0
"""The six operations on custom key stores: names, states, errors, quotas; on real tokens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stockade.services.kms.key_store_links import parse_cluster
from stockade.store.token_uri import BadUri
from tests.services.kms.stores import (
    CLUSTER,
    CREDENTIAL,
    ENDPOINT,
    OTHER_CLUSTER,
    PATH,
    ExternalKeys,
    Stores,
    certificate,
    deployment,
    hsm_store,
    refused,
    with_cluster,
    with_proxy,
    xks_store,
)
from tests.softhsm import SoftHsm

INVALID = "CustomKeyStoreInvalidStateException"


@pytest.fixture
def hsm(softhsm: SoftHsm) -> Iterator[Stores]:
    with with_cluster(softhsm) as app:
        yield Stores(app)


@pytest.fixture
def external() -> ExternalKeys:
    return ExternalKeys()


@pytest.fixture
def xks(external: ExternalKeys) -> Iterator[Stores]:
    with with_proxy(external) as app:
        yield Stores(app)


def test_a_cloudhsm_store_from_its_making_to_its_end(hsm: Stores) -> None:
    wanted = hsm_store()
    store_id = hsm.make(wanted)
    assert store_id.startswith("cks-")
    assert len(store_id) == 21
    entry = hsm.entry(store_id)
    entry.pop("CreationDate")
    assert entry == {
        "CustomKeyStoreId": store_id,
        "CustomKeyStoreName": "hsm",
        "CustomKeyStoreType": "AWS_CLOUDHSM",
        "CloudHsmClusterId": CLUSTER,
        "TrustAnchorCertificate": wanted["TrustAnchorCertificate"],
        "ConnectionState": "DISCONNECTED",
    }
    hsm.kms.connect_custom_key_store(CustomKeyStoreId=store_id)
    assert hsm.state(store_id) == "CONNECTING"
    hsm.settle()
    assert hsm.state(store_id) == "CONNECTED"
    hsm.kms.connect_custom_key_store(CustomKeyStoreId=store_id)
    assert hsm.state(store_id) == "CONNECTED"
    assert refused(hsm.kms.delete_custom_key_store, CustomKeyStoreId=store_id)[0] == INVALID
    hsm.kms.disconnect_custom_key_store(CustomKeyStoreId=store_id)
    assert hsm.state(store_id) == "DISCONNECTING"
    for call in (hsm.kms.connect_custom_key_store, hsm.kms.disconnect_custom_key_store):
        assert refused(call, CustomKeyStoreId=store_id)[0] == INVALID
    hsm.settle()
    assert hsm.state(store_id) == "DISCONNECTED"
    assert refused(hsm.kms.disconnect_custom_key_store, CustomKeyStoreId=store_id)[0] == INVALID
    hsm.kms.delete_custom_key_store(CustomKeyStoreId=store_id)
    assert hsm.kms.describe_custom_key_stores()["CustomKeyStores"] == []


def test_an_external_store_from_its_making_to_its_end(xks: Stores, external: ExternalKeys) -> None:
    store_id = xks.make(xks_store())
    assert [path for path, _ in external.asked] == ["/health"]
    entry = xks.entry(store_id)
    assert entry["CustomKeyStoreType"] == "EXTERNAL_KEY_STORE"
    assert entry["XksProxyConfiguration"] == {
        "Connectivity": "PUBLIC_ENDPOINT",
        "AccessKeyId": CREDENTIAL["AccessKeyId"],
        "UriEndpoint": ENDPOINT,
        "UriPath": PATH,
    }
    assert "CloudHsmClusterId" not in entry
    xks.kms.connect_custom_key_store(CustomKeyStoreId=store_id)
    xks.settle()
    assert xks.state(store_id) == "CONNECTED"
    asked = external.asked[-1][1]["requestMetadata"]
    assert asked["kmsOperation"] == "ConnectCustomKeyStore"
    xks.disconnect(store_id)
    xks.kms.delete_custom_key_store(CustomKeyStoreId=store_id)


def test_the_wrong_password_fails_and_can_be_put_right(hsm: Stores) -> None:
    store_id = hsm.make(hsm_store(KeyStorePassword="not-the-pin"))
    hsm.kms.connect_custom_key_store(CustomKeyStoreId=store_id)
    hsm.settle()
    entry = hsm.entry(store_id)
    assert (entry["ConnectionState"], entry["ConnectionErrorCode"]) == (
        "FAILED",
        "INVALID_CREDENTIALS",
    )
    assert refused(hsm.kms.connect_custom_key_store, CustomKeyStoreId=store_id)[0] == INVALID
    hsm.disconnect(store_id)
    assert "ConnectionErrorCode" not in hsm.entry(store_id)
    hsm.kms.update_custom_key_store(CustomKeyStoreId=store_id, KeyStorePassword="kmsuser-1234")
    hsm.kms.connect_custom_key_store(CustomKeyStoreId=store_id)
    hsm.settle()
    assert hsm.state(store_id) == "CONNECTED"


def test_a_cluster_that_is_gone(hsm: Stores, softhsm: SoftHsm) -> None:
    store_id = hsm.make(hsm_store())
    hsm.kms.connect_custom_key_store(CustomKeyStoreId=store_id)
    softhsm.delete_token("HSM")
    hsm.settle()
    assert hsm.entry(store_id)["ConnectionErrorCode"] == "INSUFFICIENT_CLOUDHSM_HSMS"
    hsm.disconnect(store_id)
    code, _ = refused(hsm.kms.connect_custom_key_store, CustomKeyStoreId=store_id)
    assert code == "CloudHsmClusterNotActiveException"


@pytest.mark.parametrize(
    ("failure", "created", "connected"),
    [
        (
            (401, "AuthenticationFailedException"),
            "XksProxyIncorrectAuthenticationCredentialException",
            "INVALID_CREDENTIALS",
        ),
        ((500, "InternalException"), "XksProxyInvalidResponseException", None),
        (
            (404, "InvalidUriPathException"),
            "XksProxyInvalidConfigurationException",
            "XKS_PROXY_INVALID_CONFIGURATION",
        ),
    ],
)
def test_a_proxy_that_fails(
    xks: Stores,
    external: ExternalKeys,
    failure: tuple[int, str],
    created: str,
    connected: str | None,
) -> None:
    external.failure = failure
    assert refused(xks.kms.create_custom_key_store, **xks_store())[0] == created
    assert xks.kms.describe_custom_key_stores()["CustomKeyStores"] == []
    external.failure = None
    store_id = xks.make(xks_store())
    external.failure = failure
    xks.kms.connect_custom_key_store(CustomKeyStoreId=store_id)
    xks.settle()
    assert xks.entry(store_id)["ConnectionErrorCode"] == connected or "XKS_PROXY_INVALID_RESPONSE"


def test_a_proxy_that_is_not_there() -> None:
    with deployment(xks_proxies=(f"{ENDPOINT}=http://127.0.0.1:9",)) as app:
        stores = Stores(app)
        code, _ = refused(stores.kms.create_custom_key_store, **xks_store())
        assert code == "XksProxyUriUnreachableException"
        through_vpc = xks_store(
            XksProxyConnectivity="VPC_ENDPOINT_SERVICE",
            XksProxyVpcEndpointServiceName="com.amazonaws.vpce.us-east-1.vpce-svc-0123456789",
        )
        store_id = stores.make(through_vpc)  # looked at only when it is connected
        stores.kms.connect_custom_key_store(CustomKeyStoreId=store_id)
        stores.settle()
        entry = stores.entry(store_id)
        assert entry["ConnectionErrorCode"] == "XKS_PROXY_NOT_REACHABLE"
        assert entry["XksProxyConfiguration"]["VpcEndpointServiceName"].endswith("0123456789")


def test_others_write_while_a_proxy_is_asked(xks: Stores, external: ExternalKeys) -> None:
    """The proxy answers only after another write has ended."""
    other = Stores(xks.app)
    external.before = other.kms.create_key
    store_id = xks.connected(xks_store())
    assert external.asked
    external.before = lambda: None
    assert len(xks.kms.list_keys()["Keys"]) == 2
    events = [event["EventName"] for event in xks.trail.lookup_events()["Events"]]
    assert events.count("CreateCustomKeyStore") == 1
    assert xks.state(store_id) == "CONNECTED"


def test_a_certificate_that_is_not_the_clusters(softhsm: SoftHsm, tmp_path: Path) -> None:
    anchor = tmp_path / "customerCA.crt"
    anchor.write_text(certificate())
    softhsm.make_token("HSM")
    with deployment(
        cloudhsm=(f"{CLUSTER}={softhsm.uri('HSM')}&trust-anchor=file:{anchor}",)
    ) as app:
        kms = Stores(app).kms
        for wrong in (certificate(), "none"):
            code, _ = refused(
                kms.create_custom_key_store, **hsm_store(TrustAnchorCertificate=wrong)
            )
            assert code == "IncorrectTrustAnchorException"
        kms.create_custom_key_store(**hsm_store(TrustAnchorCertificate=anchor.read_text()))


def test_clusters_are_found_and_used_once(softhsm: SoftHsm, tmp_path: Path) -> None:
    anchor = tmp_path / "customerCA.crt"
    anchor.write_text(certificate())
    softhsm.make_token("HSM")
    other = f"{OTHER_CLUSTER}={softhsm.uri('Absent')}&trust-anchor=file:{anchor}"
    with deployment(cloudhsm=(f"{CLUSTER}={softhsm.uri('HSM')}", other)) as app:
        stores = Stores(app)
        make = stores.kms.create_custom_key_store
        absent = hsm_store(CloudHsmClusterId="cluster-aaaaaaaaaaa")
        assert refused(make, **absent)[0] == "CloudHsmClusterNotFoundException"
        inactive = hsm_store(
            CloudHsmClusterId=OTHER_CLUSTER, TrustAnchorCertificate=anchor.read_text()
        )
        assert refused(make, **inactive)[0] == "CloudHsmClusterNotActiveException"
        store_id = stores.make(hsm_store())
        assert refused(make, **hsm_store("again"))[0] == "CloudHsmClusterInUseException"
        assert refused(make, **hsm_store())[0] == "CustomKeyStoreNameInUseException"
        code, _ = refused(
            stores.kms.update_custom_key_store,
            CustomKeyStoreId=store_id,
            CloudHsmClusterId=OTHER_CLUSTER,
        )
        assert code == "CloudHsmClusterNotRelatedException"


def test_a_proxy_is_used_by_one_store(xks: Stores) -> None:
    xks.make(xks_store())
    make = xks.kms.create_custom_key_store
    assert refused(make, **xks_store("again"))[0] == "XksProxyUriInUseException"
    through_vpc = {
        "XksProxyConnectivity": "VPC_ENDPOINT_SERVICE",
        "XksProxyVpcEndpointServiceName": "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789",
        "XksProxyUriPath": "/other/kms/xks/v1",
    }
    code, _ = refused(make, **xks_store("vpc", **through_vpc))
    assert code == "XksProxyUriEndpointInUseException"
    elsewhere = {**through_vpc, "XksProxyUriEndpoint": "https://one.example.com"}
    xks.make(xks_store("vpc", **elsewhere))
    elsewhere["XksProxyUriEndpoint"] = "https://two.example.com"
    code, _ = refused(make, **xks_store("vpc2", **elsewhere))
    assert code == "XksProxyVpcEndpointServiceInUseException"
    xks.make(xks_store("path", XksProxyUriPath="/other/kms/xks/v1"))


def test_what_can_be_changed_while_a_store_is_connected(
    xks: Stores, external: ExternalKeys
) -> None:
    store_id = xks.connected(xks_store())
    update = xks.kms.update_custom_key_store
    code, _ = refused(update, CustomKeyStoreId=store_id, XksProxyUriEndpoint="https://b.example")
    assert code == INVALID
    other = {"AccessKeyId": "BBBBBBBBBBBBBBBBBBBB", "RawSecretAccessKey": "b3RoZXI" * 7}
    update(
        CustomKeyStoreId=store_id,
        NewCustomKeyStoreName="renamed",
        XksProxyAuthenticationCredential=other,
    )
    entry = xks.entry(store_id)
    assert entry["CustomKeyStoreName"] == "renamed"
    assert entry["XksProxyConfiguration"]["AccessKeyId"] == other["AccessKeyId"]
    assert entry["ConnectionState"] == "CONNECTED"
    external.failure = (401, "AuthenticationFailedException")
    code, _ = refused(
        update, CustomKeyStoreId=store_id, XksProxyAuthenticationCredential=CREDENTIAL
    )
    assert code == "XksProxyIncorrectAuthenticationCredentialException"


def test_each_kind_takes_its_own_properties(hsm: Stores) -> None:
    make, update = hsm.kms.create_custom_key_store, hsm.kms.update_custom_key_store
    without = hsm_store()
    del without["KeyStorePassword"]
    mixed = hsm_store(XksProxyUriPath=PATH)
    for wanted in (without, mixed, xks_store(KeyStorePassword="kmsuser-1234")):
        assert refused(make, **wanted)[0] == "ValidationException"
    store_id = hsm.make(hsm_store())
    assert refused(update, CustomKeyStoreId=store_id, XksProxyUriPath=PATH)[0] == (
        "ValidationException"
    )
    connected = hsm.kms.connect_custom_key_store
    connected(CustomKeyStoreId=store_id)
    hsm.settle()
    code, _ = refused(update, CustomKeyStoreId=store_id, KeyStorePassword="kmsuser-1234")
    assert code == INVALID
    update(CustomKeyStoreId=store_id, NewCustomKeyStoreName="other")


def test_ten_stores_a_region_and_pages_of_them(xks: Stores) -> None:
    made = [
        xks.make(xks_store(f"store {number}", XksProxyUriPath=f"/{number}/kms/xks/v1"))
        for number in range(10)
    ]
    code, _ = refused(
        xks.kms.create_custom_key_store, **xks_store("more", XksProxyUriPath="/more/kms/xks/v1")
    )
    assert code == "LimitExceededException"
    first = xks.kms.describe_custom_key_stores(Limit=7)
    second = xks.kms.describe_custom_key_stores(Limit=7, Marker=first["NextMarker"])
    seen = first["CustomKeyStores"] + second["CustomKeyStores"]
    assert sorted(entry["CustomKeyStoreId"] for entry in seen) == sorted(made)
    assert second["Truncated"] is False


def test_stores_are_found_by_id_or_name(xks: Stores) -> None:
    store_id = xks.make(xks_store())
    describe = xks.kms.describe_custom_key_stores
    assert describe(CustomKeyStoreName="xks")["CustomKeyStores"][0]["CustomKeyStoreId"] == store_id
    for wanted in ({"CustomKeyStoreName": "none"}, {"CustomKeyStoreId": "cks-none"}):
        assert refused(describe, **wanted)[0] == "CustomKeyStoreNotFoundException"
    both = {"CustomKeyStoreName": "xks", "CustomKeyStoreId": store_id}
    assert refused(describe, **both)[0] == "ValidationException"
    for call in (
        xks.kms.connect_custom_key_store,
        xks.kms.disconnect_custom_key_store,
        xks.kms.delete_custom_key_store,
        xks.kms.update_custom_key_store,
    ):
        assert refused(call, CustomKeyStoreId="cks-none")[0] == "CustomKeyStoreNotFoundException"


def test_no_secret_is_shown_or_recorded(xks: Stores, hsm: Stores) -> None:
    xks.make(xks_store())
    hsm.make(hsm_store())
    for stores, secret in ((xks, CREDENTIAL["RawSecretAccessKey"]), (hsm, "kmsuser-1234")):
        shown: list[Any] = [stores.kms.describe_custom_key_stores()]
        events = stores.trail.lookup_events()["Events"]
        shown += [event["CloudTrailEvent"] for event in events]
        assert any(event["EventName"] == "CreateCustomKeyStore" for event in events)
        assert secret not in repr(shown)


@pytest.mark.parametrize(
    "text", ["", "cluster-2a23b4cdefg", "hsm=pkcs11:token=a?module-path=/m", f"{CLUSTER}=file:/x"]
)
def test_clusters_that_name_no_token_are_refused(text: str) -> None:
    with pytest.raises(BadUri):
        parse_cluster(text)
