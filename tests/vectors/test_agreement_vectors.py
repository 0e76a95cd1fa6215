# SPDX-License-Identifier: Apache-2.0
"""Wycheproof's vectors for ECDH: no invalid public key is taken, no secret is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from stockade.crypto import agreement

_DEFAULT: Final = Path(__file__).parents[2] / "../shared/vectors"
_ROOT: Final = Path(os.environ.get("STOCKADE_VECTORS", _DEFAULT)) / "wycheproof"
CURVES: Final = (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1())


def cases(curve: ec.EllipticCurve) -> list[Any]:
    path = _ROOT / f"ecdh_{curve.name}_test.json"
    if not path.exists():
        pytest.skip(f"the vectors are not at {_ROOT}: set STOCKADE_VECTORS")
    groups = json.loads(path.read_text())["testGroups"]
    return [case for group in groups for case in group["tests"]]


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_every_case(curve: ec.EllipticCurve) -> None:
    refused = set()
    for case in cases(curve):
        private = ec.derive_private_key(int(case["private"], 16), curve)
        try:
            secret = agreement.shared_secret(private, bytes.fromhex(case["public"]))
        except (agreement.NotAPublicKey, agreement.OtherCurve):
            refused.add(case["result"])
            continue
        assert case["result"] != "invalid", case
        assert secret.hex() == case["shared"], case
    assert "valid" not in refused
