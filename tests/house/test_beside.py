# SPDX-License-Identifier: Apache-2.0
"""The paths beside AWS's: probes for everybody, clock, reset and explanations in dev alone."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from stockade.app import Stockade
from stockade.config import Settings
from stockade.protocol.http import HttpRequest
from stockade.store.seal import RootKey
from stockade.store.store import Store
from stockade.testing.transport import session


@pytest.fixture
def running() -> Any:
    """A dev deployment on a clock that runs."""
    app = Stockade.in_memory()
    yield app
    app.close()


def ask(app: Stockade, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    raw, _, query = path.partition("?")
    http = HttpRequest(method=method, raw_path=raw.encode(), query=query.encode(), body=body)
    answer = app.beside(http)
    assert answer is not None
    return answer.status, json.loads(answer.body) if answer.body else None


def change(app: Stockade, **members: Any) -> tuple[int, Any]:
    return ask(app, "POST", "/_stockade/clock", json.dumps(members).encode())


def test_probes(running: Stockade) -> None:
    assert ask(running, "GET", "/_stockade/live") == (200, None)
    assert ask(running, "GET", "/_stockade/ready") == (200, None)
    for path in ("/_stockade/health", "/_localstack/health"):
        status, health = ask(running, "GET", path)
        assert (status, health["status"]) == (200, "ok")
        assert health["services"]["kms"] == "running"
    assert ask(running, "POST", "/_stockade/live")[0] == 405
    assert ask(running, "GET", "/_stockade/nothing")[0] == 404


def test_the_clock_is_shown_and_moved(running: Stockade) -> None:
    status, shown = ask(running, "GET", "/_stockade/clock")
    assert (status, shown["offset_seconds"], shown["frozen"]) == (200, 0, False)
    before = datetime.fromisoformat(shown["now"])
    status, moved = change(running, advance_seconds=86_400)
    assert (status, moved["offset_seconds"]) == (200, 86_400)
    assert datetime.fromisoformat(moved["now"]) - before >= timedelta(days=1)
    _, there = change(running, set="2031-01-31T12:00:00Z")
    assert there["now"].startswith("2031-01-31T12:00:0")


def test_what_falls_due_on_the_way_is_done(running: Stockade) -> None:
    kms = session(running).client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.enable_key_rotation(KeyId=key)
    first = kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]
    kms.schedule_key_deletion(KeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    change(running, advance_seconds=366 * 86_400)
    # The client signs on real time still, and is understood.
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"] != first
    assert [each["KeyId"] for each in kms.list_keys()["Keys"]] == [key]
    names = [
        event["EventName"]
        for event in session(running).client("cloudtrail").lookup_events()["Events"]
    ]
    assert {"RotateKey"} <= set(names)


def test_a_frozen_clock_stands(running: Stockade) -> None:
    _, frozen = change(running, frozen=True)
    assert frozen["frozen"] is True
    assert running.clock.now() == running.clock.now()
    _, moved = change(running, advance_seconds=60)
    assert moved["frozen"] is True
    _, runs = change(running, frozen=False)
    assert runs["frozen"] is False
    stood = running.clock.now()
    while running.clock.now() == stood:
        pass
    assert running.clock.now() > stood


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"advance_seconds": -1}',
        b'{"advance_seconds": 1e300}',
        b'{"advance_seconds": 1, "set": "2031-01-31T12:00:00Z"}',
        b'{"set": "tomorrow"}',
        b'{"set": "9999-12-31T23:59:59Z"}',
        b'{"unknown": 1}',
        b"\xff",
    ],
)
def test_a_change_that_is_none_is_refused(running: Stockade, body: bytes) -> None:
    status, answer = ask(running, "POST", "/_stockade/clock", body)
    assert status == 400
    assert answer["error"]
    assert ask(running, "GET", "/_stockade/clock")[1]["offset_seconds"] == 0


def test_reset_forgets(running: Stockade) -> None:
    aws = session(running)
    aws.client("kms").create_key()
    aws.client("iam").create_user(UserName="alice")
    assert ask(running, "POST", "/moto-api/reset")[0] == 200
    assert aws.client("kms").list_keys()["Keys"] == []
    assert aws.client("iam").list_users()["Users"] == []
    names = [e["EventName"] for e in aws.client("cloudtrail").lookup_events()["Events"]]
    assert "CreateKey" not in names
    key = aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
    assert aws.client("kms").encrypt(KeyId=key, Plaintext=b"x")


def test_a_refusal_is_explained(stockade: Stockade, aws: boto3.Session) -> None:
    iam = aws.client("iam")
    iam.create_user(UserName="alice")
    made = iam.create_access_key(UserName="alice")["AccessKey"]
    alice = session(
        stockade,
        access_key_id=made["AccessKeyId"],
        secret_access_key=made["SecretAccessKey"],
    )
    with pytest.raises(ClientError) as caught:
        alice.client("kms").list_keys()
    response: Any = caught.value.response
    wanted = response["ResponseMetadata"]["RequestId"]
    status, record = ask(stockade, "GET", f"/_stockade/explain?request_id={wanted}")
    decision = record["additionalEventData"]["decision"]
    assert (status, decision["action"], decision["outcome"]) == (
        200,
        "kms:ListKeys",
        "implicitDeny",
    )
    assert decision["trace"]["proposal"][0]["statement"]["Action"] == "kms:ListKeys"
    assert ask(stockade, "GET", "/_stockade/explain?request_id=none")[0] == 404


def test_none_of_it_is_there_in_serve() -> None:
    store = Store.open("sqlite://")
    app = Stockade(Settings(mode="serve"), store, RootKey("memory", bytes(32)))
    for method, path in (
        ("GET", "/_stockade/clock"),
        ("POST", "/_stockade/clock"),
        ("GET", "/_stockade/explain"),
        ("POST", "/moto-api/reset"),
    ):
        assert ask(app, method, path)[0] == 404
    assert ask(app, "GET", "/_stockade/ready")[0] == 200
    for access_key_id in ("test", "000000000000", "123456789012"):
        sts = session(app, access_key_id=access_key_id).client("sts")
        with pytest.raises(ClientError, match="InvalidClientTokenId"):
            sts.get_caller_identity()
    app.close()
