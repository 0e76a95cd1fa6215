# SPDX-License-Identifier: Apache-2.0
"""The delegation policy: a resource policy of the organization, one at most.

It lets member accounts work on policies, or read, for the management account; access.py asks it.
"""

from __future__ import annotations

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.core.ports import Principals
from stockade.policy.document import (
    Document,
    InvalidJson,
    MalformedPolicy,
    PrincipalName,
    Statement,
    parse,
)
from stockade.services.organizations import identifiers
from stockade.services.organizations.access import management, reading
from stockade.services.organizations.errors import (
    InvalidInputException,
    ResourcePolicyNotFoundException,
)
from stockade.services.organizations.features import must_have_all
from stockade.services.organizations.resources import (
    ORGANIZATIONS,
    Organization,
    ResourcePolicy,
)
from stockade.services.organizations.service import organizations
from stockade.services.organizations.tags import Tags, merged

READABLE = ("organizations:Describe", "organizations:List")
DELEGABLE = frozenset(
    f"organizations:{name}"
    for name in (
        "AttachPolicy",
        "CreatePolicy",
        "DeletePolicy",
        "DetachPolicy",
        "DisablePolicyType",
        "EnablePolicyType",
        "TagResource",
        "UntagResource",
        "UpdatePolicy",
    )
)
"""What may be handed on beside reading."""


@organizations.operation(access=management("organizations:PutResourcePolicy"), writes=True)
def put_resource_policy(
    ctx: Context, organization: Organization, *, content: str, tags: Tags = ()
) -> Output:
    """Make or replace the delegation policy."""
    must_have_all(organization)
    _check(ctx, content)
    old = organization.resource_policy
    policy = ResourcePolicy(
        id=old.id if old else identifiers.resource_policy_id(ctx.random),
        content=content,
        tags=merged(old.tags if old else {}, tags),
    )
    changed = replace(organization, resource_policy=policy)
    ctx.unit.put(ORGANIZATIONS, organization.scope, changed)
    return _shown(changed)


@organizations.operation(access=reading("organizations:DescribeResourcePolicy"))
def describe_resource_policy(_ctx: Context, organization: Organization) -> Output:
    """Return the delegation policy."""
    return _shown(organization)


@organizations.operation(access=management("organizations:DeleteResourcePolicy"), writes=True)
def delete_resource_policy(ctx: Context, organization: Organization) -> Output:
    """Delete the delegation policy: nothing is handed on any more."""
    if organization.resource_policy is None:
        raise ResourcePolicyNotFoundException
    changed = replace(organization, resource_policy=None)
    ctx.unit.put(ORGANIZATIONS, organization.scope, changed)
    return {}


def _shown(organization: Organization) -> Output:
    policy = organization.resource_policy
    if policy is None:
        raise ResourcePolicyNotFoundException
    summary = {"Id": policy.id, "Arn": organization.resource_policy_arn}
    return {"ResourcePolicy": {"ResourcePolicySummary": summary, "Content": policy.content}}


def _check(ctx: Context, content: str) -> None:
    """Refuse a delegation policy that is malformed, or hands on what cannot be."""
    for statement in _parsed(content).statements:
        _check_actions(statement)
        if statement.not_resources is not None:
            raise InvalidInputException(
                "UNSUPPORTED_RESOURCE_IN_RESOURCE_POLICY",
                "The resource policy contains a resource that can't be delegated.",
            )
        for name in statement.principals or ():
            _check_principal(ctx, name)


def _check_actions(statement: Statement) -> None:
    """Refuse actions that cannot be handed on, and those that are not named."""
    for action in statement.actions or ("",):
        if not (action.startswith(READABLE) or action in DELEGABLE):
            raise InvalidInputException(
                "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY",
                "The resource policy contains an action that can't be delegated.",
            )


def _check_principal(ctx: Context, name: PrincipalName) -> None:
    known = name.value == "*" or ctx.port(Principals).principal_exists(ctx.unit, name.value)
    if name.type == "AWS" and not known:
        raise InvalidInputException(
            "INVALID_PRINCIPAL", "You specified an invalid principal element in the policy."
        )


def _parsed(content: str) -> Document:
    try:
        return parse(content, "resource")
    except InvalidJson:
        text = "The resource policy isn't valid JSON."
    except MalformedPolicy as malformed:
        text = str(malformed)
    raise InvalidInputException("INVALID_RESOURCE_POLICY_JSON", text)
