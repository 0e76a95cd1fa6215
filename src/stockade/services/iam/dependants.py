# SPDX-License-Identifier: Apache-2.0
"""What hangs on a user by its unique id, and has to go before the user can."""

from __future__ import annotations

from typing import Any

from stockade.services.iam.mfa_devices import MFA_DEVICES
from stockade.services.iam.passwords import LOGIN_PROFILES
from stockade.services.iam.resources import User, scope_of
from stockade.services.iam.service_credentials import SERVICE_CREDENTIALS
from stockade.services.iam.signing_certificates import SIGNING_CERTIFICATES
from stockade.services.iam.ssh_public_keys import SSH_PUBLIC_KEYS
from stockade.store.resources import Collection
from stockade.store.unit import Unit


def hanging_on(unit: Unit, user: User) -> str | None:
    """Return AWS's text for the first thing that keeps a user from being deleted, if any."""
    if unit.get(LOGIN_PROFILES, scope_of(user.account), user.unique_id) is not None:
        return "Cannot delete entity, must delete login profile first."
    if _has(unit, user, MFA_DEVICES):
        return "Cannot delete entity, must remove tokens from principal first."
    if _has(unit, user, SIGNING_CERTIFICATES):
        return "Cannot delete entity, must delete certificates first."
    if _has(unit, user, SSH_PUBLIC_KEYS) or _has(unit, user, SERVICE_CREDENTIALS):
        return "Cannot delete entity, must remove referenced objects first."
    return None


def _has(unit: Unit, user: User, collection: Collection[Any]) -> bool:
    return bool(unit.find(collection, scope_of(user.account), "user", user.unique_id, limit=1))
