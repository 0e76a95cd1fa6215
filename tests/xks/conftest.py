# SPDX-License-Identifier: Apache-2.0
"""A deployment with an external key store, and a key that lets AWS's KMS in."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from stockade.app import Stockade
from tests.xks.kms import Kms

ACCOUNT = "000000000000"


def policy(*actions: str, **statement: Any) -> str:
    """Return a key policy: the account's own statement, and one for AWS's KMS."""
    root = f"arn:aws:iam::{ACCOUNT}:root"
    own = {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}
    let_in = {
        "Effect": "Allow",
        "Principal": {"Service": "cks.kms.amazonaws.com"},
        "Action": list(actions) or ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"],
        "Resource": "*",
        **statement,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [own, let_in]})


@pytest.fixture
def kms(aws: boto3.Session) -> Any:
    return aws.client("kms")


@pytest.fixture
def key(kms: Any) -> str:
    return str(kms.create_key(Policy=policy())["KeyMetadata"]["KeyId"])


@pytest.fixture
def other(stockade: Stockade) -> Kms:
    """Return the KMS on the other side."""
    with stockade.changing_key_stores() as stores:
        credential = stores.create("nile", ACCOUNT, "us-east-1")
    return Kms(stockade, credential)
