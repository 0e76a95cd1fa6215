# SPDX-License-Identifier: Apache-2.0
"""Virtual MFA devices: what is kept of one, and whether a code is its code.

* A seed is 40 random bytes, shown once and sealed at rest.
* A device is enrolled, or set right, by two codes that follow each other. They may lie up to a
  thousand steps off the time; how far is remembered as the device's drift. No pair counts twice.
* A code is taken within two steps of the device's time, once each, in whatever order codes come.
* Nine codes may be tried on a device in three minutes; each process counts for itself.

These are the figures that AWS was recorded with. Codes are made by telephones, which do not know
that somebody moved the clock of a deployment: like signatures they are held against the host's
clock, also in dev. A device belongs to a user by the id that no other user ever has (AIDA...).
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec.structs import replace

from stockade.core.arn import arn, parse_arn
from stockade.core.clock import Clock
from stockade.core.context import Context
from stockade.crypto import totp
from stockade.services.iam.lookup import find_user
from stockade.services.iam.resources import root_arn, scope_of
from stockade.store.resources import Collection
from stockade.store.unit import Unit
from stockade.store.vault import Sealed

BEHIND, AHEAD = 998, 1000
"""Where the second code of a pair is looked for, in steps around the device's time."""
WINDOW = 2
TRIES, TRIES_SECONDS = 9, 180


class MfaDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual MFA device."""

    serial: str
    """The ARN."""
    sealed: Sealed
    """The seed."""
    tags: dict[str, str] = {}
    user: str = ""
    """The unique id of its user, empty while it is nobody's."""
    enabled: datetime | None = None
    drift: int = 0
    """Steps by which the device is ahead."""
    paired: int = 0
    """The step of the second code of the last pair."""
    used: tuple[int, ...] = ()
    """Steps whose code was taken and would still be in the window."""

    @property
    def place(self) -> str:
        return device_place(self.serial)


MFA_DEVICES: Collection[MfaDevice] = Collection(
    MfaDevice,
    service="iam",
    kind="mfa-device",
    id=lambda device: device.serial,
    indexes={"user": lambda device: device.user or None},
)


def device_arn(account: str, path: str, name: str) -> str:
    """Return the ARN, and serial number, of a virtual device."""
    return arn("iam", "", account, f"mfa{path}{name}")


def device_place(serial: str) -> str:
    """Return the place that the seal of a seed is bound to."""
    return f"iam/mfa-device/{serial}/sealed"


def find_device(unit: Unit, account: str, serial: str) -> MfaDevice | None:
    """Return the device of a serial number, if it is one of the account."""
    return unit.get(MFA_DEVICES, scope_of(account), serial)


def devices_of(unit: Unit, account: str, user_id: str) -> list[MfaDevice]:
    """Return the devices of the user with this unique id."""
    return unit.find(MFA_DEVICES, scope_of(account), "user", user_id)


def paired(device: MfaDevice, seed: bytes, first: str, second: str, now: int) -> MfaDevice | None:
    """Return the device after two codes in a row, or None where they are none or are old."""
    time = now + device.drift
    earliest = max(time - BEHIND - 1, device.paired + 1)
    for step in totp.steps_of(seed, first, range(earliest, time + AHEAD)):
        if totp.steps_of(seed, second, (step + 1,)):
            return replace(device, drift=step + 1 - now, paired=step + 1)
    return None


def verified(device: MfaDevice, seed: bytes, code: str, now: int) -> MfaDevice | None:
    """Return the device after one of its codes, or None where the code is wrong or was taken."""
    time = now + device.drift
    window = range(time - WINDOW, time + WINDOW + 1)
    fresh = [step for step in window if step not in device.used]
    matching = totp.steps_of(seed, code, fresh)
    if not matching:
        return None
    kept = tuple(step for step in device.used if step >= window.start)
    return replace(device, used=(*kept, matching[0]))


def host_step(ctx: Context) -> int:
    """Return the step of the host's clock."""
    return totp.step_of(ctx.port(Clock).host())


class Attempts:
    """Counts the codes that were tried on each device in the present three minutes."""

    def __init__(self) -> None:
        self._span = 0
        self._counts: dict[str, int] = {}

    def take(self, serial: str, host: datetime) -> bool:
        """Count a try; False where there were too many."""
        span = int(host.timestamp()) // TRIES_SECONDS
        if span != self._span:
            self._span, self._counts = span, {}
        count = self._counts.get(serial, 0)
        self._counts[serial] = count + 1
        return count < TRIES


def check(ctx: Context, attempts: Attempts, user: str, serial: str, code: str) -> bool:
    """Return whether a code is one of this user's device and take it, so that it never is again.

    It wants a unit that writes. `user` is a unique id, the number of the account for its root, or
    the ARN of either.
    """
    device = find_device(ctx.unit, ctx.account, serial)
    if device is None or not device.user or device.user != _user_id(ctx, user):
        return False
    if not attempts.take(serial, ctx.port(Clock).host()):
        return False
    seed = ctx.unseal(ctx.global_scope, device.place, device.sealed)
    after = verified(device, seed, code, host_step(ctx))
    if after is None:
        return False
    ctx.unit.put(MFA_DEVICES, ctx.global_scope, after)
    return True


def _user_id(ctx: Context, user: str) -> str | None:
    fields = parse_arn(user)
    if fields is None:
        return user
    if user == root_arn(fields.account):
        return fields.account
    found = find_user(ctx.unit, fields.account, fields.resource.rpartition("/")[2])
    return found.unique_id if found is not None and found.arn == user else None
