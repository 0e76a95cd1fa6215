# SPDX-License-Identifier: Apache-2.0
"""One-time codes of time (RFC 6238): six digits of HMAC-SHA-1 over steps of thirty seconds."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import datetime

STEP_SECONDS = 30
DIGITS = 6


def step_of(moment: datetime) -> int:
    """Return the number of the step that a moment lies in."""
    return int(moment.timestamp()) // STEP_SECONDS


def code(seed: bytes, step: int) -> str:
    """Return the code of a step (RFC 4226, 5.3)."""
    digest = hmac.digest(seed, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def steps_of(seed: bytes, given: str, steps: Iterable[int]) -> list[int]:
    """Return those of some steps that have this code."""
    wanted = given.encode()
    return [step for step in steps if hmac.compare_digest(code(seed, step).encode(), wanted)]
