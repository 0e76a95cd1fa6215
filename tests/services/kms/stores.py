# SPDX-License-Identifier: Apache-2.0
"""What is behind custom key stores in tests: tokens of SoftHSM, and a proxy that encrypts."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import msgspec
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from stockade.app import Stockade
from stockade.config import Settings
from stockade.core.clock import ManualClock
from stockade.protocol import xks as wire
from stockade.store.seal import RootKey
from stockade.store.store import Store
from stockade.testing.transport import session
from tests.services.kms.proxies import listening, read_request, response
from tests.softhsm import SoftHsm

CLUSTER, OTHER_CLUSTER = "cluster-2a23b4cdefg", "cluster-7w65v4utsrq"
ENDPOINT = "https://xks.example.com"
PATH = "/example/kms/xks/v1"
CREDENTIAL = {"AccessKeyId": "AAAABBBBCCCCDDDDEEEE", "RawSecretAccessKey": "c2VjcmV0" * 6}


def certificate() -> str:
    """Return a new certificate, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "customerCA")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@contextmanager
def deployment(**settings: Any) -> Iterator[Stockade]:
    """Yield a deployment in memory with these settings."""
    seal = RootKey("memory", bytes(range(32)))
    store = Store.open("sqlite://")
    app = Stockade(Settings(mode="dev", **settings), store, seal, clock=ManualClock.today())
    yield app
    app.close()


@contextmanager
def with_cluster(hsm: SoftHsm, label: str = "HSM", more: str = "") -> Iterator[Stockade]:
    """Yield a deployment that knows a token as CLUSTER."""
    hsm.make_token(label)
    with deployment(cloudhsm=(f"{CLUSTER}={hsm.uri(label)}{more}",)) as app:
        yield app


