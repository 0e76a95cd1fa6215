# SPDX-License-Identifier: Apache-2.0
"""The key-state table: which operation a key in which state allows (reference, key-state table).

A row says for a group of operations in which states they are refused, and how; in every state that
a row does not name they are allowed. DescribeKey, ListGrants, PutKeyPolicy and the like are allowed
in all states and have no row.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from stockade.services.kms import specs
from stockade.services.kms.errors import (
    DisabledException,
    InvalidKeyUsageException,
    KMSInvalidStateException,
    UnsupportedOperationException,
)
from stockade.services.kms.resources import Key, KeyState, Origin
from stockade.services.kms.xks_errors import NOT_CONNECTED, XksFailure, kms_error


class Refusal(Enum):
    """How an operation is refused."""

    DISABLED = "DisabledException"
    STATE = "KMSInvalidStateException"
    UNSUPPORTED = "UnsupportedOperationException"


Row = Mapping[KeyState, Refusal]

_STATE_TEXTS: Mapping[KeyState, str] = MappingProxyType(
    {
        "Creating": "creating",
        "Disabled": "disabled",
        "Enabled": "enabled",
        "PendingDeletion": "pending deletion",
        "PendingImport": "pending import",
        "PendingReplicaDeletion": "pending replica deletion",
        "Unavailable": "unavailable",
        "Updating": "updating",
    }
)


def _row(
    *,
    disabled: bool = False,
    states: tuple[KeyState, ...] = (),
    unsupported: tuple[KeyState, ...] = (),
    deletion: bool = True,
) -> Row:
    """Return a row; a key that waits for its deletion, or its replicas', refuses unless told."""
    row: dict[KeyState, Refusal] = dict.fromkeys(states, Refusal.STATE)
    row |= dict.fromkeys(unsupported, Refusal.UNSUPPORTED)
    if disabled:
        row["Disabled"] = Refusal.DISABLED
    if deletion:
        row["PendingDeletion"] = row["PendingReplicaDeletion"] = Refusal.STATE
    return MappingProxyType(row)


USE = _row(disabled=True, states=("PendingImport", "Unavailable", "Creating"))
"""All cryptographic operations."""
GET_PUBLIC_KEY = _row(states=("PendingImport", "Unavailable", "Creating"))
CREATE_GRANT = _row(disabled=True, states=("PendingImport", "Creating"))
CHANGE = _row()
"""CreateAlias, UpdateAlias (its target), TagResource, UntagResource, UpdateKeyDescription."""
SWITCH = _row(states=("PendingImport", "Creating", "Updating"))
"""EnableKey, DisableKey."""
ROTATION = _row(disabled=True, states=("Creating", "PendingImport"), unsupported=("Unavailable",))
"""EnableKeyRotation, DisableKeyRotation, RotateKeyOnDemand."""
ROTATION_STATUS = _row(unsupported=("Unavailable",), deletion=False)
SCHEDULE_DELETION = _row(states=("Updating",))
GET_PARAMETERS_FOR_IMPORT = _row(states=("Creating", "Updating"), unsupported=("Unavailable",))
IMPORT = _row(states=("Creating",), unsupported=("Unavailable",))
DELETE_MATERIAL = _row(states=("Creating", "Updating"), deletion=False)
REPLICATE = _row(disabled=True, states=("PendingImport", "Creating", "Updating"))
UPDATE_PRIMARY = _row(disabled=True, states=("PendingImport", "Creating"))


def must_allow(key: Key, row: Row) -> None:
    """Raise the refusal that a key's state stands for in a row."""
    refusal = row.get(key.state)
    if refusal is None:
        return
    if refusal is Refusal.DISABLED:
        raise DisabledException(arn=key.arn)
    if refusal is Refusal.UNSUPPORTED:
        raise UnsupportedOperationException
    if key.state == "Unavailable" and key.origin == "EXTERNAL_KEY_STORE" and row is USE:
        raise kms_error(XksFailure(NOT_CONNECTED), "use")
    raise KMSInvalidStateException(arn=key.arn, state=_STATE_TEXTS[key.state])


def must_be_pending_deletion(key: Key) -> None:
    """CancelKeyDeletion: the one operation that an ordinary state refuses."""
    if key.state not in ("PendingDeletion", "PendingReplicaDeletion"):
        raise KMSInvalidStateException(arn=key.arn, state="not pending deletion")


def must_have_origin(key: Key, *origins: Origin) -> None:
    """Refuse a key whose material is from elsewhere than the operation is for."""
    if key.origin not in origins:
        raise UnsupportedOperationException(
            f"{key.arn} origin is {key.origin} which is not valid for this operation."
        )


def must_be_for(key: Key, usage: str, operation: str) -> None:
    """Refuse a key whose KeyUsage is another."""
    if key.key_usage != usage:
        raise InvalidKeyUsageException(
            f"{key.arn} key usage is {key.key_usage} which is not valid for {operation}."
        )


def must_have_algorithm(key: Key, algorithm: str) -> None:
    """Refuse an algorithm that the key's spec does not have."""
    if algorithm not in specs.algorithms(key.key_spec, key.key_usage):
        raise InvalidKeyUsageException(
            f"Algorithm {algorithm} is incompatible with key spec {key.key_spec}."
        )
