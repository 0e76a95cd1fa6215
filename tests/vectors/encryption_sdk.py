# SPDX-License-Identifier: Apache-2.0
"""AWS's manifests of Encryption SDK vectors, and a deployment that has the keys that they name.

The manifests name two KMS keys of account 658956600833 by alias: one that encrypts and decrypts,
one that encrypts only. The account's root makes them, its users use them under policies.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import boto3
from aws_encryption_sdk.exceptions import InvalidKeyIdError
from aws_encryption_sdk.identifiers import (
    AlgorithmSuite,
    EncryptionKeyType,
    WrappingAlgorithm,
)
from aws_encryption_sdk.internal.crypto.wrapping_keys import WrappingKey
from aws_encryption_sdk.key_providers.base import (
    MasterKey,
    MasterKeyProvider,
    MasterKeyProviderConfig,
)
from aws_encryption_sdk.key_providers.kms import KMSMasterKey
from aws_encryption_sdk.key_providers.raw import RawMasterKey

from stockade.app import Stockade
from stockade.testing.transport import session

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("STOCKADE_VECTORS", ROOT / "../shared/vectors")) / "encryption-sdk"
EVERYTHING = bool(os.environ.get("STOCKADE_VECTORS_ALL"))

ENCRYPTION = "0003-awses-message-encryption.v2.json"
GENERATION = "0006-awses-message-decryption-generation.v2.json"
KEYS = "0002-keys.v3.json"
ACCOUNT = "658956600833"
REGION = "us-west-2"
ALIASES = f"arn:aws:kms:{REGION}:{ACCOUNT}:"
DECRYPTABLE = "us-west-2-decryptable"
ENCRYPT_ONLY = "us-west-2-encrypt-only"
ENCRYPTING = ("kms:GenerateDataKey", "kms:Encrypt")

KEY_TYPES: Mapping[str, EncryptionKeyType] = MappingProxyType(
    {
        "symmetric": EncryptionKeyType.SYMMETRIC,
        "private": EncryptionKeyType.PRIVATE,
        "public": EncryptionKeyType.PUBLIC,
    }
)


@dataclass(frozen=True)
class Vector:
    """One test of a manifest: what is encrypted, how, and what is done to the message."""

    id: str
    algorithm: AlgorithmSuite
    plaintext: bytes
    frame_size: int
    context: dict[str, str]
    keys: list[dict[str, str]]
    tampering: Any
    streamed_unsigned: bool
    error: str
    decryption_keys: list[dict[str, str]]

    @property
    def kind(self) -> str:
        """`kms`, `aes` or `rsa`: what wraps the data key."""
        first = self.keys[0]
        return "kms" if first["type"] == "aws-kms" else first["encryption-algorithm"]

    @property
    def ordinary(self) -> bool:
        """Whether the message is made and read without anything done to it."""
        return not (self.tampering or self.streamed_unsigned or self.error)


def vectors(name: str) -> Iterator[Vector]:
    """Give every vector of a manifest in its order."""
    manifest = json.loads((FOLDER / name).read_bytes())
    for test_id, test in manifest["tests"].items():
        scenario = test.get("encryption-scenario", test)
        size = manifest["plaintexts"][scenario["plaintext"]]
        yield Vector(
            id=test_id,
            algorithm=AlgorithmSuite.get_by_id(int(scenario["algorithm"], 16)),
            plaintext=bytes(each % 251 for each in range(size)),
            frame_size=scenario["frame-size"],
            context=scenario["encryption-context"],
            keys=scenario["master-keys"],
            tampering=test.get("tampering"),
            streamed_unsigned=test.get("decryption-method") == "streaming-unsigned-only",
            error=test.get("result", {}).get("error", {}).get("error-description", ""),
            decryption_keys=test.get("decryption-master-keys", scenario["master-keys"]),
        )


class World:
    """A deployment with the manifests' KMS keys, and who may do what with them."""

    def __init__(self, stockade: Stockade) -> None:
        self._stockade = stockade
        self.manifest: dict[str, Any] = json.loads((FOLDER / KEYS).read_bytes())["keys"]
        self.root = session(stockade, region=REGION)
        self.arns = {name: self._kms_key(name) for name in (DECRYPTABLE, ENCRYPT_ONLY)}
        self.writer = self.user("writer", self.allowed(ENCRYPTING, DECRYPTABLE, ENCRYPT_ONLY))
        self.reader = self.user("reader", self.allowed(("kms:Decrypt",), DECRYPTABLE))
        self.writing: Any = self.writer.client("kms")
        self.reading: Any = self.reader.client("kms")
        self._wrapping_keys: dict[str, WrappingKey] = {}

    def user(self, name: str, *statements: dict[str, Any]) -> boto3.Session:
        """Make a user with one inline policy."""
        iam: Any = self.root.client("iam")
        iam.create_user(UserName=name)
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=policy)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return session(
            self._stockade,
            access_key_id=made["AccessKeyId"],
            secret_access_key=made["SecretAccessKey"],
            region=REGION,
        )

    def encrypting(self, keys: list[dict[str, str]], by: Any) -> Any:
        """Return the master keys that encrypt a vector's message, KMS keys by their aliases."""
        return _joined([self._master_key(key, by, alias=True) for key in keys])

    def decrypting(self, keys: list[dict[str, str]], by: Any) -> Any:
        """Return the master keys that decrypt it: those that the manifest says can."""
        can = [key for key in keys if self.manifest[key["key"]]["decrypt"]] or keys
        return _joined([self._master_key(key, by, alias=False) for key in can])

    def _kms_key(self, name: str) -> str:
        kms: Any = self.root.client("kms")
        made = kms.create_key(Description=name)["KeyMetadata"]
        alias = self.manifest[name]["key-id"].removeprefix(ALIASES)
        kms.create_alias(AliasName=alias, TargetKeyId=made["KeyId"])
        return str(made["Arn"])

    def allowed(self, actions: tuple[str, ...], *keys: str) -> dict[str, Any]:
        """Return a statement that allows actions on some of the manifests' KMS keys."""
        arns = [self.arns[name] for name in keys]
        return {"Effect": "Allow", "Action": list(actions), "Resource": arns}

    def _master_key(self, key: dict[str, str], by: Any, *, alias: bool) -> Any:
        named = self.manifest[key["key"]]
        if key["type"] == "raw":
            return self._raw_key(key, named)
        key_id = named["key-id"] if alias else self.arns[key["key"]]
        return KMSMasterKey(key_id=key_id, client=by)

    def _raw_key(self, key: dict[str, str], named: dict[str, Any]) -> RawMasterKey:
        """Return a raw master key; its RSA key is read once, for that is slow."""
        marks = json.dumps(key, sort_keys=True)
        if marks not in self._wrapping_keys:
            self._wrapping_keys[marks] = _wrapping_key(key, named)
        return RawMasterKey(
            provider_id=key["provider-id"],
            key_id=named["key-id"],
            wrapping_key=self._wrapping_keys[marks],
        )


