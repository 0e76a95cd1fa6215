# SPDX-License-Identifier: Apache-2.0
"""THE authorization: every demand of a request goes through `require`, whatever door it came by."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec
from msgspec.structs import replace

from stockade.core.access import Demand, Touched
from stockade.core.context import Context
from stockade.crypto.aead import Tampered
from stockade.policy.decide import RESOURCE, Decision, Layers, decide
from stockade.policy.explain import Trace, denial_text, trace
from stockade.policy.request import Lookup, Query
from stockade.protocol.refusals import AccessDenied
from stockade.store.resources import Scope
from stockade.store.unit import Unit
from stockade.store.vault import Sealed, Vault

MESSAGE_PLACE = "sts/authorization-message"
LONGEST_MESSAGE = 65_536
"""Bytes that an encoded message may unpack to."""
Value = Callable[[Context], tuple[str, ...] | None]


class Denied(AccessDenied):
    """A refusal that remembers what was asked, so that the record can explain it."""

    def __init__(self, message: str, explanation: Explanation) -> None:
        super().__init__(message)
        self.explanation = explanation


class Explanation(msgspec.Struct, kw_only=True):
    """One decision with its reasons, as `stockade explain` shows it."""

    action: str
    resource: str
    principal: str
    outcome: str
    policy_type: str
    trace: Trace


def require(ctx: Context, touched: Touched) -> None:
    """Return if every demand of the request is allowed; raise `AccessDenied` with AWS's text."""
    for demand in touched.demands:
        query, layers = question(ctx, demand)
        decision = decide(query, layers)
        if not decision.allowed:
            raise _denied(query, layers, decision, demand)


def question(ctx: Context, demand: Demand) -> tuple[Query, Layers]:
    """Return a demand in the policy engine's terms."""
    caller = ctx.caller
    query = Query(caller.principal, demand.action, demand.arn, _lookup(ctx, demand))
    layers = Layers(
        identity=caller.identity,
        resource=demand.policy,
        resource_account=demand.account,
        resource_must_allow=demand.must_allow,
        boundary=None,
        session=caller.session,
    )
    return query, layers


def decode_message(unit: Unit, vault: Vault, account: str, text: str) -> str | None:
    """Return the JSON of a message that was encoded for this account, None for any other text."""
    try:
        box = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        packed = vault.open(unit, Scope(account, ""), MESSAGE_PLACE, Sealed(box))
        return zlib.decompressobj().decompress(packed, LONGEST_MESSAGE).decode()
    except (Tampered, ValueError):
        return None


def _denied(query: Query, layers: Layers, decision: Decision, demand: Demand) -> Denied:
    text = demand.denial or denial_text(query.principal.arn, demand.action, demand.arn, decision)
    explanation = Explanation(
        action=demand.action,
        resource=demand.arn,
        principal=query.principal.arn,
        outcome=decision.outcome,
        policy_type=decision.policy_type,
        trace=_told(query, layers, demand),
    )
    return Denied(text, explanation)


def _told(query: Query, layers: Layers, demand: Demand) -> Trace:
    """Return the trace without what another account's policy says: it is not the caller's."""
    told = trace(query, layers)
    if demand.account == query.principal.account:
        return told
    own = tuple(layer for layer in told.layers if layer.policy_type != RESOURCE)
    return replace(told, layers=own, proposal=())


def _lookup(ctx: Context, demand: Demand) -> Lookup:
    """Return the condition keys of one demand: AWS's global ones, then the service's."""

    def find(key: str) -> tuple[str, ...] | None:
        value = GLOBAL_KEYS.get(key)
        if value is not None:
            return value(ctx)
        if key == "aws:resourceaccount":
            return (demand.account,)
        if key.startswith("aws:principaltag/"):
            return _principal_tag(ctx, key.removeprefix("aws:principaltag/"))
        brought = ctx.caller.keys.get(key)
        return demand.keys(key) if brought is None else brought

    return find


def _principal_tag(ctx: Context, name: str) -> tuple[str, ...] | None:
    for key, value in ctx.caller.tags.items():
        if key.lower() == name:
            return (value,)
    return None


_PRINCIPAL_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "root": "Account",
        "user": "User",
        "session": "AssumedRole",
        "federated": "FederatedUser",
        "anonymous": "Anonymous",
    }
)


def _principal_type(ctx: Context) -> tuple[str, ...] | None:
    kind = _PRINCIPAL_TYPES.get(ctx.caller.principal.kind)
    return (kind,) if kind else None


def _issued(ctx: Context) -> tuple[str, ...] | None:
    issued = ctx.caller.session_issued
    return (issued.isoformat(timespec="seconds")[:19] + "Z",) if issued else None


def _mfa_age(ctx: Context) -> tuple[str, ...] | None:
    """Return the seconds since the second factor was shown, if one was."""
    grant = ctx.caller.grant
    if grant is None or grant.mfa is None:
        return ctx.caller.keys.get("aws:multifactorauthage")
    return (str(int((ctx.now - grant.mfa).total_seconds())),)


GLOBAL_KEYS: Mapping[str, Value] = MappingProxyType(
    {
        "aws:currenttime": lambda ctx: (ctx.now.isoformat(timespec="seconds")[:19] + "Z",),
        "aws:epochtime": lambda ctx: (str(int(ctx.now.timestamp())),),
        "aws:multifactorauthage": _mfa_age,
        "aws:principalaccount": lambda ctx: (ctx.account,),
        "aws:principalarn": lambda ctx: (ctx.caller.principal.role_arn or ctx.caller.arn,),
        "aws:principalisawsservice": lambda _ctx: ("false",),
        "aws:principaltype": _principal_type,
        "aws:requestedregion": lambda ctx: (ctx.region,),
        "aws:securetransport": lambda ctx: ("true" if ctx.secure else "false",),
        "aws:sourceip": lambda ctx: (ctx.source_ip,) if ctx.source_ip else None,
        "aws:tokenissuetime": _issued,
        "aws:useragent": lambda ctx: (ctx.user_agent,) if ctx.user_agent else None,
        "aws:userid": lambda ctx: (ctx.caller.user_id,),
        "aws:username": lambda ctx: (ctx.caller.user_name,) if ctx.caller.user_name else None,
        "aws:viaawsservice": lambda _ctx: ("false",),
    }
)
"""The global condition keys that a direct call has; `aws:PrincipalTag/...` stands in `_lookup`."""
