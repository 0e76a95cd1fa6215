# SPDX-License-Identifier: Apache-2.0
"""The first material of a key that KMS itself makes: random bytes, or a private key as PKCS #8.

RSA keys take up to a second to make. Where one is stored, it comes from the pool, and only with an
empty pool is it made: before the write begins, so that no other write waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from stockade.core.context import Context
from stockade.core.operation import Unprepared
from stockade.crypto import keypairs
from stockade.services.kms import pool
from stockade.services.kms.errors import UnsupportedOperationException
from stockade.services.kms.specs import KeySpec

SYMMETRIC_SIZE = 32
HMAC_SIZES: Mapping[str, int] = MappingProxyType(
    {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}
)
"""As long as the digest, as AWS has it."""


def fresh_material(ctx: Context, spec: KeySpec) -> bytes:
    """Return new material for a key of `spec`, however long it takes."""
    secret = _secret(ctx, spec)
    return fresh_pair(spec.name) if secret is None else secret


def fresh_pair(spec: str) -> bytes:
    """Return the private key of a new pair as PKCS #8, or refuse a spec that needs an extra."""
    if spec not in keypairs.GENERATORS:
        raise UnsupportedOperationException(
            f"Stockade does not make keys of {spec} yet: they want the extra `sm2`."
        )
    return keypairs.generate(spec)


def prepared_pair(ctx: Context, spec: KeySpec) -> bytes | None:
    """Return a new pair before the write begins, or None where `material` needs none."""
    if spec.family in ("symmetric", "hmac") or pool.has(ctx.unit, spec.name):
        return None
    ctx.unit.rest()
    return fresh_pair(spec.name)


def material(ctx: Context, spec: KeySpec, prepared: bytes | None) -> bytes:
    """Return new material within a write: what was prepared, or the pool's.

    Who comes too late for the last key of the pool has one prepared and tries again.
    """
    if prepared is not None:
        return prepared
    secret = _secret(ctx, spec) or pool.take(ctx, spec.name)
    if secret is None:
        raise Unprepared
    return secret


def _secret(ctx: Context, spec: KeySpec) -> bytes | None:
    """Return the random bytes of a key that is no pair."""
    if spec.family == "symmetric":
        return ctx.random(SYMMETRIC_SIZE)
    if spec.family == "hmac":
        return ctx.random(HMAC_SIZES[spec.name])
    return None
