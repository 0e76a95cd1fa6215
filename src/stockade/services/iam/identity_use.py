# SPDX-License-Identifier: Apache-2.0
"""Users and roles, what they may do and what they did: for who looks for access without use.

The audit trail says what was done, as far back as it reaches. It names operations, so only actions
with an operation of their name can be told used or not; `iam:PassRole` is none of these. Calls that
were denied count as use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from botocore import xform_name

from stockade.core.arn import parse_arn
from stockade.core.context import Context
from stockade.core.ports import AuditLog
from stockade.core.use import AttachedPolicy, Identity, Permission, Use
from stockade.policy.actions import expand, find_action
from stockade.policy.compile import CompiledStatement, Policy
from stockade.services.iam.granting import speaking_for
from stockade.services.iam.last_access import SERVICES
from stockade.services.iam.last_used import TRACKED, namespace
from stockade.services.iam.lookup import find_policy, find_role, find_user
from stockade.services.iam.passwords import LOGIN_PROFILES
from stockade.services.iam.resources import ACCESS_KEYS, ROLES, USERS, Role, User, scope_of
from stockade.store import entries
from stockade.store.entries import Attribute, Entry
from stockade.store.journal import Moment
from stockade.store.resources import from_micros

BATCH = 500
MOST_RECORDS = 5_000
"""How many of the newest calls are looked at; what came before is not known then."""
OTHER_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "access-analyzer:GetFindingV2": ("access-analyzer:GetFinding",),
        "access-analyzer:ListFindingsV2": ("access-analyzer:ListFindings",),
        "kms:ReEncrypt": ("kms:ReEncryptFrom", "kms:ReEncryptTo"),
    }
)
"""Operations that no action is named after -> the actions they are."""
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})


class _Outcome(msgspec.Struct):
    """How a call ended."""

    error_code: str = msgspec.field(default="", name="errorCode")


class _Call(NamedTuple):
    entry: Entry
    denied: bool


class TrackedIdentities:
    """The users and roles of this deployment; `served` names the operations of each service."""

    def __init__(self, served: Mapping[str, frozenset[str]]) -> None:
        self._served = served

    def identities(self, ctx: Context, account: str, after: str, limit: int) -> list[Identity]:
        """Return so many users and roles of an account that follow a place: roles come first."""
        kind, _, last = after.partition("/")
        scope = scope_of(account)
        roles: list[Role] = []
        users: list[User] = []
        if kind != "user":
            roles = ctx.unit.list(ROLES, scope, after=last, limit=limit)
            last = ""
        if len(roles) < limit:
            users = ctx.unit.list(USERS, scope, after=last, limit=limit - len(roles))
        found: tuple[User | Role, ...] = (*roles, *users)
        return [_identity(ctx, one) for one in found]

    def find_identity(self, ctx: Context, arn: str) -> Identity | None:
        """Return the user or role of an ARN."""
        found = _find(ctx, arn)
        return None if found is None else _identity(ctx, found)

    def permissions(self, ctx: Context, arn: str, since: datetime) -> list[Permission]:
        """Return what a user or role may do, with the actions of the services used since then."""
        who = _find(ctx, arn)
        if who is None:
            return []
        policies = [each.policy for each in speaking_for(ctx, who)]
        found = []
        for service in SERVICES:
            allowed = _allowed(policies, service)
            if allowed:
                found.append(self._permission(ctx, who, service, allowed, since))
        return found

    def used_actions(
        self, ctx: Context, arn: str, start: datetime, end: datetime
    ) -> tuple[list[str], bool]:
        """Return the actions that a user or role was allowed, and whether that is all of them."""
        who = _find(ctx, arn)
        if who is None:
            return [], True
        calls, complete = _calls(ctx, who, (entries.PRINCIPAL, who.unique_id), start, end)
        used = {name for call in calls if not call.denied for name in _actions(call.entry)}
        return sorted(used), complete

    def policies(self, ctx: Context, arn: str) -> list[AttachedPolicy]:
        """Return the policies that a user or role has itself, those of its groups aside."""
        who = _find(ctx, arn)
        if who is None:
            return []
        managed = (find_policy(ctx.unit, who.account, each) for each in who.attached)
        inline = [AttachedPolicy(id=name, document=text) for name, text in who.inline.items()]
        return [
            *inline,
            *(
                AttachedPolicy(id=one.arn, document=one.document, updated=one.updated)
                for one in managed
                if one is not None
            ),
        ]

    def _permission(
        self,
        ctx: Context,
        who: User | Role,
        service: str,
        allowed: frozenset[str],
        since: datetime,
    ) -> Permission:
        attribute = (entries.PRINCIPAL, f"{who.unique_id} {service}.amazonaws.com")
        last = _last(ctx, who.account, attribute)
        if last is None or last <= since:
            return Permission(service=service, last=last)
        calls, complete = _calls(ctx, who, attribute, since, ctx.now)
        used: dict[str, datetime] = {}
        for call in calls:  # the newest first
            for name in _actions(call.entry):
                used.setdefault(name, from_micros(call.entry.micros))
        tracked = self._served.get(service, frozenset())
        actions = tuple(
            Use(name=name, last=used.get(name))
            for name in sorted(allowed)
            if name in used or (complete and _is_tracked(name, tracked))
        )
        return Permission(service=service, last=last, actions=actions)


def _find(ctx: Context, arn: str) -> User | Role | None:
    fields = parse_arn(arn)
    if fields is None or fields.service != "iam":
        return None
    kind, _, rest = fields.resource.partition("/")
    name = rest.rpartition("/")[2]
    found = (
        find_role(ctx.unit, fields.account, name)
        if kind == "role"
        else find_user(ctx.unit, fields.account, name)
    )
    return found if found is not None and found.arn == arn else None


def _identity(ctx: Context, who: User | Role) -> Identity:
    last = _last(ctx, who.account, (entries.PRINCIPAL, who.unique_id))
    if isinstance(who, Role):
        return Identity(
            place=f"role/{who.id}",
            arn=who.arn,
            type="AWS::IAM::Role",
            created=who.created,
            tags=who.tags,
            service_linked=who.service_linked,
            last=last,
        )
    return Identity(
        place=f"user/{who.id}",
        arn=who.arn,
        type="AWS::IAM::User",
        created=who.created,
        tags=who.tags,
        last=last,
        keys=_keys(ctx, who),
        password=_password(ctx, who),
    )


def _keys(ctx: Context, user: User) -> tuple[Use, ...]:
    found = ctx.unit.find(ACCESS_KEYS, scope_of(user.account), "user", user.id)
    return tuple(
        Use(
            name=key.access_key_id,
            created=key.created,
            last=_last(ctx, user.account, (entries.ACCESS_KEY, key.access_key_id)),
        )
        for key in found
        if key.status == "Active"
    )


def _password(ctx: Context, user: User) -> Use | None:
    """Return a user's password; nobody signs in with one here, so it has no last use."""
    profile = ctx.unit.get(LOGIN_PROFILES, scope_of(user.account), user.unique_id)
    return None if profile is None else Use(name=user.name, created=profile.created)


