# SPDX-License-Identifier: Apache-2.0
"""Material that KMS itself makes: random bytes, or a private key as PKCS #8.

RSA keys take up to a second to make. They come from the pool, and with an empty pool they are made
where nobody waits for them: between two attempts at the write that wants one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from stockade.core.context import Context
from stockade.crypto import keypairs
from stockade.services.kms import pool
from stockade.services.kms.envelope import SYMMETRIC_SIZE
from stockade.services.kms.errors import UnsupportedOperationException
from stockade.services.kms.specs import KeySpec

HMAC_SIZES: Mapping[str, int] = MappingProxyType(
    {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}
)
"""As long as the digest, as AWS has it."""


def fresh_material(ctx: Context, spec: KeySpec) -> bytes:
    """Return new material for a key of `spec`."""
    if spec.family == "symmetric":
        return ctx.random(SYMMETRIC_SIZE)
    if spec.family == "hmac":
        return ctx.random(HMAC_SIZES[spec.name])
    return fresh_pair(ctx, spec.name)


def fresh_pair(ctx: Context, spec: str) -> bytes:
    """Return the private key of a new pair as PKCS #8, or refuse a spec that needs an extra."""
    if spec not in keypairs.GENERATORS:
        raise UnsupportedOperationException(
            f"Stockade does not make keys of {spec} yet: they want the extra `sm2`."
        )
    if spec not in pool.SIZES:
        return keypairs.generate(spec)
    name = ("kms-key-pair", spec, ctx.random(16))  # every key is a question of its own
    return pool.take(ctx, spec) or ctx.outside(name, lambda: keypairs.generate(spec))
