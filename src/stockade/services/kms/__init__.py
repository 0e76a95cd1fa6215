# SPDX-License-Identifier: Apache-2.0
"""AWS KMS; importing it declares every operation."""

from stockade.services.kms import (
    agreement,
    aliases,
    connecting,
    data_key_pairs,
    encapsulating,
    encrypting,
    grants,
    importing,
    key_stores,
    keys,
    last_usage,
    macs,
    multi_region,
    policies,
    reconcile,
    rotation,
    signing,
    tags,
)
from stockade.services.kms.service import kms

__all__ = [
    "agreement",
    "aliases",
    "connecting",
    "data_key_pairs",
    "encapsulating",
    "encrypting",
    "grants",
    "importing",
    "key_stores",
    "keys",
    "kms",
    "last_usage",
    "macs",
    "multi_region",
    "policies",
    "reconcile",
    "rotation",
    "signing",
    "tags",
]
