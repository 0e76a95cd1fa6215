# SPDX-License-Identifier: Apache-2.0
"""The decision: AWS's evaluation of all the policies that bear on one request.

1. An explicit deny in any layer ends it.
2. Every level of the control policies must allow, from the root of the organization down to the
   account: the resource's account for resource control policies, the caller's for service
   control policies. So must the policy of the VPC endpoint that the call came through.
3. A caller's identity policies speak for it as far as every limit (boundary, session policies)
   agrees. The account root has no identity policies and may do everything in its account.
4. Within an account, identity or resource policy suffices. What the resource policy grants to
   the caller's own ARN or `*` stands against the silence of every limit; what it grants to
   the role is held by the limits of the session; naming the account grants nothing itself.
5. A resource that must allow (a KMS key, a role's trust policy) needs its own policy to say
   so: directly, or by naming the account and an identity policy besides.
6. Across accounts both sides are needed, however the resource policy names the caller.
7. Who belongs to no account has only the resource policy, and no service control policy.
8. What all of these leave, a grant on the resource may still allow, across accounts as well: to
   the caller itself against the silence of every limit, to its role within the limits of the
   session, to its account as far as identity policies hand it on. Grants are asked last.

What AWS itself owns belongs to the account `aws`, in which nobody is.

A new layer is one entry in `speaking` (its denies count), and one in `_limits` or
`silent_control` if it must also allow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from stockade.policy.principals import BY_ACCOUNT, BY_ROLE, DIRECTLY, NOT_NAMED
from stockade.policy.request import Lookup, Principal, PrincipalKind, Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from msgspec import Raw

    from stockade.policy.compile import CompiledStatement, Policy

__all__ = [
    "BOUNDARY",
    "ENDPOINT",
    "GRANT",
    "IDENTITY",
    "RCP",
    "RESOURCE",
    "SCP",
    "SESSION",
    "Decision",
    "Layers",
    "Levels",
    "Lookup",
    "Outcome",
    "Principal",
    "PrincipalKind",
    "Query",
    "decide",
]

Outcome = Literal["allowed", "explicitDeny", "implicitDeny"]

IDENTITY: Final = "identity-based policy"
RESOURCE: Final = "resource-based policy"
BOUNDARY: Final = "permissions boundary"
SESSION: Final = "session policy"
SCP: Final = "service control policy"
RCP: Final = "resource control policy"
ENDPOINT: Final = "VPC endpoint policy"
GRANT: Final = "grant"
ROOT: Final = "account root"
"""No kind of policy: what allows where nothing else had to."""

NAMING: Final = frozenset({RESOURCE, ENDPOINT})
"""The kinds of policy whose statements are about those whom their Principal names."""

Layer = tuple[str, tuple["Policy", ...]]
"""A kind of policy, and the policies of this kind that are heard."""
Levels = tuple[tuple["Policy", ...], ...]
"""Control policies: one tuple for each level, the organization's root first, the account last."""
Found = tuple[str, "Policy", "CompiledStatement"]
"""A statement, with the policy and the kind of policy that it stands in."""
Allow = tuple[str, "Raw | None"]
"""A kind of policy that allowed, and by which statement: its `reference`."""


class Layers(msgspec.Struct, frozen=True):
    """The policies that bear on a request."""

    identity: tuple[Policy, ...]
    resource: Policy | None
    resource_account: str
    resource_must_allow: bool = False
    """The resource's own policy is needed in the same account too: KMS keys, role trust."""
    boundary: Policy | None = None
    session: tuple[Policy, ...] | None = None
    """None without session policies; empty when a session was made that may do nothing."""
    scp: Levels = ()
    """Of the caller's account; empty where none hold it: no organization, its management account,
    a service-linked role."""
    rcp: Levels = ()
    """Of the resource's account; empty where none hold the resource or the caller."""
    endpoint: Policy | None = None
    """Of the VPC endpoint that the call came through."""
    granted: Callable[[], int] | None = None
    """How firmly the grants on the resource that cover the request name the caller."""


class Decision(msgspec.Struct, frozen=True):
    """What was decided, by which kind of policy, and by which statement of it."""

    outcome: Outcome
    policy_type: str = ""
    """Of an implicit deny the kind of policy that lacks an allow; empty when the account root
    was allowed by being the root."""
    policy_arn: str = ""
    sid: str = ""
    statement: int | None = None
    """The position of the deciding statement in its policy."""

    @property
    def allowed(self) -> bool:
        """True when the request may go on."""
        return self.outcome == "allowed"


def decide(query: Query, layers: Layers, allows: list[Allow] | None = None) -> Decision:
    """Decide whether a request is allowed.

    `allows` gets, for a request that is, what every layer that had to allow it did so by.
    """
    if allows is None:
        allows = []
    denied = first_deny(query, layers)
    if denied is not None:
        return _decided("explicitDeny", denied)
    if layers.scp or layers.rcp or layers.endpoint is not None:
        silent = silent_control(query, layers, allows)
        if silent is not None:
            return _lacks(silent[0])
    before = len(allows)
    decision = _by_either_side(query, layers, allows)
    if decision.allowed or layers.granted is None:
        return decision
    del allows[before:]
    return _by_grant(query, layers, layers.granted(), allows) or decision


def speaking(principal: Principal, layers: Layers) -> list[Layer]:
    """List the layers whose policies are heard; a deny in any of them counts."""
    heard: list[Layer] = [] if principal.kind == "root" else [(IDENTITY, layers.identity)]
    if layers.resource is not None:
        heard.append((RESOURCE, (layers.resource,)))
    heard += _limits(principal, layers)
    if layers.scp or layers.rcp:
        heard += [(policy_type, level) for policy_type, _, level in _levels(principal, layers)]
    if layers.endpoint is not None:
        heard.append((ENDPOINT, (layers.endpoint,)))
    return heard


