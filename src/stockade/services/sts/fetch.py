# SPDX-License-Identifier: Apache-2.0
"""A GET over HTTPS with bounded time and size, for what identity providers publish.

The certificate has to be good for the host. Who signs it may be an authority that this system
trusts, or one whose SHA-1 thumbprint the provider was registered with: then that certificate, taken
from the chain that the server shows, is the anchor of a second, fully verified connection. Nothing
is ever read over a connection that was not verified. Redirects are not followed.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import socket
import ssl
import threading
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

SECONDS = 5.0
"""How long one answer may take in all."""
LIMIT = 256 * 1024
"""Bytes of an answer that are read."""


class Unreachable(Exception):
    """The address did not answer as it should, or in time."""


class UnknownAuthority(Exception):
    """The server's certificate is signed by nobody who is trusted."""


def get(url: str, *, thumbprints: Collection[str] = (), loopback: bool = False) -> bytes:
    """Return the body at an address; `loopback` allows plain HTTP to this host itself."""
    parts = urlsplit(url)
    if parts.scheme == "http" and loopback and is_loopback(parts.hostname or ""):
        return _read(http.client.HTTPConnection(*_address(parts), timeout=SECONDS), parts)
    if parts.scheme != "https" or not parts.hostname:
        raise Unreachable("not an https address")
    try:
        return _read(_connection(parts, ssl.create_default_context()), parts)
    except ssl.SSLCertVerificationError as unverified:
        anchor = _anchor(parts, thumbprints)
        if anchor is None:
            raise UnknownAuthority(str(unverified)) from None
    try:
        return _read(_connection(parts, _trusting(anchor)), parts)
    except ssl.SSLCertVerificationError as unverified:
        raise UnknownAuthority(str(unverified)) from None


def is_loopback(host: str) -> bool:
    """Return whether a host name is this host by definition."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _address(parts: SplitResult) -> tuple[str, int | None]:
    try:
        return parts.hostname or "", parts.port
    except ValueError:
        raise Unreachable("not a port") from None


def _connection(parts: SplitResult, context: ssl.SSLContext) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection(*_address(parts), timeout=SECONDS, context=context)


def _read(connection: http.client.HTTPConnection, parts: SplitResult) -> bytes:
    watchdog = threading.Timer(SECONDS, _hang_up, [connection])
    watchdog.daemon = True
    watchdog.start()
    try:
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection.request("GET", target, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise Unreachable(f"answered {answer.status}")
        return _body(answer)
    except ssl.SSLCertVerificationError:
        raise
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise Unreachable(str(problem)) from None
    finally:
        watchdog.cancel()
        connection.close()


def _hang_up(connection: http.client.HTTPConnection) -> None:
    """End what takes too long, however slowly and steadily it comes."""
    with contextlib.suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _body(answer: http.client.HTTPResponse) -> bytes:
    body = answer.read(LIMIT + 1)
    if len(body) > LIMIT:
        raise Unreachable("more than anybody needs")
    if answer.length:
        raise Unreachable("cut short")
    return body


def _anchor(parts: SplitResult, thumbprints: Collection[str]) -> bytes | None:
    """Return the certificate of the server's chain that a thumbprint names, as DER."""
    if not thumbprints:
        return None
    wanted = {thumbprint.lower() for thumbprint in thumbprints}
    for certificate in _shown_chain(parts):
        if hashlib.sha1(certificate, usedforsecurity=False).hexdigest() in wanted:
            return certificate
    return None


def _shown_chain(parts: SplitResult) -> list[bytes]:
    """Return the certificates that a server shows, as DER; they prove nothing yet."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only to learn what it shows: `get` verifies it after
    connection = _connection(parts, context)
    try:
        connection.connect()
        return _chain_of(connection.sock)
    except OSError as problem:
        raise Unreachable(str(problem)) from None
    finally:
        connection.close()


def _chain_of(sock: ssl.SSLSocket) -> list[bytes]:
    """Return the chain; Python below 3.13 has it in the object that its socket wraps."""
    if hasattr(sock, "get_unverified_chain"):
        return list(sock.get_unverified_chain())
    inner = sock._sslobj  # type: ignore[attr-defined]  # noqa: SLF001
    return [
        ssl.PEM_cert_to_DER_cert(certificate.public_bytes())
        for certificate in inner.get_unverified_chain()
    ]


def _trusting(anchor: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=anchor)
    return context
