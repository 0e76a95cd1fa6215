# SPDX-License-Identifier: Apache-2.0
"""MFA devices of users: made, enrolled with codes that are really checked, set right, taken off.

Who has a device needs a session that was made with it to add another or to take one off, as AWS
demands since 2023 whatever the policies say; administrators do it for others as ever.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.protocol.refusals import AccessDenied
from stockade.services.iam import qr_code, view
from stockade.services.iam.access import creation, folder, user_named, user_or_caller
from stockade.services.iam.account_aliases import ALIASES
from stockade.services.iam.credential_errors import InvalidAuthenticationCode
from stockade.services.iam.errors import (
    DeleteConflict,
    EntityAlreadyExists,
    LimitExceeded,
    NoSuchEntity,
    ValidationError,
)
from stockade.services.iam.mfa_devices import (
    MFA_DEVICES,
    MfaDevice,
    device_arn,
    device_place,
    devices_of,
    find_device,
    host_step,
    paired,
)
from stockade.services.iam.named import (
    Named,
    first_tags,
    on_named,
    owner_of,
    tagged,
    untagged,
)
from stockade.services.iam.paging import PAGE, among, listed
from stockade.services.iam.resources import USERS, User, whole_second
from stockade.services.iam.service import iam
from stockade.services.iam.tags import Tags, listed_tags

SEED_SIZE = 40
DEVICES_PER_USER = 8
LONGEST_SERIAL = 256
"""What other operations take."""


def _located(ctx: Context, params: Mapping[str, Any]) -> Named:
    serial = params["SerialNumber"]
    device = find_device(ctx.unit, owner_of(serial) or ctx.account, serial)
    return Named(serial, device, device.tags if device else {}, _missing(serial))


@iam.operation(
    access=creation(
        "iam:CreateVirtualMFADevice", "iam:TagMFADevice", device_arn, "VirtualMFADeviceName"
    ),
    writes=True,
)
def create_virtual_mfa_device(
    ctx: Context, *, path: str = "/", virtual_mfa_device_name: str, tags: Tags = ()
) -> Output:
    """Make a device that is nobody's yet and return its seed, also as a QR code, this once."""
    serial = device_arn(ctx.account, path, virtual_mfa_device_name)
    if find_device(ctx.unit, ctx.account, serial) is not None:
        raise EntityAlreadyExists("MFA device already exists.")
    if len(serial) > LONGEST_SERIAL:
        raise ValidationError("The specified value for virtualMFADeviceName is too long.")
    seed = ctx.random(SEED_SIZE)
    sealed = ctx.seal(ctx.global_scope, device_place(serial), seed)
    device = MfaDevice(serial=serial, sealed=sealed, tags=first_tags(tags))
    ctx.unit.put(MFA_DEVICES, ctx.global_scope, device)
    secret = base64.b32encode(seed)
    shown: dict[str, Any] = {
        "SerialNumber": serial,
        "Base32StringSeed": secret,
        "QRCodePNG": qr_code.png(
            f"otpauth://totp/{virtual_mfa_device_name}@{_account_name(ctx)}?secret={secret.decode()}"
        ),
    }
    if tags:
        shown["Tags"] = view.tag_list(device.tags)
    return {"VirtualMFADevice": shown}


@iam.operation(access=user_named("iam:EnableMFADevice"), writes=True)
def enable_mfa_device(
    ctx: Context,
    user: User,
    *,
    user_name: str,
    serial_number: str,
    authentication_code1: str,
    authentication_code2: str,
) -> Output:
    """Give a device to a user who shows two of its codes in a row."""
    del user_name
    _must_be_authenticated(ctx, user)
    device = _existing(ctx, serial_number)
    if device.user == user.unique_id:
        raise EntityAlreadyExists(f"MFA Device for user {user.name} already exists.")
    if device.user:
        raise EntityAlreadyExists("MFA Device is already in use.")
    if len(devices_of(ctx.unit, ctx.account, user.unique_id)) >= DEVICES_PER_USER:
        raise LimitExceeded(f"Cannot exceed quota for MFADevicesPerUser: {DEVICES_PER_USER}")
    device = _synchronised(ctx, device, authentication_code1, authentication_code2)
    enabled = replace(device, user=user.unique_id, enabled=whole_second(ctx.now))
    ctx.unit.put(MFA_DEVICES, ctx.global_scope, enabled)
    return {}


@iam.operation(access=user_named("iam:ResyncMFADevice"), writes=True)
def resync_mfa_device(
    ctx: Context,
    user: User,
    *,
    user_name: str,
    serial_number: str,
    authentication_code1: str,
    authentication_code2: str,
) -> Output:
    """Learn from two codes in a row by how much a device is off the time."""
    del user_name
    device = _of_user(ctx, user, serial_number)
    device = _synchronised(ctx, device, authentication_code1, authentication_code2)
    ctx.unit.put(MFA_DEVICES, ctx.global_scope, device)
    return {}


@iam.operation(access=user_or_caller("iam:DeactivateMFADevice"), writes=True)
def deactivate_mfa_device(
    ctx: Context, user: User | None, *, user_name: str | None = None, serial_number: str
) -> Output:
    """Take a device from its user; it keeps its seed."""
    del user_name
    if user is not None:
        _must_be_authenticated(ctx, user)
    device = _of_user(ctx, user, serial_number)
    ctx.unit.put(MFA_DEVICES, ctx.global_scope, replace(device, user="", enabled=None))
    return {}


