# SPDX-License-Identifier: Apache-2.0
"""Policy types in the root: enabled, policies of the type can be attached; disabled, none is.

Enabling a type of control policies attaches the policy of full access to every node, so that
nothing changes until somebody says more. Disabling a type detaches all of its policies.
"""

from __future__ import annotations

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.organizations import lookup, naming, view
from stockade.services.organizations.access import delegable
from stockade.services.organizations.errors import (
    PolicyTypeAlreadyEnabledException,
    PolicyTypeNotAvailableForOrganizationException,
    PolicyTypeNotEnabledException,
)
from stockade.services.organizations.managed import default_policies
from stockade.services.organizations.resources import Node, Organization, Root
from stockade.services.organizations.service import organizations


@organizations.operation(
    access=delegable("organizations:EnablePolicyType", naming.root), writes=True
)
def enable_policy_type(
    ctx: Context, organization: Organization, root: Root, *, root_id: str, policy_type: str
) -> Output:
    """Enable a policy type in the root."""
    del root_id
    if organization.feature_set != "ALL":
        raise PolicyTypeNotAvailableForOrganizationException
    if policy_type in root.policy_types:
        raise PolicyTypeAlreadyEnabledException
    changed = replace(root, policy_types=(*root.policy_types, policy_type))
    lookup.store_node(ctx.unit, organization, changed)
    defaults = default_policies((policy_type,))
    if defaults:
        for node in list(lookup.nodes(ctx.unit, organization)):
            with_default = replace(node, policies=(*node.policies, *defaults))
            lookup.store_node(ctx.unit, organization, with_default)
    return {"Root": view.root(changed)}


@organizations.operation(
    access=delegable("organizations:DisablePolicyType", naming.root), writes=True
)
def disable_policy_type(
    ctx: Context, organization: Organization, root: Root, *, root_id: str, policy_type: str
) -> Output:
    """Disable a policy type in the root, and detach every policy of the type."""
    del root_id
    if policy_type not in root.policy_types:
        raise PolicyTypeNotEnabledException
    left = tuple(each for each in root.policy_types if each != policy_type)
    lookup.store_node(ctx.unit, organization, replace(root, policy_types=left))
    for node in list(lookup.nodes(ctx.unit, organization)):
        _detach_all(ctx, organization, node, policy_type)
    return {"Root": view.root(replace(root, policy_types=left))}


def _detach_all(ctx: Context, organization: Organization, node: Node, policy_type: str) -> None:
    gone = {each.id for each in lookup.policies_on(ctx.unit, organization, node, policy_type)}
    if gone:
        left = tuple(each for each in node.policies if each not in gone)
        lookup.store_node(ctx.unit, organization, replace(node, policies=left))
