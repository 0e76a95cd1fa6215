# SPDX-License-Identifier: Apache-2.0
"""Signature Version 4, made: for the requests that Stockade itself sends.

It uses the same canonical forms that `sigv4.py` verifies with.
"""

from __future__ import annotations

import hmac
from datetime import datetime

from stockade.protocol import sigv4
from stockade.protocol.canonical import canonical_request
from stockade.protocol.http import Headers, HttpRequest
from stockade.protocol.sigv4 import SignedRequest


def signed_headers(
    http: HttpRequest, *, access_key_id: str, secret: str, region: str, service: str, now: datetime
) -> Headers:
    """Return X-Amz-Date and Authorization for a request that has its `host` header already."""
    amz_date = now.strftime("%Y%m%dT%H%M%SZ")
    signed = SignedRequest(
        access_key_id=access_key_id,
        date=amz_date[:8],
        region=region,
        service=service,
        signed_headers=(b"host", b"x-amz-date"),
        signature="",
        timestamp=now,
        amz_date=amz_date,
        session_token=None,
        presigned=False,
        expires=None,
    )
    dated = (b"x-amz-date", amz_date.encode())
    whole = HttpRequest(
        method=http.method,
        raw_path=http.raw_path,
        query=http.query,
        headers=[*http.headers, dated],
        body=http.body,
    )
    text = sigv4.string_to_sign(signed, canonical_request(whole, signed))
    key = sigv4.signing_key(secret, signed.date, region, service)
    authorization = (
        f"{sigv4.ALGORITHM} Credential={access_key_id}/{signed.scope}, "
        f"SignedHeaders=host;x-amz-date, Signature={hmac.digest(key, text, 'sha256').hex()}"
    )
    return [dated, (b"authorization", authorization.encode())]