@iam.operation(
    access=on_named("iam:DeleteVirtualMFADevice", _located, "VirtualMFADevice"), writes=True
)
def delete_virtual_mfa_device(ctx: Context, device: MfaDevice, *, serial_number: str) -> Output:
    """Delete a device that is nobody's."""
    if device.user:
        raise DeleteConflict("MFA VirtualDevice in use. Must deactivate first.")
    ctx.unit.delete(MFA_DEVICES, ctx.global_scope, serial_number)
    return {}


@iam.operation(access=user_or_caller("iam:ListMFADevices"))
def list_mfa_devices(
    ctx: Context,
    user: User | None,
    *,
    user_name: str | None = None,
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return a user's devices; the root has none here."""
    del user_name
    if user is None:
        return {"MFADevices": [], "IsTruncated": False}
    name, found = user.name, devices_of(ctx.unit, ctx.account, user.unique_id)

    def show(device: MfaDevice) -> dict[str, Any]:
        return {"UserName": name, "SerialNumber": device.serial, "EnableDate": device.enabled}

    return listed("MFADevices", among(found, _serial), _serial, show, max_items, marker)


@iam.operation(access=folder("iam:ListVirtualMFADevices", device_arn))
def list_virtual_mfa_devices(
    ctx: Context,
    *,
    assignment_status: Literal["Assigned", "Unassigned", "Any"] = "Any",
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return the account's virtual devices without their seeds, each with its user."""
    every = ctx.unit.list(MFA_DEVICES, ctx.global_scope)
    wanted = [
        device
        for device in every
        if assignment_status == "Any" or bool(device.user) == (assignment_status == "Assigned")
    ]
    users = _by_id(ctx) if any(device.user for device in wanted) else {}

    def show(device: MfaDevice) -> dict[str, Any]:
        shown: dict[str, Any] = {"SerialNumber": device.serial}
        if device.user in users:
            shown["User"] = view.user(users[device.user])
            shown["EnableDate"] = device.enabled
        return shown

    return listed("VirtualMFADevices", among(wanted, _serial), _serial, show, max_items, marker)


@iam.operation(access=user_or_caller("iam:GetMFADevice"))
def get_mfa_device(
    ctx: Context, user: User | None, *, serial_number: str, user_name: str | None = None
) -> Output:
    """Say what AWS says: this is for FIDO keys alone, which no API can register."""
    del user, user_name
    if find_device(ctx.unit, ctx.account, serial_number) is None:
        raise NoSuchEntity(_missing(serial_number))
    raise ValidationError(
        "The MFA device serial number sent in the request is invalid or not supported by this API. "
        "Currently, only hardware FIDO security keys are supported. Please use the compatible "
        "device or API."
    )


@iam.operation(access=on_named("iam:TagMFADevice", _located, "VirtualMFADevice"), writes=True)
def tag_mfa_device(ctx: Context, device: MfaDevice, *, serial_number: str, tags: Tags) -> Output:
    """Add or replace tags of a device."""
    del serial_number
    ctx.unit.put(MFA_DEVICES, ctx.global_scope, replace(device, tags=tagged(device.tags, tags)))
    return {}


@iam.operation(access=on_named("iam:UntagMFADevice", _located, "VirtualMFADevice"), writes=True)
def untag_mfa_device(
    ctx: Context, device: MfaDevice, *, serial_number: str, tag_keys: Sequence[str]
) -> Output:
    """Take tags off a device."""
    del serial_number
    left = replace(device, tags=untagged(device.tags, tag_keys))
    ctx.unit.put(MFA_DEVICES, ctx.global_scope, left)
    return {}


@iam.operation(access=on_named("iam:ListMFADeviceTags", _located, "VirtualMFADevice"))
def list_mfa_device_tags(
    _ctx: Context,
    device: MfaDevice,
    *,
    serial_number: str,
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return a device's tags, sorted by name."""
    del serial_number
    return listed_tags(device.tags, max_items, marker)


def _must_be_authenticated(ctx: Context, user: User) -> None:
    """Refuse a user with devices who changes them without a session that one of them opened."""
    if ctx.caller.user_name.lower() != user.id:
        return
    if ctx.caller.keys.get("aws:multifactorauthpresent") == ("true",):
        return
    if devices_of(ctx.unit, ctx.account, user.unique_id):
        raise AccessDenied(
            "To complete this action, please ensure that you are authenticated with an MFA device "
            "that is enabled for this user."
        )


def _existing(ctx: Context, serial: str) -> MfaDevice:
    device = find_device(ctx.unit, ctx.account, serial)
    if device is None:
        raise NoSuchEntity(_missing(serial))
    return device


def _of_user(ctx: Context, user: User | None, serial: str) -> MfaDevice:
    device = _existing(ctx, serial)
    if user is None or device.user != user.unique_id:
        raise NoSuchEntity("MFA Device invalid for user.")
    return device


def _synchronised(ctx: Context, device: MfaDevice, first: str, second: str) -> MfaDevice:
    seed = ctx.unseal(ctx.global_scope, device.place, device.sealed)
    after = paired(device, seed, first, second, host_step(ctx))
    if after is None:
        raise InvalidAuthenticationCode("Authentication code for device is not valid.")
    return after


def _account_name(ctx: Context) -> str:
    """Return what an authenticator shows of the account: its alias, or its number."""
    aliases = ctx.unit.list(ALIASES, ctx.global_scope)
    return aliases[0].name if aliases else ctx.account


def _by_id(ctx: Context) -> dict[str, User]:
    return {user.unique_id: user for user in ctx.unit.list(USERS, ctx.global_scope)}


def _serial(device: MfaDevice) -> str:
    return device.serial


def _missing(serial: str) -> str:
    return f"MFA Device with serial number {serial} does not exist."
