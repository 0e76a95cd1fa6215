# SPDX-License-Identifier: Apache-2.0
"""KMS's side of an external key store: what KMS asks a proxy, and what it makes of the answers.

The specification's promises: 250 ms for everything, requests signed for `kms-xks-proxy` with the
store's own credential, the ciphertext's integrity value compared, and every failure a named one
(xks_errors.py has the exceptions). Answers are read strictly; what does not fit is `Malformed`.

This module knows no keys, stores or contexts: `XksProxy` is the connection to one proxy, safe for
many threads, and lives as long as the store is connected. How a key uses it: xks_envelope.py.
"""

from __future__ import annotations

import hmac
import re
import ssl
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from stockade.protocol import xks as wire
from stockade.protocol.http import HttpRequest
from stockade.protocol.signing import signed_headers
from stockade.protocol.xks import Encrypted, Health, KeyMetadata, RequestMetadata
from stockade.services.kms.xks_connections import Address, Answer, Connections, Request
from stockade.services.kms.xks_errors import MALFORMED, UNHEALTHY, XksFailure

DEADLINE_SECONDS = 0.25
"""How long one request may take in all."""

_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_CUT = 200

T = TypeVar("T")


class ProxyCredential(msgspec.Struct, frozen=True):
    """What KMS signs with: XksProxyAuthenticationCredential."""

    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"ProxyCredential({self.access_key_id})"


class XksProxy:
    """One external key store proxy."""

    def __init__(
        self,
        endpoint: str,
        path: str,
        credential: ProxyCredential,
        *,
        region: str,
        now: Callable[[], datetime],
        tls: ssl.SSLContext | None = None,
        loopback: bool = False,
        seconds: float = DEADLINE_SECONDS,
    ) -> None:
        """Take XksProxyUriEndpoint and XksProxyUriPath; nothing is sent yet.

        `now` is the host's clock, since the proxy compares signatures with its own. `tls` trusts
        other authorities than the system does; `loopback` allows plain HTTP to this very host.
        """
        self._address, self._host = _address(endpoint, tls, loopback=loopback)
        self._path = path
        self._credential = credential
        self._region = region
        self._now = now
        self._seconds = seconds
        self._connections = Connections(self._address)

    def __repr__(self) -> str:
        return f"XksProxy({self._host}{self._path})"

    def health_status(self, asked: RequestMetadata) -> Health:
        """Return GetHealthStatus; a proxy none of whose managers serves is `Unhealthy`."""
        health = self._ask("health", wire.AskedHealth(request_metadata=asked), Health)
        if not health.available:
            raise XksFailure(UNHEALTHY, "all external key managers are UNAVAILABLE")
        return health

    def metadata(self, key_id: str, asked: RequestMetadata) -> KeyMetadata:
        """Return what the proxy says of an external key (`unusable_key` judges it)."""
        return self._ask_of(
            key_id, "metadata", wire.AskedMetadata(request_metadata=asked), KeyMetadata
        )

    def encrypt(
        self, key_id: str, plaintext: bytes, aad: bytes, asked: RequestMetadata
    ) -> Encrypted:
        """Encrypt under an external key; the answer's integrity value was compared."""
        encrypted = self._ask_of(
            key_id,
            "encrypt",
            wire.AskedEncrypt(
                request_metadata=asked,
                plaintext=plaintext,
                encryption_algorithm="AES_GCM",
                additional_authenticated_data=aad,
                ciphertext_data_integrity_value_algorithm="SHA_256",
            ),
            Encrypted,
        )
        _check_encrypted(encrypted, plaintext, aad)
        return replace(encrypted, ciphertext_data_integrity_value=None)

    def decrypt(
        self, key_id: str, encrypted: Encrypted, aad: bytes, asked: RequestMetadata
    ) -> bytes:
        """Decrypt what `encrypt` gave."""
        question = wire.AskedDecrypt(
            request_metadata=asked,
            ciphertext=encrypted.ciphertext,
            initialization_vector=encrypted.initialization_vector,
            authentication_tag=encrypted.authentication_tag,
            encryption_algorithm="AES_GCM",
            additional_authenticated_data=aad,
            ciphertext_metadata=encrypted.ciphertext_metadata,
        )
        plaintext = self._ask_of(key_id, "decrypt", question, wire.Decrypted).plaintext
        if len(plaintext) != len(encrypted.ciphertext):
            raise XksFailure(MALFORMED, "the plaintext has another length than the ciphertext")
        return plaintext

    def close(self) -> None:
        """Close the connections that are kept."""
        self._connections.close()

    def _ask_of(self, key_id: str, what: str, question: msgspec.Struct, kind: type[T]) -> T:
        # "." and ".." are what the specification allows and no URL can carry.
        if not _KEY_ID.fullmatch(key_id) or key_id in {".", ".."}:
            raise XksFailure("KeyNotFoundException", "no proxy can have an external key of this id")
        return self._ask(f"keys/{key_id}/{what}", question, kind)

    def _ask(self, what: str, question: msgspec.Struct, kind: type[T]) -> T:
        request = self._request(f"{self._path}/{what}", msgspec.json.encode(question))
        return read_answer(self._connections.ask(request, self._seconds), kind)

    def _request(self, path: str, body: bytes) -> Request:
        http = HttpRequest(
            method="POST",
            raw_path=path.encode(),
            headers=[(b"host", self._host.encode())],
            body=body,
        )
        signature = signed_headers(
            http,
            access_key_id=self._credential.access_key_id,
            secret=self._credential.secret_access_key,
            region=self._region,
            service=wire.SIGNING_NAME,
            now=self._now(),
        )
        headers = {"Host": self._host, "Content-Type": "application/json"}
        headers |= {name.decode(): value.decode() for name, value in signature}
        return Request(path, headers, body)