def _allowed(policies: list[Policy], service: str) -> frozenset[str]:
    """Return the actions of a service that policies allow, if only on some resources."""
    statements = [statement for policy in policies for statement in policy.statements]
    return frozenset(
        name
        for name in expand(f"{service}:*")
        if _means(statements, "Allow", name) and not _is_denied(statements, name)
    )


def _means(statements: list[CompiledStatement], effect: str, name: str) -> bool:
    action = name.lower()
    return any(one.source.effect == effect and one.action(action) for one in statements)


def _is_denied(statements: list[CompiledStatement], name: str) -> bool:
    """Tell whether an action is denied whatever the resource and the request."""
    everywhere = [one for one in statements if one.resource is None and not one.source.conditions]
    return _means(everywhere, "Deny", name)


def _is_tracked(name: str, operations: frozenset[str]) -> bool:
    return xform_name(name.partition(":")[2]) in operations or any(
        name in actions for actions in OTHER_NAMES.values()
    )


def _actions(entry: Entry) -> Iterator[str]:
    """Yield the actions that a call is, as AWS spells them."""
    name = f"{namespace(entry)}:{entry.event_name}"
    if name in OTHER_NAMES:
        yield from OTHER_NAMES[name]
    elif (action := find_action(name)) is not None:
        yield action.name


def _last(ctx: Context, account: str, attribute: Attribute) -> datetime | None:
    found, _ = _page(ctx, account, attribute, ctx.now - TRACKED, ctx.now, None, 1)
    return from_micros(found[0].entry.micros) if found else None


def _calls(
    ctx: Context, who: User | Role, attribute: Attribute, start: datetime, end: datetime
) -> tuple[list[_Call], bool]:
    """Return the newest calls with an attribute, and whether they are all there are."""
    found: list[_Call] = []
    before = None
    while len(found) < MOST_RECORDS:
        page, before = _page(ctx, who.account, attribute, start, end, before, BATCH)
        found += page
        if before is None:
            return found, True
    return found, False


def _page(
    ctx: Context,
    account: str,
    attribute: Attribute,
    start: datetime,
    end: datetime,
    before: Moment | None,
    limit: int,
) -> tuple[list[_Call], Moment | None]:
    found, reached = ctx.port(AuditLog).shipped_audit(
        ctx.unit,
        account,
        "",
        start=start,
        end=end.replace(microsecond=999_999),
        attribute=attribute,
        before=before,
        limit=limit,
    )
    outcome = msgspec.json.Decoder(_Outcome).decode
    return [
        _Call(entries.parse(each), outcome(each).error_code in _DENIED) for each in found
    ], reached
