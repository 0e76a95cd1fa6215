# SPDX-License-Identifier: Apache-2.0
"""Rotation by schedule and on demand, of made and of imported material; old material stays."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from stockade.app import Stockade
from stockade.core.clock import ManualClock
from stockade.testing.plugin import TestClock
from stockade.testing.transport import session
from tests.services.kms.imports import bring, parameters, wrapped

ACCOUNT = "000000000000"
FIRST, SECOND, THIRD = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
NEW = {"ImportType": "NEW_KEY_MATERIAL"}
EXISTING = {"ImportType": "EXISTING_KEY_MATERIAL"}


@pytest.fixture
def kms(aws: boto3.Session) -> Any:
    return aws.client("kms")


@pytest.fixture
def key(kms: Any) -> str:
    return str(kms.create_key()["KeyMetadata"]["KeyId"])


@pytest.fixture
def external(kms: Any) -> str:
    """A key with one imported material."""
    made = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    bring(kms, made, FIRST)
    return str(made)


def arn(key: str) -> str:
    return f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{key}"


def refusal(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error: Any = caught.value.response["Error"]
    return error["Code"], error["Message"]


def metadata(kms: Any, key: str) -> Any:
    return kms.describe_key(KeyId=key)["KeyMetadata"]


def materials(kms: Any, key: str) -> list[Any]:
    pages = kms.get_paginator("list_key_rotations").paginate(
        KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL"
    )
    return [entry for page in pages for entry in page["Rotations"]]


def states(kms: Any, key: str) -> list[tuple[str, str]]:
    return [(each["KeyMaterialState"], each["ImportState"]) for each in materials(kms, key)]


def rotate(kms: Any, key: str, clock: TestClock) -> None:
    kms.rotate_key_on_demand(KeyId=key)
    clock.advance(seconds=1)


@pytest.mark.fact("kms-23")
def test_on_demand_is_done_a_moment_later(
    aws: boto3.Session, kms: Any, key: str, clock: TestClock
) -> None:
    before = metadata(kms, key)["CurrentKeyMaterialId"]
    old = kms.encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]
    start = clock.now
    assert kms.rotate_key_on_demand(KeyId=key)["KeyId"] == arn(key)
    assert kms.rotate_key_on_demand(KeyId=key)["KeyId"] == arn(key), "asked for twice, done once"
    status = kms.get_key_rotation_status(KeyId=key)
    assert status["OnDemandRotationStartDate"] == start
    assert status["KeyRotationEnabled"] is False
    assert metadata(kms, key)["CurrentKeyMaterialId"] == before
    clock.advance(seconds=1)
    assert "OnDemandRotationStartDate" not in kms.get_key_rotation_status(KeyId=key)
    after = metadata(kms, key)["CurrentKeyMaterialId"]
    assert after != before
    new = kms.encrypt(KeyId=key, Plaintext=b"new")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=old)["KeyMaterialId"] == before
    assert kms.decrypt(CiphertextBlob=new)["KeyMaterialId"] == after
    (told,) = events(aws, "RotateKey")
    assert told["eventType"] == "AwsServiceEvent"
    assert told["serviceEventDetails"] == {
        "rotationType": "ON_DEMAND",
        "keyOrigin": "AWS_KMS",
        "previousKeyMaterialId": before,
        "currentKeyMaterialId": after,
        "keyId": key,
    }


def events(aws: boto3.Session, name: str) -> list[Any]:
    found = aws.client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}]
    )["Events"]
    return [json.loads(event["CloudTrailEvent"]) for event in found]


@pytest.mark.fact("kms-23")
def test_at_most_25_rotations_on_demand(kms: Any, key: str, clock: TestClock) -> None:
    for _ in range(25):
        rotate(kms, key, clock)
    text = (
        "The on-demand rotations limit has been reached for the given keyId. No more on-demand "
        f"rotations can be performed for this key: {arn(key)}"
    )
    assert refusal(kms.rotate_key_on_demand, KeyId=key) == ("LimitExceededException", text)
    assert len(materials(kms, key)) == 26
    kms.enable_key_rotation(KeyId=key)
    clock.advance(days=365)
    assert len(materials(kms, key)) == 27, "the schedule has no such limit"


@pytest.mark.fact("kms-23")
def test_a_decade_of_both_kinds(kms: Any, key: str, clock: TestClock) -> None:
    """On demand does not change the schedule; every material decrypts what it made, for ever."""
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=730)
    schedule = [clock.now + timedelta(days=730 * number) for number in range(1, 6)]
    blobs = []
    for year in range(10):
        blobs.append(kms.encrypt(KeyId=key, Plaintext=bytes([year]))["CiphertextBlob"])
        clock.advance(days=300)
        due = kms.get_key_rotation_status(KeyId=key)["NextRotationDate"]
        if year % 3 == 0:
            rotate(kms, key, clock)
            assert kms.get_key_rotation_status(KeyId=key)["NextRotationDate"] == due
        clock.set(clock.now.replace(microsecond=0) + timedelta(days=65))
    for year, blob in enumerate(blobs):
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == bytes([year])
    listed = kms.list_key_rotations(KeyId=key)["Rotations"]
    automatic = [each["RotationDate"] for each in listed if each["RotationType"] == "AUTOMATIC"]
    assert automatic == schedule[: len(automatic)]
    assert len(automatic) == 5
    assert [each["RotationType"] for each in listed].count("ON_DEMAND") == 4
    dates = [each["RotationDate"] for each in listed]
    assert dates == sorted(dates)


def test_not_just_before_the_schedule_does(kms: Any, key: str, clock: TestClock) -> None:
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    clock.advance(days=90, seconds=-1200)
    assert refusal(kms.rotate_key_on_demand, KeyId=key)[0] == "ConflictException"


def test_enabling_again_and_what_a_disabled_key_shows(kms: Any, key: str, clock: TestClock) -> None:
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=2560)
    due = clock.now + timedelta(days=2560)
    clock.advance(days=1)
    kms.enable_key_rotation(KeyId=key)  # it keeps its period
    kms.disable_key(KeyId=key)
    status = kms.get_key_rotation_status(KeyId=key)
    assert (status["RotationPeriodInDays"], status["NextRotationDate"]) == (2560, due)
    kms.enable_key(KeyId=key)
    kms.disable_key_rotation(KeyId=key)
    kms.enable_key_rotation(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] == 365


@pytest.mark.fact("kms-23")
def test_list_of_rotations(kms: Any, key: str, clock: TestClock) -> None:
    assert kms.list_key_rotations(KeyId=key) | {"ResponseMetadata": {}} == {
        "Rotations": [],
        "Truncated": False,
        "ResponseMetadata": {},
    }
    first = metadata(kms, key)["CurrentKeyMaterialId"]
    rotate(kms, key, clock)
    current = metadata(kms, key)["CurrentKeyMaterialId"]
    (only,) = kms.list_key_rotations(KeyId=key)["Rotations"]
    assert only == {
        "KeyId": arn(key),
        "KeyMaterialId": current,
        "KeyMaterialState": "CURRENT",
        "RotationDate": clock.now - timedelta(seconds=1),
        "RotationType": "ON_DEMAND",
    }
    assert materials(kms, key) == [
        {"KeyId": arn(key), "KeyMaterialId": first, "KeyMaterialState": "NON_CURRENT"},
        only,
    ]
    for _ in range(3):
        rotate(kms, key, clock)
    everything = materials(kms, key)
    for size in (1, 2, 5, 100):
        pages = kms.get_paginator("list_key_rotations").paginate(
            KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL", PaginationConfig={"PageSize": size}
        )
        assert [each for page in pages for each in page["Rotations"]] == everything
    assert refusal(kms.list_key_rotations, KeyId=key, Marker="!")[0] == "InvalidMarkerException"


@pytest.mark.parametrize(("spec", "usage"), [("HMAC_256", "GENERATE_VERIFY_MAC")])
def test_other_kinds_of_keys_do_not_rotate(kms: Any, spec: str, usage: str) -> None:
    key = kms.create_key(KeySpec=spec, KeyUsage=usage, Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    bring(kms, key, bytes(48))
    for call in (kms.enable_key_rotation, kms.rotate_key_on_demand):
        assert refusal(call, KeyId=key) == ("UnsupportedOperationException", "")
    kms.disable_key_rotation(KeyId=key)
    status = kms.get_key_rotation_status(KeyId=key)
    assert status.keys() - {"ResponseMetadata"} == {"KeyId", "KeyRotationEnabled"}
    assert status["KeyRotationEnabled"] is False
    assert kms.list_key_rotations(KeyId=key)["Rotations"] == []
    kms.disable_key(KeyId=key)
    assert refusal(kms.disable_key_rotation, KeyId=key)[0] == "DisabledException"


def test_a_period_left_out_is_the_one_that_is_set(kms: Any, key: str, clock: TestClock) -> None:
    def period() -> tuple[int, object]:
        status = kms.get_key_rotation_status(KeyId=key)
        return status["RotationPeriodInDays"], status["NextRotationDate"]

    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    first = period()
    clock.advance(days=1)
    kms.enable_key_rotation(KeyId=key)
    assert period() == first
    kms.disable_key(KeyId=key)
    assert period() == first, "a disabled key tells it, too"
    kms.enable_key(KeyId=key)
    kms.disable_key_rotation(KeyId=key)
    kms.enable_key_rotation(KeyId=key)
    assert period() == (365, clock.now + timedelta(days=365))


@pytest.mark.parametrize("state", ["Disabled", "PendingDeletion"])
def test_a_rotation_asked_for_is_done_whatever_the_key_becomes(
    kms: Any, key: str, clock: TestClock, state: str
) -> None:
    kms.rotate_key_on_demand(KeyId=key)
    if state == "Disabled":
        kms.disable_key(KeyId=key)
    else:
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert "OnDemandRotationStartDate" in kms.get_key_rotation_status(KeyId=key)
    clock.advance(seconds=1)
    assert "OnDemandRotationStartDate" not in kms.get_key_rotation_status(KeyId=key)
    assert len(kms.list_key_rotations(KeyId=key)["Rotations"]) == 1
    assert metadata(kms, key)["KeyState"] == state


def test_aliases_name_no_key_that_rotates(kms: Any, key: str) -> None:
    kms.create_alias(AliasName="alias/a", TargetKeyId=key)
    text = "Key Aliases are not supported for this operation."
    for call in (
        kms.enable_key_rotation,
        kms.disable_key_rotation,
        kms.get_key_rotation_status,
        kms.rotate_key_on_demand,
        kms.list_key_rotations,
    ):
        assert refusal(call, KeyId="alias/a") == ("InvalidArnException", text)


@pytest.mark.fact("kms-24")
def test_imported_material_has_no_schedule(kms: Any, external: str) -> None:
    text = f"{arn(external)} origin is EXTERNAL which is not valid for this operation."
    for call in (kms.enable_key_rotation, kms.disable_key_rotation):
        assert refusal(call, KeyId=external) == ("UnsupportedOperationException", text)
    assert kms.get_key_rotation_status(KeyId=external)["KeyRotationEnabled"] is False
    assert refusal(kms.rotate_key_on_demand, KeyId=external) == (
        "KMSInvalidStateException",
        f"No available key material pending rotation for the key: {arn(external)}.",
    )
    empty = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    origin = f"{arn(empty)} origin is EXTERNAL which is not valid for this operation."
    for call in (kms.enable_key_rotation, kms.disable_key_rotation):
        assert refusal(call, KeyId=empty) == ("UnsupportedOperationException", origin)
    assert refusal(kms.rotate_key_on_demand, KeyId=empty) == (
        "KMSInvalidStateException",
        f"{arn(empty)} is pending import.",
    )
    assert kms.get_key_rotation_status(KeyId=empty)["KeyRotationEnabled"] is False


def test_status_while_a_key_waits_for_its_deletion(kms: Any, key: str, clock: TestClock) -> None:
    kms.enable_key_rotation(KeyId=key)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    status = kms.get_key_rotation_status(KeyId=key)
    assert status["KeyRotationEnabled"] is False
    assert "NextRotationDate" not in status
    kms.cancel_key_deletion(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True


@pytest.mark.fact("kms-24")
def test_new_imported_material_waits_for_its_rotation(
    aws: boto3.Session, kms: Any, external: str, clock: TestClock
) -> None:
    first = metadata(kms, external)["CurrentKeyMaterialId"]
    old = kms.encrypt(KeyId=external, Plaintext=b"old")["CiphertextBlob"]
    end = (clock.now + timedelta(days=30)).replace(microsecond=0)
    second = bring(kms, external, SECOND, ValidTo=end, KeyMaterialDescription="of 2027", **NEW)[
        "KeyMaterialId"
    ]
    assert metadata(kms, external)["CurrentKeyMaterialId"] == first
    assert "ValidTo" not in metadata(kms, external), "not the key's for good yet"
    assert kms.list_key_rotations(KeyId=external)["Rotations"] == []
    assert materials(kms, external) == [
        {
            "KeyId": arn(external),
            "KeyMaterialId": first,
            "KeyMaterialState": "CURRENT",
            "ImportState": "IMPORTED",
            "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
        },
        {
            "KeyId": arn(external),
            "KeyMaterialId": second,
            "KeyMaterialState": "PENDING_ROTATION",
            "ImportState": "IMPORTED",
            "ExpirationModel": "KEY_MATERIAL_EXPIRES",
            "ValidTo": end,
            "KeyMaterialDescription": "of 2027",
        },
    ]
    code, text = refusal(bring, kms=kms, key=external, material=THIRD, **NEW)
    assert code == "KMSInvalidStateException"
    assert text.startswith("New key material (id: ")
    assert text.endswith(
        f") cannot be imported into KMS key {arn(external)}, because another key material "
        f"(id: {second}) is pending rotation."
    )
    rotate(kms, external, clock)
    assert metadata(kms, external)["CurrentKeyMaterialId"] == second
    assert metadata(kms, external)["ValidTo"] == end
    assert kms.decrypt(CiphertextBlob=old)["KeyMaterialId"] == first
    new = kms.encrypt(KeyId=external, Plaintext=b"new")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=new)["KeyMaterialId"] == second
    assert [state for state, _ in states(kms, external)] == ["NON_CURRENT", "CURRENT"]
    (rotation,) = kms.list_key_rotations(KeyId=external)["Rotations"]
    assert (rotation["RotationType"], rotation["KeyMaterialId"]) == ("ON_DEMAND", second)
    (told,) = events(aws, "RotateKey")
    assert told["serviceEventDetails"]["keyOrigin"] == "EXTERNAL"


@pytest.mark.fact("kms-24")
def test_every_material_of_the_key_has_to_be_there(
    kms: Any, external: str, clock: TestClock
) -> None:
    old = kms.encrypt(KeyId=external, Plaintext=b"old")["CiphertextBlob"]
    first = metadata(kms, external)["CurrentKeyMaterialId"]
    bring(kms, external, SECOND, **NEW)
    rotate(kms, external, clock)
    kms.delete_imported_key_material(KeyId=external, KeyMaterialId=first)
    assert metadata(kms, external)["KeyState"] == "PendingImport"
    assert states(kms, external) == [("NON_CURRENT", "PENDING_IMPORT"), ("CURRENT", "IMPORTED")]
    assert refusal(kms.encrypt, KeyId=external, Plaintext=b"x")[0] == "KMSInvalidStateException"
    kms.delete_imported_key_material(KeyId=external)
    assert states(kms, external)[1] == ("CURRENT", "PENDING_IMPORT")
    bring(kms, external, SECOND)
    assert metadata(kms, external)["KeyState"] == "PendingImport", "one is missing still"
    bring(kms, external, FIRST, KeyMaterialId=first)
    assert metadata(kms, external)["KeyState"] == "Enabled"
    assert kms.decrypt(CiphertextBlob=old)["Plaintext"] == b"old"


@pytest.mark.fact("kms-24")
def test_each_material_has_an_end_of_its_own(kms: Any, external: str, clock: TestClock) -> None:
    later, sooner = ((clock.now + timedelta(days=days)).replace(microsecond=0) for days in (20, 10))
    bring(kms, external, FIRST, ValidTo=later)
    bring(kms, external, SECOND, ValidTo=sooner, **NEW)
    assert metadata(kms, external)["ValidTo"] == later
    rotate(kms, external, clock)
    assert metadata(kms, external)["ValidTo"] == sooner
    clock.set(sooner)
    assert metadata(kms, external)["KeyState"] == "PendingImport"
    assert {"ExpirationModel", "ValidTo"}.isdisjoint(metadata(kms, external))
    clock.set(later)
    assert states(kms, external) == [("NON_CURRENT", "IMPORTED"), ("CURRENT", "IMPORTED")]
    assert [each["ValidTo"] for each in materials(kms, external)] == [later, sooner]


@pytest.mark.fact("kms-24")
def test_material_that_waits_can_be_replaced(kms: Any, external: str, clock: TestClock) -> None:
    second = bring(kms, external, SECOND, **NEW)["KeyMaterialId"]
    kms.delete_imported_key_material(KeyId=external, KeyMaterialId=second)
    assert metadata(kms, external)["KeyState"] == "Enabled"
    assert len(materials(kms, external)) == 1
    third = bring(kms, external, THIRD, ValidTo=clock.now + timedelta(days=1), **NEW)
    clock.advance(days=2)
    assert metadata(kms, external)["KeyState"] == "Enabled", "it expired unused"
    assert states(kms, external)[1] == ("PENDING_ROTATION", "IMPORTED"), "AWS goes on showing it"
    code, text = refusal(bring, kms=kms, key=external, material=THIRD, **NEW)
    assert code == "IncorrectKeyMaterialException"
    assert text == (
        f"Key material (id: {third['KeyMaterialId']}) being imported as NEW_KEY_MATERIAL is "
        f"already associated with KMS key {arn(external)}."
    )
    kms.delete_imported_key_material(KeyId=external, KeyMaterialId=third["KeyMaterialId"])
    bring(kms, external, SECOND, **NEW)
    rotate(kms, external, clock)
    assert metadata(kms, external)["CurrentKeyMaterialId"] == second


def test_what_new_and_existing_mean(kms: Any, external: str, clock: TestClock) -> None:
    first = metadata(kms, external)["CurrentKeyMaterialId"]
    for material, options in (
        (SECOND, {}),
        (SECOND, EXISTING),
        (FIRST, NEW),
        (FIRST, EXISTING | {"KeyMaterialId": "a" * 64}),
    ):
        code, _ = refusal(bring, kms=kms, key=external, material=material, **options)
        assert code == "IncorrectKeyMaterialException"
    both = NEW | {"KeyMaterialId": first}
    code, _ = refusal(bring, kms=kms, key=external, material=SECOND, **both)
    assert code == "ValidationException"
    bring(kms, external, FIRST, KeyMaterialId=first, KeyMaterialDescription="mine", **EXISTING)
    bring(kms, external, FIRST)
    assert materials(kms, external)[0]["KeyMaterialDescription"] == "mine", "it is kept"
    empty = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    code, _ = refusal(bring, kms=kms, key=empty, material=FIRST, **EXISTING)
    assert code == "IncorrectKeyMaterialException"
    bring(kms, external, SECOND, **NEW)
    bring(kms, external, SECOND, ValidTo=clock.now + timedelta(days=1), **EXISTING)
    assert states(kms, external)[1] == ("PENDING_ROTATION", "IMPORTED")
    assert materials(kms, external)[1]["ExpirationModel"] == "KEY_MATERIAL_EXPIRES"


def test_a_rotation_whose_material_expired_meanwhile(
    kms: Any, external: str, clock: TestClock
) -> None:
    first = metadata(kms, external)["CurrentKeyMaterialId"]
    old = kms.encrypt(KeyId=external, Plaintext=b"old")["CiphertextBlob"]
    end = clock.now + timedelta(days=1)
    second = bring(kms, external, SECOND, ValidTo=end, **NEW)["KeyMaterialId"]
    kms.rotate_key_on_demand(KeyId=external)
    kms.delete_imported_key_material(KeyId=external)
    clock.advance(days=2)
    bring(kms, external, FIRST)
    clock.advance(seconds=1)
    gone = metadata(kms, external)
    assert (gone["CurrentKeyMaterialId"], gone["KeyState"]) == (second, "PendingImport")
    assert refusal(kms.decrypt, CiphertextBlob=old)[0] == "KMSInvalidStateException"
    bring(kms, external, SECOND)
    assert kms.decrypt(CiphertextBlob=old)["KeyMaterialId"] == first
    assert "OnDemandRotationStartDate" not in kms.get_key_rotation_status(KeyId=external)


class Imports(RuleBasedStateMachine):
    """Imports, deletions, expiries and rotations in any order, held against a small model."""

    SECRETS = tuple(bytes([number]) * 32 for number in range(4))

    def __init__(self) -> None:
        super().__init__()
        self.app = Stockade.in_memory(clock=ManualClock.today())
        self.clock = TestClock(self.app)
        self.kms = session(self.app).client("kms")
        self.key = ""
        self.ids: dict[int, str] = {}
        self.there: set[int] = set()
        """Secrets that are imported."""
        self.lasting: list[int] = []
        """Secrets that belong to the key for good, in order."""
        self.pending: int | None = None
        self.blobs: list[tuple[int, bytes]] = []

    @initialize()
    def make(self) -> None:
        self.key = self.kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
        self.parameters = parameters(self.kms, self.key)

    def teardown(self) -> None:
        self.app.close()

    @property
    def usable(self) -> bool:
        return bool(self.lasting) and set(self.lasting) <= self.there

    @rule(secret=st.integers(0, 3), new=st.booleans())
    def bring(self, secret: int, *, new: bool) -> None:
        known = secret in self.lasting or secret == self.pending
        allowed = (not known and self.pending is None) if new else known
        try:
            answer = self.kms.import_key_material(
                KeyId=self.key,
                ImportToken=self.parameters["ImportToken"],
                EncryptedKeyMaterial=wrapped(self.parameters["PublicKey"], self.SECRETS[secret]),
                ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
                **(NEW if new else EXISTING),
            )
        except ClientError:
            assert not allowed
            return
        assert allowed
        self.ids[secret] = answer["KeyMaterialId"]
        self.there.add(secret)
        if new and self.lasting:
            self.pending = secret
        elif new:
            self.lasting.append(secret)

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def take_away(self, data: st.DataObject) -> None:
        secret = data.draw(st.sampled_from(sorted(self.there)))
        self.kms.delete_imported_key_material(KeyId=self.key, KeyMaterialId=self.ids[secret])
        self.there.discard(secret)
        if secret == self.pending:
            self.pending = None

    @precondition(lambda self: self.usable)
    @rule()
    def rotate(self) -> None:
        if self.pending is None:
            assert refusal(self.kms.rotate_key_on_demand, KeyId=self.key)[0] == (
                "KMSInvalidStateException"
            )
            return
        rotate(self.kms, self.key, self.clock)
        self.lasting.append(self.pending)
        self.pending = None

    @precondition(lambda self: self.usable)
    @rule()
    def encrypt(self) -> None:
        answer = self.kms.encrypt(KeyId=self.key, Plaintext=b"x")
        self.blobs.append((self.lasting[-1], answer["CiphertextBlob"]))

    @invariant()
    def every_ciphertext_opens_while_the_key_is_whole(self) -> None:
        if not self.key:
            return
        state = metadata(self.kms, self.key)["KeyState"]
        assert state == ("Enabled" if self.usable else "PendingImport")
        for secret, blob in self.blobs:
            if self.usable:
                opened = self.kms.decrypt(CiphertextBlob=blob)
                assert opened["KeyMaterialId"] == self.ids[secret]


def test_any_history_of_imported_material() -> None:
    run_state_machine_as_test(
        Imports, settings=settings(max_examples=5, stateful_step_count=15, deadline=None)
    )
