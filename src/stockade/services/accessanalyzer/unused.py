# SPDX-License-Identifier: Apache-2.0
"""From what users and roles may do, and what they did, to findings of unused access.

Only what existed for the whole of the tracking period counts. A role that was not used at all is
one finding; of who was active, the permissions without use are.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from stockade.core.context import Context
from stockade.core.ports import Principals
from stockade.core.use import Identity, Permission, Use
from stockade.services.accessanalyzer.recording import (
    finding_id,
    findings_about,
    findings_in,
    resolve,
    settle,
)
from stockade.services.accessanalyzer.requires import IdentityUse
from stockade.services.accessanalyzer.resources import (
    Analyzer,
    Exclusion,
    Finding,
    Unused,
    UnusedAccess,
    UnusedAction,
)

PORTION = 20
"""Users and roles for one step of a scan."""
ROLE, ACCESS_KEY, PASSWORD, PERMISSION = (
    "UnusedIAMRole",
    "UnusedIAMUserAccessKey",
    "UnusedIAMUserPassword",
    "UnusedPermission",
)


def look_at_identities(
    ctx: Context, analyzer: Analyzer, config: UnusedAccess, account: str, place: str
) -> tuple[str, str]:
    """Look at the next users and roles of an account.

    Return the ARN of the last one and its place, which is empty at the account's end.
    """
    found = ctx.port(IdentityUse).identities(ctx, account, place, PORTION)
    for identity in found:
        before = findings_about(ctx, analyzer, identity.arn)
        settle(ctx, analyzer, _look_at(ctx, analyzer, config, account, identity), before)
    last = found[-1] if found else None
    if last is not None and len(found) == PORTION:
        return last.arn, last.place
    principals = ctx.port(Principals)
    gone = (
        finding
        for finding in findings_in(ctx, analyzer, account)
        if not principals.principal_exists(ctx.unit, finding.resource)
    )
    resolve(ctx, analyzer, gone)
    return last.arn if last is not None else "", ""


def _look_at(
    ctx: Context, analyzer: Analyzer, config: UnusedAccess, account: str, identity: Identity
) -> list[Finding]:
    """Return what is unused of a user or role."""
    if identity.service_linked or any(_leaves_out(one, identity) for one in config.exclusions):
        return []
    since = ctx.now - timedelta(days=config.age)
    return [
        Finding(
            analyzer=analyzer.name,
            finding_id=finding_id(analyzer.arn, identity.arn, type_, key),
            resource=identity.arn,
            resource_type=identity.type,
            owner=account,
            type=type_,
            unused=unused,
            status="ACTIVE",
            created=ctx.now,
            updated=ctx.now,
            analyzed=ctx.now,
        )
        for type_, key, unused in _unused(ctx, identity, since)
    ]


def _unused(
    ctx: Context, identity: Identity, since: datetime
) -> Iterator[tuple[str, str, tuple[Unused, ...]]]:
    """Yield (type of finding, access key id, details)."""
    for key in identity.keys:
        if _is_unused(key, since):
            yield ACCESS_KEY, key.name, (Unused(access_key_id=key.name, last=key.last),)
    if identity.password is not None and _is_unused(identity.password, since):
        yield PASSWORD, "", (Unused(last=identity.password.last),)
    if identity.created > since:
        return
    if identity.last is not None and identity.last > since:
        permissions = ctx.port(IdentityUse).permissions(ctx, identity.arn, since)
        details = tuple(one for each in permissions if (one := _unused_part(each, since)))
        if details:
            yield PERMISSION, "", details
    elif identity.type == "AWS::IAM::Role":
        yield ROLE, "", (Unused(last=identity.last),)


def _unused_part(permission: Permission, since: datetime) -> Unused | None:
    """Return the unused part of a service, None where all of it is in use."""
    if permission.last is None or permission.last <= since:
        return Unused(service=permission.service, last=permission.last)
    actions = tuple(
        UnusedAction(action=one.name.partition(":")[2], last=one.last)
        for one in permission.actions
        if one.last is None or one.last <= since
    )
    if not actions:
        return None
    return Unused(service=permission.service, last=permission.last, actions=actions)


def _is_unused(use: Use, since: datetime) -> bool:
    return (
        use.created is not None and use.created <= since and (use.last is None or use.last <= since)
    )


def _leaves_out(exclusion: Exclusion, identity: Identity) -> bool:
    """Tell whether a user or role has all tags of one of the sets; an empty value is any value."""
    return any(
        bool(wanted)
        and all(
            key in identity.tags and value in ("", identity.tags[key])
            for key, value in wanted.items()
        )
        for wanted in exclusion.resource_tags
    )
