# SPDX-License-Identifier: Apache-2.0
"""AWS KMS; importing it declares every operation."""

from stockade.services.kms import (
    aliases,
    connecting,
    encrypting,
    grants,
    importing,
    key_stores,
    keys,
    last_usage,
    multi_region,
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
    "grants",
    "importing",
    "key_stores",
    "keys",
    "kms",
    "last_usage",
    "multi_region",
    "policies",
    "reconcile",
    "rotation",
    "tags",
]
