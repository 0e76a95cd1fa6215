# SPDX-License-Identifier: Apache-2.0
"""The AWS Encryption SDK for JavaScript, and messages that pass between it and Python's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import aws_encryption_sdk
import boto3
import pytest
from aws_encryption_sdk.key_providers.kms import KMSMasterKey

from tests.clients.clients import REGION

if TYPE_CHECKING:
    from tests.clients.clients import Clients

pytestmark = pytest.mark.slow
PROGRAM = Path(__file__).parent / "programs" / "encryption_sdk.mjs"
LEDGER = b"the ledger " * 1000


def python_key(clients: Clients, key: str) -> KMSMasterKey:
    """Return the key as Python's SDK uses it, called by the account's root."""
    kms = boto3.client(
        "kms",
        endpoint_url=clients.endpoint,
        region_name=REGION,
        aws_access_key_id=clients.caller.access_key_id,
        aws_secret_access_key=clients.caller.secret_access_key,
    )
    return KMSMasterKey(key_id=key, client=kms)


def test_round_trip_cache_tampering_and_messages_of_python(
    clients: Clients, key: str, javascript: Path, enforced: None
) -> None:
    sdk, provider = aws_encryption_sdk.EncryptionSDKClient(), python_key(clients, key)
    message, _ = sdk.encrypt(source=LEDGER, key_provider=provider)
    (clients.home / "node_modules").symlink_to(javascript)
    program = clients.file(PROGRAM.name, PROGRAM.read_bytes())
    files = [str(clients.file("python", message)), str(clients.home / "javascript")]
    said = json.loads(clients.done(str(shutil.which("node")), str(program), key, *files))
    assert said == {
        "roundTrip": {"same": True, "hidden": True, "tenant": "a"},
        "elsewhere": True,
        "tampered": True,
    }
    theirs = (clients.home / "javascript").read_bytes()
    assert sdk.decrypt(source=theirs, key_provider=provider)[0] == LEDGER
    # Python's message, two of the program's, and two for ten messages of five to a data key.
    assert data_keys(clients, key) == 1 + 2 + 2


def data_keys(clients: Clients, key: str) -> int:
    """Return how many data keys the trail says were made under a key."""
    attribute = f"AttributeKey=ResourceName,AttributeValue={key}"
    events = clients.aws("cloudtrail", "lookup-events", "--lookup-attributes", attribute)["Events"]
    return sum(event["EventName"] == "GenerateDataKey" for event in events)
