# SPDX-License-Identifier: Apache-2.0
"""SP 800-108 counter mode against NIST's vectors and against `cryptography`."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode
from hypothesis import given
from hypothesis import strategies as st

from stockade.crypto import kdf

# NIST CAVP, KBKDF counter mode: HMAC_SHA256, counter before the fixed data, 32 bits: 0, 10 and 30.
NIST = [
    (
        "dd1d91b7d90b2bd3138533ce92b272fbf8a369316aefe242e659cc0ae238afe0",
        (
            "01322b96b30acd197979444e468e1c5c6859bf1b1cf951b7e725303e237e46b8"
            "64a145fab25e517b08f8683d0315bb2911d80a0e8aba17f3b413faac"
        ),
        "10621342bfb0fd40046c0e29f2cfdbf0",
    ),
    (
        "e204d6d466aad507ffaf6d6dab0a5b26152c9e21e764370464e360c8fbc765c6",
        (
            "7b03b98d9f94b899e591f3ef264b71b193fba7043c7e953cde23bc5384bc1a62"
            "93580115fae3495fd845dadbd02bd6455cf48d0f62b33e62364a3a80"
        ),
        "770dfab6a6a4a4bee0257ff335213f78d8287b4fd537d5c1fffa956910e7c779",
    ),
    (
        "c4bedbddb66493e7c7259a3bbbc25f8c7e0ca7fe284d92d431d9cd99a0d214ac",
        (
            "1c69c54766791e315c2cc5c47ecd3ffab87d0d273dd920e70955814c220eacac"
            "e6a5946542da3dfe24ff626b4897898cafb7db83bdff3c14fa46fd4b"
        ),
        "1da47638d6c9c4d04d74d4640bbd42ab814d9e8cc22f4326695239f96b0693f12d0dd1152cf44430",
    ),
]


@pytest.mark.parametrize(("key", "fixed", "expected"), NIST)
def test_nist(key: str, fixed: str, expected: str) -> None:
    output = bytes.fromhex(expected)
    assert kdf.from_fixed_input(bytes.fromhex(key), bytes.fromhex(fixed), len(output)) == output


@given(
    st.binary(min_size=1, max_size=100),
    st.binary(max_size=40),
    st.binary(max_size=80),
    st.integers(1, 300),
)
def test_equals_cryptography(key: bytes, label: bytes, context: bytes, length: int) -> None:
    reference = KBKDFHMAC(
        algorithm=SHA256(),
        mode=Mode.CounterMode,
        length=length,
        rlen=4,
        llen=4,
        location=CounterLocation.BeforeFixed,
        label=label,
        context=context,
        fixed=None,
    )
    assert kdf.counter_hmac_sha256(key, label, context, length) == reference.derive(key)


@pytest.mark.parametrize("length", [0, 8161])
def test_lengths_are_enforced(length: int) -> None:
    with pytest.raises(ValueError, match="8,160"):
        kdf.counter_hmac_sha256(b"k", b"l", b"c", length)


def test_the_longest_output() -> None:
    assert len(kdf.counter_hmac_sha256(b"k", b"l", b"c", 8160)) == 8160
