# SPDX-License-Identifier: Apache-2.0
"""DeriveSharedSecret: what a KMS key and somebody else's public key have in common (ECDH).

The secret is raw, as AWS gives it: who uses it derives keys from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.asymmetric import ec

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.crypto import agreement
from stockade.crypto.nitro import Attestation
from stockade.services.kms import pairs
from stockade.services.kms.access import key_named
from stockade.services.kms.errors import DryRunOperationException, ValidationException
from stockade.services.kms.ready import ready
from stockade.services.kms.recipient import answer, attested
from stockade.services.kms.resources import Key
from stockade.services.kms.service import kms

USAGE = "KEY_AGREEMENT"


@kms.operation(access=attested(key_named("kms:DeriveSharedSecret")))
def derive_shared_secret(
    ctx: Context,
    key: Key,
    attestation: Attestation | None,
    *,
    key_id: str,
    key_agreement_algorithm: str,
    public_key: bytes,
    grant_tokens: Sequence[str] = (),
    recipient: Mapping[str, object] | None = None,
    dry_run: bool = False,
) -> Output:
    """Derive the secret that a key shares with another pair of its curve."""
    del key_id, recipient
    ready(
        ctx,
        key,
        USAGE,
        "DeriveSharedSecret",
        key_agreement_algorithm,
        grant_tokens,
        dry_run=False,
    )
    secret = _shared(ctx, key, public_key)
    if dry_run:
        raise DryRunOperationException
    output = {
        "KeyId": key.arn,
        "SharedSecret": secret,
        "KeyAgreementAlgorithm": key_agreement_algorithm,
        "KeyOrigin": key.origin,
    }
    return answer(ctx, attestation, output, "SharedSecret")


def _shared(ctx: Context, key: Key, public_key: bytes) -> bytes:
    private = pairs.private_key(ctx, key)
    assert isinstance(private, ec.EllipticCurvePrivateKey), "only curves agree on secrets"
    try:
        return agreement.shared_secret(private, public_key)
    except (agreement.NotAPublicKey, agreement.OtherCurve):
        raise ValidationException from None
