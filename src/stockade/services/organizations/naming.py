# SPDX-License-Identifier: Apache-2.0
"""What the members of a request name: each with its ARN, and what is said where it is not there.

The ARN is that of the id as it was asked for, so that permission is decided before existence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stockade.core.context import Context
from stockade.protocol.errors import AwsError
from stockade.services.organizations import lookup
from stockade.services.organizations.access import Find, Named, may_read
from stockade.services.organizations.errors import (
    AccountNotFoundException,
    ChildNotFoundException,
    DestinationParentNotFoundException,
    HandshakeNotFoundException,
    OrganizationalUnitNotFoundException,
    ParentNotFoundException,
    PolicyNotFoundException,
    RootNotFoundException,
    SourceParentNotFoundException,
    TargetNotFoundException,
    not_yours,
)
from stockade.services.organizations.managed import SERVICE_CONTROL
from stockade.services.organizations.resources import Node, Organization
from stockade.store.unit import Unit

Absent = Callable[[], AwsError]
FindNode = Callable[[Unit, Organization, str], Node | None]


def node_arn(organization: Organization, id_: str) -> str:
    """Return the ARN of the root, unit or account that an id stands for."""
    if id_.startswith("ou-"):
        return organization.arn_of("ou", id_)
    return organization.arn_of("account" if id_.isdigit() else "root", id_)


def policy_named(ctx: Context, organization: Organization, params: Mapping[str, Any]) -> Named:
    """Find the policy that `PolicyId` names."""
    return _policy(ctx, organization, params["PolicyId"])


def find_handshake(ctx: Context, id_: str) -> Named:
    """Find a handshake that the caller's account sent or received."""
    handshake = lookup.find_handshake(ctx.unit, ctx.account, id_)
    if handshake is None:
        return Named(arn="*", resource=None, absent=HandshakeNotFoundException())
    return Named(arn=handshake.arn, resource=handshake)


def tagged_resource(ctx: Context, organization: Organization, params: Mapping[str, Any]) -> Named:
    """Find the root, unit, account, policy or delegation policy that `ResourceId` names.

    The handler gets the node or the policy, or the organization for its delegation policy.
    """
    id_ = params["ResourceId"]
    if id_.startswith("p-"):
        return _policy(ctx, organization, id_, TargetNotFoundException)
    if not id_.startswith("rp-"):
        return _node(ctx, organization, id_, lookup.find_node, TargetNotFoundException)
    policy = organization.resource_policy
    found = policy is not None and policy.id == id_
    return Named(
        arn=organization.arn_of("resourcepolicy", id_),
        resource=organization if found else None,
        absent=None if found else TargetNotFoundException(),
        tags=policy.tags if policy and found else {},
    )


def _named(member: str, find: FindNode, absent: Absent) -> Find:
    def resolve(ctx: Context, organization: Organization, params: Mapping[str, Any]) -> Named:
        return _node(ctx, organization, params[member], find, absent)

    return resolve


def _node(
    ctx: Context, organization: Organization, id_: str, find: FindNode, absent: Absent
) -> Named:
    node = find(ctx.unit, organization, id_)
    return Named(
        arn=node_arn(organization, id_),
        resource=node,
        absent=absent() if node is None else None,
        tags=node.tags if node else {},
    )


def _policy(
    ctx: Context, organization: Organization, id_: str, absent: Absent = PolicyNotFoundException
) -> Named:
    policy = lookup.find_policy(ctx.unit, organization, id_)
    if policy is None:
        arn = organization.arn_of("policy", SERVICE_CONTROL.lower(), id_)
        return Named(arn=arn, resource=None, absent=absent())
    return Named(arn=policy.arn, resource=policy, tags=policy.tags, policy_type=policy.type)


def effective_target(ctx: Context, organization: Organization, params: Mapping[str, Any]) -> Named:
    """Find the account whose effective policy is asked for: the caller's where none is named.

    An account may ask about itself; about others only who sees the organization.
    """
    id_ = params.get("TargetId", ctx.account)
    if id_ != ctx.account and not may_read(ctx, organization):
        return Named(arn=node_arn(organization, id_), resource=None, absent=not_yours())
    return _node(ctx, organization, id_, lookup.find_node, TargetNotFoundException)


account = _named("AccountId", lookup.find_account, AccountNotFoundException)
child = _named("ChildId", lookup.find_node, ChildNotFoundException)
destination = _named("DestinationParentId", lookup.find_parent, DestinationParentNotFoundException)
parent = _named("ParentId", lookup.find_parent, ParentNotFoundException)
root = _named("RootId", lookup.find_root, RootNotFoundException)
source = _named("SourceParentId", lookup.find_parent, SourceParentNotFoundException)
target = _named("TargetId", lookup.find_node, TargetNotFoundException)
unit = _named("OrganizationalUnitId", lookup.find_unit, OrganizationalUnitNotFoundException)
