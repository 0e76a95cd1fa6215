# SPDX-License-Identifier: Apache-2.0
"""Which policies are attached to which roots, units and accounts.

A node has at most so many of a type, and never less than one service control policy while that type
is enabled. The resource control policy that AWS manages stays where it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.organizations import lookup, naming, view
from stockade.services.organizations.access import delegable, reading
from stockade.services.organizations.errors import (
    ConstraintViolationException,
    DuplicatePolicyAttachmentException,
    InvalidInputException,
    PolicyNotAttachedException,
    PolicyTypeNotEnabledException,
)
from stockade.services.organizations.managed import (
    RESOURCE_CONTROL,
    RESOURCE_FULL_ACCESS,
    SERVICE_CONTROL,
)
from stockade.services.organizations.paging import PAGE, among, listed
from stockade.services.organizations.resources import Node, Organization, Policy
from stockade.services.organizations.service import organizations

ATTACHED_LIMIT = 10
ATTACHED_LIMITS: Mapping[str, int] = MappingProxyType(
    {RESOURCE_CONTROL: 5, "AISERVICES_OPT_OUT_POLICY": 5, "CHATBOT_POLICY": 5}
)
"""Policies of a type on one node, where it is not the usual number."""


@organizations.operation(
    access=delegable("organizations:AttachPolicy", naming.policy_named, naming.target),
    writes=True,
)
def attach_policy(
    ctx: Context,
    organization: Organization,
    policy: Policy,
    target: Node,
    *,
    policy_id: str,
    target_id: str,
) -> Output:
    """Attach a policy to the root, a unit or an account: it holds from the next call on."""
    del target_id
    root = lookup.root_of(ctx.unit, organization)
    if policy.type not in root.policy_types:
        raise PolicyTypeNotEnabledException
    if policy_id in target.policies:
        raise DuplicatePolicyAttachmentException
    attached = lookup.policies_on(ctx.unit, organization, target, policy.type)
    if len(attached) >= ATTACHED_LIMITS.get(policy.type, ATTACHED_LIMIT):
        raise ConstraintViolationException(
            "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            "You have attached the maximum number of policies to the specified target.",
        )
    changed = replace(target, policies=(*target.policies, policy_id))
    lookup.store_node(ctx.unit, organization, changed)
    return {}


@organizations.operation(
    access=delegable("organizations:DetachPolicy", naming.policy_named, naming.target),
    writes=True,
)
def detach_policy(
    ctx: Context,
    organization: Organization,
    policy: Policy,
    target: Node,
    *,
    policy_id: str,
    target_id: str,
) -> Output:
    """Detach a policy, unless it is the last service control policy."""
    del target_id
    if policy_id == RESOURCE_FULL_ACCESS.id:
        raise InvalidInputException(
            "NON_DETACHABLE_POLICY", "You can't detach this AWS managed policy."
        )
    if policy_id not in target.policies:
        raise PolicyNotAttachedException
    attached = lookup.policies_on(ctx.unit, organization, target, policy.type)
    if policy.type == SERVICE_CONTROL and len(attached) == 1:
        raise ConstraintViolationException(
            "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            "You cannot remove the last policy attached to the specified target. You must have at "
            "least one attached at all times.",
        )
    left = tuple(each for each in target.policies if each != policy_id)
    lookup.store_node(ctx.unit, organization, replace(target, policies=left))
    return {}


@organizations.operation(access=reading("organizations:ListPoliciesForTarget", naming.target))
def list_policies_for_target(
    ctx: Context,
    organization: Organization,
    target: Node,
    *,
    target_id: str,
    filter: str,  # noqa: A002  the member's name
    max_results: int = PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the policies of a type that are attached to a node itself."""
    del target_id
    policies = lookup.policies_on(ctx.unit, organization, target, filter)
    return listed(
        "Policies",
        among(policies, lambda policy: policy.id),
        lambda policy: policy.id,
        view.policy_summary,
        max_results,
        next_token,
    )


@organizations.operation(access=reading("organizations:ListTargetsForPolicy", naming.policy_named))
def list_targets_for_policy(
    ctx: Context,
    organization: Organization,
    policy: Policy,
    *,
    policy_id: str,
    max_results: int = PAGE,
    next_token: str | None = None,
) -> Output:
    """Return to what a policy is attached."""
    del policy
    nodes = lookup.nodes_with(ctx.unit, organization, policy_id)
    return listed(
        "Targets",
        among(nodes, lambda node: node.id),
        lambda node: node.id,
        view.target,
        max_results,
        next_token,
    )
