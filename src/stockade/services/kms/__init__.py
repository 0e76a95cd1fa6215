# SPDX-License-Identifier: Apache-2.0
"""AWS KMS; importing it declares every operation."""

from stockade.services.kms import (
    aliases,
    encrypting,
    grants,
    keys,
    last_usage,
    policies,
    reconcile,
    rotation,
    tags,
)
from stockade.services.kms.service import kms

__all__ = [
    "aliases",
    "encrypting",
    "grants",
    "keys",
    "kms",
    "last_usage",
    "policies",
    "reconcile",
    "rotation",
    "tags",
]