def _wrapping_key(key: dict[str, str], named: dict[str, Any]) -> WrappingKey:
    material = named["material"]
    return WrappingKey(
        wrapping_algorithm=_wrapping(key, named),
        wrapping_key=b64decode(material) if named["encoding"] == "base64" else material.encode(),
        wrapping_key_type=KEY_TYPES[named["type"]],
    )


def _wrapping(key: dict[str, str], named: dict[str, Any]) -> WrappingAlgorithm:
    if key["encryption-algorithm"] == "aes":
        return WrappingAlgorithm[f"AES_{named['bits']}_GCM_IV12_TAG16_NO_PADDING"]
    if key["padding-algorithm"] == "pkcs1":
        return WrappingAlgorithm.RSA_PKCS1
    return WrappingAlgorithm[f"RSA_OAEP_{key['padding-hash'].upper()}_MGF1"]


class _Keys(MasterKeyProvider):  # type: ignore[misc]
    """Some master keys as one provider: the first makes the data key, all encrypt it."""

    provider_id = "stockade-vectors"
    vend_masterkey_on_decrypt = False
    _config_class = MasterKeyProviderConfig

    def _new_master_key(self, key_id: bytes) -> MasterKey:
        raise InvalidKeyIdError(key_id)


def _joined(keys: list[MasterKey]) -> MasterKeyProvider:
    provider = _Keys()
    for key in keys:
        provider.add_master_key_provider(key)
    return provider
