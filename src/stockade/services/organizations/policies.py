# SPDX-License-Identifier: Apache-2.0
"""Policies: made, shown, changed, deleted once they are attached to nothing."""

from __future__ import annotations

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.organizations import documents, identifiers, lookup, naming, view
from stockade.services.organizations.access import delegable, reading
from stockade.services.organizations.errors import (
    ConstraintViolationException,
    DuplicatePolicyException,
    InvalidInputException,
    PolicyInUseException,
    PolicyTypeNotAvailableForOrganizationException,
)
from stockade.services.organizations.managed import DEFAULTS, SERVICE_CONTROL
from stockade.services.organizations.paging import PAGE, among, listed
from stockade.services.organizations.resources import POLICIES, Organization, Policy
from stockade.services.organizations.service import organizations
from stockade.services.organizations.tags import Tags, merged

POLICY_LIMIT, SERVICE_CONTROL_LIMIT = 1_000, 10_000
"""How many policies of one type an organization may have."""


@organizations.operation(access=delegable("organizations:CreatePolicy"), writes=True)
def create_policy(
    ctx: Context,
    organization: Organization,
    *,
    content: str,
    description: str,
    name: str,
    type: str,  # noqa: A002  the member's name
    tags: Tags = (),
) -> Output:
    """Make a policy that is attached to nothing yet."""
    if organization.feature_set != "ALL":
        raise PolicyTypeNotAvailableForOrganizationException
    documents.check(type, content)
    others = _of_type(ctx, organization, type)
    _must_be_free(others, name)
    if len(others) >= (SERVICE_CONTROL_LIMIT if type == SERVICE_CONTROL else POLICY_LIMIT):
        raise ConstraintViolationException(
            "POLICY_NUMBER_LIMIT_EXCEEDED",
            "You have exceeded the number of policies that you can have in an organization.",
        )
    id_ = identifiers.policy_id(ctx.random)
    policy = Policy(
        id=id_,
        arn=organization.arn_of("policy", type.lower(), id_),
        type=type,
        name=name,
        description=description,
        content=content,
        updated=ctx.now,
        tags=merged({}, tags),
    )
    ctx.unit.put(POLICIES, organization.scope, policy)
    return {"Policy": view.policy(policy)}


@organizations.operation(access=reading("organizations:DescribePolicy", naming.policy_named))
def describe_policy(
    _ctx: Context, organization: Organization, policy: Policy, *, policy_id: str
) -> Output:
    """Return a policy with its content."""
    del organization, policy_id
    return {"Policy": view.policy(policy)}


@organizations.operation(
    access=delegable("organizations:UpdatePolicy", naming.policy_named), writes=True
)
def update_policy(
    ctx: Context,
    organization: Organization,
    policy: Policy,
    *,
    policy_id: str,
    name: str | None = None,
    description: str | None = None,
    content: str | None = None,
) -> Output:
    """Change name, description or content; where it is attached, it holds at once."""
    del policy_id
    _must_be_own(policy)
    changed = replace(
        policy,
        name=name or policy.name,
        description=policy.description if description is None else description,
        content=policy.content if content is None else content,
        updated=ctx.now,
    )
    if changed.name != policy.name:
        _must_be_free(_of_type(ctx, organization, policy.type), changed.name)
    documents.check(policy.type, changed.content)
    ctx.unit.put(POLICIES, organization.scope, changed)
    return {"Policy": view.policy(changed)}


@organizations.operation(
    access=delegable("organizations:DeletePolicy", naming.policy_named), writes=True
)
def delete_policy(
    ctx: Context, organization: Organization, policy: Policy, *, policy_id: str
) -> Output:
    """Delete a policy that is attached to nothing any more."""
    _must_be_own(policy)
    if lookup.nodes_with(ctx.unit, organization, policy_id):
        raise PolicyInUseException
    ctx.unit.delete(POLICIES, organization.scope, policy_id)
    return {}


@organizations.operation(access=reading("organizations:ListPolicies"))
def list_policies(
    ctx: Context,
    organization: Organization,
    *,
    filter: str,  # noqa: A002  the member's name
    max_results: int = PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the policies of a type, the one that AWS manages too."""
    policies = among(_of_type(ctx, organization, filter), lambda policy: policy.id)
    return listed(
        "Policies",
        policies,
        lambda policy: policy.id,
        view.policy_summary,
        max_results,
        next_token,
    )


def _of_type(ctx: Context, organization: Organization, type_: str) -> list[Policy]:
    own = ctx.unit.find(POLICIES, organization.scope, "type", type_)
    return [DEFAULTS[type_], *own] if type_ in DEFAULTS else own


def _must_be_own(policy: Policy) -> None:
    if policy.aws_managed:
        raise InvalidInputException(
            "IMMUTABLE_POLICY",
            "You specified a policy that is managed by AWS and can't be modified.",
        )


def _must_be_free(others: list[Policy], name: str) -> None:
    if any(other.name == name for other in others):
        raise DuplicatePolicyException
