# SPDX-License-Identifier: Apache-2.0
"""Imported material of multi-Region keys; and which operation an imported key's state allows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from msgspec.structs import replace

from stockade.app import Stockade
from stockade.services.kms.resources import KEYS, Key, KeyState, MultiRegion
from stockade.store.resources import Scope
from stockade.testing.plugin import TestClock
from tests.services.kms.imports import OAEP, bring, in_memory, parameters, ready

ACCOUNT = "000000000000"
HERE, THERE = Scope(ACCOUNT, "us-east-1"), Scope(ACCOUNT, "eu-west-1")
FIRST, SECOND = bytes(range(32)), bytes(range(32, 64))
NEW = {"ImportType": "NEW_KEY_MATERIAL"}


_one_store = pytest.fixture(in_memory, name="stockade")


@pytest.fixture
def here(aws: boto3.Session) -> Any:
    return aws.client("kms")


@pytest.fixture
def there(aws: boto3.Session) -> Any:
    return aws.client("kms", region_name=THERE.region)


@pytest.fixture
def key(here: Any, stockade: Stockade) -> str:
    """A multi-Region key for imported material with one replica, as ReplicateKey leaves it."""
    made = here.create_key(Origin="EXTERNAL", MultiRegion=True)["KeyMetadata"]["KeyId"]
    shared = MultiRegion(primary=HERE.region, replicas=(THERE.region,))
    with stockade.store.write() as unit:
        primary = unit.get(KEYS, HERE, made)
        assert primary is not None
        primary = replace(primary, multi_region=shared)
        unit.put(KEYS, HERE, primary)
        unit.put(KEYS, THERE, replace(primary, region=THERE.region))
    return str(made)


def refusal(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error: Any = caught.value.response["Error"]
    return error["Code"], error["Message"]


def state(kms: Any, key: str) -> str:
    return str(kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"])


def current(kms: Any, key: str) -> str:
    return str(kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"])


def states(kms: Any, key: str) -> list[str]:
    listed = kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    return [each["KeyMaterialState"] for each in listed]


@pytest.mark.fact("kms-29")
def test_the_same_material_is_imported_in_every_region(here: Any, there: Any, key: str) -> None:
    assert refusal(bring, kms=there, key=key, material=FIRST)[0] == "IncorrectKeyMaterialException"
    first = bring(here, key, FIRST)["KeyMaterialId"]
    assert (state(here, key), state(there, key)) == ("Enabled", "PendingImport")
    assert refusal(bring, kms=there, key=key, material=SECOND)[0] == "IncorrectKeyMaterialException"
    assert bring(there, key, FIRST)["KeyMaterialId"] == first
    assert state(there, key) == "Enabled"
    blob = here.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert there.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    there.delete_imported_key_material(KeyId=key)
    assert (state(here, key), state(there, key)) == ("Enabled", "PendingImport")


@pytest.mark.fact("kms-29")
def test_new_material_is_rotated_once_every_region_has_it(
    here: Any, there: Any, key: str, clock: TestClock
) -> None:
    for kms in (here, there):
        bring(kms, key, FIRST)
    old = there.encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]
    second = bring(here, key, SECOND, **NEW)["KeyMaterialId"]
    assert states(here, key) == ["CURRENT", "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"]
    assert refusal(here.rotate_key_on_demand, KeyId=key)[0] == "KMSInvalidStateException"
    bring(there, key, SECOND, ImportType="EXISTING_KEY_MATERIAL")
    assert states(here, key) == ["CURRENT", "PENDING_ROTATION"]
    code, text = refusal(there.rotate_key_on_demand, KeyId=key)
    assert code == "UnsupportedOperationException"
    assert text.endswith(" is not a multi-region primary key.")
    here.rotate_key_on_demand(KeyId=key)
    clock.advance(seconds=1)
    for kms in (here, there):
        assert current(kms, key) == second
        assert states(kms, key) == ["NON_CURRENT", "CURRENT"]
        assert kms.list_key_rotations(KeyId=key)["Rotations"][0]["RotationType"] == "ON_DEMAND"
        assert kms.decrypt(CiphertextBlob=old)["Plaintext"] == b"old"
        new = kms.encrypt(KeyId=key, Plaintext=b"new")["CiphertextBlob"]
        assert here.decrypt(CiphertextBlob=new)["KeyMaterialId"] == second
        assert there.decrypt(CiphertextBlob=new)["KeyMaterialId"] == second


@pytest.mark.fact("kms-29")
def test_material_that_waits_goes_from_every_region(here: Any, there: Any, key: str) -> None:
    for kms in (here, there):
        bring(kms, key, FIRST)
    second = bring(here, key, SECOND, **NEW)["KeyMaterialId"]
    bring(there, key, SECOND)
    there.delete_imported_key_material(KeyId=key, KeyMaterialId=second)
    assert states(here, key) == ["CURRENT", "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"]
    bring(there, key, SECOND)
    here.delete_imported_key_material(KeyId=key, KeyMaterialId=second)
    for kms in (here, there):
        assert states(kms, key) == ["CURRENT"]
        assert state(kms, key) == "Enabled"


@pytest.mark.fact("kms-24")
def test_rotation_by_hand_moves_an_alias(here: Any) -> None:
    """The old way of rotating imported material still works: a new key under the old name."""
    old, new = (here.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"] for _ in range(2))
    bring(here, old, FIRST)
    bring(here, new, SECOND)
    here.create_alias(AliasName="alias/app", TargetKeyId=old)
    blob = here.encrypt(KeyId="alias/app", Plaintext=b"old")["CiphertextBlob"]
    here.update_alias(AliasName="alias/app", TargetKeyId=new)
    assert here.encrypt(KeyId="alias/app", Plaintext=b"x")["KeyId"].endswith(new)
    assert here.decrypt(CiphertextBlob=blob)["Plaintext"] == b"old"


OK, D, S, U = "", "DisabledException", "KMSInvalidStateException", "UnsupportedOperationException"
COLUMNS: tuple[KeyState, ...] = (
    "Enabled",
    "Disabled",
    "PendingDeletion",
    "PendingReplicaDeletion",
    "PendingImport",
    "Unavailable",
    "Creating",
    "Updating",
)
TABLE = {
    "get_parameters_for_import": (OK, OK, S, S, OK, U, S, S),
    "import_key_material": (OK, OK, S, S, OK, U, S, OK),
    "delete_imported_key_material": (OK, OK, OK, OK, OK, OK, S, S),
    "enable_key_rotation": (OK, D, S, S, S, U, S, OK),
    "disable_key_rotation": (OK, D, S, S, S, U, S, OK),
    "rotate_key_on_demand": (OK, D, S, S, S, U, S, OK),
    "get_key_rotation_status": (OK, OK, OK, OK, OK, U, OK, OK),
}


@pytest.mark.parametrize("operation", TABLE)
def test_what_a_state_allows(here: Any, stockade: Stockade, operation: str) -> None:
    """The key-state table of the reference, and what was recorded, for this theme's operations."""
    origin = "EXTERNAL" if "import" in operation else "AWS_KMS"
    made = here.create_key(Origin=origin)["KeyMetadata"]["KeyId"]
    members: dict[str, Any] = {"KeyId": made}
    if operation == "get_parameters_for_import":
        members |= {"WrappingAlgorithm": OAEP, "WrappingKeySpec": "RSA_2048"}
    if origin == "EXTERNAL":
        bring(here, made, FIRST)
    if operation == "import_key_material":
        members = ready(parameters(here, made), FIRST)
    with stockade.store.read() as unit:
        key = unit.get(KEYS, HERE, made)
    assert key is not None
    for column, expected in zip(COLUMNS, TABLE[operation], strict=True):
        put(stockade, replace(key, state=column, deletion_date=None))
        call = getattr(here, operation)
        if expected:
            assert refusal(call, **members)[0] == expected, column
        else:
            call(**members)


def put(stockade: Stockade, key: Key) -> None:
    with stockade.store.write() as unit:
        unit.put(KEYS, key.scope, key)


def test_ends_are_kept_in_every_region(here: Any, there: Any, key: str, clock: TestClock) -> None:
    end = (clock.now + timedelta(days=3)).replace(microsecond=0)
    bring(here, key, FIRST)
    bring(there, key, FIRST, ValidTo=end)
    clock.set(end)
    assert (state(here, key), state(there, key)) == ("Enabled", "PendingImport")
