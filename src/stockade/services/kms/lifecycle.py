# SPDX-License-Identifier: Apache-2.0
"""The key-state table: which operation a key in which state allows (reference, key-state table)."""

from __future__ import annotations

from stockade.services.kms.errors import (
    DisabledException,
    InvalidKeyUsageException,
    KMSInvalidStateException,
)
from stockade.services.kms.resources import Key


def must_be_usable(key: Key) -> None:
    """Encrypt, Decrypt, ReEncrypt, data keys, rotation settings: only an enabled key."""
    must_not_be_pending_deletion(key)
    if key.state == "Disabled":
        raise DisabledException(arn=key.arn)


def must_not_be_pending_deletion(key: Key) -> None:
    """Aliases, tags, description, EnableKey, DisableKey, ScheduleKeyDeletion."""
    if key.state == "PendingDeletion":
        raise KMSInvalidStateException(arn=key.arn, state="pending deletion")


def must_be_pending_deletion(key: Key) -> None:
    """CancelKeyDeletion."""
    if key.state != "PendingDeletion":
        raise KMSInvalidStateException(arn=key.arn, state="not pending deletion")


def must_encrypt_with(key: Key, algorithm: str) -> None:
    """Refuse an algorithm that the key's spec does not have."""
    if algorithm != "SYMMETRIC_DEFAULT":
        raise InvalidKeyUsageException(
            f"Algorithm {algorithm} is incompatible with key spec {key.key_spec}."
        )
