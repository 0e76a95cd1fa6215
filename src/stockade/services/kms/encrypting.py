# SPDX-License-Identifier: Apache-2.0
"""Encrypt, Decrypt, ReEncrypt, data keys and random bytes.

The plaintext limit of 4,096 bytes and the other ranges are the model's and checked before (kms-8);
a blob names its key and material itself, so Decrypt needs no KeyId (kms-9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from stockade.core.access import on_everything
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.crypto.nitro import Attestation
from stockade.services.kms import stored_keys, symmetric, view
from stockade.services.kms.access import key_named, key_of_ciphertext, keys_of_reencryption
from stockade.services.kms.errors import DryRunOperationException, ValidationException
from stockade.services.kms.ready import ready
from stockade.services.kms.recipient import answer, attested
from stockade.services.kms.resources import Key
from stockade.services.kms.service import kms

NO_CONTEXT: Mapping[str, str] = MappingProxyType({})
USAGE = "ENCRYPT_DECRYPT"
DATA_KEY_SIZES: Mapping[str, int] = MappingProxyType({"AES_256": 32, "AES_128": 16})


@kms.operation(access=key_named("kms:Encrypt"), quick=True)
def encrypt(
    ctx: Context,
    key: Key,
    *,
    key_id: str,
    plaintext: bytes,
    encryption_context: Mapping[str, str] = NO_CONTEXT,
    encryption_algorithm: str = "SYMMETRIC_DEFAULT",
    grant_tokens: Sequence[str] = (),
    dry_run: bool = False,
) -> Output:
    """Encrypt up to 4,096 bytes under a KMS key."""
    del key_id
    ready(ctx, key, USAGE, "Encrypt", encryption_algorithm, grant_tokens, dry_run=dry_run)
    return {
        "CiphertextBlob": symmetric.seal(ctx, key, plaintext, encryption_context),
        "KeyId": key.arn,
        "EncryptionAlgorithm": encryption_algorithm,
    }


@kms.operation(access=attested(key_of_ciphertext), quick=True)
def decrypt(
    ctx: Context,
    key: Key,
    attestation: Attestation | None,
    *,
    ciphertext_blob: bytes,
    key_id: str | None = None,
    encryption_context: Mapping[str, str] = NO_CONTEXT,
    encryption_algorithm: str = "SYMMETRIC_DEFAULT",
    grant_tokens: Sequence[str] = (),
    recipient: Mapping[str, object] | None = None,
    dry_run: bool = False,
) -> Output:
    """Decrypt what Encrypt, ReEncrypt or a data key operation gave."""
    del recipient  # what it proves is in `attestation`
    ready(ctx, key, USAGE, "Decrypt", encryption_algorithm, grant_tokens, dry_run=False)
    plaintext, material_id = symmetric.open_blob(
        ctx, key, ciphertext_blob, encryption_context, named=key_id
    )
    if dry_run:
        raise DryRunOperationException
    output = {
        "KeyId": key.arn,
        "Plaintext": plaintext,
        "EncryptionAlgorithm": encryption_algorithm,
        **view.material("KeyMaterialId", key, material_id),
    }
    return answer(ctx, attestation, output)


@kms.operation(access=keys_of_reencryption, quick=True)
def re_encrypt(
    ctx: Context,
    source: Key,
    destination: Key,
    *,
    ciphertext_blob: bytes,
    destination_key_id: str,
    source_key_id: str | None = None,
    source_encryption_context: Mapping[str, str] = NO_CONTEXT,
    destination_encryption_context: Mapping[str, str] = NO_CONTEXT,
    source_encryption_algorithm: str = "SYMMETRIC_DEFAULT",
    destination_encryption_algorithm: str = "SYMMETRIC_DEFAULT",
    grant_tokens: Sequence[str] = (),
    dry_run: bool = False,
) -> Output:
    """Decrypt under one key and encrypt under another; the plaintext stays inside."""
    del destination_key_id
    ready(ctx, source, USAGE, "ReEncrypt", source_encryption_algorithm, grant_tokens, dry_run=False)
    ready(ctx, destination, USAGE, "ReEncrypt", destination_encryption_algorithm, (), dry_run=False)
    plaintext, material_id = symmetric.open_blob(
        ctx, source, ciphertext_blob, source_encryption_context, named=source_key_id
    )
    if dry_run:
        raise DryRunOperationException
    return {
        "CiphertextBlob": symmetric.seal(
            ctx, destination, plaintext, destination_encryption_context
        ),
        "SourceKeyId": source.arn,
        "KeyId": destination.arn,
        "SourceEncryptionAlgorithm": source_encryption_algorithm,
        "DestinationEncryptionAlgorithm": destination_encryption_algorithm,
        **view.material("SourceKeyMaterialId", source, material_id),
        **view.material("DestinationKeyMaterialId", destination, destination.material_id),
    }


@kms.operation(access=attested(key_named("kms:GenerateDataKey")), quick=True)
def generate_data_key(
    ctx: Context,
    key: Key,
    attestation: Attestation | None,
    *,
    key_id: str,
    encryption_context: Mapping[str, str] = NO_CONTEXT,
    number_of_bytes: int | None = None,
    key_spec: str | None = None,
    grant_tokens: Sequence[str] = (),
    recipient: Mapping[str, object] | None = None,
    dry_run: bool = False,
) -> Output:
    """Return a new data key, in clear and encrypted under the KMS key (kms-36)."""
    del key_id, recipient
    if (number_of_bytes is None) == (key_spec is None):
        raise ValidationException("Please specify either number of bytes or key spec.")
    ready(ctx, key, USAGE, "GenerateDataKey", "SYMMETRIC_DEFAULT", grant_tokens, dry_run=dry_run)
    size = number_of_bytes if number_of_bytes is not None else DATA_KEY_SIZES[key_spec or ""]
    plaintext = ctx.random(size)
    output = {
        "CiphertextBlob": symmetric.seal(ctx, key, plaintext, encryption_context),
        "Plaintext": plaintext,
        "KeyId": key.arn,
        **view.material("KeyMaterialId", key, key.material_id),
    }
    return answer(ctx, attestation, output)


@kms.operation(access=key_named("kms:GenerateDataKeyWithoutPlaintext"), quick=True)
def generate_data_key_without_plaintext(
    ctx: Context,
    key: Key,
    *,
    key_id: str,
    encryption_context: Mapping[str, str] = NO_CONTEXT,
    number_of_bytes: int | None = None,
    key_spec: str | None = None,
    grant_tokens: Sequence[str] = (),
    dry_run: bool = False,
) -> Output:
    """Return a new data key, encrypted under the KMS key only."""
    data_key = generate_data_key(
        ctx,
        key,
        None,
        key_id=key_id,
        encryption_context=encryption_context,
        number_of_bytes=number_of_bytes,
        key_spec=key_spec,
        grant_tokens=grant_tokens,
        dry_run=dry_run,
    )
    return {name: value for name, value in data_key.items() if name != "Plaintext"}


@kms.operation(access=attested(on_everything("kms:GenerateRandom")), quick=True)
def generate_random(
    ctx: Context,
    attestation: Attestation | None,
    *,
    number_of_bytes: int | None = None,
    custom_key_store_id: str | None = None,
    recipient: Mapping[str, object] | None = None,
) -> Output:
    """Return 1 to 1,024 random bytes, from the cluster of a CloudHSM key store if one is named."""
    del recipient
    if number_of_bytes is None:
        raise ValidationException("NumberOfBytes is required.")
    if custom_key_store_id is None:
        fresh = ctx.random(number_of_bytes)
    else:
        fresh = stored_keys.random(ctx, custom_key_store_id, number_of_bytes)
    return answer(ctx, attestation, {"Plaintext": fresh})
