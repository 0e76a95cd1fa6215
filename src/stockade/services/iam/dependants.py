# SPDX-License-Identifier: Apache-2.0
"""What hangs on a user by its unique id, and has to go before the user can."""

from __future__ import annotations

from stockade.services.iam.mfa_devices import devices_of
from stockade.services.iam.passwords import LOGIN_PROFILES
from stockade.services.iam.resources import User, scope_of
from stockade.store.unit import Unit


def hanging_on(unit: Unit, user: User) -> str | None:
    """Return AWS's text for the first thing that keeps a user from being deleted, if any."""
    scope = scope_of(user.account)
    if unit.get(LOGIN_PROFILES, scope, user.unique_id) is not None:
        return "Cannot delete entity, must delete login profile first."
    if devices_of(unit, user.account, user.unique_id):
        return "Cannot delete entity, must remove tokens from principal first."
    return None
