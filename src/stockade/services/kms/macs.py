# SPDX-License-Identifier: Apache-2.0
"""GenerateMac and VerifyMac: HMAC under a key that nobody sees (kms-14).

A MAC that does not hold is an error and no answer, also in a DryRun.
"""

from __future__ import annotations

from collections.abc import Sequence

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.crypto import macs
from stockade.services.kms import materials
from stockade.services.kms.access import key_named
from stockade.services.kms.errors import DryRunOperationException, KMSInvalidMacException
from stockade.services.kms.ready import ready
from stockade.services.kms.resources import Key
from stockade.services.kms.service import kms

USAGE = "GENERATE_VERIFY_MAC"


@kms.operation(access=key_named("kms:GenerateMac"), quick=True)
def generate_mac(
    ctx: Context,
    key: Key,
    *,
    key_id: str,
    message: bytes,
    mac_algorithm: str,
    grant_tokens: Sequence[str] = (),
    dry_run: bool = False,
) -> Output:
    """Return the HMAC of a message of up to 4,096 bytes."""
    del key_id
    ready(ctx, key, USAGE, "GenerateMac", mac_algorithm, grant_tokens, dry_run=dry_run)
    return {
        "Mac": macs.generate(materials.current(ctx, key), mac_algorithm, message),
        "MacAlgorithm": mac_algorithm,
        "KeyId": key.arn,
    }


@kms.operation(access=key_named("kms:VerifyMac"), quick=True)
def verify_mac(
    ctx: Context,
    key: Key,
    *,
    key_id: str,
    message: bytes,
    mac: bytes,
    mac_algorithm: str,
    grant_tokens: Sequence[str] = (),
    dry_run: bool = False,
) -> Output:
    """Say that an HMAC is that of the message; refuse any other."""
    del key_id
    ready(ctx, key, USAGE, "VerifyMac", mac_algorithm, grant_tokens, dry_run=False)
    if not macs.verify(materials.current(ctx, key), mac_algorithm, message, mac):
        raise KMSInvalidMacException
    if dry_run:
        raise DryRunOperationException
    return {"KeyId": key.arn, "MacValid": True, "MacAlgorithm": mac_algorithm}
