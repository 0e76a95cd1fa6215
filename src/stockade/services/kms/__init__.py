# SPDX-License-Identifier: Apache-2.0
"""AWS KMS; importing it declares every operation."""

from stockade.services.kms import (
    aliases,
    encrypting,
    keys,
    multi_region,
    policies,
    reconcile,
    rotation,
    tags,
)
from stockade.services.kms.service import kms

__all__ = [
    "aliases",
    "encrypting",
    "keys",
    "kms",
    "multi_region",
    "policies",
    "reconcile",
    "rotation",
    "tags",
]
