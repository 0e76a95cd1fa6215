# SPDX-License-Identifier: Apache-2.0
"""Tink's envelope encryption under a KMS key; prints what it saw as JSON.

Usage: envelope_tink.py KEY-ARN OTHER-KEY-ARN.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import boto3
import tink
from tink import aead
from tink.integration import awskms

PLAINTEXT = b"the ledger " * 1000


def opens(envelope: Any, sealed: bytes, associated: bytes) -> bool:
    """Say whether a message opens."""
    try:
        return bool(envelope.decrypt(sealed, associated) == PLAINTEXT)
    except tink.TinkError:
        return False


def main() -> None:
    """Encrypt under one key, and try all that should not open it."""
    aead.register()
    kms = awskms.new_client(boto3_client=boto3.client("kms"))
    right, other = (
        aead.KmsEnvelopeAead(aead.aead_key_templates.AES256_GCM, kms.get_aead(f"aws-kms://{key}"))
        for key in sys.argv[1:3]
    )
    sealed = right.encrypt(PLAINTEXT, b"tenant a")
    changed = bytearray(sealed)
    changed[100] ^= 1
    remote = kms.get_aead(f"aws-kms://{sys.argv[1]}")
    direct = remote.encrypt(b"a secret", b"tenant a")
    said = {
        "opens": opens(right, sealed, b"tenant a"),
        "hidden": PLAINTEXT[:11] not in sealed,
        "other data": opens(right, sealed, b"tenant b"),
        "other key": opens(other, sealed, b"tenant a"),
        "changed data key": opens(right, bytes(changed), b"tenant a"),
        "direct": remote.decrypt(direct, b"tenant a") == b"a secret",
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
