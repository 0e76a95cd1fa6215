# SPDX-License-Identifier: Apache-2.0
"""Signers of SigV4 and SigV4a for what botocore does not sign: other days, other algorithms.

Written from AWS's description, apart from the verifier. The path of a request and each
parameter of its query must be in canonical form already.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace

from stockade.protocol import sigv4a
from stockade.protocol.http import HttpRequest

SYMMETRIC = "AWS4-HMAC-SHA256"
ASYMMETRIC = "AWS4-ECDSA-P256-SHA256"


@dataclass(frozen=True)
class Signer:
    """One algorithm with one key, in one scope."""

    algorithm: str
    key_id: str
    amz_date: str
    scope: str
    sign: Callable[[str], str]

    def text(self, suffix: str, *lines: str) -> str:
        """Return a string to sign; chunks and trailers have a suffix to the algorithm."""
        return "\n".join([self.algorithm + suffix, self.amz_date, self.scope, *lines])


def v4(key_id: str, secret: str, amz_date: str, service: str, region: str = "us-east-1") -> Signer:
    scope = f"{amz_date[:8]}/{region}/{service}/aws4_request"
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return Signer(
        SYMMETRIC,
        key_id,
        amz_date,
        scope,
        lambda text: hmac.digest(key, text.encode(), "sha256").hex(),
    )


def v4a(key_id: str, secret: str, amz_date: str, service: str) -> Signer:
    key = ec.derive_private_key(sigv4a.private_value(key_id, secret), ec.SECP256R1())
    return Signer(
        ASYMMETRIC,
        key_id,
        amz_date,
        f"{amz_date[:8]}/{service}/aws4_request",
        lambda text: key.sign(text.encode(), ec.ECDSA(hashes.SHA256())).hex(),
    )


def signed(
    signer: Signer,
    http: HttpRequest,
    *,
    payload_hash: str | None = None,
    token: str | None = None,
    region_set: str | None = None,
) -> HttpRequest:
    """Return the request with an Authorization header that covers all of its headers."""
    added = {"X-Amz-Date": signer.amz_date}
    if region_set is not None:
        added["X-Amz-Region-Set"] = region_set
    if token is not None:
        added["X-Amz-Security-Token"] = token
    headers = dict(http.headers)
    headers |= {name.lower().encode(): value.encode() for name, value in added.items()}
    names = ";".join(sorted(name.decode() for name in headers))
    query = "&".join(sorted(http.query.decode().split("&")))
    signature = _signature(signer, http, headers, query, names, payload_hash)
    authorization = (
        f"{signer.algorithm} Credential={signer.key_id}/{signer.scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return replace(http, headers=[*headers.items(), (b"authorization", authorization.encode())])


def presigned(
    signer: Signer,
    http: HttpRequest,
    *,
    expires: int = 300,
    payload_hash: str | None = None,
    token: str | None = None,
    region_set: str | None = None,
) -> HttpRequest:
    """Return the request with its signature in the query."""
    added = {
        "X-Amz-Algorithm": signer.algorithm,
        "X-Amz-Credential": f"{signer.key_id}/{signer.scope}",
        "X-Amz-Date": signer.amz_date,
        "X-Amz-Expires": str(expires),
        "X-Amz-SignedHeaders": "host",
    }
    if region_set is not None:
        added["X-Amz-Region-Set"] = region_set
    if token is not None:
        added["X-Amz-Security-Token"] = token
    pairs = [piece for piece in http.query.decode().split("&") if piece]
    pairs += [f"{name}={quote(value, safe='~')}" for name, value in added.items()]
    query = "&".join(sorted(pairs))
    signature = _signature(signer, http, dict(http.headers), query, "host", payload_hash)
    return replace(http, query=f"{query}&X-Amz-Signature={signature}".encode())


def _signature(
    signer: Signer,
    http: HttpRequest,
    headers: dict[bytes, bytes],
    query: str,
    names: str,
    payload_hash: str | None,
) -> str:
    canonical = "\n".join(
        [
            http.method,
            http.raw_path.decode(),
            query,
            *(f"{name}:{headers[name.encode()].decode().strip()}" for name in names.split(";")),
            "",
            names,
            payload_hash or sha256(http.body).hexdigest(),
        ]
    )
    return signer.sign(signer.text("", sha256(canonical.encode()).hexdigest()))
