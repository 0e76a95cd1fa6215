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


def history(kms: Any, key: str) -> list[dict[str, Any]]:
    listed = kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    return list(listed["Rotations"])


def states(kms: Any, key: str) -> list[str]:
    return [each["KeyMaterialState"] for each in history(kms, key)]


@pytest.mark.fact("kms-29")
def test_the_same_material_is_imported_in_every_region(here: Any, there: Any, key: str) -> None:
    assert refusal(bring, kms=there, key=key, material=FIRST)[0] == "IncorrectKeyMaterialException"
    first = bring(here, key, FIRST)["KeyMaterialId"]
    assert (state(here, key), state(there, key)) == ("Enabled", "PendingImport")
    assert refusal(bring, kms=there, key=key, material=SECOND) == (
        "IncorrectKeyMaterialException",
        f"Imported key material does not have the expected identifier ({first}).",
    )
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
    assert states(there, key) == states(here, key)
    assert refusal(here.rotate_key_on_demand, KeyId=key) == (
        "KMSInvalidStateException",
        (
            "Cannot perform key material rotation: Key material has not been imported for "
            "replicas of the Multi-Region key."
        ),
    )
    bring(there, key, SECOND, ImportType="EXISTING_KEY_MATERIAL")
    assert states(here, key) == ["CURRENT", "PENDING_ROTATION"]
    code, text = refusal(there.rotate_key_on_demand, KeyId=key)
    assert code == "UnsupportedOperationException"
    assert text.endswith(" which is not valid for RotateKeyOnDemand.")
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


def test_a_replica_knows_what_it_lacks(here: Any, there: Any, clock: TestClock) -> None:
    key = here.create_key(Origin="EXTERNAL", MultiRegion=True)["KeyMetadata"]["KeyId"]
    first = bring(here, key, FIRST, KeyMaterialDescription="one")["KeyMaterialId"]
    made = here.replicate_key(KeyId=key, ReplicaRegion=THERE.region)["ReplicaKeyMetadata"]
    assert (made["KeyState"], made["ExpirationModel"]) == (
        "Creating",
        "KEY_MATERIAL_DOES_NOT_EXPIRE",
    )
    clock.advance(seconds=1)
    shown = there.describe_key(KeyId=key)["KeyMetadata"]
    assert shown["KeyState"] == "PendingImport"
    assert shown["CurrentKeyMaterialId"] == first
    assert "ExpirationModel" not in shown
    assert history(there, key) == [
        {
            "KeyId": shown["Arn"],
            "KeyMaterialId": first,
            "KeyMaterialDescription": "one",
            "ImportState": "PENDING_IMPORT",
            "KeyMaterialState": "CURRENT",
        }
    ]
    there.delete_imported_key_material(KeyId=key, KeyMaterialId=first)
    bring(there, key, FIRST)
    assert history(there, key)[0]["ImportState"] == "IMPORTED"
    assert history(there, key)[0]["KeyMaterialDescription"] == "one"


def test_what_a_replica_does_not_say_of_its_material(here: Any, there: Any, key: str) -> None:
    bring(here, key, FIRST)
    assert refusal(bring, kms=there, key=key, material=FIRST, KeyMaterialDescription="mine") == (
        "ValidationException",
        "Key material description can only be specified on primary Multi-Region keys",
    )
    assert refusal(bring, kms=there, key=key, material=FIRST, **NEW) == (
        "ValidationException",
        "Input parameter ImportType NEW_KEY_MATERIAL cannot be used on replica Multi-Region keys",
    )


def test_a_rotation_goes_on_where_a_replica_loses_its_material(
    here: Any, there: Any, key: str, clock: TestClock
) -> None:
    for kms in (here, there):
        bring(kms, key, FIRST)
    second = bring(here, key, SECOND, **NEW)["KeyMaterialId"]
    bring(there, key, SECOND)
    here.rotate_key_on_demand(KeyId=key)
    there.delete_imported_key_material(KeyId=key, KeyMaterialId=second)
    clock.advance(seconds=1)
    assert (current(here, key), current(there, key)) == (second, second)
    assert (state(here, key), state(there, key)) == ("Enabled", "PendingImport")
    newest = history(there, key)[-1]
    assert (newest["ImportState"], newest["KeyMaterialState"]) == ("PENDING_IMPORT", "CURRENT")
    assert newest["RotationDate"] == history(here, key)[-1]["RotationDate"]
    assert newest["RotationType"] == "ON_DEMAND"
    bring(there, key, SECOND)
    assert state(there, key) == "Enabled"


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
