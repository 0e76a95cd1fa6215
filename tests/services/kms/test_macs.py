# SPDX-License-Identifier: Apache-2.0
"""GenerateMac and VerifyMac through boto3."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from stockade.app import Stockade
from stockade.services.kms.resources import MATERIALS
from stockade.store.resources import Scope

SCOPE = Scope("000000000000", "us-east-1")
MESSAGE = b"attack at dawn"
HASHES = (hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512())
DRY_RUN = (
    "DryRunOperationException",
    "The request would have succeeded, but the DryRun option is set.",
)


@pytest.fixture
def kms(aws: boto3.Session) -> Any:
    return aws.client("kms")


def new_key(kms: Any, bits: int) -> str:
    made = kms.create_key(KeySpec=f"HMAC_{bits}", KeyUsage="GENERATE_VERIFY_MAC")
    return str(made["KeyMetadata"]["Arn"])


def refusal(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error: Any = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.fact("kms-14")
@pytest.mark.parametrize("hashed", HASHES, ids=lambda hashed: hashed.name)
def test_macs_are_those_of_the_stored_secret(
    kms: Any, stockade: Stockade, hashed: hashes.HashAlgorithm
) -> None:
    bits = 8 * hashed.digest_size
    key, algorithm = new_key(kms, bits), f"HMAC_SHA_{bits}"
    call = {"KeyId": key, "Message": MESSAGE, "MacAlgorithm": algorithm}
    made = kms.generate_mac(**call)
    assert (made["KeyId"], made["MacAlgorithm"]) == (key, algorithm)
    with stockade.store.read() as unit:
        (material,) = unit.list(MATERIALS, SCOPE)
        assert material.sealed is not None
        secret = stockade.vault.open(unit, SCOPE, material.place, material.sealed)
    assert len(secret) == len(made["Mac"]) == hashed.digest_size
    outside = HMAC(secret, hashed)
    outside.update(MESSAGE)
    assert made["Mac"] == outside.finalize() == kms.generate_mac(**call)["Mac"]
    verified = kms.verify_mac(**call, Mac=made["Mac"])
    assert verified["MacValid"] is True
    assert (verified["KeyId"], verified["MacAlgorithm"]) == (key, algorithm)


def test_any_other_mac_is_an_error(kms: Any) -> None:
    call = {"KeyId": new_key(kms, 256), "MacAlgorithm": "HMAC_SHA_256"}
    mac = kms.generate_mac(**call, Message=MESSAGE)["Mac"]
    expected = ("KMSInvalidMacException", "")
    for wrong in (mac[:-1], mac + b"\0", mac[:-1] + bytes([mac[-1] ^ 1]), b"x"):
        assert refusal(kms.verify_mac, **call, Message=MESSAGE, Mac=wrong) == expected
        assert refusal(kms.verify_mac, **call, Message=MESSAGE, Mac=wrong, DryRun=True) == expected
    assert refusal(kms.verify_mac, **call, Message=b"other", Mac=mac) == expected
    other = call | {"KeyId": new_key(kms, 256)}
    assert refusal(kms.verify_mac, **other, Message=MESSAGE, Mac=mac) == expected


def test_dry_run_comes_last(kms: Any) -> None:
    call = {"KeyId": new_key(kms, 384), "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_384"}
    mac = kms.generate_mac(**call)["Mac"]
    assert refusal(kms.generate_mac, **call, DryRun=True) == DRY_RUN
    assert refusal(kms.verify_mac, **call, Mac=mac, DryRun=True) == DRY_RUN


def test_algorithm_and_usage_have_to_fit(kms: Any) -> None:
    key = new_key(kms, 224)
    call = {"Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_512"}
    expected = (
        "InvalidKeyUsageException",
        "Algorithm HMAC_SHA_512 is incompatible with key spec HMAC_224.",
    )
    assert refusal(kms.generate_mac, KeyId=key, **call) == expected
    assert refusal(kms.verify_mac, KeyId=key, **call, Mac=b"x") == expected
    symmetric = kms.create_key()["KeyMetadata"]["Arn"]
    text = f"{symmetric} key usage is ENCRYPT_DECRYPT which is not valid for"
    assert refusal(kms.generate_mac, KeyId=symmetric, **call)[1] == f"{text} GenerateMac."
    assert refusal(kms.verify_mac, KeyId=symmetric, **call, Mac=b"x")[1] == f"{text} VerifyMac."
    assert refusal(kms.encrypt, KeyId=key, Plaintext=b"x") == (
        "InvalidKeyUsageException",
        f"{key} key usage is GENERATE_VERIFY_MAC which is not valid for Encrypt.",
    )


def test_disabled_is_said_before_the_algorithm(kms: Any) -> None:
    key = new_key(kms, 256)
    kms.disable_key(KeyId=key)
    call = {"KeyId": key, "Message": MESSAGE, "MacAlgorithm": "HMAC_SHA_512"}
    assert refusal(kms.generate_mac, **call) == ("DisabledException", f"{key} is disabled.")
    assert refusal(kms.verify_mac, **call, Mac=b"x") == ("DisabledException", f"{key} is disabled.")


def test_messages_have_1_to_4096_bytes(kms: Any) -> None:
    call = {"KeyId": new_key(kms, 512), "MacAlgorithm": "HMAC_SHA_512"}
    assert len(kms.generate_mac(**call, Message=bytes(4096))["Mac"]) == 64
    code, text = refusal(kms.generate_mac, **call, Message=bytes(4097))
    assert code == "ValidationException"
    assert "Member must have length less than or equal to 4096" in text
