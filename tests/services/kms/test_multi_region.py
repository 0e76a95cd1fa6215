# SPDX-License-Identifier: Apache-2.0
"""Multi-Region keys through boto3, and random histories over three Regions."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from stockade.app import Stockade
from stockade.core.clock import ManualClock
from stockade.services.kms.resources import KEYS, MATERIALS
from stockade.store.resources import Scope
from stockade.testing.plugin import TestClock
from stockade.testing.transport import session

ACCOUNT = "000000000000"
HOME, WEST, SOUTH = REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-2")


class World:
    """Clients of all Regions."""

    def __init__(self, aws: boto3.Session, clock: TestClock) -> None:
        self.kms = {region: aws.client("kms", region_name=region) for region in REGIONS}
        self.clock = clock

    def settle(self) -> None:
        self.clock.advance(seconds=1)

    def primary(self, **arguments: Any) -> str:
        made = self.kms[HOME].create_key(MultiRegion=True, **arguments)["KeyMetadata"]
        return str(made["KeyId"])

    def replicate(self, key_id: str, region: str, start: str = HOME, **more: Any) -> Any:
        return self.kms[start].replicate_key(KeyId=key_id, ReplicaRegion=region, **more)

    def metadata(self, key_id: str, region: str) -> Any:
        return self.kms[region].describe_key(KeyId=key_id)["KeyMetadata"]


@pytest.fixture
def world(aws: boto3.Session, clock: TestClock) -> World:
    return World(aws, clock)


def refusal(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error: Any = caught.value.response["Error"]
    return error["Code"], error["Message"]


def arn(region: str, key_id: str) -> str:
    return f"arn:aws:kms:{region}:{ACCOUNT}:key/{key_id}"


@pytest.mark.fact("kms-29")
def test_a_primary_says_what_it_is(world: World) -> None:
    key_id = world.primary()
    assert key_id.startswith("mrk-")
    assert len(key_id) == 36
    assert "-" not in key_id[4:]
    metadata = world.metadata(key_id, HOME)
    assert metadata["MultiRegion"] is True
    assert metadata["MultiRegionConfiguration"] == {
        "MultiRegionKeyType": "PRIMARY",
        "PrimaryKey": {"Arn": arn(HOME, key_id), "Region": HOME},
        "ReplicaKeys": [],
    }


@pytest.mark.fact("kms-31")
def test_a_replica_is_creating_then_enabled(world: World) -> None:
    key_id = world.primary()
    tags = [{"TagKey": "team", "TagValue": "blue"}]
    answer = world.replicate(key_id, WEST, Description="there", Tags=tags)
    made = answer["ReplicaKeyMetadata"]
    assert (made["KeyState"], made["Enabled"]) == ("Creating", False)
    assert "CurrentKeyMaterialId" not in made
    assert made["Arn"] == arn(WEST, key_id)
    assert answer["ReplicaTags"] == tags
    assert json.loads(answer["ReplicaPolicy"])["Id"] == "key-default-1"
    code, message = refusal(world.kms[WEST].encrypt, KeyId=key_id, Plaintext=b"x")
    assert (code, message) == ("KMSInvalidStateException", f"{arn(WEST, key_id)} is creating.")
    world.settle()
    ready = world.metadata(key_id, WEST)
    assert (ready["KeyState"], ready["Description"]) == ("Enabled", "there")
    assert ready["CurrentKeyMaterialId"] == world.metadata(key_id, HOME)["CurrentKeyMaterialId"]
    for region in (HOME, WEST):
        shown = world.metadata(key_id, region)["MultiRegionConfiguration"]
        assert shown["ReplicaKeys"] == [{"Arn": arn(WEST, key_id), "Region": WEST}]
    assert world.metadata(key_id, WEST)["MultiRegionConfiguration"]["MultiRegionKeyType"] == (
        "REPLICA"
    )


@pytest.mark.fact("kms-28")
@pytest.mark.fact("kms-30")
def test_ciphertext_opens_where_the_other_regions_are_gone(
    world: World, stockade: Stockade
) -> None:
    key_id = world.primary()
    world.replicate(key_id, WEST)
    world.settle()
    context = {"order": "7"}
    blob = world.kms[HOME].encrypt(KeyId=key_id, Plaintext=b"far", EncryptionContext=context)
    home = Scope(ACCOUNT, HOME)
    with stockade.store.write() as unit:
        for key in unit.list(KEYS, home):
            unit.delete(KEYS, home, key.key_id)
        for material in unit.list(MATERIALS, home):
            unit.delete(MATERIALS, home, material.material_id)
    opened = world.kms[WEST].decrypt(
        CiphertextBlob=blob["CiphertextBlob"], EncryptionContext=context
    )
    assert (opened["Plaintext"], opened["KeyId"]) == (b"far", arn(WEST, key_id))


def test_only_a_primary_is_replicated_and_once(world: World) -> None:
    single = world.kms[HOME].create_key()["KeyMetadata"]["KeyId"]
    code, message = refusal(world.replicate, key_id=single, region=WEST)
    assert code == "UnsupportedOperationException"
    assert message == f"{arn(HOME, single)} is not a multi-region primary key."
    key_id = world.primary()
    world.replicate(key_id, WEST)
    world.settle()
    assert refusal(world.replicate, key_id=key_id, region=WEST) == (
        "AlreadyExistsException",
        "You can create only one replica of each primary key in each AWS Region.",
    )
    assert refusal(world.replicate, key_id=key_id, region=HOME) == (
        "ValidationException",
        f"{HOME} cannot have a replica because it contains the primary.",
    )
    assert refusal(world.replicate, key_id=key_id, region="cn-north-1") == (
        "ValidationException",
        "The replica key Region must be in the same AWS partition as the primary key Region.",
    )
    code, message = refusal(world.replicate, key_id=key_id, region=SOUTH, start=WEST)
    assert code == "UnsupportedOperationException"
    assert message == f"{arn(WEST, key_id)} is not a multi-region primary key."


@pytest.mark.fact("iam-8")
def test_a_deny_in_one_region_is_of_that_region_alone(world: World) -> None:
    key_id = world.primary()
    world.replicate(key_id, WEST)
    world.settle()
    everything = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
    denial = {"Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [everything, denial]})
    blob = world.kms[HOME].encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    world.kms[HOME].put_key_policy(KeyId=key_id, Policy=document)
    assert refusal(world.kms[HOME].decrypt, CiphertextBlob=blob)[0] == "AccessDeniedException"
    assert world.kms[WEST].decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


@pytest.mark.fact("kms-32")
def test_each_region_is_managed_for_itself(world: World) -> None:
    key_id = world.primary()
    world.replicate(key_id, WEST)
    world.settle()
    world.kms[HOME].disable_key(KeyId=key_id)
    blob = world.kms[WEST].encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    assert refusal(world.kms[HOME].decrypt, CiphertextBlob=blob)[0] == "DisabledException"
    world.kms[WEST].create_alias(AliasName="alias/west", TargetKeyId=key_id)
    code, _ = refusal(world.kms[HOME].describe_key, KeyId="alias/west")
    assert code == "NotFoundException"


def test_rotation_is_the_primarys(world: World) -> None:
    key_id = world.primary()
    world.replicate(key_id, WEST)
    world.settle()
    for operation in ("EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"):
        call = getattr(world.kms[WEST], xform_name(operation))
        assert refusal(call, KeyId=key_id) == (
            "UnsupportedOperationException",
            (
                f"{arn(WEST, key_id)} is a multi-region replica key which is not valid for "
                f"{operation}."
            ),
        )
    world.kms[HOME].enable_key_rotation(KeyId=key_id)
    status = world.kms[WEST].get_key_rotation_status(KeyId=key_id)
    assert status["KeyRotationEnabled"] is True
    old = world.metadata(key_id, WEST)["CurrentKeyMaterialId"]
    before = world.kms[WEST].encrypt(KeyId=key_id, Plaintext=b"old")["CiphertextBlob"]
    world.clock.advance(days=366)
    new = world.metadata(key_id, WEST)["CurrentKeyMaterialId"]
    assert new != old
    assert new == world.metadata(key_id, HOME)["CurrentKeyMaterialId"]
    after = world.kms[HOME].encrypt(KeyId=key_id, Plaintext=b"new")["CiphertextBlob"]
    for region in (HOME, WEST):
        assert world.kms[region].decrypt(CiphertextBlob=before)["Plaintext"] == b"old"
        assert world.kms[region].decrypt(CiphertextBlob=after)["Plaintext"] == b"new"


def test_the_primary_moves(world: World) -> None:
    key_id = world.primary()
    world.replicate(key_id, WEST)
    world.settle()
    world.kms[HOME].update_primary_region(KeyId=key_id, PrimaryRegion=WEST)
    for region, kind in ((HOME, "REPLICA"), (WEST, "PRIMARY")):
        metadata = world.metadata(key_id, region)
        assert (metadata["KeyState"], metadata["Enabled"]) == ("Updating", False)
        assert metadata["MultiRegionConfiguration"]["MultiRegionKeyType"] == kind
    world.kms[HOME].encrypt(KeyId=key_id, Plaintext=b"meanwhile")
    assert refusal(world.kms[HOME].schedule_key_deletion, KeyId=key_id) == (
        "KMSInvalidStateException",
        f"{arn(HOME, key_id)} is updating.",
    )
    world.settle()
    for region, kind in ((HOME, "REPLICA"), (WEST, "PRIMARY")):
        metadata = world.metadata(key_id, region)
        assert metadata["KeyState"] == "Enabled"
        assert metadata["MultiRegionConfiguration"] == {
            "MultiRegionKeyType": kind,
            "PrimaryKey": {"Arn": arn(WEST, key_id), "Region": WEST},
            "ReplicaKeys": [{"Arn": arn(HOME, key_id), "Region": HOME}],
        }


def test_where_the_primary_does_not_move(world: World) -> None:
    key_id = world.primary()
    world.replicate(key_id, WEST)
    world.settle()
    move = world.kms[HOME].update_primary_region
    move(KeyId=key_id, PrimaryRegion=HOME)
    assert world.metadata(key_id, HOME)["KeyState"] == "Enabled"
    assert refusal(move, KeyId=key_id, PrimaryRegion=SOUTH) == (
        "ValidationException",
        f"{key_id} does not have a replica key in the specified Region.",
    )
    back = world.kms[WEST].update_primary_region
    assert refusal(back, KeyId=key_id, PrimaryRegion=HOME) == (
        "KMSInvalidStateException",
        f"{arn(WEST, key_id)} is not a multi-Region primary key.",
    )
    world.kms[WEST].disable_key(KeyId=key_id)
    assert refusal(move, KeyId=key_id, PrimaryRegion=WEST) == (
        "DisabledException",
        f"{arn(WEST, key_id)} is disabled.",
    )


def test_a_rotation_that_was_asked_for_moves_with_the_primary(world: World) -> None:
    key_id = world.primary()
    world.replicate(key_id, WEST)
    world.settle()
    old = world.metadata(key_id, WEST)["CurrentKeyMaterialId"]
    world.kms[HOME].rotate_key_on_demand(KeyId=key_id)
    world.kms[HOME].update_primary_region(KeyId=key_id, PrimaryRegion=WEST)
    for _ in range(2):
        world.settle()
    materials = {world.metadata(key_id, each)["CurrentKeyMaterialId"] for each in (HOME, WEST)}
    assert len(materials) == 1
    assert old not in materials


def test_aliases_name_no_key_to_replicate_or_move(world: World) -> None:
    key_id = world.primary()
    world.kms[HOME].create_alias(AliasName="alias/shared", TargetKeyId=key_id)
    refused = ("InvalidArnException", "Key Aliases are not supported for this operation.")
    for name in ("alias/shared", f"arn:aws:kms:{HOME}:{ACCOUNT}:alias/shared"):
        assert refusal(world.replicate, key_id=name, region=WEST) == refused
        move = world.kms[HOME].update_primary_region
        assert refusal(move, KeyId=name, PrimaryRegion=WEST) == refused


def test_a_ciphertext_is_not_opened_by_the_arn_of_another_region(world: World) -> None:
    key_id = world.primary()
    world.replicate(key_id, WEST)
    world.settle()
    blob = world.kms[HOME].encrypt(KeyId=key_id, Plaintext=b"far")["CiphertextBlob"]
    there = world.kms[WEST]
    for name in (key_id, arn(WEST, key_id)):
        assert there.decrypt(CiphertextBlob=blob, KeyId=name)["Plaintext"] == b"far"
    assert refusal(there.decrypt, CiphertextBlob=blob, KeyId=arn(HOME, key_id)) == (
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
    )


def test_the_schedule_is_shown_while_a_primary_waits_for_its_replicas(world: World) -> None:
    key_id = world.primary()
    world.kms[HOME].enable_key_rotation(KeyId=key_id, RotationPeriodInDays=90)
    assert "ReplicaTags" not in world.replicate(key_id, WEST)
    shown = world.kms[WEST].get_key_rotation_status(KeyId=key_id)
    assert world.metadata(key_id, WEST)["KeyState"] == "Creating"
    assert (shown["KeyRotationEnabled"], shown["RotationPeriodInDays"]) == (True, 90)
    assert "NextRotationDate" in shown
    world.settle()
    for region in (WEST, HOME):
        world.kms[region].schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    assert world.kms[WEST].get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"] is False
    waiting = world.kms[HOME].get_key_rotation_status(KeyId=key_id)
    assert waiting["NextRotationDate"] == shown["NextRotationDate"]


def test_a_primary_waits_for_its_replicas_end(world: World) -> None:
    key_id = world.primary()
    world.replicate(key_id, WEST)
    world.settle()
    answer = world.kms[HOME].schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    assert answer["KeyState"] == "PendingReplicaDeletion"
    assert "DeletionDate" not in answer
    metadata = world.metadata(key_id, HOME)
    assert metadata["PendingDeletionWindowInDays"] == 7
    world.clock.advance(days=40)
    assert world.metadata(key_id, HOME)["KeyState"] == "PendingReplicaDeletion"
    world.kms[WEST].schedule_key_deletion(KeyId=key_id, PendingWindowInDays=10)
    world.clock.advance(days=11)
    assert refusal(world.kms[WEST].describe_key, KeyId=key_id)[0] == "NotFoundException"
    assert world.metadata(key_id, HOME)["KeyState"] == "PendingDeletion"
    world.clock.advance(days=7)
    assert refusal(world.kms[HOME].describe_key, KeyId=key_id)[0] == "NotFoundException"


def test_replicating_needs_permission_on_both_sides(
    world: World, aws: boto3.Session, stockade: Stockade
) -> None:
    iam = aws.client("iam")
    iam.create_user(UserName="ann")
    made = iam.create_access_key(UserName="ann")["AccessKey"]
    ann = session(
        stockade, access_key_id=made["AccessKeyId"], secret_access_key=made["SecretAccessKey"]
    ).client("kms")
    key_id = world.primary()

    def allow(*statements: dict[str, Any]) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document)

    only_west = {"StringEquals": {"kms:ReplicaRegion": WEST}}
    replicate = {"Effect": "Allow", "Action": "kms:ReplicateKey", "Resource": "*"}
    allow({**replicate, "Condition": only_west})
    code, message = refusal(ann.replicate_key, KeyId=key_id, ReplicaRegion=WEST)
    assert code == "AccessDeniedException"
    assert "kms:CreateKey" in message
    create = {"Effect": "Allow", "Action": "kms:CreateKey", "Resource": "*"}
    allow({**replicate, "Condition": only_west}, create)
    assert refusal(ann.replicate_key, KeyId=key_id, ReplicaRegion=SOUTH)[0] == (
        "AccessDeniedException"
    )
    ann.replicate_key(KeyId=key_id, ReplicaRegion=WEST)


class Histories(RuleBasedStateMachine):
    """Encrypt anywhere, decrypt anywhere, rotate, move the primary, delete replicas."""

    def __init__(self) -> None:
        super().__init__()
        self.app = Stockade.in_memory(clock=ManualClock.today())
        self.world = World(session(self.app), TestClock(self.app))
        self.key_id = ""
        self.primary = HOME
        self.replicas: set[str] = set()
        self.blobs: list[tuple[bytes, bytes]] = []

    @initialize()
    def create(self) -> None:
        self.key_id = self.world.primary()
        self.world.kms[HOME].enable_key_rotation(KeyId=self.key_id, RotationPeriodInDays=90)

    @rule(region=st.sampled_from(REGIONS))
    def replicate(self, region: str) -> None:
        if region != self.primary and region not in self.replicas:
            self.world.replicate(self.key_id, region, start=self.primary)
            self.world.settle()
            self.replicas.add(region)

    @rule(region=st.sampled_from(REGIONS), plaintext=st.binary(min_size=1, max_size=20))
    def encrypt(self, region: str, plaintext: bytes) -> None:
        if region in {self.primary, *self.replicas}:
            made = self.world.kms[region].encrypt(KeyId=self.key_id, Plaintext=plaintext)
            self.blobs.append((made["CiphertextBlob"], plaintext))

    @rule(region=st.sampled_from(REGIONS))
    def move(self, region: str) -> None:
        if region in self.replicas:
            kms = self.world.kms[self.primary]
            kms.update_primary_region(KeyId=self.key_id, PrimaryRegion=region)
            self.world.settle()
            self.replicas = {self.primary, *self.replicas} - {region}
            self.primary = region

    @rule(days=st.sampled_from((1, 91)))
    def wait(self, days: int) -> None:
        self.world.clock.advance(days=days)

    @rule(region=st.sampled_from(REGIONS))
    def delete(self, region: str) -> None:
        if region in self.replicas:
            kms = self.world.kms[region]
            kms.schedule_key_deletion(KeyId=self.key_id, PendingWindowInDays=7)
            self.world.clock.advance(days=8)
            self.replicas.remove(region)

    @rule()
    def open_everything_everywhere(self) -> None:
        for region in (self.primary, *self.replicas):
            for blob, plaintext in self.blobs:
                opened = self.world.kms[region].decrypt(CiphertextBlob=blob)
                assert opened["Plaintext"] == plaintext

    def teardown(self) -> None:
        self.open_everything_everywhere()
        where = self.world.metadata(self.key_id, self.primary)["MultiRegionConfiguration"]
        assert where["MultiRegionKeyType"] == "PRIMARY"
        assert {key["Region"] for key in where["ReplicaKeys"]} == self.replicas
        self.app.close()


@pytest.mark.slow
def test_no_history_loses_a_ciphertext() -> None:
    examples = settings.default.max_examples if settings.default else 100
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=max(30, examples // 20),
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
