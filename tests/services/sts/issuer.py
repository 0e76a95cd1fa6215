# SPDX-License-Identifier: Apache-2.0
"""An OpenID Connect issuer on this host: a real HTTP(S) server and real keys."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import ssl
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@cache
def rsa_key(whose: str) -> rsa.RSAPrivateKey:
    """Return somebody's RSA key: the same for all tests, because making one takes its time."""
    del whose
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Issuer:
    """Serves a discovery document and keys, and signs tokens."""

    def __init__(self, files: Path | None = None) -> None:
        self.rsa = rsa_key("issuer")
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.asked: list[str] = []
        self.said: dict[str, bytes] = {}
        self.certificate = b""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if files is not None:
            self._server.socket = self._secure(files)
        scheme = "http" if files is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self.publish()

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def name(self) -> str:
        """The issuer as condition keys and provider ARNs name it."""
        return self.url.partition("://")[2]

    def publish(self) -> None:
        """Put discovery document and keys where clients look for them."""
        keys = [
            self._jwk(jwt.algorithms.RSAAlgorithm.to_jwk(self.rsa.public_key()), "rsa"),
            self._jwk(jwt.algorithms.ECAlgorithm.to_jwk(self.ec.public_key()), "ec"),
        ]
        self.said["/.well-known/openid-configuration"] = json.dumps(
            {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        ).encode()
        self.said["/keys"] = json.dumps({"keys": keys}).encode()

    def token(
        self,
        claims: Mapping[str, Any] | None = None,
        *,
        kid: str = "rsa",
        algorithm: str = "RS256",
        **more: Any,
    ) -> str:
        """Return a token that is good for five minutes; a claim of None is left out."""
        now = int(dt.datetime.now(dt.UTC).timestamp())
        usual = {
            "iss": self.url,
            "sub": "repo:a/b",
            "aud": "sts.amazonaws.com",
            "iat": now,
            "exp": now + 300,
        }
        said = {
            name: value
            for name, value in (usual | dict(claims or {}) | more).items()
            if value is not None
        }
        key = self.ec if algorithm.startswith("ES") else self.rsa
        return jwt.encode(said, key, algorithm=algorithm, headers={"kid": kid})

    def _jwk(self, text: Any, kid: str) -> dict[str, Any]:
        key: dict[str, Any] = json.loads(text)
        return key | {"kid": kid, "use": "sig"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                body = issuer.said.get(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler

    def _secure(self, files: Path) -> ssl.SSLSocket:
        """Serve TLS with a certificate that an authority of our own signed."""
        authority, authority_key = _certificate("authority", None, None)
        mine, key = _certificate("127.0.0.1", authority, authority_key)
        chain = mine.public_bytes(serialization.Encoding.PEM)
        chain += authority.public_bytes(serialization.Encoding.PEM)
        (files / "chain.pem").write_bytes(chain)
        (files / "key.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        self.certificate = authority.public_bytes(serialization.Encoding.DER)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files / "chain.pem", files / "key.pem")
        return context.wrap_socket(self._server.socket, server_side=True)


def _certificate(
    name: str, authority: x509.Certificate | None, signer: ec.EllipticCurvePrivateKey | None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
    )
    if authority is not None:
        address = x509.IPAddress(ipaddress.ip_address(name))
        builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    return builder.sign(signer or key, hashes.SHA256()), key
