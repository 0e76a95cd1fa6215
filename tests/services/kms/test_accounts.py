# SPDX-License-Identifier: Apache-2.0
"""Keys of other accounts: which operations reach them, and what nobody learns of them.

AWS's model says of every operation whether it can be used across accounts; what is served here is
held against that. Who has no permission hears the same of a key that is absent and of one that is
somebody else's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from stockade.app import Stockade, services
from stockade.services.kms import envelope
from stockade.testing.transport import session
from tests.house.test_every_operation import sample
from tests.services.test_authorization import allow, policy, user

ACCOUNT, OTHER = "000000000000", "111122223333"
ABSENT = "00000000-0000-4000-8000-000000000000"
QUICK = Config(parameter_validation=False, retries={"total_max_attempts": 1})
KEY_MEMBERS = ("KeyId", "TargetKeyId", "DestinationKeyId")
BY_BLOB = ("decrypt", "re_encrypt")
_CROSS = re.compile(r"Cross-account use</b>\s*:?\s*(Yes|No)")


@cache
def client() -> Any:
    """Return a client that is asked for AWS's model alone."""
    return boto3.client("kms", region_name="us-east-1")


def model(operation: str) -> Any:
    """Return an operation of AWS's model."""
    meta = client().meta
    return meta.service_model.operation_model(meta.method_to_api_mapping[operation])


def on_keys() -> list[str]:
    """Return the operations served that have to be told a key, or a ciphertext."""
    return [
        name
        for name in services()["kms"].operations
        if name in BY_BLOB
        or set(KEY_MEMBERS) & set(getattr(model(name).input_shape, "required_members", ()))
    ]


def arn(account: str, key_id: str) -> str:
    return f"arn:aws:kms:us-east-1:{account}:key/{key_id}"


def arguments(operation: str, key: str) -> dict[str, Any]:
    """Return a request for a key, given by its ARN."""
    shape = model(operation).input_shape
    found: dict[str, Any] = sample("", shape)
    found |= {member: key for member in KEY_MEMBERS if member in shape.required_members}
    if operation in ("generate_data_key", "generate_data_key_without_plaintext"):
        found["KeySpec"] = "AES_256"
    if operation in BY_BLOB:
        account, key_id = key.split(":")[4], key.rpartition("/")[2]
        header = envelope.Header(account, key_id, bytes(32).hex())
        found["CiphertextBlob"] = envelope.seal(bytes(32), header, b"x", {}, nonce=bytes(28))
    if operation == "put_key_policy":
        found["Policy"] = policy(allow("kms:*", Principal="*"))
    return found


def heard(call: Callable[..., Any], given: dict[str, Any]) -> tuple[str, str]:
    """Return code and message of the answer, the key's name left out."""
    try:
        call(**given)
    except ClientError as error:
        response: Any = error.response
        message = re.sub(r"key/[0-9a-f-]{36}|mrk-[0-9a-f]{32}", "KEY", response["Error"]["Message"])
        return response["Error"]["Code"], message
    return "", ""


@pytest.fixture
def stockade() -> Iterator[Stockade]:
    """Yield a deployment in memory: where things are kept decides nothing here."""
    made = Stockade.in_memory()
    yield made
    made.close()


@pytest.fixture
def foreign(stockade: Stockade) -> Callable[..., str]:
    """Make a key in another account."""
    kms = session(stockade, access_key_id=OTHER).client("kms")

    def make(*statements: dict[str, Any]) -> str:
        everything = allow("kms:*", Principal={"AWS": f"arn:aws:iam::{OTHER}:root"})
        made = kms.create_key(Policy=policy(everything, *statements))
        return str(made["KeyMetadata"]["Arn"])

    return make


@pytest.mark.fact("kms-27")
@pytest.mark.parametrize("operation", on_keys())
def test_absent_and_foreign_keys_sound_the_same(
    stockade: Stockade, aws: boto3.Session, foreign: Callable[..., str], operation: str
) -> None:
    there, own = foreign(), aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    everything = policy(allow("*"))
    callers = (
        user(stockade, aws, "nobody").client("kms", config=QUICK),
        user(stockade, aws, "admin", everything).client("kms", config=QUICK),
        aws.client("kms", config=QUICK),
    )
    for kms in callers:
        call = getattr(kms, operation)
        of_foreign = heard(call, arguments(operation, there))
        of_absent = heard(call, arguments(operation, arn(OTHER, ABSENT)))
        assert of_foreign == of_absent
        assert of_foreign[0] == "AccessDeniedException"
    call = getattr(callers[0], operation)
    of_absent = heard(call, arguments(operation, arn(ACCOUNT, ABSENT)))
    # A ciphertext of nobody's key sounds like one of a foreign key; AWS names a key of one's own.
    like = there if operation in BY_BLOB else own
    assert of_absent == heard(call, arguments(operation, like))
    assert of_absent[0] == "AccessDeniedException"


@pytest.mark.fact("kms-27")
@pytest.mark.parametrize("operation", on_keys())
def test_operations_reach_across_accounts_where_aws_says(
    aws: boto3.Session, foreign: Callable[..., str], operation: str
) -> None:
    said = _CROSS.search(model(operation).documentation)
    assert said is not None
    ours = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    key = foreign(allow("kms:*", Principal=ours))
    call = getattr(aws.client("kms", config=QUICK), operation)
    code, text = heard(call, arguments(operation, key))
    reaches = code != "AccessDeniedException" and not text.startswith("Key '")
    assert reaches is (said[1] == "Yes"), text


@pytest.mark.fact("kms-27")
def test_across_accounts_both_sides_have_to_allow(
    stockade: Stockade, aws: boto3.Session, foreign: Callable[..., str]
) -> None:
    ours = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    open_key, closed_key = foreign(allow("kms:Encrypt", Principal=ours)), foreign()
    nobody = user(stockade, aws, "nobody").client("kms")
    admin = user(stockade, aws, "admin", policy(allow("kms:*"))).client("kms")
    for kms, key, expected in (
        (admin, open_key, ""),
        (nobody, open_key, "AccessDeniedException"),
        (admin, closed_key, "AccessDeniedException"),
        (nobody, closed_key, "AccessDeniedException"),
    ):
        assert heard(kms.encrypt, {"KeyId": key, "Plaintext": b"x"})[0] == expected
    assert heard(admin.describe_key, {"KeyId": open_key})[0] == "AccessDeniedException"


def test_alias_names_are_of_the_callers_account(
    stockade: Stockade, aws: boto3.Session, foreign: Callable[..., str]
) -> None:
    key = foreign(allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
    there = session(stockade, access_key_id=OTHER).client("kms")
    there.create_alias(AliasName="alias/there", TargetKeyId=key)
    kms = aws.client("kms")
    by_arn = f"arn:aws:kms:us-east-1:{OTHER}:alias/there"
    assert kms.encrypt(KeyId=by_arn, Plaintext=b"x")["KeyId"] == key
    assert heard(kms.encrypt, {"KeyId": "alias/there", "Plaintext": b"x"})[0] == "NotFoundException"
    nobody = user(stockade, aws, "nobody").client("kms")
    absent = f"arn:aws:kms:us-east-1:{OTHER}:alias/absent"
    of_foreign = heard(nobody.encrypt, {"KeyId": by_arn, "Plaintext": b"x"})
    assert of_foreign == heard(nobody.encrypt, {"KeyId": absent, "Plaintext": b"x"})
    assert of_foreign[0] == "AccessDeniedException"