class ExternalKeys:
    """An external key manager behind its proxy: AES-256-GCM, and what it was asked."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {"one": os.urandom(32), "two": os.urandom(32)}
        self.status = "ENABLED"
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.failure: tuple[int, str] | None = None
        self.before: Callable[[], object] = lambda: None
        """What is done before an answer is given."""

    def serve(self, connection: socket.socket) -> None:
        """Answer every request of a connection, beside those of others."""
        threading.Thread(target=self._serve, args=(connection.dup(),), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while True:
                head, body = read_request(connection)
                if not head:
                    return
                path = "/" + head.split(b" ")[1].decode().partition("/kms/xks/v1/")[2]
                connection.sendall(self._answer(path, msgspec.json.decode(body)))

    def _answer(self, path: str, body: dict[str, Any]) -> bytes:
        self.asked.append((path, body))
        self.before()
        if self.failure is not None:
            status, name = self.failure
            return response(status, msgspec.json.encode({"errorName": name}))
        if path == "/health":
            return self._told(
                {
                    "xksProxyFleetSize": 1,
                    "xksProxyVendor": "Test",
                    "xksProxyModel": "Test",
                    "ekmVendor": "Test",
                    "ekmFleetDetails": [{"id": "1", "model": "T", "healthStatus": "ACTIVE"}],
                }
            )
        _, _, key_id, what = path.split("/")
        if key_id not in self.keys:
            return response(404, msgspec.json.encode({"errorName": "KeyNotFoundException"}))
        if what == "metadata":
            usage = ["ENCRYPT", "DECRYPT"]
            return self._told({"keySpec": "AES_256", "keyUsage": usage, "keyStatus": self.status})
        gcm = AESGCM(self.keys[key_id])
        return self._encrypt(gcm, body) if what == "encrypt" else self._decrypt(gcm, body)

    def _encrypt(self, gcm: AESGCM, body: dict[str, Any]) -> bytes:
        asked = msgspec.convert(body, wire.AskedEncrypt)
        aad = asked.additional_authenticated_data or b""
        iv = os.urandom(12)
        box = gcm.encrypt(iv, asked.plaintext, aad)
        made = wire.Encrypted(
            ciphertext=box[:-16], initialization_vector=iv, authentication_tag=box[-16:]
        )
        value = wire.integrity_value(aad, made)
        made = msgspec.structs.replace(made, ciphertext_data_integrity_value=value)
        return response(200, msgspec.json.encode(made))

    def _decrypt(self, gcm: AESGCM, body: dict[str, Any]) -> bytes:
        asked = msgspec.convert(body, wire.AskedDecrypt)
        try:
            plaintext = gcm.decrypt(
                asked.initialization_vector,
                asked.ciphertext + asked.authentication_tag,
                asked.additional_authenticated_data or b"",
            )
        except InvalidTag:
            refusal = {"errorName": "InvalidCiphertextException"}
            return response(400, msgspec.json.encode(refusal))
        return response(200, msgspec.json.encode(wire.Decrypted(plaintext=plaintext)))

    def _told(self, body: dict[str, Any]) -> bytes:
        return response(200, msgspec.json.encode(body))


@contextmanager
def with_proxy(keys: ExternalKeys) -> Iterator[Stockade]:
    """Yield a deployment that reaches ENDPOINT at a proxy of this process."""
    with (
        listening(keys.serve) as address,
        deployment(xks_proxies=(f"{ENDPOINT}={address}",)) as app,
    ):
        yield app


def hsm_store(name: str = "hsm", **changed: Any) -> dict[str, Any]:
    """Return what CreateCustomKeyStore takes for a CloudHSM key store."""
    return {
        "CustomKeyStoreName": name,
        "CloudHsmClusterId": CLUSTER,
        "KeyStorePassword": "kmsuser-1234",
        "TrustAnchorCertificate": certificate(),
        **changed,
    }


def xks_store(name: str = "xks", **changed: Any) -> dict[str, Any]:
    """Return what CreateCustomKeyStore takes for an external key store."""
    return {
        "CustomKeyStoreName": name,
        "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
        "XksProxyConnectivity": "PUBLIC_ENDPOINT",
        "XksProxyUriEndpoint": ENDPOINT,
        "XksProxyUriPath": PATH,
        "XksProxyAuthenticationCredential": CREDENTIAL,
        **changed,
    }


class Stores:
    """The custom key stores of a deployment, as its root sees them."""

    def __init__(self, app: Stockade, aws: boto3.Session | None = None) -> None:
        self.app = app
        aws = aws or session(app)
        self.kms: Any = aws.client("kms")
        self.trail: Any = aws.client("cloudtrail")

    def make(self, wanted: dict[str, Any]) -> str:
        return str(self.kms.create_custom_key_store(**wanted)["CustomKeyStoreId"])

    def settle(self) -> None:
        """Have what was begun be done."""
        self.app.reconciler.run_due(self.app.clock.now())

    def connected(self, wanted: dict[str, Any]) -> str:
        """Make a store and connect it."""
        store_id = self.make(wanted)
        self.kms.connect_custom_key_store(CustomKeyStoreId=store_id)
        self.settle()
        assert self.state(store_id) == "CONNECTED"
        return store_id

    def disconnect(self, store_id: str) -> None:
        self.kms.disconnect_custom_key_store(CustomKeyStoreId=store_id)
        self.settle()

    def entry(self, store_id: str) -> dict[str, Any]:
        found = self.kms.describe_custom_key_stores(CustomKeyStoreId=store_id)
        entry: dict[str, Any] = found["CustomKeyStores"][0]
        return entry

    def state(self, store_id: str) -> str:
        return str(self.entry(store_id)["ConnectionState"])


def refused(call: Any, **arguments: Any) -> tuple[str, str]:
    """Return code and message of a refusal."""
    try:
        call(**arguments)
    except ClientError as error:
        said: Any = error.response["Error"]
        return said["Code"], said["Message"]
    raise AssertionError("it was not refused")
