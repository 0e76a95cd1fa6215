# SPDX-License-Identifier: Apache-2.0
"""AWS's global condition keys, and where the values of each come from in a call.

A key is looked up when a statement asks for it and not before. What the credential brings (MFA, a
source identity, what an identity provider said) stands in `Caller.keys`; what is about the request
or the resource itself is the service's to say.

A call that a service passes on for its caller (forward access) has `aws:CalledVia`; one that a
service makes in its own name has `aws:SourceArn` and `aws:SourceAccount`. Neither has an address:
nobody's network is where it comes from. It always counts as sent over TLS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from stockade.core.access import Demand
from stockade.core.context import Context
from stockade.core.ports import Membership
from stockade.policy.request import Lookup

Values = tuple[str, ...] | None
Value = Callable[[Context], Values]

_TRUE, _FALSE = ("true",), ("false",)


def lookup(ctx: Context, demand: Demand) -> Lookup:
    """Return the condition keys of one demand: AWS's global ones, then the service's."""

    def find(key: str) -> Values:
        value = GLOBAL_KEYS.get(key)
        if value is not None:
            return value(ctx)
        if key in _RESOURCE_KEYS:
            return _RESOURCE_KEYS[key](ctx, demand)
        if key.startswith("aws:principaltag/"):
            return _principal_tag(ctx, key.removeprefix("aws:principaltag/"))
        return ctx.caller.keys.get(key) or demand.keys(key)

    return find


def membership(ctx: Context, account: str) -> Membership | None:
    """Return where an account stands in its organization, None where it stands alone."""
    organization = ctx.ports.organization
    if organization is None or not account:
        return None
    return organization.membership(ctx.unit, account)


def _principal_tag(ctx: Context, name: str) -> Values:
    for key, value in ctx.caller.tags.items():
        if key.lower() == name:
            return (value,)
    return None


_PRINCIPAL_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "root": "Account",
        "user": "User",
        "session": "AssumedRole",
        "federated": "FederatedUser",
        "anonymous": "Anonymous",
    }
)


def _principal_type(ctx: Context) -> Values:
    kind = _PRINCIPAL_TYPES.get(ctx.caller.principal.kind)
    return (kind,) if kind else None


def _issued(ctx: Context) -> Values:
    issued = ctx.caller.session_issued
    return (issued.isoformat(timespec="seconds")[:19] + "Z",) if issued else None


def _address(ctx: Context) -> Values:
    if ctx.endpoint is not None or ctx.internal:
        return None
    return _one(ctx.source_ip)


def _one(value: str) -> Values:
    return (value,) if value else None


def _bool(value: bool) -> Values:
    return _TRUE if value else _FALSE


def _org_id(ctx: Context, account: str) -> Values:
    place = membership(ctx, account)
    return None if place is None else (place.organization_id,)


def _org_path(ctx: Context, account: str) -> Values:
    place = membership(ctx, account)
    return None if place is None else (place.path,)


def _mfa_age(ctx: Context) -> Values:
    """Return the seconds since the second factor was shown, if one was."""
    grant = ctx.caller.grant
    if grant is None or grant.mfa is None:
        return ctx.caller.keys.get("aws:multifactorauthage")
    return (str(int((ctx.now - grant.mfa).total_seconds())),)


GLOBAL_KEYS: Final[Mapping[str, Value]] = MappingProxyType(
    {
        "aws:calledvia": lambda ctx: ctx.via or None,
        "aws:calledviafirst": lambda ctx: ctx.via[:1] or None,
        "aws:calledvialast": lambda ctx: ctx.via[-1:] or None,
        "aws:currenttime": lambda ctx: (ctx.now.isoformat(timespec="seconds")[:19] + "Z",),
        "aws:epochtime": lambda ctx: (str(int(ctx.now.timestamp())),),
        "aws:multifactorauthage": _mfa_age,
        "aws:principalaccount": lambda ctx: _one(ctx.account),
        "aws:principalarn": lambda ctx: _one(ctx.caller.principal.role_arn or ctx.caller.arn),
        "aws:principalisawsservice": lambda ctx: _bool(ctx.caller.principal.kind == "service"),
        "aws:principalorgid": lambda ctx: _org_id(ctx, ctx.account),
        "aws:principalorgpaths": lambda ctx: _org_path(ctx, ctx.account),
        "aws:principalservicename": lambda ctx: _one(ctx.caller.principal.service),
        "aws:principalservicenameslist": lambda ctx: _one(ctx.caller.principal.service),
        "aws:principaltype": _principal_type,
        "aws:requestedregion": lambda ctx: (ctx.region,),
        "aws:securetransport": lambda ctx: _bool(ctx.secure or ctx.internal),
        "aws:sourceaccount": lambda ctx: _one(ctx.source_account),
        "aws:sourcearn": lambda ctx: _one(ctx.source_arn),
        "aws:sourceip": _address,
        "aws:sourceorgid": lambda ctx: _org_id(ctx, ctx.source_account),
        "aws:sourceorgpaths": lambda ctx: _org_path(ctx, ctx.source_account),
        "aws:tokenissuetime": _issued,
        "aws:useragent": lambda ctx: _one(ctx.user_agent),
        "aws:userid": lambda ctx: _one(ctx.caller.user_id),
        "aws:username": lambda ctx: _one(ctx.caller.user_name),
        "aws:viaawsservice": lambda ctx: _bool(bool(ctx.via)),
    }
)
"""The keys that follow from the call alone; `aws:PrincipalTag/...` stands in `lookup`."""

_RESOURCE_KEYS: Final[Mapping[str, Callable[[Context, Demand], Values]]] = MappingProxyType(
    {
        "aws:resourceaccount": lambda _ctx, demand: _one(demand.account),
        "aws:resourceorgid": lambda ctx, demand: _org_id(ctx, demand.account),
        "aws:resourceorgpaths": lambda ctx, demand: _org_path(ctx, demand.account),
    }
)

NAMES: Final = (
    "aws:CalledVia",
    "aws:CurrentTime",
    "aws:MultiFactorAuthPresent",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalOrgID",
    "aws:PrincipalType",
    "aws:RequestedRegion",
    "aws:ResourceAccount",
    "aws:ResourceOrgID",
    "aws:SecureTransport",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceIp",
    "aws:UserAgent",
    "aws:ViaAWSService",
    "aws:userid",
    "aws:username",
)
"""The keys that an encoded authorization message tells, as AWS spells them."""
