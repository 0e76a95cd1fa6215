# SPDX-License-Identifier: Apache-2.0
"""What takes too long for the event loop: an operation is run again on a thread then.

Measured: signing takes 23 us with P-256, 31 us with Ed25519, 0.24 to 3 ms with RSA, 0.35 to 1.1 ms
with all others; verifying takes 20 to 100 us with RSA, 64 us with P-256, 0.1 to 0.3 ms with Ed25519
and ML-DSA, 0.3 to 0.75 ms with the other curves.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from stockade.core.context import Context
from stockade.services.kms.resources import Key
from stockade.store.errors import NotInMemory


def must_be_quick(ctx: Context, key: Key, quick: AbstractSet[str]) -> None:
    """Leave the event loop, unless the key is of a spec that the operation is quick with."""
    if key.key_spec not in quick and ctx.unit.memory_only:
        raise NotInMemory
