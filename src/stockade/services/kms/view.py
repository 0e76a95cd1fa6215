# SPDX-License-Identifier: Apache-2.0
"""Stored resources as AWS KMS shows them."""

from __future__ import annotations

from typing import Any

from stockade.core.arn import arn
from stockade.services.kms import specs
from stockade.services.kms.resources import Alias, Key, MultiRegion
from stockade.services.kms.specs import SYMMETRIC


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
        "Origin": key.origin,
        "KeyManager": key.manager,
        "CustomerMasterKeySpec": key.key_spec,
        "KeySpec": key.key_spec,
        **algorithms(key),
        "MultiRegion": key.multi_region is not None,
    }
    if key.multi_region is not None:
        shown["MultiRegionConfiguration"] = _multi_region(key, key.multi_region)
    if key.custom_key_store_id:
        shown["CustomKeyStoreId"] = key.custom_key_store_id
        if key.origin == "AWS_CLOUDHSM":
            shown["CloudHsmClusterId"] = key.cloud_hsm_cluster_id
        else:
            shown["XksKeyConfiguration"] = {"Id": key.xks_key_id}
    elif key.key_spec == SYMMETRIC and key.material_id:
        shown["CurrentKeyMaterialId"] = key.material_id
    if key.state != "PendingImport":
        shown |= _expiration(key)
    if key.state == "PendingReplicaDeletion":
        shown["PendingDeletionWindowInDays"] = key.pending_window_days
    if key.deletion_date is not None:
        shown["DeletionDate"] = key.deletion_date
    return shown


def _expiration(key: Key) -> dict[str, Any]:
    shown = {"ExpirationModel": key.expiration_model, "ValidTo": key.valid_to}
    return {member: value for member, value in shown.items() if value is not None}


def material(member: str, key: Key, material_id: str) -> dict[str, str]:
    """Return the member that names a key's material, where AWS does.

    It does so of symmetric keys that are in no custom key store.
    """
    named = key.key_spec == SYMMETRIC and not key.custom_key_store_id
    return {member: material_id} if named else {}


def algorithms(key: Key) -> dict[str, list[str]]:
    """Return the one list of algorithms that a key's usage has, under its member's name."""
    listed = specs.algorithms(key.key_spec, key.key_usage)
    return {specs.ALGORITHMS_MEMBER[key.key_usage]: list(listed)}


def _multi_region(key: Key, where: MultiRegion) -> dict[str, Any]:
    def place(region: str) -> dict[str, str]:
        return {"Arn": arn("kms", region, key.account, f"key/{key.key_id}"), "Region": region}

    return {
        "MultiRegionKeyType": "PRIMARY" if key.region == where.primary else "REPLICA",
        "PrimaryKey": place(where.primary),
        "ReplicaKeys": [place(region) for region in where.replicas],
    }


def alias_entry(alias: Alias, account: str, region: str) -> dict[str, Any]:
    """Return an alias as `AliasListEntry`; one that AWS predefined may have no key yet."""
    entry: dict[str, Any] = {
        "AliasName": alias.name,
        "AliasArn": arn("kms", region, account, alias.name),
    }
    if alias.key_id:
        entry |= {
            "TargetKeyId": alias.key_id,
            "CreationDate": alias.created,
            "LastUpdatedDate": alias.updated,
        }
    return entry
