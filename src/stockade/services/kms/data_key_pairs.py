# SPDX-License-Identifier: Apache-2.0
"""GenerateDataKeyPair, with its private key in clear and without.

The private key is PKCS#8 in DER, encrypted under a symmetric KMS key as Encrypt does it, so that
Decrypt gives it back; the public key is SubjectPublicKeyInfo in DER. The pair is kept nowhere. As
at AWS, a key in a custom key store encrypts none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.crypto import keypairs
from stockade.crypto.nitro import Attestation
from stockade.services.kms import fresh, symmetric, view
from stockade.services.kms.access import key_named
from stockade.services.kms.encrypting import NO_CONTEXT, USAGE
from stockade.services.kms.errors import (
    DryRunOperationException,
    InvalidKeyUsageException,
)
from stockade.services.kms.lifecycle import must_have_origin
from stockade.services.kms.ready import ready
from stockade.services.kms.recipient import answer, attested
from stockade.services.kms.resources import Key
from stockade.services.kms.service import kms
from stockade.services.kms.specs import SYMMETRIC


@kms.operation(access=attested(key_named("kms:GenerateDataKeyPair")))
def generate_data_key_pair(
    ctx: Context,
    key: Key,
    attestation: Attestation | None,
    *,
    key_id: str,
    key_pair_spec: str,
    encryption_context: Mapping[str, str] = NO_CONTEXT,
    grant_tokens: Sequence[str] = (),
    recipient: Mapping[str, object] | None = None,
    dry_run: bool = False,
) -> Output:
    """Return a new pair; its private key in clear, too."""
    del key_id, recipient
    must_have_origin(key, "AWS_KMS", "EXTERNAL")
    _ready(ctx, key, "GenerateDataKeyPair", grant_tokens, dry_run=dry_run)
    private_key = fresh.fresh_pair(ctx, key_pair_spec)
    output = _pair(ctx, key, key_pair_spec, private_key, encryption_context)
    output["PrivateKeyPlaintext"] = private_key
    return answer(ctx, attestation, output, "PrivateKeyPlaintext")


@kms.operation(access=key_named("kms:GenerateDataKeyPairWithoutPlaintext"))
def generate_data_key_pair_without_plaintext(
    ctx: Context,
    key: Key,
    *,
    key_id: str,
    key_pair_spec: str,
    encryption_context: Mapping[str, str] = NO_CONTEXT,
    grant_tokens: Sequence[str] = (),
    dry_run: bool = False,
) -> Output:
    """Return a new pair, its private key only encrypted under the KMS key."""
    del key_id
    must_have_origin(key, "AWS_KMS", "EXTERNAL")
    operation = "GenerateDataKeyPairWithoutPlaintext"
    _ready(ctx, key, operation, grant_tokens, dry_run=dry_run)
    private_key = fresh.fresh_pair(ctx, key_pair_spec)
    return _pair(ctx, key, key_pair_spec, private_key, encryption_context)


def _ready(
    ctx: Context, key: Key, operation: str, grant_tokens: Sequence[str], *, dry_run: bool
) -> None:
    """Refuse a key that encrypts no pair at the moment, or at all, or end a DryRun."""
    ready(ctx, key, USAGE, operation, None, grant_tokens, dry_run=False)
    if key.key_spec != SYMMETRIC:
        raise InvalidKeyUsageException("You cannot generate a data key pair with an asymmetric CMK")
    if dry_run:
        raise DryRunOperationException


def _pair(
    ctx: Context, key: Key, spec: str, private_key: bytes, context: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "PrivateKeyCiphertextBlob": symmetric.seal(ctx, key, private_key, context),
        "PublicKey": keypairs.public_der(keypairs.load_private(private_key)),
        "KeyId": key.arn,
        "KeyPairSpec": spec,
        **view.material("KeyMaterialId", key, key.material_id),
    }
