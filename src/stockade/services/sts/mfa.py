# SPDX-License-Identifier: Apache-2.0
"""The second factor: a code of the user's own device, shown with AssumeRole or GetSessionToken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stockade.core.context import Context
from stockade.services.sts.errors import AccessDenied
from stockade.services.sts.requires import MfaDevices


def proven(ctx: Context, params: Mapping[str, Any]) -> bool:
    """Return whether the request shows a second factor; one that does not hold is refused."""
    serial, code = params.get("SerialNumber"), params.get("TokenCode")
    if serial is None and code is None:
        return False
    if serial is None or code is None:
        raise AccessDenied(
            "MultiFactorAuthentication failed, must provide both MFA serial number and one time "
            "pass code."
        )
    caller = ctx.caller
    owner = caller.principal.kind in ("user", "root")
    if not owner or not ctx.port(MfaDevices).check_mfa(ctx, caller.user_id, serial, code):
        raise AccessDenied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
    return True
