# SPDX-License-Identifier: Apache-2.0
"""Which calls are answered on the event loop once memory has all, and which go to a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stockade.app import Stockade
from stockade.protocol.http import HttpRequest, HttpResponse
from stockade.store.errors import NotInMemory
from stockade.testing.transport import session

QUICK = (
    ("ECC_NIST_P256", "ECDSA_SHA_256", True, True),
    ("ECC_NIST_P384", "ECDSA_SHA_384", False, False),
    ("ECC_SECG_P256K1", "ECDSA_SHA_256", False, False),
    ("ECC_NIST_EDWARDS25519", "ED25519_SHA_512", True, True),
    ("RSA_2048", "RSASSA_PSS_SHA_256", False, True),
    ("ML_DSA_65", "ML_DSA_SHAKE_256", False, True),
)
"""Spec, algorithm, and whether Sign and Verify stay on the event loop."""


class Loop:
    """A deployment as the server runs it: from memory first, and noted where that is not enough."""

    def __init__(self, stockade: Stockade) -> None:
        self.stockade = stockade
        self.quick = True

    def answer(self, http: HttpRequest) -> HttpResponse:
        held: list[bytes] = []
        try:
            answer = self.stockade.answer_from_memory(http, held)
        except NotInMemory:
            self.quick = False
            return self.stockade.answer(http)
        self.quick = True
        self.stockade.record(held)
        return answer

    def stays(self, call: Callable[..., Any], **arguments: Any) -> bool:
        """Return whether the second of two calls is answered from memory."""
        call(**arguments)
        call(**arguments)
        return self.quick


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    stockade = Stockade.in_memory()
    yield Loop(stockade)
    stockade.close()


@pytest.fixture(scope="module")
def kms(loop: Loop) -> Any:
    return session(loop).client("kms")


def new_key(kms: Any, spec: str, usage: str) -> str:
    return str(kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"])


@pytest.mark.parametrize(("spec", "algorithm", "signs", "verifies"), QUICK)
def test_signatures(
    kms: Any, loop: Loop, spec: str, algorithm: str, signs: bool, verifies: bool
) -> None:
    call = {
        "KeyId": new_key(kms, spec, "SIGN_VERIFY"),
        "Message": b"x",
        "SigningAlgorithm": algorithm,
    }
    signature = kms.sign(**call)["Signature"]
    assert loop.stays(kms.sign, **call) is signs
    assert loop.stays(kms.verify, **call, Signature=signature) is verifies
    assert loop.stays(kms.get_public_key, KeyId=call["KeyId"]) is True


def test_macs(kms: Any, loop: Loop) -> None:
    key = new_key(kms, "HMAC_256", "GENERATE_VERIFY_MAC")
    call = {"KeyId": key, "Message": b"x", "MacAlgorithm": "HMAC_SHA_256"}
    assert loop.stays(kms.generate_mac, **call)
    assert loop.stays(kms.verify_mac, **call, Mac=kms.generate_mac(**call)["Mac"])


def test_rsa_encrypts_on_the_loop_and_decrypts_beside_it(kms: Any, loop: Loop) -> None:
    call = {
        "KeyId": new_key(kms, "RSA_2048", "ENCRYPT_DECRYPT"),
        "EncryptionAlgorithm": "RSAES_OAEP_SHA_256",
    }
    assert loop.stays(kms.encrypt, **call, Plaintext=b"x")
    block = kms.encrypt(**call, Plaintext=b"x")["CiphertextBlob"]
    assert not loop.stays(kms.decrypt, **call, CiphertextBlob=block)
