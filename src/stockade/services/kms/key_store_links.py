# SPDX-License-Identifier: Apache-2.0
"""What the deployment knows of custom key stores: which token plays which CloudHSM cluster.

A CloudHsmClusterId stands for a PKCS#11 token by configuration (`stockade serve --cloudhsm
cluster-1234567abcd=pkcs11:...`); the password of `kmsuser` is the PIN of the token's user. Proxies
of external key stores are kept connected, one object a store and process; where a proxy's name is
reached elsewhere than at its port 443, configuration says so too (`--xks-proxy`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

import msgspec
from cryptography import x509

from stockade.services.kms.key_store_resources import KeyStore, Proxy
from stockade.services.kms.xks import ProxyCredential, XksProxy
from stockade.store.token_uri import BadUri, TokenUri, parse_uri
from stockade.store.tokens import Token

_ANCHOR = "trust-anchor="


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """A CloudHSM cluster, played by a PKCS#11 token."""

    cluster_id: str
    uri: TokenUri
    trust_anchor: Path | None = None
    """The certificate that CreateCustomKeyStore has to be told; None takes any certificate."""

    def token(self, password: str) -> Token:
        """Return the token as `kmsuser` sees it."""
        return Token(self.uri, password)

    def trusts(self, certificate: str) -> bool:
        """Say whether a PEM certificate is the cluster's trust anchor."""
        told = _certificate(certificate.encode())
        if told is None or self.trust_anchor is None:
            return told is not None
        return told == _certificate(self.trust_anchor.read_bytes())


def parse_cluster(text: str) -> Cluster:
    """Read `cluster-ID=pkcs11:...`, with `trust-anchor=file:/...` among the URI's settings."""
    cluster_id, equals, uri = text.partition("=")
    if not equals or not cluster_id.startswith("cluster-"):
        raise BadUri("it begins with cluster-...=")
    path, mark, query = uri.partition("?")
    settings = query.split("&")
    anchors = [part.removeprefix(_ANCHOR) for part in settings if part.startswith(_ANCHOR)]
    left = "&".join(part for part in settings if not part.startswith(_ANCHOR))
    return Cluster(
        cluster_id=cluster_id,
        uri=parse_uri(path + mark + left),
        trust_anchor=Path(unquote(anchors[0]).removeprefix("file:")) if anchors else None,
    )


class KeyStoreLinks:
    """The ways from this process to the keys in custom key stores: a port that app.py fills."""

    def __init__(
        self,
        clusters: Sequence[str],
        proxies: Sequence[str],
        *,
        now: Callable[[], datetime],
        loopback: bool,
    ) -> None:
        """Take the settings: `cluster-...=pkcs11:...` and `https://NAME=https://HOST:PORT`."""
        self._now = now
        known = [parse_cluster(text) for text in clusters]
        self._clusters = {cluster.cluster_id: cluster for cluster in known}
        self._addresses = dict(text.split("=", 1) for text in proxies)
        self._loopback = loopback
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[Proxy, str, XksProxy]] = {}

    def cluster(self, cluster_id: str) -> Cluster | None:
        """Return a cluster, or None where the deployment knows none of this id."""
        return self._clusters.get(cluster_id)

    def connect(self, proxy: Proxy, secret: str, region: str) -> XksProxy:
        """Return a new connection to a proxy, which its receiver closes."""
        return XksProxy(
            self._addresses.get(proxy.endpoint, proxy.endpoint),
            proxy.path,
            ProxyCredential(proxy.access_key_id, secret),
            region=region,
            now=self._now,
            loopback=self._loopback,
        )

    def proxy(self, store: KeyStore, secret: str) -> XksProxy:
        """Return the connection to a store's proxy that this process keeps."""
        assert store.proxy is not None, "an external key store has a proxy"
        with self._lock:
            proxy, known, connection = self._kept.get(store.store_id, (None, "", None))
            if connection is None or (proxy, known) != (store.proxy, secret):
                if connection is not None:
                    connection.close()
                connection = self.connect(store.proxy, secret, store.region)
                self._kept[store.store_id] = (store.proxy, secret, connection)
            return connection

    def drop(self, store: KeyStore) -> None:
        """Close what is kept of a store that is disconnected."""
        with self._lock:
            kept = self._kept.pop(store.store_id, None)
        if kept is not None:
            kept[2].close()

    def close(self) -> None:
        """Close everything."""
        with self._lock:
            for _, _, connection in self._kept.values():
                connection.close()
            self._kept.clear()


def _certificate(pem: bytes) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        return None
