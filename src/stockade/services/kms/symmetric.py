# SPDX-License-Identifier: Apache-2.0
"""How a symmetric key encrypts and decrypts: under its backing keys, in `envelope.py`'s blobs."""

from __future__ import annotations

from collections.abc import Mapping

from stockade.core.context import Context
from stockade.services.kms import blobs, envelope, materials, stored_keys
from stockade.services.kms.errors import IncorrectKeyException, InvalidCiphertextException
from stockade.services.kms.resources import Key


def seal(ctx: Context, key: Key, plaintext: bytes, context: Mapping[str, str]) -> bytes:
    """Return the blob of a plaintext under a key's current material."""
    if key.custom_key_store_id:
        return stored_keys.seal(ctx, key, plaintext, context)
    header = envelope.Header(key.account, key.key_id, key.material_id)
    material = materials.current(ctx, key)
    return envelope.seal(material, header, plaintext, context, nonce=ctx.nonce())


def open_blob(
    ctx: Context, key: Key, blob: bytes, context: Mapping[str, str], *, named: str | None
) -> tuple[bytes, str]:
    """Return plaintext and KeyMaterialId of a blob that `key` has to have made.

    `named` is the KeyId that the caller insisted on, if any: a blob of another key is an
    IncorrectKeyException then, and no ciphertext at all otherwise.
    """
    try:
        header = blobs.read_header(blob)
        if (header.account, header.key_id) != (key.account, key.key_id) and named is not None:
            raise IncorrectKeyException
        if key.custom_key_store_id:
            return _open_stored(ctx, key, blob, header, context), ""
        material = materials.opened(ctx, key, header.material_id)
        if material is None:
            raise InvalidCiphertextException
        return envelope.open_blob(material, blob, context), header.material_id
    except envelope.NotABlob:
        raise InvalidCiphertextException from None


def _open_stored(
    ctx: Context, key: Key, blob: bytes, header: envelope.Header, context: Mapping[str, str]
) -> bytes:
    if (header.account, header.key_id) != (key.account, key.key_id):
        raise InvalidCiphertextException
    return stored_keys.open_blob(ctx, key, blob, context)