def read_answer(answer: Answer, kind: type[T]) -> T:
    """Return what a proxy answered, or raise what it refused with."""
    try:
        if answer.status == 200:
            return msgspec.json.decode(answer.body, type=kind)
        refused = msgspec.json.decode(answer.body, type=wire.Refused)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise XksFailure(MALFORMED, f"HTTP {answer.status}") from None
    said = _printable(refused.error_message or "")
    if refused.error_name not in wire.STATUSES:
        raise XksFailure(MALFORMED, f"HTTP {answer.status}, {refused.error_name}")
    raise XksFailure(refused.error_name, said)


def _check_encrypted(encrypted: Encrypted, plaintext: bytes, aad: bytes) -> None:
    if len(encrypted.ciphertext) != len(plaintext):
        raise XksFailure(MALFORMED, "the ciphertext has another length than the plaintext")
    if len(encrypted.initialization_vector) not in wire.IV_SIZES:
        raise XksFailure(MALFORMED, "the initialization vector has neither 12 nor 16 bytes")
    stated = encrypted.ciphertext_data_integrity_value or b""
    if not hmac.compare_digest(stated, wire.integrity_value(aad, encrypted)):
        raise XksFailure(MALFORMED, "the ciphertext's integrity value is not its own")


def _address(endpoint: str, tls: ssl.SSLContext | None, *, loopback: bool) -> tuple[Address, str]:
    """Return where an endpoint is, and its `Host` header."""
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    if parts.scheme == "https" and host:
        context = ssl.create_default_context() if tls is None else tls
        return Address(host, parts.port or 443, context), parts.netloc
    if parts.scheme == "http" and loopback and host in _LOOPBACK:
        return Address(host, parts.port or 80, None), parts.netloc
    raise ValueError("an external key store proxy is reached by https")


def _printable(text: str) -> str:
    """Return the words of a proxy as they may stand in a log."""
    return "".join(each if " " <= each <= "~" else "?" for each in text[:_CUT])
