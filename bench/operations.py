# SPDX-License-Identifier: Apache-2.0
"""The five operations that Stockade and OpenBao are loaded with, as both know them.

Each says what key it needs, what a request carries for 32 bytes of data, and how an answer is
checked. AWS's side is botocore's client; OpenBao's is a function from a path and a body to data.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Transit = Callable[[str, Mapping[str, Any]], dict[str, Any]]
    """From a path below the engine and a body to the answer's data."""

SIGNING = "ECDSA_SHA_256"
MAC = "HMAC_SHA_256"


class WrongAnswerError(Exception):
    """A server's answer is not what was asked for: measuring it would mean nothing."""


@dataclass(frozen=True)
class Operation:
    """One operation of both; this one is Encrypt, the others differ where they say so."""

    name: str = "Encrypt"
    title: str = "Encrypt 32 bytes"
    aws_key: Mapping[str, str] = field(default_factory=dict)
    """What CreateKey is asked for."""
    transit_key: Mapping[str, Any] = field(default_factory=dict)

    @property
    def actions(self) -> list[str]:
        """The permissions of the user whose requests are sent."""
        return ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"]

    def aws(self, kms: Any, key: str, data: bytes) -> dict[str, Any]:
        """Return a request's members; what it needs beforehand is asked of `kms`."""
        del kms
        return {"KeyId": key, "Plaintext": data}

    def aws_check(self, kms: Any, key: str, data: bytes) -> None:
        """Raise WrongAnswerError where what is encrypted does not come back."""
        sealed = kms.encrypt(KeyId=key, Plaintext=data)["CiphertextBlob"]
        opened = kms.decrypt(CiphertextBlob=sealed)["Plaintext"]
        _must(opened == data and data not in sealed, "Decrypt does not give what was encrypted")

    def transit(self, call: Transit, data: bytes) -> tuple[str, dict[str, Any]]:
        """Return a request's path and body; what it needs beforehand is asked of `call`."""
        del call
        return "encrypt/bench", {"plaintext": _text(data)}

    def transit_check(self, call: Transit, data: bytes) -> None:
        """Raise WrongAnswerError where what is encrypted does not come back."""
        sealed = call("encrypt/bench", {"plaintext": _text(data)})["ciphertext"]
        opened = call("decrypt/bench", {"ciphertext": sealed})["plaintext"]
        _must(opened == _text(data), "decrypt does not give what was encrypted")


class _Decrypt(Operation):
    def aws(self, kms: Any, key: str, data: bytes) -> dict[str, Any]:
        return {"CiphertextBlob": kms.encrypt(KeyId=key, Plaintext=data)["CiphertextBlob"]}

    def transit(self, call: Transit, data: bytes) -> tuple[str, dict[str, Any]]:
        sealed = call("encrypt/bench", {"plaintext": _text(data)})["ciphertext"]
        return "decrypt/bench", {"ciphertext": sealed}


class _DataKey(Operation):
    def aws(self, kms: Any, key: str, data: bytes) -> dict[str, Any]:
        del kms, data
        return {"KeyId": key, "KeySpec": "AES_256"}

    def aws_check(self, kms: Any, key: str, data: bytes) -> None:
        del data
        made = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
        opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"]
        _must(opened == made["Plaintext"] and len(opened) == 32, "a data key is not what it is")

    def transit(self, call: Transit, data: bytes) -> tuple[str, dict[str, Any]]:
        del call, data
        return "datakey/plaintext/bench", {"bits": 256}

    def transit_check(self, call: Transit, data: bytes) -> None:
        made = call(*self.transit(call, data))
        opened = call("decrypt/bench", {"ciphertext": made["ciphertext"]})["plaintext"]
        _must(opened == made["plaintext"], "a data key is not what it is")


class _Sign(Operation):
    @property
    def actions(self) -> list[str]:
        return ["kms:Sign", "kms:Verify"]

    def aws(self, kms: Any, key: str, data: bytes) -> dict[str, Any]:
        del kms
        return {"KeyId": key, "Message": data, "SigningAlgorithm": SIGNING}

    def aws_check(self, kms: Any, key: str, data: bytes) -> None:
        asked = self.aws(kms, key, data)
        signature = kms.sign(**asked)["Signature"]
        good = kms.verify(**asked, Signature=signature)["SignatureValid"]
        _must(good, "Verify does not know the signature")

    def transit(self, call: Transit, data: bytes) -> tuple[str, dict[str, Any]]:
        del call
        return "sign/bench/sha2-256", {"input": _text(data)}

    def transit_check(self, call: Transit, data: bytes) -> None:
        signature = call(*self.transit(call, data))["signature"]
        asked = {"input": _text(data), "signature": signature}
        _must(call("verify/bench/sha2-256", asked)["valid"], "verify does not know the signature")


class _Mac(Operation):
    @property
    def actions(self) -> list[str]:
        return ["kms:GenerateMac", "kms:VerifyMac"]

    def aws(self, kms: Any, key: str, data: bytes) -> dict[str, Any]:
        del kms
        return {"KeyId": key, "Message": data, "MacAlgorithm": MAC}

    def aws_check(self, kms: Any, key: str, data: bytes) -> None:
        asked = self.aws(kms, key, data)
        mac = kms.generate_mac(**asked)["Mac"]
        _must(kms.verify_mac(**asked, Mac=mac)["MacValid"], "VerifyMac does not know the MAC")

    def transit(self, call: Transit, data: bytes) -> tuple[str, dict[str, Any]]:
        del call
        return "hmac/bench/sha2-256", {"input": _text(data)}

    def transit_check(self, call: Transit, data: bytes) -> None:
        mac = call(*self.transit(call, data))["hmac"]
        asked = {"input": _text(data), "hmac": mac}
        _must(call("verify/bench/sha2-256", asked)["valid"], "verify does not know the MAC")


ENCRYPT = Operation()
OTHERS = (
    _Decrypt("Decrypt", "Decrypt 32 bytes"),
    _DataKey("GenerateDataKey", "GenerateDataKey AES_256"),
    _Sign(
        "Sign",
        "Sign ECC_NIST_P256",
        {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"},
        {"type": "ecdsa-p256"},
    ),
    _Mac(
        "GenerateMac",
        "GenerateMac HMAC_256",
        {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"},
        {"type": "hmac", "key_size": 32},
    ),
)
"""All but Encrypt, which every target is loaded with."""


def _must(good: bool, sentence: str) -> None:
    if not good:
        raise WrongAnswerError(sentence)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
