# SPDX-License-Identifier: Apache-2.0
"""What the proxy needs of KMS, below its API."""

from __future__ import annotations

from typing import Any, Protocol

from stockade.core.access import Touched
from stockade.core.context import Context
from stockade.protocol.xks import Encrypted, KeyMetadata, RequestMetadata
from stockade.store.resources import Scope


class Keys(Protocol):
    """KMS keys as external keys; failures are KMS's own errors."""

    principal: str
    """The service principal that key policies name."""

    def touch(
        self, ctx: Context, scope: Scope, key_id: str, api: str, told: RequestMetadata
    ) -> Touched:
        """Return the permission that `metadata`, `encrypt` or `decrypt` needs, and the key."""

    def describe(self, key: Any) -> KeyMetadata:
        """Return what a key is for, and whether it can be used."""

    def encrypt(self, ctx: Context, key: Any, plaintext: bytes, aad: bytes) -> Encrypted:
        """Encrypt under a key."""

    def decrypt(self, ctx: Context, key: Any, encrypted: Encrypted, aad: bytes) -> bytes:
        """Decrypt what `encrypt` made."""
