# SPDX-License-Identifier: Apache-2.0
"""What an application does with the AWS Encryption SDK; prints what it saw as JSON.

Usage: encryption_sdk.py KEY-ARN. It runs in the environment of whoever starts it, so that several
versions of the SDK are tried, and uses nothing but what all of them have.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import Any

import aws_encryption_sdk
import botocore.session
from aws_encryption_sdk.caches.local import LocalCryptoMaterialsCache
from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError
from aws_encryption_sdk.materials_managers.caching import CachingCryptoMaterialsManager

CONTEXT = {"purpose": "client-test", "tenant": "a"}
PLAINTEXT = b"the ledger " * 1000


class Counted:
    """A key provider whose calls to KMS are counted."""

    def __init__(self, key: str) -> None:
        self.calls: dict[str, int] = {}
        session = botocore.session.Session()
        session.register("before-call.kms", self._count)
        self.provider = aws_encryption_sdk.StrictAwsKmsMasterKeyProvider(
            key_ids=[key], botocore_session=session
        )

    def _count(self, model: Any, **_: Any) -> None:
        self.calls[model.name] = self.calls.get(model.name, 0) + 1


def round_trip(key: str) -> dict[str, Any]:
    """Encrypt and decrypt with the default policy, which demands key commitment."""
    client, keys = aws_encryption_sdk.EncryptionSDKClient(), Counted(key)
    sealed, header = client.encrypt(
        source=PLAINTEXT, key_provider=keys.provider, encryption_context=CONTEXT
    )
    opened, read = client.decrypt(source=sealed, key_provider=keys.provider)
    return {
        "same": opened == PLAINTEXT,
        "hidden": PLAINTEXT[:20] not in sealed,
        "commitment": header.algorithm.is_committing(),
        "context": CONTEXT.items() <= read.encryption_context.items(),
        "calls": keys.calls,
    }


def streamed(key: str) -> dict[str, Any]:
    """Encrypt and decrypt as streams, with small frames."""
    client, keys = aws_encryption_sdk.EncryptionSDKClient(), Counted(key)
    with client.stream(
        mode="e", source=PLAINTEXT, key_provider=keys.provider, frame_length=512
    ) as sealer:
        sealed = sealer.read()
    with client.stream(mode="d", source=sealed, key_provider=keys.provider) as opener:
        return {"same": b"".join(opener) == PLAINTEXT, "calls": keys.calls}


def cached(key: str) -> dict[str, Any]:
    """Encrypt and decrypt ten messages under one cached data key."""
    client, keys = aws_encryption_sdk.EncryptionSDKClient(), Counted(key)
    manager = CachingCryptoMaterialsManager(
        master_key_provider=keys.provider,
        cache=LocalCryptoMaterialsCache(capacity=10),
        max_age=60.0,
        max_messages_encrypted=100,
    )
    sealed = [
        client.encrypt(source=PLAINTEXT, materials_manager=manager, encryption_context=CONTEXT)[0]
        for _ in range(10)
    ]
    opened = [client.decrypt(source=each, materials_manager=manager)[0] for each in sealed]
    return {"same": opened == [PLAINTEXT] * 10, "calls": keys.calls}


def tampered(key: str) -> str:
    """Change the context in the message; return the name of what decrypting raises."""
    client, keys = aws_encryption_sdk.EncryptionSDKClient(), Counted(key)
    sealed, _ = client.encrypt(
        source=PLAINTEXT, key_provider=keys.provider, encryption_context=CONTEXT
    )
    try:
        client.decrypt(
            source=sealed.replace(b"client-test", b"client-tesT"), key_provider=keys.provider
        )
    except AWSEncryptionSDKClientError as error:
        return type(error).__name__
    return "nothing"


def main() -> None:
    """Do all of it with the key that the command line names."""
    key = sys.argv[1]
    said = {
        "version": version("aws-encryption-sdk"),
        "round_trip": round_trip(key),
        "streamed": streamed(key),
        "cached": cached(key),
        "tampered": tampered(key),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
