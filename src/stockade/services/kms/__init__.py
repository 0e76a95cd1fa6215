# SPDX-License-Identifier: Apache-2.0
"""AWS KMS; importing it declares every operation."""

from stockade.services.kms import (
    aliases,
    connecting,
    encrypting,
    key_stores,
    keys,
    policies,
    reconcile,
    rotation,
    tags,
)
from stockade.services.kms.service import kms

__all__ = [
    "aliases",
    "connecting",
    "encrypting",
    "key_stores",
    "keys",
    "kms",
    "policies",
    "reconcile",
    "rotation",
    "tags",
]
