# SPDX-License-Identifier: Apache-2.0
"""Sign, Verify and GetPublicKey (kms-14 to kms-16).

A signature that does not hold is an error and no answer, also in a DryRun. Everybody who has the
public key can do what Verify does, and the other way round. GetPublicKey answers for a disabled key
too: so AWS was recorded, other than its documentation says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, cast

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.crypto import signatures
from stockade.crypto.signatures import MU_SIZE, MessageType
from stockade.services.kms import lifecycle, pairs, view
from stockade.services.kms.access import key_named
from stockade.services.kms.errors import (
    DryRunOperationException,
    KMSInvalidSignatureException,
    UnsupportedOperationException,
    ValidationException,
)
from stockade.services.kms.event_loop import must_be_quick
from stockade.services.kms.ready import check_tokens, ready
from stockade.services.kms.resources import Key
from stockade.services.kms.service import kms
from stockade.services.kms.specs import SPECS

USAGE = "SIGN_VERIFY"
QUICK_TO_SIGN = frozenset({"ECC_NIST_P256", "ECC_NIST_EDWARDS25519"})
QUICK_TO_VERIFY = QUICK_TO_SIGN | {
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ML_DSA_44",
    "ML_DSA_65",
    "ML_DSA_87",
}
ONLY_TYPE: Mapping[str, MessageType] = MappingProxyType(
    {"ED25519_SHA_512": "RAW", "ED25519_PH_SHA_512": "DIGEST"}
)
"""The algorithms that take one message type alone."""
WITHOUT_PAIR = frozenset({"symmetric", "hmac"})
"""The families of keys that have no public half."""


@kms.operation(access=key_named("kms:Sign"), quick=True)
def sign(
    ctx: Context,
    key: Key,
    *,
    key_id: str,
    message: bytes,
    signing_algorithm: str,
    message_type: MessageType = "RAW",
    grant_tokens: Sequence[str] = (),
    dry_run: bool = False,
) -> Output:
    """Sign a message of up to 4,096 bytes, or the digest of a longer one."""
    del key_id
    must_be_quick(ctx, key, QUICK_TO_SIGN)
    ready(ctx, key, USAGE, "Sign", signing_algorithm, grant_tokens, dry_run=False)
    _must_fit(key, signing_algorithm, message, message_type)
    if dry_run:
        raise DryRunOperationException
    return {
        "KeyId": key.arn,
        "Signature": signatures.sign(_private(ctx, key), signing_algorithm, message, message_type),
        "SigningAlgorithm": signing_algorithm,
    }


@kms.operation(access=key_named("kms:Verify"), quick=True)
def verify(
    ctx: Context,
    key: Key,
    *,
    key_id: str,
    message: bytes,
    signature: bytes,
    signing_algorithm: str,
    message_type: MessageType = "RAW",
    grant_tokens: Sequence[str] = (),
    dry_run: bool = False,
) -> Output:
    """Say that a signature is one of the message by this key; refuse any other."""
    del key_id
    must_be_quick(ctx, key, QUICK_TO_VERIFY)
    ready(ctx, key, USAGE, "Verify", signing_algorithm, grant_tokens, dry_run=False)
    _must_fit(key, signing_algorithm, message, message_type)
    public = _private(ctx, key).public_key()
    if not signatures.verify(public, signing_algorithm, message, message_type, signature):
        raise KMSInvalidSignatureException
    if dry_run:
        raise DryRunOperationException
    return {"KeyId": key.arn, "SignatureValid": True, "SigningAlgorithm": signing_algorithm}


@kms.operation(access=key_named("kms:GetPublicKey"), quick=True)
def get_public_key(
    ctx: Context, key: Key, *, key_id: str, grant_tokens: Sequence[str] = ()
) -> Output:
    """Return the public half of an asymmetric key, and what it is for."""
    del key_id
    check_tokens(ctx, grant_tokens)
    if SPECS[key.key_spec].family in WITHOUT_PAIR:
        raise UnsupportedOperationException
    lifecycle.must_allow(key, lifecycle.GET_PUBLIC_KEY)
    return {
        "KeyId": key.arn,
        "PublicKey": pairs.public_key(ctx, key),
        "CustomerMasterKeySpec": key.key_spec,
        "KeySpec": key.key_spec,
        "KeyUsage": key.key_usage,
        **view.algorithms(key),
    }


def _private(ctx: Context, key: Key) -> signatures.PrivateKey:
    return cast("signatures.PrivateKey", pairs.private_key(ctx, key))


def _must_fit(key: Key, algorithm: str, message: bytes, message_type: MessageType) -> None:
    """Refuse a message type that the key or the algorithm does not take, or a size it has not."""
    hashed: Literal["DIGEST", "EXTERNAL_MU"] = (
        "EXTERNAL_MU" if SPECS[key.key_spec].family == "ml_dsa" else "DIGEST"
    )
    if message_type not in ("RAW", hashed):
        raise ValidationException(
            f"Message type {message_type} is incompatible with key spec {key.key_spec}."
        )
    if ONLY_TYPE.get(algorithm, message_type) != message_type:
        raise ValidationException(
            f"Message type {message_type} is incompatible with algorithm {algorithm}."
        )
    if message_type == "DIGEST" and len(message) != signatures.digest_size(algorithm):
        raise ValidationException(f"Digest is invalid length for algorithm {algorithm}.")
    if message_type == "EXTERNAL_MU" and len(message) != MU_SIZE:
        raise ValidationException(f"External Mu is invalid length for algorithm {algorithm}.")
