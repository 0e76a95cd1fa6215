# SPDX-License-Identifier: Apache-2.0
"""KMS keys as the external keys of another KMS: what Stockade's own XKS proxy (xks/) does below.

The external key id is the key's id; the key's policy decides. The caller is the service principal
`cks.kms.amazonaws.com`, which no key lets in by itself: a statement in the key policy has to name
it. What the asking KMS tells of the call behind it can be asked for in conditions:

    aws:SourceArn, aws:SourceAccount   the KMS key there, and its account
    kms:ViaService                     the service that called it
    aws:SourceVpc, aws:SourceVpce      where that call came from

One ciphertext, with the metadata that the specification leaves to a proxy:

    metadata  17   01, then the first 16 bytes of the KeyMaterialId: which backing key opens it
    iv        16   random

Per call a key and a nonce for AES-256-GCM are derived from the backing key and the 16 random bytes,
with the counter mode of NIST SP 800-108 under a label of its own: so a key may be asked as often as
AWS likes, without the limit of 2**32 random nonces of 96 bits, and nothing that this makes can be
opened by KMS's Decrypt, or the other way round. Old ciphertexts open after rotations.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from stockade.core.access import Touched
from stockade.core.arn import arn
from stockade.core.context import Context
from stockade.crypto import aead, kdf
from stockade.protocol.xks import Encrypted, KeyMetadata, RequestMetadata, bound_aad
from stockade.services.kms import materials, specs
from stockade.services.kms.access import demand_on, find_key
from stockade.services.kms.condition_keys import More
from stockade.services.kms.errors import (
    InvalidCiphertextException,
    InvalidKeyUsageException,
    KMSInvalidStateException,
)
from stockade.services.kms.lifecycle import USE, must_allow, must_be_for
from stockade.services.kms.resources import MATERIALS, Key
from stockade.store.resources import Scope

PRINCIPAL = "cks.kms.amazonaws.com"

_VERSION = b"\x01"
_PREFIX_SIZE = 16
_IV_SIZE = 16
_LABEL = b"stockade kms external key"
_ACTIONS: Mapping[str, str] = MappingProxyType(
    {"metadata": "kms:DescribeKey", "encrypt": "kms:Encrypt", "decrypt": "kms:Decrypt"}
)


class ExternalKeys:
    """What the proxy asks of KMS (see the port `Keys` in xks/requires.py)."""

    principal = PRINCIPAL

    def touch(
        self, ctx: Context, scope: Scope, key_id: str, api: str, told: RequestMetadata
    ) -> Touched:
        """Return the permission that a call of an API needs, and the key."""
        named = find_key(ctx, arn("kms", scope.region, scope.account, f"key/{key_id}"))
        return Touched(
            demands=(demand_on(ctx, named, _ACTIONS[api], {}, _told(told)),),
            resources=(named.key,),
            absent=named.absent,
            audit=((named.arn, "AWS::KMS::Key"),),
        )

    def describe(self, key: Key) -> KeyMetadata:
        """Return what a key is for, and whether it can be used."""
        encrypts = _encrypts(key)
        return KeyMetadata(
            key_spec="AES_256" if encrypts else key.key_spec,
            key_usage=("ENCRYPT", "DECRYPT") if encrypts else (key.key_usage,),
            key_status="ENABLED" if key.state == "Enabled" else "DISABLED",
        )

    def encrypt(self, ctx: Context, key: Key, plaintext: bytes, aad: bytes) -> Encrypted:
        """Encrypt under the key's current material."""
        material = _ready(ctx, key, "Encrypt")
        iv = ctx.random(_IV_SIZE)
        metadata = _VERSION + bytes.fromhex(key.material_id)[:_PREFIX_SIZE]
        derived = _derive(material, iv)
        box = aead.seal(*derived, plaintext, bound_aad(aad, metadata))
        return Encrypted(
            ciphertext=box[: -aead.TAG_SIZE],
            initialization_vector=iv,
            authentication_tag=box[-aead.TAG_SIZE :],
            ciphertext_metadata=metadata,
        )

    def decrypt(self, ctx: Context, key: Key, encrypted: Encrypted, aad: bytes) -> bytes:
        """Decrypt what `encrypt` made, also under an earlier material of the key."""
        _ready(ctx, key, "Decrypt")
        metadata, iv = encrypted.ciphertext_metadata, encrypted.initialization_vector
        material = _material(ctx, key, metadata)
        if material is None or len(iv) != _IV_SIZE:
            raise InvalidCiphertextException
        box = encrypted.ciphertext + encrypted.authentication_tag
        try:
            return aead.open(*_derive(material, iv), box, bound_aad(aad, metadata))
        except aead.Tampered:
            raise InvalidCiphertextException from None


def _told(told: RequestMetadata) -> More:
    """Return the condition keys that the asking KMS tells of."""
    values = {
        "kms:viaservice": told.kms_via_service,
        "aws:sourcevpc": told.aws_source_vpc,
        "aws:sourcevpce": told.aws_source_vpce,
    }

    def find(_params: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
        value = values.get(name)
        return None if value is None else (value,)

    return find


def _encrypts(key: Key) -> bool:
    return key.key_spec == specs.SYMMETRIC and key.key_usage == "ENCRYPT_DECRYPT"


def _ready(ctx: Context, key: Key, operation: str) -> bytes:
    """Return the key's current material, if its state and its kind allow the operation."""
    must_allow(key, USE)
    must_be_for(key, "ENCRYPT_DECRYPT", operation)
    if not _encrypts(key):
        raise InvalidKeyUsageException(f"{key.arn} is no symmetric key.")
    material = materials.opened(ctx, key, key.material_id)
    if material is None:  # it stands in a custom key store
        raise KMSInvalidStateException(arn=key.arn, state="without material here")
    return material


def _material(ctx: Context, key: Key, metadata: bytes) -> bytes | None:
    """Return the backing key that a ciphertext's metadata names, None where there is none."""
    if len(metadata) != 1 + _PREFIX_SIZE or metadata[:1] != _VERSION:
        return None
    wanted = metadata[1:].hex()
    if key.material_id.startswith(wanted):
        return materials.opened(ctx, key, key.material_id)
    for material_id in _all_ids(ctx, key):
        if material_id.startswith(wanted):
            return materials.opened(ctx, key, material_id)
    return None


def _all_ids(ctx: Context, key: Key) -> tuple[str, ...]:
    """Return the ids of a key's materials."""

    def build() -> tuple[str, ...]:
        found = ctx.unit.find(MATERIALS, key.scope, "key", key.key_id)
        return tuple(material.material_id for material in found)

    return ctx.unit.derive(("kms-material-ids", key.scope, key.key_id), build)


def _derive(material: bytes, iv: bytes) -> tuple[bytes, bytes]:
    """Return the key and the nonce of one call."""
    derived = kdf.counter_hmac_sha256(material, _LABEL, iv, 64)
    return derived[: aead.KEY_SIZE], derived[aead.KEY_SIZE :][: aead.NONCE_SIZE]
