# SPDX-License-Identifier: Apache-2.0
"""How far the clock of a client may be off: each service has a window of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from stockade.protocol.http import HttpRequest, HttpResponse
from tests.protocol import signers

if TYPE_CHECKING:
    from stockade.app import Stockade

FORM = "application/x-www-form-urlencoded"
JSON = "application/x-amz-json-1.1"


def call(stockade: Stockade, service: str, off: timedelta) -> HttpResponse:
    """Send a small request of a service from a client whose clock is off."""
    headers = [(b"host", b"localhost:4566")]
    if service == "kms":
        headers += [
            (b"content-type", JSON.encode()),
            (b"x-amz-target", b"TrentService.ListKeys"),
        ]
        body = b"{}"
    else:
        headers.append((b"content-type", FORM.encode()))
        body = {
            "iam": b"Action=ListUsers&Version=2010-05-08",
            "sts": b"Action=GetCallerIdentity&Version=2011-06-15",
        }[service]
    http = HttpRequest(method="POST", raw_path=b"/", headers=headers, body=body)
    amz_date = (datetime.now(UTC) + off).strftime("%Y%m%dT%H%M%SZ")
    return stockade.answer(signers.signed(signers.v4("test", "test", amz_date, service), http))


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("service", "minutes"), [("kms", 5), ("iam", 15), ("sts", 15)])
def test_the_window_of_a_service(stockade: Stockade, service: str, minutes: int, sign: int) -> None:
    inside = timedelta(minutes=minutes, seconds=-20) * sign
    assert call(stockade, service, inside).status == 200
    refused = call(stockade, service, timedelta(minutes=minutes, seconds=20) * sign)
    code = b"InvalidSignatureException" if service == "kms" else b"SignatureDoesNotMatch"
    text = b"Signature not yet current: " if sign > 0 else b"Signature expired: "
    assert refused.status == (400 if service == "kms" else 403)
    assert code in refused.body
    assert text in refused.body
    assert b"%d min" % minutes in refused.body
