# SPDX-License-Identifier: Apache-2.0
"""Wycheproof's vectors for ECDH through the API: every private key imported, every secret compared.

No invalid public key is taken, no secret is wrong, and no valid case is refused.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import ec

from stockade.app import Stockade
from stockade.core.ids import system_random
from stockade.crypto import keypairs
from stockade.services.kms import pool
from stockade.testing.transport import session
from tests.services.kms.imports import RSA_AES, bring

_DEFAULT: Final = Path(__file__).parents[2] / "../shared/vectors"
_ROOT: Final = Path(os.environ.get("STOCKADE_VECTORS", _DEFAULT)) / "wycheproof"
CURVES: Final = {
    "ECC_NIST_P256": ec.SECP256R1(),
    "ECC_NIST_P384": ec.SECP384R1(),
    "ECC_NIST_P521": ec.SECP521R1(),
}

REFUSED: Final = "ValidationException"


def cases(curve: ec.EllipticCurve) -> dict[int, list[Any]]:
    """Return private key -> its cases."""
    path = _ROOT / f"ecdh_{curve.name}_test.json"
    if not path.exists():
        pytest.skip(f"the vectors are not at {_ROOT}: set STOCKADE_VECTORS")
    found = defaultdict(list)
    for group in json.loads(path.read_text())["testGroups"]:
        for case in group["tests"]:
            found[int(case["private"], 16)].append(case)
    return found


@pytest.fixture
def stockade() -> Iterator[Stockade]:
    app = Stockade.in_memory()
    yield app
    app.close()


def imported(stockade: Stockade, kms: Any, spec: str, number: int, wrapping: bytes) -> str:
    """Return a key with the private key of some cases; its wrapping key is made ahead."""
    with stockade.store.write() as unit:
        pool.add(unit, stockade.vault, system_random, "RSA_2048", wrapping)
    made = kms.create_key(KeySpec=spec, KeyUsage="KEY_AGREEMENT", Origin="EXTERNAL")
    private = keypairs.private_der(ec.derive_private_key(number, CURVES[spec]))
    bring(kms, made["KeyMetadata"]["KeyId"], private, RSA_AES)
    return str(made["KeyMetadata"]["KeyId"])


def derived(kms: Any, key_id: str, public: str) -> str:
    """Return the shared secret in hexadecimal digits, or the code of the refusal."""
    try:
        answer = kms.derive_shared_secret(
            KeyId=key_id, KeyAgreementAlgorithm="ECDH", PublicKey=bytes.fromhex(public)
        )
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return str(answer["SharedSecret"].hex())


@pytest.mark.parametrize("spec", sorted(CURVES))
def test_every_case(stockade: Stockade, spec: str) -> None:
    kms = session(stockade).client("kms")
    wrapping = keypairs.generate("RSA_2048")
    for number, group in cases(CURVES[spec]).items():
        key_id = imported(stockade, kms, spec, number, wrapping)
        for case in group:
            secret = derived(kms, key_id, case["public"])
            allowed = {"valid": {case["shared"]}, "invalid": {REFUSED}}
            assert secret in allowed.get(case["result"], {case["shared"], REFUSED}), case
