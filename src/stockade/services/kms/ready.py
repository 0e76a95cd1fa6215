# SPDX-License-Identifier: Apache-2.0
"""What every cryptographic operation asks first: grant tokens, state, usage, algorithm.

In AWS's order; that a DryRun would have succeeded is said last.
"""

from __future__ import annotations

from collections.abc import Sequence

from stockade.core.context import Context
from stockade.services.kms import grant_tokens
from stockade.services.kms.errors import DryRunOperationException, InvalidGrantTokenException
from stockade.services.kms.lifecycle import USE, must_allow, must_be_for, must_have_algorithm
from stockade.services.kms.resources import Key


def ready(
    ctx: Context,
    key: Key,
    usage: str,
    operation: str,
    algorithm: str,
    tokens: Sequence[str],
    *,
    dry_run: bool,
) -> None:
    """Refuse a key that cannot do `operation` with `algorithm` at the moment, or end a DryRun."""
    if tokens:
        check_tokens(ctx, tokens)
    must_allow(key, USE)
    must_be_for(key, usage, operation)
    must_have_algorithm(key, algorithm)
    if dry_run:
        raise DryRunOperationException


def check_tokens(ctx: Context, tokens: Sequence[str]) -> None:
    """Refuse a grant token that no grant stands behind."""
    for token in tokens:
        if grant_tokens.find(ctx, token).grant is None:
            raise InvalidGrantTokenException
