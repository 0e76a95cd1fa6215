# SPDX-License-Identifier: Apache-2.0
"""The AWS Encryption SDK for Python, in the two versions that people have, uses KMS unchanged."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.clients.clients import Clients

pytestmark = pytest.mark.slow
PROGRAM = Path(__file__).parent / "programs" / "encryption_sdk.py"


def interpreter(which: str, programs: Path) -> Path:
    """Return the interpreter that has version 4 (ours) or 3 (that of the encryption CLI)."""
    return Path(sys.executable) if which == "4" else programs / "python"


@pytest.mark.fact("kms-37")
@pytest.mark.fact("kms-36")
@pytest.mark.parametrize("which", ["3", "4"])
def test_round_trip_streams_cache_and_tampering(clients: Clients, key: str, which: str) -> None:
    said: dict[str, Any] = clients.python(interpreter(which, clients.programs), PROGRAM, key)
    once = {"GenerateDataKey": 1, "Decrypt": 1}
    assert said["version"].startswith(f"{which}.")
    assert said["round_trip"] == {
        "same": True,
        "hidden": True,
        "commitment": True,
        "context": True,
        "calls": once,
    }
    assert said["streamed"] == {"same": True, "calls": once}
    assert said["cached"] == {"same": True, "calls": once}
    assert said["tampered"] in {"DecryptKeyError", "MasterKeyProviderError"}


def tenants(clients: Clients, key: str) -> list[str]:
    """Return the tenant of every data key that the trail says was made, in order."""
    attribute = f"AttributeKey=ResourceName,AttributeValue={key}"
    events = clients.aws("cloudtrail", "lookup-events", "--lookup-attributes", attribute)["Events"]
    records = [json.loads(event["CloudTrailEvent"]) for event in events]
    return [
        record["requestParameters"]["encryptionContext"]["tenant"]
        for record in reversed(records)
        if record["eventName"] == "GenerateDataKey"
    ]


@pytest.mark.fact("kms-36")
def test_a_cache_makes_as_few_data_keys_as_its_limits_allow(
    clients: Clients, key: str, enforced: None
) -> None:
    cached = PROGRAM.with_name("data_key_caching.py")
    clients.python(Path(sys.executable), cached, key, "1", "25", "10")
    assert tenants(clients, key) == ["0", "0", "0"]


def test_a_cache_never_shares_a_data_key_between_contexts(
    clients: Clients, key: str, enforced: None
) -> None:
    cached = PROGRAM.with_name("data_key_caching.py")
    clients.python(Path(sys.executable), cached, key, "3", "10", "100")
    assert tenants(clients, key) == ["0", "1", "2"]
