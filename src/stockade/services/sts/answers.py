# SPDX-License-Identifier: Apache-2.0
"""How temporary credentials are handed out: issued by IAM, answered in AWS's members."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from stockade.core.context import Context
from stockade.core.sessions import Grant
from stockade.services.sts.requires import Role, Roles


def expiry(ctx: Context, seconds: int) -> datetime:
    """Return when a session ends that begins now: a whole second, as AWS shows it."""
    return ctx.now.replace(microsecond=0) + timedelta(seconds=seconds)


def credentials(ctx: Context, grant: Grant) -> dict[str, Any]:
    """Issue a session and return it as the member `Credentials`."""
    issued = ctx.port(Roles).issue_session(ctx, grant)
    return {
        "AccessKeyId": issued.access_key_id,
        "SecretAccessKey": issued.secret_access_key,
        "SessionToken": issued.session_token,
        "Expiration": grant.expires,
    }


def assumed_role(ctx: Context, role: Role, grant: Grant, packed: int | None) -> dict[str, Any]:
    """Issue the session of a role and return what all three ways to a role answer."""
    output: dict[str, Any] = {
        "Credentials": credentials(ctx, grant),
        "AssumedRoleUser": {
            "AssumedRoleId": f"{role.role_id}:{grant.name}",
            "Arn": f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{grant.name}",
        },
    }
    if packed is not None:
        output["PackedPolicySize"] = packed
    if grant.source_identity:
        output["SourceIdentity"] = grant.source_identity
    return output
