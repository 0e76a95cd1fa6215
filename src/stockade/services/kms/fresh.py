# SPDX-License-Identifier: Apache-2.0
"""The first material of a key that KMS itself makes: random bytes, or a private key as PKCS #8."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from stockade.core.context import Context
from stockade.crypto import keypairs
from stockade.services.kms.errors import UnsupportedOperationException
from stockade.services.kms.specs import KeySpec

SYMMETRIC_SIZE = 32
HMAC_SIZES: Mapping[str, int] = MappingProxyType(
    {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}
)
"""As long as the digest, as AWS has it."""


def fresh_material(ctx: Context, spec: KeySpec) -> bytes:
    """Return new material for a key of `spec`; a pair of keys can take long (see pool.py)."""
    if spec.family == "symmetric":
        return ctx.random(SYMMETRIC_SIZE)
    if spec.family == "hmac":
        return ctx.random(HMAC_SIZES[spec.name])
    return fresh_pair(spec.name)


def fresh_pair(spec: str) -> bytes:
    """Return the private key of a new pair as PKCS #8, or refuse a spec that needs an extra."""
    if spec not in keypairs.GENERATORS:
        raise UnsupportedOperationException(
            f"Stockade does not make keys of {spec} yet: they want the extra `sm2`."
        )
    return keypairs.generate(spec)
