# SPDX-License-Identifier: Apache-2.0
"""AWS KMS; importing it declares every operation."""

from stockade.services.kms import (
    agreement,
    aliases,
    data_key_pairs,
    encapsulating,
    encrypting,
    keys,
    policies,
    reconcile,
    rotation,
    tags,
)
from stockade.services.kms.service import kms

__all__ = [
    "agreement",
    "aliases",
    "data_key_pairs",
    "encapsulating",
    "encrypting",
    "keys",
    "kms",
    "policies",
    "reconcile",
    "rotation",
    "tags",
]
