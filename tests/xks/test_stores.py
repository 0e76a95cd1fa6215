# SPDX-License-Identifier: Apache-2.0
"""Key stores and their credentials: made, rotated, revoked, never shown again."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from stockade.app import Stockade
from stockade.xks import stores as key_stores
from stockade.xks.stores import StoreProblem
from tests.xks.conftest import ACCOUNT
from tests.xks.kms import Kms

HEALTH = {"requestMetadata": {"kmsOperation": "KmsHealthCheck", "kmsRequestId": "1124f4d6"}}


def test_a_credential_is_what_kms_takes(stockade: Stockade) -> None:
    with stockade.changing_key_stores() as stores:
        made = stores.create("nile", ACCOUNT, "us-east-1")
    assert re.fullmatch(r"[A-Z2-7]{20,30}", made.access_key_id)
    assert re.fullmatch(r"[a-zA-Z0-9/+=]{43,64}", made.secret_access_key)
    assert re.fullmatch(r"/[a-zA-Z0-9/_-]+/kms/xks/v\d{1,2}", made.store.path)
    assert made.secret_access_key not in repr(made)


def test_two_credentials_while_one_is_rotated(stockade: Stockade, other: Kms) -> None:
    with stockade.changing_key_stores() as stores:
        new = Kms(stockade, stores.rotate("nile"))
    for each in (other, new):
        assert each.ask("health", HEALTH).status == 200
    with stockade.changing_key_stores() as stores:
        stores.revoke("nile", other.access_key_id)
    assert other.ask("health", HEALTH).error == "AuthenticationFailedException"
    assert new.ask("health", HEALTH).status == 200


def test_a_third_credential_is_refused(stockade: Stockade, other: Kms) -> None:
    with stockade.changing_key_stores() as stores:
        stores.rotate("nile")
    with stockade.changing_key_stores() as stores, pytest.raises(StoreProblem, match="two"):
        stores.rotate("nile")


def test_deleting_a_store_shuts_it(stockade: Stockade, other: Kms) -> None:
    assert other.ask("health", HEALTH).status == 200
    with stockade.changing_key_stores() as stores:
        stores.delete("nile")
    assert other.ask("health", HEALTH).error == "AuthenticationFailedException"
    with stockade.store.read() as unit:
        assert key_stores.every(unit) == []


def test_a_credential_of_one_store_does_not_open_another(stockade: Stockade, other: Kms) -> None:
    with stockade.changing_key_stores() as stores:
        stores.create("blue", ACCOUNT, "us-east-1")
    answer = other.ask("health", HEALTH, path="/blue/kms/xks/v1")
    assert answer.error == "InvalidUriPathException"


@pytest.mark.parametrize("name", ["", "a/b", "a.b", "a b", "x" * 65, "\u00e9"])
def test_names_that_no_path_can_have(stockade: Stockade, name: str) -> None:
    with stockade.changing_key_stores() as stores, pytest.raises(StoreProblem, match="URI path"):
        stores.create(name, ACCOUNT, "us-east-1")


def test_what_is_not_there(stockade: Stockade, other: Kms) -> None:
    with stockade.changing_key_stores() as stores:
        with pytest.raises(StoreProblem, match="already"):
            stores.create("nile", ACCOUNT, "us-east-1")
        for action in (stores.rotate, stores.delete, lambda name: stores.revoke(name, "A")):
            with pytest.raises(StoreProblem, match="there is no key store blue"):
                action("blue")
        with pytest.raises(StoreProblem, match="no credential"):
            stores.revoke("nile", "A" * 26)


def test_changes_are_in_the_trail_and_secrets_nowhere(stockade: Stockade, aws: Any) -> None:
    with stockade.changing_key_stores() as stores:
        made = stores.create("nile", ACCOUNT, "us-east-1")
        stores.revoke("nile", made.access_key_id)
    found = aws.client("cloudtrail").lookup_events(
        LookupAttributes=[
            {"AttributeKey": "EventSource", "AttributeValue": "kms-xks-proxy.amazonaws.com"}
        ]
    )
    names = {event["EventName"] for event in found["Events"]}
    assert names == {"CreateKeyStore", "CreateCredential", "RevokeCredential"}
    assert made.access_key_id in json.dumps(found, default=str)
    assert made.secret_access_key not in json.dumps(found, default=str)
