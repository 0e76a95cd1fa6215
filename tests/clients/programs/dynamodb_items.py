# SPDX-License-Identifier: Apache-2.0
"""The DynamoDB Encryption Client on items that never reach a table; prints what it saw as JSON.

Usage: dynamodb_items.py KEY-ARN.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from dynamodb_encryption_sdk.encrypted import CryptoConfig
from dynamodb_encryption_sdk.encrypted.item import decrypt_python_item, encrypt_python_item
from dynamodb_encryption_sdk.exceptions import DynamodbEncryptionSdkError
from dynamodb_encryption_sdk.identifiers import CryptoAction
from dynamodb_encryption_sdk.material_providers.aws_kms import AwsKmsCryptographicMaterialsProvider
from dynamodb_encryption_sdk.structures import AttributeActions, EncryptionContext

ITEM = {"id": "42", "name": "Ada", "salary": 5000, "team": "engines"}


def config(key: str, identity: str = "42", table: str = "people") -> CryptoConfig:
    """Return what encrypts the items of a table: `id` is signed, `team` left alone."""
    return CryptoConfig(
        materials_provider=AwsKmsCryptographicMaterialsProvider(key_id=key),
        encryption_context=EncryptionContext(
            table_name=table, partition_key_name="id", attributes={"id": {"S": identity}}
        ),
        attribute_actions=AttributeActions(
            default_action=CryptoAction.ENCRYPT_AND_SIGN,
            attribute_actions={"id": CryptoAction.SIGN_ONLY, "team": CryptoAction.DO_NOTHING},
        ),
    )


def opens(item: dict[str, Any], how: CryptoConfig) -> bool:
    """Say whether an item is read as it was."""
    try:
        return bool(decrypt_python_item(item, how) == ITEM)
    except DynamodbEncryptionSdkError:
        return False


def main() -> None:
    """Encrypt an item, and try all that should not open it."""
    key = sys.argv[1]
    stored = encrypt_python_item(dict(ITEM), config(key))
    said = {
        "opens": opens(stored, config(key)),
        "clear": sorted(name for name in ITEM if stored[name] == ITEM[name]),
        "other partition": opens({**stored, "id": "43"}, config(key, identity="43")),
        "other table": opens(stored, config(key, table="others")),
        "changed": opens({**stored, "salary": stored["name"]}, config(key)),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
