# SPDX-License-Identifier: Apache-2.0
"""Tink, the DynamoDB Encryption Client and the S3 Encryption Client, each under a KMS key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.clients.clients import Clients

pytestmark = pytest.mark.slow
PROGRAMS = Path(__file__).parent / "programs"


@pytest.mark.fact("kms-37")
def test_tink_encrypts_under_a_data_key(clients: Clients, key: str) -> None:
    other = clients.aws("kms", "create-key")["KeyMetadata"]["Arn"]
    python = clients.programs / "python"
    said = clients.python(python, PROGRAMS / "envelope_tink.py", key, other)
    assert said == {
        "opens": True,
        "hidden": True,
        "other data": False,
        "other key": False,
        "changed data key": False,
        "direct": True,
    }


@pytest.mark.fact("kms-38")
def test_items_of_dynamodb_are_encrypted_before_they_are_sent(clients: Clients, key: str) -> None:
    said = clients.python(clients.programs / "python", PROGRAMS / "dynamodb_items.py", key)
    assert said == {
        "opens": True,
        "clear": ["id", "team"],
        "other partition": False,
        "other table": False,
        "changed": False,
    }


@pytest.mark.fact("kms-37")
def test_objects_of_s3_are_encrypted_before_they_are_sent(
    clients: Clients, key: str, keyrings: Path
) -> None:
    said = clients.python(keyrings / "python", PROGRAMS / "s3_objects.py", key)
    assert said == {
        "same": True,
        "hidden": True,
        "metadata": [f"x-amz-meta-x-amz-{field}" for field in "3cditw"],
        "refused": "Provided encryption context does not match information retrieved from S3",
    }
