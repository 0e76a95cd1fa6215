# SPDX-License-Identifier: Apache-2.0
"""DescribeEffectivePolicy: what an account inherits and has itself of a type, as one document."""

from __future__ import annotations

import msgspec

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.organizations import documents, inheritance, lookup, naming
from stockade.services.organizations.access import member
from stockade.services.organizations.errors import (
    EffectivePolicyNotFoundException,
    InvalidInputException,
)
from stockade.services.organizations.features import must_have_all
from stockade.services.organizations.resources import Account, Node, Organization
from stockade.services.organizations.service import organizations


@organizations.operation(
    access=member("organizations:DescribeEffectivePolicy", naming.effective_target)
)
def describe_effective_policy(
    ctx: Context,
    organization: Organization,
    target: Node,
    *,
    policy_type: str,
    target_id: str | None = None,
) -> Output:
    """Return the management policy that is in force for an account."""
    del target_id
    if not isinstance(target, Account):
        raise InvalidInputException(
            "TARGET_NOT_SUPPORTED",
            "You can't perform the specified operation on that target entity.",
        )
    must_have_all(organization)
    way = lookup.way_down(ctx.unit, organization, target)
    levels = [lookup.policies_on(ctx.unit, organization, node, policy_type) for node in way]
    policies = [policy for level in levels for policy in level]
    if not policies:
        raise EffectivePolicyNotFoundException
    content = inheritance.effective(
        [documents.read_management(policy_type, policy.content) for policy in level]
        for level in levels
    )
    return {
        "EffectivePolicy": {
            "PolicyContent": msgspec.json.encode(content).decode(),
            "LastUpdatedTimestamp": max(policy.updated for policy in policies),
            "TargetId": target.id,
            "PolicyType": policy_type,
        }
    }