def silent_control(query: Query, layers: Layers, allows: list[Allow]) -> tuple[str, int] | None:
    """Return the kind and the number of the first level of control policies that does not allow.

    `allows` gets what the others do so by.
    """
    for policy_type, number, policies in _levels(query.principal, layers):
        found = _first_allow(query, policy_type, policies)
        if found is None:
            return policy_type, number
        allows.append((policy_type, found[2].reference))
    if layers.endpoint is not None:
        passed = _passes_endpoint(query, layers.endpoint)
        if passed is None:
            return ENDPOINT, 0
        allows.append((ENDPOINT, passed.reference))
    return None


def _levels(principal: Principal, layers: Layers) -> Iterator[tuple[str, int, tuple[Policy, ...]]]:
    """Yield the levels of control policies that hold a request: kind, number, policies."""
    for number, level in enumerate(layers.rcp):
        yield RCP, number, level
    if principal.account:
        for number, level in enumerate(layers.scp):
            yield SCP, number, level


def _limits(principal: Principal, layers: Layers) -> list[Layer]:
    """List the layers that must allow what identity policies grant."""
    limits: list[Layer] = []
    if layers.boundary is not None and principal.kind != "root":
        limits.append((BOUNDARY, (layers.boundary,)))
    if layers.session is not None:
        limits.append((SESSION, layers.session))
    return limits


def first_deny(query: Query, layers: Layers) -> Found | None:
    """Return the statement that denies explicitly, if one does."""
    bounded = layers.boundary is not None
    for policy_type, policies in speaking(query.principal, layers):
        named_only = policy_type in NAMING
        for policy in policies:
            for statement in policy.matching(query.action)[0]:
                if named_only and not statement.naming(query.principal, bounded):
                    continue
                if statement.applies(query):
                    return policy_type, policy, statement
    return None


def _by_either_side(query: Query, layers: Layers, allows: list[Allow]) -> Decision:
    """Decide by the caller's policies and the resource's: steps 4 to 8."""
    principal = query.principal
    own = principal.account == layers.resource_account
    naming, found = _by_resource(query, layers)
    if found is None:
        return _by_identity_alone(query, layers, allows, own=own)
    if naming != BY_ACCOUNT or layers.resource_must_allow or not own:
        allows.append((RESOURCE, found[2].reference))
    if naming == DIRECTLY and (own or not principal.account):
        return _decided("allowed", found)
    if not principal.account:
        return _lacks(RESOURCE)
    if naming == BY_ROLE and own:
        return _within_limits(query, layers, _decided("allowed", found), allows)
    return _by_identity(query, layers, allows)


def _by_resource(query: Query, layers: Layers) -> tuple[int, Found | None]:
    """Return how firmly the resource policy grants to the caller, and the statement that does."""
    best: int = NOT_NAMED
    found: Found | None = None
    if layers.resource is None:
        return best, found
    bounded = layers.boundary is not None
    for statement in layers.resource.matching(query.action)[1]:
        naming = statement.naming(query.principal, bounded)
        if naming > best and statement.applies(query):
            best = naming
            found = (RESOURCE, layers.resource, statement)
    return best, found


def _by_grant(query: Query, layers: Layers, naming: int, allows: list[Allow]) -> Decision | None:
    """Decide by how firmly a grant names the caller, None where it gives the caller nothing."""
    granted = Decision("allowed", GRANT)
    allows.append((GRANT, None))
    if naming == BY_ROLE:
        return _within_limits(query, layers, granted, allows)
    handed_on = naming == BY_ACCOUNT and _by_identity(query, layers, allows).allowed
    return granted if handed_on or naming == DIRECTLY else None


def _by_identity_alone(query: Query, layers: Layers, allows: list[Allow], *, own: bool) -> Decision:
    """Decide what no resource policy grants: that is for the caller's own account to allow."""
    if not query.principal.account or (own and layers.resource_must_allow):
        return _lacks(RESOURCE)
    by_identity = _by_identity(query, layers, allows)
    return by_identity if own or not by_identity.allowed else _lacks(RESOURCE)


def _by_identity(query: Query, layers: Layers, allows: list[Allow]) -> Decision:
    if query.principal.kind == "root":
        allows.append((ROOT, None))
        return _within_limits(query, layers, Decision("allowed"), allows)
    found = _first_allow(query, IDENTITY, layers.identity)
    if found is None:
        return _lacks(IDENTITY)
    allows.append((IDENTITY, found[2].reference))
    return _within_limits(query, layers, _decided("allowed", found), allows)


def _within_limits(
    query: Query, layers: Layers, granted: Decision, allows: list[Allow]
) -> Decision:
    for policy_type, policies in _limits(query.principal, layers):
        found = _first_allow(query, policy_type, policies)
        if found is None:
            return _lacks(policy_type)
        allows.append((policy_type, found[2].reference))
    return granted


def _first_allow(query: Query, policy_type: str, policies: Iterable[Policy]) -> Found | None:
    for policy in policies:
        for statement in policy.matching(query.action)[1]:
            if statement.applies(query):
                return policy_type, policy, statement
    return None


def _passes_endpoint(query: Query, policy: Policy) -> CompiledStatement | None:
    """Return what lets a caller through an endpoint; its account's name lets nobody."""
    for statement in policy.matching(query.action)[1]:
        if statement.naming(query.principal, False) > BY_ACCOUNT and statement.applies(query):
            return statement
    return None


def _lacks(policy_type: str) -> Decision:
    return Decision("implicitDeny", policy_type)


def _decided(outcome: Outcome, found: Found) -> Decision:
    policy_type, policy, statement = found
    return Decision(outcome, policy_type, policy.arn, statement.source.sid, statement.index)
