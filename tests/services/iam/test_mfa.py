# SPDX-License-Identifier: Apache-2.0
"""MFA devices: seeds shown once, codes that are really checked, each taken once."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from stockade.core.ports import Credentials
from stockade.crypto import totp
from stockade.services.iam.credentials import IamDirectory
from stockade.services.iam.mfa_devices import (
    AHEAD,
    BEHIND,
    MFA_DEVICES,
    TRIES,
    Attempts,
    MfaDevice,
    paired,
    verified,
)
from stockade.services.iam.resources import scope_of
from stockade.store.vault import Sealed
from tests.services.iam.helpers import ACCOUNT, account, allow, below, refused, user

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade

SERIAL = f"arn:aws:iam::{ACCOUNT}:mfa/phone"
SEED = bytes(range(40))
NOW = 60_000_000
INVALID = ("InvalidAuthenticationCode", 403, "Authentication code for device is not valid.")


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    iam = aws.client("iam")
    iam.create_user(UserName="alice")
    return iam


def device() -> MfaDevice:
    return MfaDevice(serial=SERIAL, sealed=Sealed(b""))


def make(iam: Any, name: str = "phone", **more: Any) -> bytes:
    """Make a device and return its seed."""
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName=name, **more)["VirtualMFADevice"]
    return base64.b32decode(made["Base32StringSeed"])


def codes(seed: bytes, ahead: int = 0) -> dict[str, str]:
    """Return two codes in a row, the second of the present step."""
    step = totp.step_of(datetime.now(UTC)) + ahead
    return {
        "AuthenticationCode1": totp.code(seed, step - 1),
        "AuthenticationCode2": totp.code(seed, step),
    }


def enable(iam: Any, seed: bytes, who: str = "alice", serial: str = SERIAL) -> None:
    iam.enable_mfa_device(UserName=who, SerialNumber=serial, **codes(seed))


def test_a_seed_is_shown_once_and_sealed(stockade: Stockade, iam: Any) -> None:
    tags = [{"Key": "Team", "Value": "red"}, {"Key": "team", "Value": "blue"}]
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone", Path="/eng/", Tags=tags)
    shown = made["VirtualMFADevice"]
    serial = f"arn:aws:iam::{ACCOUNT}:mfa/eng/phone"
    assert (shown["SerialNumber"], shown["Tags"]) == (serial, tags)
    assert len(shown["Base32StringSeed"]) == 64
    assert shown["QRCodePNG"].startswith(b"\x89PNG")
    assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == [{"SerialNumber": serial}]
    with stockade.store.read() as unit:
        (kept,) = unit.list(MFA_DEVICES, scope_of(ACCOUNT))
        seed = base64.b32decode(shown["Base32StringSeed"])
        assert seed not in kept.sealed.box
        assert stockade.vault.open(unit, scope_of(ACCOUNT), kept.place, kept.sealed) == seed
    record = stockade.find_record(made["ResponseMetadata"]["RequestId"]) or b""
    assert serial.encode() in record
    assert shown["Base32StringSeed"] not in record
    assert base64.b64encode(shown["Base32StringSeed"]) not in record


def test_a_device_goes_to_a_user_with_two_codes_and_away_again(iam: Any) -> None:
    seed = make(iam)
    assert iam.list_mfa_devices(UserName="alice")["MFADevices"] == []
    enable(iam, seed)
    (mine,) = iam.list_mfa_devices(UserName="alice")["MFADevices"]
    assert (mine["UserName"], mine["SerialNumber"]) == ("alice", SERIAL)
    (assigned,) = iam.list_virtual_mfa_devices(AssignmentStatus="Assigned")["VirtualMFADevices"]
    assert assigned["User"]["UserName"] == "alice"
    assert assigned["EnableDate"] == mine["EnableDate"]
    assert iam.list_virtual_mfa_devices(AssignmentStatus="Unassigned")["VirtualMFADevices"] == []
    assert refused(iam.delete_virtual_mfa_device, SerialNumber=SERIAL) == (
        "DeleteConflict",
        409,
        "MFA VirtualDevice in use. Must deactivate first.",
    )
    conflict = "Cannot delete entity, must remove tokens from principal first."
    assert refused(iam.delete_user, UserName="alice") == ("DeleteConflict", 409, conflict)
    iam.deactivate_mfa_device(UserName="alice", SerialNumber=SERIAL)
    assert iam.list_mfa_devices(UserName="alice")["MFADevices"] == []
    assert len(iam.list_virtual_mfa_devices(AssignmentStatus="Unassigned")) == 3
    iam.delete_virtual_mfa_device(SerialNumber=SERIAL)
    assert iam.list_virtual_mfa_devices()["VirtualMFADevices"] == []


def test_codes_have_to_be_two_of_the_device_in_their_order(iam: Any) -> None:
    seed = make(iam)
    right = codes(seed)
    first, second = right["AuthenticationCode1"], right["AuthenticationCode2"]
    named = {"UserName": "alice", "SerialNumber": SERIAL}
    for one, other in ((first, first), (second, first), ("000000", second)):
        wrong = {"AuthenticationCode1": one, "AuthenticationCode2": other}
        assert refused(iam.enable_mfa_device, **named, **wrong) == INVALID
    iam.enable_mfa_device(**named, **right)


def test_a_pair_counts_once(iam: Any) -> None:
    seed = make(iam)
    named = {"UserName": "alice", "SerialNumber": SERIAL}
    enable(iam, seed)
    iam.deactivate_mfa_device(**named)
    assert refused(iam.enable_mfa_device, **named, **codes(seed)) == INVALID
    iam.enable_mfa_device(**named, **codes(seed, ahead=10))
    iam.resync_mfa_device(**named, **codes(seed, ahead=20))
    assert refused(iam.resync_mfa_device, **named, **codes(seed, ahead=20)) == INVALID


def test_a_name_may_be_as_long_as_its_serial_number(iam: Any) -> None:
    longest = 256 - len(f"arn:aws:iam::{ACCOUNT}:mfa/")
    make(iam, "x" * longest)
    too_long = refused(iam.create_virtual_mfa_device, VirtualMFADeviceName="x" * (longest + 1))
    assert too_long[:2] == ("ValidationError", 400)


def test_what_is_not_there_or_not_ones_own(iam: Any) -> None:
    iam.create_user(UserName="bob")
    seed = make(iam)
    assert refused(iam.create_virtual_mfa_device, VirtualMFADeviceName="phone") == (
        "EntityAlreadyExists",
        409,
        "MFA device already exists.",
    )
    absent = f"arn:aws:iam::{ACCOUNT}:mfa/absent"
    missing = ("NoSuchEntity", 404, f"MFA Device with serial number {absent} does not exist.")
    assert refused(iam.delete_virtual_mfa_device, SerialNumber=absent) == missing
    assert refused(iam.deactivate_mfa_device, UserName="alice", SerialNumber=absent) == missing
    wrong = ("NoSuchEntity", 404, "MFA Device invalid for user.")
    assert refused(iam.deactivate_mfa_device, UserName="alice", SerialNumber=SERIAL) == wrong
    enable(iam, seed)
    assert refused(iam.deactivate_mfa_device, UserName="bob", SerialNumber=SERIAL) == wrong
    assert refused(iam.enable_mfa_device, UserName="bob", SerialNumber=SERIAL, **codes(seed)) == (
        "EntityAlreadyExists",
        409,
        "MFA Device is already in use.",
    )
    again = refused(iam.enable_mfa_device, UserName="alice", SerialNumber=SERIAL, **codes(seed))
    assert again[2] == "MFA Device for user alice already exists."
    code, _, text = refused(iam.get_mfa_device, UserName="alice", SerialNumber=SERIAL)
    assert code == "ValidationError"
    assert "only hardware FIDO security keys are supported" in text


def test_a_user_with_a_device_needs_it_to_change_devices(
    stockade: Stockade, aws: boto3.Session
) -> None:
    iam = aws.client("iam")
    mine = user(stockade, aws, "carol", allow("iam:*")).client("iam")
    enable(mine, make(mine), "carol")
    needed = "please ensure that you are authenticated with an MFA device"
    named = {"UserName": "carol", "SerialNumber": SERIAL}
    assert needed in refused(mine.deactivate_mfa_device, **named)[2]
    second = make(mine, "second")
    other = f"arn:aws:iam::{ACCOUNT}:mfa/second"
    more = {"UserName": "carol", "SerialNumber": other, **codes(second)}
    assert refused(mine.enable_mfa_device, **more)[:2] == ("AccessDenied", 403)
    iam.deactivate_mfa_device(**named)
    mine.enable_mfa_device(**more)


def test_eight_devices_a_user(iam: Any) -> None:
    for number in range(8):
        serial = f"arn:aws:iam::{ACCOUNT}:mfa/d{number}"
        enable(iam, make(iam, f"d{number}"), serial=serial)
    pages = iam.get_paginator("list_mfa_devices").paginate(
        UserName="alice", PaginationConfig={"PageSize": 5}
    )
    assert [len(page["MFADevices"]) for page in pages] == [5, 3]
    seed = make(iam)
    named = {"UserName": "alice", "SerialNumber": SERIAL}
    code, _, text = refused(iam.enable_mfa_device, **named, **codes(seed))
    assert (code, text) == ("LimitExceeded", "Cannot exceed quota for MFADevicesPerUser: 8")


def test_tags_of_a_device(iam: Any) -> None:
    make(iam)
    iam.tag_mfa_device(SerialNumber=SERIAL, Tags=[{"Key": "a", "Value": "1"}])
    iam.tag_mfa_device(SerialNumber=SERIAL, Tags=[{"Key": "A", "Value": "2"}])
    iam.untag_mfa_device(SerialNumber=SERIAL, TagKeys=["a"])
    assert iam.list_mfa_device_tags(SerialNumber=SERIAL)["Tags"] == [{"Key": "A", "Value": "2"}]
    reserved = refused(
        iam.tag_mfa_device, SerialNumber=SERIAL, Tags=[{"Key": "aws:a", "Value": ""}]
    )
    assert reserved[2] == "Tag keys beginning with aws: are reserved for system use."


def test_another_accounts_device_is_out_of_reach(stockade: Stockade, iam: Any) -> None:
    make(iam)
    other = account(stockade, "111122223333").client("iam")
    assert refused(other.delete_virtual_mfa_device, SerialNumber=SERIAL)[0] == "AccessDenied"


def test_a_device_stays_with_a_renamed_user(iam: Any) -> None:
    enable(iam, make(iam))
    iam.update_user(UserName="alice", NewUserName="alicia")
    (mine,) = iam.list_mfa_devices(UserName="alicia")["MFADevices"]
    assert mine["UserName"] == "alicia"


def test_a_pair_is_found_far_off_and_no_farther() -> None:
    for ahead, found in ((-BEHIND, True), (-BEHIND - 1, False), (AHEAD, True), (AHEAD + 1, False)):
        pair = totp.code(SEED, NOW + ahead - 1), totp.code(SEED, NOW + ahead)
        after = paired(device(), SEED, *pair, NOW)
        assert (after is not None) is found
        if after is not None:
            assert (after.drift, after.paired) == (ahead, NOW + ahead)
            assert verified(after, SEED, totp.code(SEED, NOW + ahead), NOW) is not None


@pytest.mark.parametrize("ahead", range(-4, 5))
def test_a_code_counts_within_two_steps(ahead: int) -> None:
    taken = verified(device(), SEED, totp.code(SEED, NOW + ahead), NOW)
    assert (taken is not None) is (abs(ahead) <= 2)


def test_codes_count_once_each_in_any_order() -> None:
    kept = device()
    for ahead in (1, -2, 0, 2, -1):
        code = totp.code(SEED, NOW + ahead)
        taken = verified(kept, SEED, code, NOW)
        assert taken is not None
        assert verified(taken, SEED, code, NOW) is None
        kept = taken
    later = verified(kept, SEED, totp.code(SEED, NOW + 9), NOW + 9)
    assert later is not None
    assert later.used == (NOW + 9,)


def test_nine_codes_in_three_minutes() -> None:
    attempts, moment = Attempts(), datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert [attempts.take("a", moment) for _ in range(TRIES + 2)] == [True] * TRIES + [False] * 2
    assert attempts.take("b", moment)
    assert attempts.take("a", moment + timedelta(minutes=3))


def test_services_check_a_code_and_take_it(
    stockade: Stockade, aws: boto3.Session, iam: Any
) -> None:
    """As STS does it, whatever the deployment's own clock shows."""
    stockade.travel(stockade.clock.now() + timedelta(days=400))
    seed = make(iam)
    enable(iam, seed)
    code = codes(seed)["AuthenticationCode2"]
    unique = iam.get_user(UserName="alice")["User"]["UserId"]
    arn = f"arn:aws:iam::{ACCOUNT}:user/alice"
    assert not checked(stockade, "AIDAOTHER", code)
    assert not checked(stockade, unique, "000000")
    assert checked(stockade, unique, code)
    assert not checked(stockade, unique, code)
    assert checked(stockade, arn, codes(seed, ahead=1)["AuthenticationCode2"])
    iam.deactivate_mfa_device(UserName="alice", SerialNumber=SERIAL)
    assert not checked(stockade, unique, codes(seed, ahead=2)["AuthenticationCode2"])


def checked(stockade: Stockade, who: str, code: str) -> bool:
    """Check a code below the API, in a transaction of its own."""
    with below(stockade) as ctx:
        directory = ctx.port(Credentials)
        assert isinstance(directory, IamDirectory)
        return directory.check_mfa(ctx, who, SERIAL, code)
