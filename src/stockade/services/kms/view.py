# SPDX-License-Identifier: Apache-2.0
"""Stored resources as AWS KMS shows them."""

from __future__ import annotations

from typing import Any

from stockade.core.arn import arn
from stockade.services.kms.resources import Alias, Key


def metadata(key: Key) -> dict[str, Any]:
    """Return a key as `KeyMetadata`; old and new names of the spec both, as AWS does (kms-10)."""
    shown: dict[str, Any] = {
        "AWSAccountId": key.account,
        "KeyId": key.key_id,
        "Arn": key.arn,
        "CreationDate": key.created,
        "Enabled": key.state == "Enabled",
        "Description": key.description,
        "KeyUsage": key.key_usage,
        "KeyState": key.state,
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": key.key_spec,
        "KeySpec": key.key_spec,
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
        "CurrentKeyMaterialId": key.material_id,
    }
    if key.deletion_date is not None:
        shown["DeletionDate"] = key.deletion_date
    return shown


def alias_entry(alias: Alias, account: str, region: str) -> dict[str, Any]:
    """Return an alias as `AliasListEntry`."""
    return {
        "AliasName": alias.name,
        "AliasArn": arn("kms", region, account, alias.name),
        "TargetKeyId": alias.key_id,
        "CreationDate": alias.created,
        "LastUpdatedDate": alias.updated,
    }
