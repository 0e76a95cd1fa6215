# SPDX-License-Identifier: Apache-2.0
"""What an application does with the Encryption SDK's keyrings and a multi-Region key, as JSON.

Usage: keyrings.py encrypt FILE KEY-ARN, or keyrings.py decrypt FILE REGION/ACCOUNT... Who decrypts
knows no key: it discovers the replica of its Region.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import boto3
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import (
    CreateAwsKmsMrkDiscoveryKeyringInput,
    CreateAwsKmsMrkKeyringInput,
    DiscoveryFilter,
)
from aws_encryption_sdk import EncryptionSDKClient
from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError

CONTEXT = {"purpose": "client-test", "tenant": "a"}
PLAINTEXT = b"the ledger " * 1000
PROVIDERS = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())


def encrypt(key: str, target: Path) -> dict[str, Any]:
    """Encrypt in the Region of a key."""
    kms = boto3.client("kms", region_name=key.split(":")[3])
    keyring = PROVIDERS.create_aws_kms_mrk_keyring(
        input=CreateAwsKmsMrkKeyringInput(kms_key_id=key, kms_client=kms)
    )
    message, header = EncryptionSDKClient().encrypt(
        source=PLAINTEXT, keyring=keyring, encryption_context=CONTEXT
    )
    target.write_bytes(message)
    return {"keys": [each.key_provider.key_info.decode() for each in header.encrypted_data_keys]}


def decrypt(region: str, account: str, source: Path) -> dict[str, Any]:
    """Decrypt in a Region with what is there; say whether it opened and what KMS refused."""
    kms, refusals = boto3.client("kms", region_name=region), list[str]()

    def answered(parsed: Any, **_: Any) -> None:
        if "Error" in parsed:
            refusals.append(parsed["Error"]["Code"])

    kms.meta.events.register("after-call.kms", answered)
    keyring = PROVIDERS.create_aws_kms_mrk_discovery_keyring(
        input=CreateAwsKmsMrkDiscoveryKeyringInput(
            kms_client=kms,
            region=region,
            discovery_filter=DiscoveryFilter(partition="aws", account_ids=[account]),
        )
    )
    try:
        plaintext, _ = EncryptionSDKClient().decrypt(
            source=source.read_bytes(), keyring=keyring, encryption_context=CONTEXT
        )
    except AWSEncryptionSDKClientError:
        return {"opened": False, "refusals": refusals}
    return {"opened": plaintext == PLAINTEXT, "refusals": refusals}


def main() -> None:
    """Do what the command line says."""
    how, file, *arguments = sys.argv[1:]
    if how == "encrypt":
        said: Any = encrypt(arguments[0], Path(file))
    else:
        places = [each.split("/") for each in arguments]
        said = [decrypt(region, account, Path(file)) for region, account in places]
    print(json.dumps(said))


if __name__ == "__main__":
    main()
