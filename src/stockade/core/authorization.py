# SPDX-License-Identifier: Apache-2.0
"""THE authorization: every demand of a request goes through `require`, whatever door it came by.

Control policies come from the port `Organization`: service control policies of the caller's
account, resource control policies of the resource's. A service-linked role is held by neither.

A refusal can be told in an encoded message, which only the caller's account can open again
(`sts:DecodeAuthorizationMessage`): it tells what the refusal's text does not.
"""

from __future__ import annotations

import base64
import zlib

import msgspec
from msgspec.structs import replace

from stockade.core.access import Demand, Touched
from stockade.core.condition_keys import NAMES, lookup, membership
from stockade.core.context import Context
from stockade.core.ports import Levels
from stockade.crypto.aead import Tampered
from stockade.policy.controls import held_by_rcp
from stockade.policy.decide import RCP, RESOURCE, Allow, Decision, Layers, decide
from stockade.policy.explain import Trace, denial_text, trace
from stockade.policy.message import authorization_message
from stockade.policy.request import Principal, Query
from stockade.protocol.refusals import AccessDenied
from stockade.store.resources import Scope
from stockade.store.unit import Unit
from stockade.store.vault import Sealed, Vault

MESSAGE_PLACE = "sts/authorization-message"
LONGEST_MESSAGE = 65_536
"""Bytes that an encoded message may unpack to."""
_OWNERS = frozenset({RESOURCE, RCP})
"""The policies that are the resource owner's, not the caller's."""

Permission = tuple[str, str, list[Allow]]
"""An action, a resource, and by what it was allowed in each layer that had to."""


class Denied(AccessDenied):
    """A refusal that remembers what was asked, so that the record can explain it."""

    def __init__(
        self, message: str, explanation: Explanation, question: tuple[Query, Layers]
    ) -> None:
        super().__init__(message)
        self.explanation = explanation
        self.question = question


class Explanation(msgspec.Struct, kw_only=True):
    """One decision with its reasons, as `stockade explain` shows it."""

    action: str
    resource: str
    principal: str
    outcome: str
    policy_type: str
    trace: Trace


def require(ctx: Context, touched: Touched) -> list[Permission]:
    """Return by what every demand of the request is allowed; raise `AccessDenied` otherwise."""
    permissions: list[Permission] = []
    for demand in touched.demands:
        query, layers = question(ctx, demand)
        allows: list[Allow] = []
        decision = decide(query, layers, allows)
        if not decision.allowed:
            raise _denied(ctx, query, layers, decision, demand)
        if demand.account != query.principal.account:
            allows = _own(allows)
        permissions.append((demand.action, demand.arn, allows))
    return permissions


def _own(allows: list[Allow]) -> list[Allow]:
    """Return by what a call was allowed without which policies of another account did so."""
    return [(kind, None if kind in _OWNERS else by) for kind, by in allows]


def question(ctx: Context, demand: Demand) -> tuple[Query, Layers]:
    """Return a demand in the policy engine's terms."""
    caller = ctx.caller
    query = Query(caller.principal, demand.action, demand.arn, lookup(ctx, demand))
    scp: Levels = ()
    rcp: Levels = ()
    if ctx.ports.organization is not None and not caller.service_linked:
        scp, rcp = _controls(ctx, demand)
    layers = Layers(
        identity=caller.identity,
        resource=demand.policy,
        resource_account=demand.account,
        resource_must_allow=demand.must_allow,
        boundary=caller.boundary,
        session=caller.session,
        scp=scp,
        rcp=rcp,
        endpoint=ctx.endpoint,
        granted=demand.granted,
    )
    return query, layers


def _controls(ctx: Context, demand: Demand) -> tuple[Levels, Levels]:
    """Return the control policies of the caller's account, and of the resource's."""
    own = membership(ctx, ctx.account)
    owner = own if demand.account == ctx.account else membership(ctx, demand.account)
    held = owner is not None and held_by_rcp(demand.action, demand.arn)
    return (
        () if own is None else own.service_control,
        owner.resource_control if owner is not None and held else (),
    )


def encode_message(ctx: Context, denied: Denied) -> None:
    """Give a refusal the words that EC2 has for it, an encoded message among them.

    The unit must be one that writes: an account's first secret makes its domain key.
    """
    told = encoded_message(ctx, denied)
    denied.message = (
        f"You are not authorized to perform this operation. {denied.message}. "
        f"Encoded authorization failure message: {told}"
    )


def encoded_message(ctx: Context, denied: Denied) -> str:
    """Return what a refusal does not say, in a form that the caller's account alone can open."""
    query, layers = denied.question
    content = authorization_message(query, layers, ctx.caller.user_id, ctx.caller.user_name, NAMES)
    packed = zlib.compress(msgspec.json.encode(content))
    sealed = ctx.vault.seal(ctx.unit, Scope(ctx.account, ""), MESSAGE_PLACE, packed)
    return base64.urlsafe_b64encode(sealed.box).decode().rstrip("=")


def decode_message(unit: Unit, vault: Vault, account: str, text: str) -> str | None:
    """Return the JSON of a message that was encoded for this account, None for any other text."""
    try:
        box = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        packed = vault.open(unit, Scope(account, ""), MESSAGE_PLACE, Sealed(box))
        return zlib.decompressobj().decompress(packed, LONGEST_MESSAGE).decode()
    except (Tampered, ValueError):
        return None


def _denied(
    ctx: Context, query: Query, layers: Layers, decision: Decision, demand: Demand
) -> Denied:
    name = _shown(query.principal)
    if not _may_know(ctx, demand, decision.policy_type):
        decision = replace(decision, policy_arn="")
    text = demand.denial or denial_text(name, demand.action, demand.named or demand.arn, decision)
    explanation = Explanation(
        action=demand.action,
        resource=demand.arn,
        principal=name,
        outcome=decision.outcome,
        policy_type=decision.policy_type,
        trace=_told(query, layers, demand),
    )
    return Denied(text, explanation, (query, layers))


def _may_know(ctx: Context, demand: Demand, policy_type: str) -> bool:
    """Tell whether the caller may hear the ARN of the policy that denies: in its organization."""
    if demand.account == ctx.account or policy_type not in _OWNERS:
        return True
    own, owner = membership(ctx, ctx.account), membership(ctx, demand.account)
    return own is not None and owner is not None and own.organization_id == owner.organization_id


def _shown(principal: Principal) -> str:
    return principal.arn or principal.service or "anonymous"


def _told(query: Query, layers: Layers, demand: Demand) -> Trace:
    """Return the trace without what another account's policies say: they are not the caller's."""
    told = trace(query, layers)
    if demand.account == query.principal.account:
        return told
    own = tuple(layer for layer in told.layers if layer.policy_type not in _OWNERS)
    decision = replace(told.decision, policy_arn="", sid="", statement=None)
    if told.decision.policy_type not in _OWNERS:
        decision = told.decision
    return replace(told, decision=decision, layers=own, missing_context_keys=(), proposal=())
