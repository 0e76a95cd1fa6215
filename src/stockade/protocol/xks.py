# SPDX-License-Identifier: Apache-2.0
"""The wire of external key stores: AWS's "External Key Store Proxy API Specification", version 1.

KMS asks, a proxy answers: POST with JSON, signed for the service `kms-xks-proxy`. Both sides stand
here, because Stockade is either: its KMS asks proxies (services/kms/xks.py), and it is a proxy that
AWS KMS or another Stockade asks (xks/). What comes over this wire is read strictly by its reader;
members that a later version of the specification may add are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Annotated, Literal

import msgspec

SIGNING_NAME = "kms-xks-proxy"
API_PATH = "/kms/xks/v1"
LONGEST_URI_PATH = 128
LONGEST_KEY_ID = 128
LONGEST_PLAINTEXT = 4300
LONGEST_AAD = 8192
LONGEST_METADATA = 20
TAG_SIZE = 16
IV_SIZES = (12, 16)

STATUSES: Mapping[str, int] = MappingProxyType(
    {
        "ValidationException": 400,
        "InvalidStateException": 400,
        "InvalidCiphertextException": 400,
        "InvalidKeyUsageException": 400,
        "AuthenticationFailedException": 401,
        "AccessDeniedException": 403,
        "KeyNotFoundException": 404,
        "InvalidUriPathException": 404,
        "ThrottlingException": 429,
        "InternalException": 500,
        "UnsupportedOperationException": 501,
        "DependencyTimeoutException": 503,
    }
)
"""Every error of the specification, with its HTTP status."""

Word = Annotated[str, msgspec.Meta(pattern=r"^[ -~]{1,256}\Z")]
"""A text of the other side that may be shown: printable ASCII, not long."""
Arn = Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]
Aad = Annotated[bytes, msgspec.Meta(max_length=LONGEST_AAD)]
Metadata = Annotated[bytes, msgspec.Meta(max_length=LONGEST_METADATA)]
Iv = Annotated[bytes, msgspec.Meta(min_length=min(IV_SIZES), max_length=max(IV_SIZES))]
Tag = Annotated[bytes, msgspec.Meta(min_length=TAG_SIZE, max_length=TAG_SIZE)]
KeyStatus = Literal["ENABLED", "DISABLED"]
HealthStatus = Literal["ACTIVE", "DEGRADED", "UNAVAILABLE"]


class RequestMetadata(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True
):
    """What KMS tells of the call behind a request: for audit and for a proxy's own rules."""

    kms_operation: Arn
    kms_request_id: Arn
    aws_principal_arn: Arn | None = None
    kms_key_arn: Arn | None = None
    kms_via_service: Arn | None = None
    aws_source_vpc: Arn | None = None
    aws_source_vpce: Arn | None = None


class AskedHealth(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """GetHealthStatus."""

    request_metadata: RequestMetadata


class AskedMetadata(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """GetKeyMetadata."""

    request_metadata: RequestMetadata


class AskedEncrypt(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Encrypt."""

    request_metadata: RequestMetadata
    plaintext: bytes
    encryption_algorithm: str
    additional_authenticated_data: bytes = b""
    ciphertext_data_integrity_value_algorithm: str | None = None

    def __repr__(self) -> str:
        return "AskedEncrypt()"


class AskedDecrypt(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Decrypt."""

    request_metadata: RequestMetadata
    ciphertext: bytes
    initialization_vector: bytes
    authentication_tag: bytes
    encryption_algorithm: str
    additional_authenticated_data: bytes = b""
    ciphertext_metadata: bytes = b""

    def __repr__(self) -> str:
        return "AskedDecrypt()"


class KeyManager(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One external key manager behind a proxy."""

    id: Word
    model: Word
    health_status: HealthStatus


class Health(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to GetHealthStatus."""

    xks_proxy_fleet_size: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    xks_proxy_vendor: Word
    xks_proxy_model: Word
    ekm_vendor: Word
    ekm_fleet_details: Annotated[tuple[KeyManager, ...], msgspec.Meta(min_length=1, max_length=10)]

    @property
    def available(self) -> bool:
        """Whether at least one key manager serves."""
        return any(each.health_status != "UNAVAILABLE" for each in self.ekm_fleet_details)


class KeyMetadata(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to GetKeyMetadata."""

    key_spec: Word
    key_usage: Annotated[tuple[Word, ...], msgspec.Meta(max_length=10)]
    key_status: KeyStatus


class Encrypted(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The answer to Encrypt."""

    ciphertext: Annotated[bytes, msgspec.Meta(max_length=LONGEST_PLAINTEXT)]
    initialization_vector: Iv
    authentication_tag: Tag
    ciphertext_metadata: Metadata = b""
    ciphertext_data_integrity_value: Annotated[bytes, msgspec.Meta(max_length=32)] | None = None


class Decrypted(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to Decrypt."""

    plaintext: Annotated[bytes, msgspec.Meta(max_length=LONGEST_PLAINTEXT)]

    def __repr__(self) -> str:
        return "Decrypted()"


class Refused(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The answer to what a proxy does not do."""

    error_name: Word
    error_message: str | None = None


def integrity_value(aad: bytes, encrypted: Encrypted) -> bytes:
    """Return the Ciphertext Data Integrity Value (SHA_256) of an answer to Encrypt."""
    return sha256(
        aad
        + encrypted.ciphertext_metadata
        + encrypted.initialization_vector
        + encrypted.ciphertext
        + encrypted.authentication_tag
    ).digest()


def bound_aad(aad: bytes, metadata: bytes) -> bytes:
    """Return what a proxy authenticates: AAD and metadata with their lengths in front."""
    return len(aad).to_bytes(2, "big") + aad + len(metadata).to_bytes(1, "big") + metadata
