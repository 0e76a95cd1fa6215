# SPDX-License-Identifier: Apache-2.0
"""GetCallerIdentity and GetAccessKeyInfo."""

from __future__ import annotations

import base64
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from stockade.core.authorization import MESSAGE_PLACE
from stockade.core.ids import system_random, unique_id
from stockade.protocol.http import HttpRequest
from stockade.store.resources import Scope
from stockade.testing.transport import session
from tests.services.iam.helpers import ACCOUNT, OTHER, account, deny, refused, user

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade


def test_everybody_may_ask_who_they_are(stockade: Stockade, aws: boto3.Session) -> None:
    alice = user(stockade, aws, "alice", deny("*")).client("sts").get_caller_identity()
    assert alice["Account"] == ACCOUNT
    assert alice["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/alice"
    assert alice["UserId"].startswith("AIDA")


def test_sts_answers_in_every_region(stockade: Stockade) -> None:
    there = session(stockade, region="eu-central-1").client("sts")
    assert there.get_caller_identity()["Account"] == ACCOUNT


def test_a_key_id_tells_its_account(stockade: Stockade, aws: boto3.Session) -> None:
    sts = aws.client("sts")
    for prefix in ("AKIA", "ASIA"):
        key = unique_id(prefix, OTHER, system_random)
        assert sts.get_access_key_info(AccessKeyId=key)["Account"] == OTHER
    told = refused(sts.get_access_key_info, AccessKeyId="not_a_key_of_ours_")
    assert told[:2] == ("ValidationError", 400)


def test_whose_a_key_is_needs_the_permission(stockade: Stockade, aws: boto3.Session) -> None:
    alice = user(stockade, aws, "alice").client("sts")
    key = unique_id("AKIA", OTHER, system_random)
    assert refused(alice.get_access_key_info, AccessKeyId=key)[0] == "AccessDenied"


def test_an_encoded_message_is_read_with_permission(stockade: Stockade, aws: boto3.Session) -> None:
    told = b'{"allowed":false}'
    with stockade.store.write() as unit:
        sealed = stockade.vault.seal(unit, Scope(ACCOUNT, ""), MESSAGE_PLACE, zlib.compress(told))
    text = base64.urlsafe_b64encode(sealed.box).decode().rstrip("=")
    sts = aws.client("sts")
    assert sts.decode_authorization_message(EncodedMessage=text)["DecodedMessage"] == told.decode()
    changed = text[:30] + ("B" if text[30] == "A" else "A") + text[31:]
    for wrong in ("x", text[:-8], changed, "?"):
        assert refused(sts.decode_authorization_message, EncodedMessage=wrong)[:2] == (
            "InvalidAuthorizationMessageException",
            400,
        )
    other = account(stockade, OTHER).client("sts")
    told_others = refused(other.decode_authorization_message, EncodedMessage=text)
    assert told_others[0] == "InvalidAuthorizationMessageException"
    alice = user(stockade, aws, "alice").client("sts")
    assert refused(alice.decode_authorization_message, EncodedMessage=text)[0] == "AccessDenied"


def test_a_presigned_request_lives_a_quarter_of_an_hour_whatever_it_says(
    stockade: Stockade, aws: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(minutes: int) -> int:
        then = datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=minutes)
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: then)
        url = aws.client("sts").generate_presigned_url(
            "get_caller_identity", ExpiresIn=3600, HttpMethod="GET"
        )
        parts = urlsplit(url)
        http = HttpRequest(
            method="GET",
            raw_path=parts.path.encode(),
            query=parts.query.encode(),
            headers=[(b"host", parts.netloc.encode())],
        )
        return stockade.answer(http).status

    assert asked(14) == 200
    assert asked(16) == 403
