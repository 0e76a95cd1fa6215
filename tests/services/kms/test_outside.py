# SPDX-License-Identifier: Apache-2.0
"""Keys in custom key stores within writes of other services: undone, asked, and run again.

Secrets Manager stands in for every service whose writes call KMS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from stockade import app
from stockade.core.access import on_everything
from stockade.core.context import Context
from stockade.core.operation import Output, Service
from stockade.protocol.catalogue import ServiceEntry
from stockade.testing.transport import session
from tests.services.kms.stores import ExternalKeys, Stores, with_proxy, xks_store

BY = "secretsmanager.amazonaws.com"


def secrets_manager(seen: list[Mapping[str, Any]]) -> Service:
    """Return a service that is made for these tests."""
    service = Service(
        ServiceEntry(
            name="secretsmanager", signing_name="secretsmanager", target_prefix="secretsmanager"
        )
    )

    @service.operation(access=on_everything("secretsmanager:CreateSecret"), writes=True)
    def create_secret(
        ctx: Context, *, name: str, kms_key_id: str, client_request_token: str
    ) -> Output:
        """Make something of random bytes, and seal two data keys for it."""
        assert client_request_token
        made = ctx.random(16).hex()
        ctx.call("kms", "CreateKey", {"Description": made}, by=BY)
        for version in ("1", "2"):
            context = {"secret": made, "version": version}
            members = {"KeyId": kms_key_id, "KeySpec": "AES_256", "EncryptionContext": context}
            seen.append({**ctx.call("kms", "GenerateDataKey", members, by=BY), "context": context})
        return {"Name": name, "VersionId": made}

    return service


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    calls: list[Mapping[str, Any]] = []
    known = app.services()
    made = {**known, "secretsmanager": secrets_manager(calls)}
    monkeypatch.setattr(app, "services", lambda: made)
    return calls


@pytest.fixture
def external() -> ExternalKeys:
    return ExternalKeys()


@pytest.fixture
def stores(seen: list[Mapping[str, Any]], external: ExternalKeys) -> Iterator[Stores]:
    with with_proxy(external) as deployment:
        yield Stores(deployment)


def test_a_write_that_calls_kms_is_done_once_and_holds_up_nobody(
    stores: Stores, external: ExternalKeys, seen: list[Mapping[str, Any]]
) -> None:
    store_id = stores.connected(xks_store())
    key_id = stores.kms.create_key(
        Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=store_id, XksKeyId="one"
    )["KeyMetadata"]["KeyId"]
    external.asked.clear()
    external.before = lambda: stores.kms.tag_resource(
        KeyId=key_id, Tags=[{"TagKey": "others", "TagValue": "write"}]
    )
    secrets: Any = session(stores.app).client("secretsmanager")
    made = secrets.create_secret(Name="a", KmsKeyId=key_id)
    external.before = lambda: None
    # Each data key was encrypted once, and the answers belong to what the last run asked.
    assert [path for path, _ in external.asked] == ["/keys/one/encrypt"] * 2
    for data_key in seen[-2:]:
        assert data_key["context"]["secret"] == made["VersionId"]
        opened = stores.kms.decrypt(
            CiphertextBlob=data_key["CiphertextBlob"], EncryptionContext=data_key["context"]
        )
        assert opened["Plaintext"] == data_key["Plaintext"]
    assert seen[-2]["Plaintext"] != seen[-1]["Plaintext"]
    # What was undone left neither keys nor records.
    assert len(stores.kms.list_keys()["Keys"]) == 2
    events = [event["EventName"] for event in stores.trail.lookup_events()["Events"]]
    assert events.count("GenerateDataKey") == 2
    assert events.count("CreateSecret") == 1
    assert events.count("CreateKey") == 2
