# SPDX-License-Identifier: Apache-2.0
"""Codes of time against the table of RFC 6238, appendix B (its last six digits)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from stockade.crypto import totp

SEED = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    step = totp.step_of(datetime.fromtimestamp(seconds, UTC))
    assert totp.code(SEED, step) == code
    assert totp.steps_of(SEED, "\u0661" * 6, (step,)) == []
    assert totp.steps_of(SEED, code, range(step, step + 5)) == [step]
