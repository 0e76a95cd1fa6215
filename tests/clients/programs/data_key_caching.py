# SPDX-License-Identifier: Apache-2.0
"""Encrypt many messages through a cache of data keys.

Usage: data_key_caching.py KEY-ARN TENANTS MESSAGES LIMIT: so many messages for each of so many
tenants, interleaved; a data key is used for LIMIT messages.
"""

from __future__ import annotations

import sys

import aws_encryption_sdk


def main() -> None:
    """Encrypt what the command line asks for, and print that it is done as JSON."""
    key, (tenants, messages, limit) = sys.argv[1], map(int, sys.argv[2:5])
    manager = aws_encryption_sdk.CachingCryptoMaterialsManager(
        master_key_provider=aws_encryption_sdk.StrictAwsKmsMasterKeyProvider(key_ids=[key]),
        cache=aws_encryption_sdk.LocalCryptoMaterialsCache(capacity=100),
        max_age=600.0,
        max_messages_encrypted=limit,
    )
    client = aws_encryption_sdk.EncryptionSDKClient()
    for number in range(messages * tenants):
        context = {"tenant": str(number % tenants)}
        client.encrypt(source=b"message", materials_manager=manager, encryption_context=context)
    print("{}")


if __name__ == "__main__":
    main()
