# SPDX-License-Identifier: Apache-2.0
"""When an access key or a role was used last, for what and where: what the audit trail says.

Nothing is written for it. Every call whose signature held counts, one that was denied too, as far
back as the trail reaches.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from stockade.core.access import Demand, Touched
from stockade.core.context import Context
from stockade.core.ids import account_of
from stockade.core.operation import Output
from stockade.core.ports import AuditLog
from stockade.protocol.refusals import AccessDenied
from stockade.services.iam.access import condition_keys
from stockade.services.iam.lookup import find_user
from stockade.services.iam.resources import ACCESS_KEYS, AccessKey, Role, root_arn, user_arn
from stockade.services.iam.service import iam
from stockade.store import entries
from stockade.store.entries import Attribute, Entry
from stockade.store.journal import Moment
from stockade.store.resources import from_micros

TRACKED = timedelta(days=90)
NEVER: Mapping[str, str] = MappingProxyType({"ServiceName": "N/A", "Region": "N/A"})


def _key_named(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve GetAccessKeyLastUsed: a key that is not there is answered as one of a stranger."""
    key_id = params["AccessKeyId"]
    known = account_of(key_id) == ctx.account
    key = ctx.unit.get(ACCESS_KEYS, ctx.global_scope, key_id) if known else None
    user = find_user(ctx.unit, ctx.account, key.user) if key and key.user else None
    arn = user.arn if user else root_arn(ctx.account) if key else user_arn(ctx.account, "/", "")
    denial = (
        f"User: {ctx.caller.arn} is not authorized to perform iam:GetAccessKeyLastUsed on "
        f"resource: access key {key_id}"
    )
    keys = condition_keys(params, user.tags if user else {})
    demand = Demand(
        action="iam:GetAccessKeyLastUsed", arn=arn, account=ctx.account, keys=keys, denial=denial
    )
    return Touched(
        demands=(demand,),
        resources=(key, user.name if user else ""),
        absent=None if key else AccessDenied(denial),
    )


@iam.operation(access=_key_named)
def get_access_key_last_used(
    ctx: Context, key: AccessKey, user_name: str, *, access_key_id: str
) -> Output:
    """Return when, for which service and in which Region an access key was used last."""
    del access_key_id
    entry = newest(ctx, (entries.ACCESS_KEY, key.access_key_id))
    named = {"UserName": user_name} if user_name else {}
    if entry is None:
        return {**named, "AccessKeyLastUsed": NEVER}
    return {
        **named,
        "AccessKeyLastUsed": {
            "LastUsedDate": from_micros(entry.micros),
            "ServiceName": namespace(entry),
            "Region": entry.region,
        },
    }


def role_last_used(ctx: Context, role: Role) -> dict[str, Any]:
    """Return when and where a session of a role called last; nothing where none did."""
    entry = newest(ctx, (entries.PRINCIPAL, role.role_id))
    if entry is None:
        return {}
    return {"LastUsedDate": from_micros(entry.micros), "Region": entry.region}


def newest(ctx: Context, attribute: Attribute) -> Entry | None:
    """Return the newest record of the caller's account with an attribute, in whatever Region."""
    end = ctx.now.replace(microsecond=999_999)
    found, _ = records(ctx, attribute, end=end, before=None, limit=1)
    return found[0] if found else None


def records(
    ctx: Context, attribute: Attribute, *, end: datetime, before: Moment | None, limit: int
) -> tuple[list[Entry], Moment | None]:
    """Return a page of the account's records with an attribute, newest first, and its end.

    The trail reads in a unit of its own, so this one lets go of its connection first.
    """
    ctx.unit.rest()
    found, reached = ctx.port(AuditLog).lookup_audit(
        ctx.account,
        "",
        start=end - TRACKED,
        end=end,
        attribute=attribute,
        before=before,
        limit=limit,
    )
    return [entries.parse(record) for record in found], reached


def namespace(entry: Entry) -> str:
    """Return the service of a record as actions name it: `kms`."""
    return entry.event_source.partition(".")[0]
