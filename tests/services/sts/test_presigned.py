# SPDX-License-Identifier: Apache-2.0
"""Presigned GetCallerIdentity: how EKS, Vault and others let a caller prove who it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from stockade.protocol.http import HttpRequest
from tests.protocol import signers

if TYPE_CHECKING:
    from stockade.app import Stockade


def proof(age: timedelta, *, expires: int = 60) -> HttpRequest:
    """Return a request that was presigned a while ago, with a header as EKS adds one."""
    http = HttpRequest(
        method="GET",
        raw_path=b"/",
        query=b"Action=GetCallerIdentity&Version=2011-06-15",
        headers=[(b"host", b"sts.us-east-1.amazonaws.com"), (b"x-k8s-aws-id", b"cluster")],
    )
    amz_date = (datetime.now(UTC) - age).strftime("%Y%m%dT%H%M%SZ")
    signer = signers.v4("test", "test", amz_date, "sts")
    return signers.presigned(signer, http, expires=expires)


@pytest.mark.parametrize("expires", [1, 60, 3600])
@pytest.mark.parametrize("minutes", [0, 2, 14])
def test_it_counts_for_fifteen_minutes_whatever_the_url_says(
    stockade: Stockade, minutes: int, expires: int
) -> None:
    answer = stockade.answer(proof(timedelta(minutes=minutes), expires=expires))
    assert answer.status == 200, answer.body


def test_then_it_is_refused(stockade: Stockade) -> None:
    answer = stockade.answer(proof(timedelta(minutes=16), expires=3600))
    assert answer.status == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in answer.body
    assert b"Signature expired" in answer.body
    assert b"15 min" in answer.body
