# SPDX-License-Identifier: Apache-2.0
"""AWS KMS; importing it declares every operation."""

from stockade.services.kms import (
    aliases,
    encrypting,
    keys,
    macs,
    policies,
    reconcile,
    rotation,
    signing,
    tags,
)
from stockade.services.kms.service import kms

__all__ = [
    "aliases",
    "encrypting",
    "keys",
    "kms",
    "macs",
    "policies",
    "reconcile",
    "rotation",
    "signing",
    "tags",
]
