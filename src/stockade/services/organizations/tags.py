# SPDX-License-Identifier: Apache-2.0
"""Tags of roots, units, accounts, policies and the delegation policy: at most 50 on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.organizations import lookup, naming, view
from stockade.services.organizations.access import delegable, reading
from stockade.services.organizations.errors import (
    ConstraintViolationException,
    InvalidInputException,
)
from stockade.services.organizations.paging import PAGE, among, listed
from stockade.services.organizations.resources import (
    ORGANIZATIONS,
    POLICIES,
    Node,
    Organization,
    Policy,
)
from stockade.services.organizations.service import organizations

TAG_LIMIT = 50

Tags = Sequence[Mapping[str, str]]
Tagged = Node | Policy | Organization
"""What carries tags; the organization carries those of its delegation policy."""


@organizations.operation(
    access=delegable("organizations:TagResource", naming.tagged_resource), writes=True
)
def tag_resource(
    ctx: Context, organization: Organization, resource: Tagged, *, resource_id: str, tags: Tags
) -> Output:
    """Add or replace tags."""
    del resource_id
    _store(ctx, organization, resource, merged(_tags(resource), tags))
    return {}


@organizations.operation(
    access=delegable("organizations:UntagResource", naming.tagged_resource), writes=True
)
def untag_resource(
    ctx: Context,
    organization: Organization,
    resource: Tagged,
    *,
    resource_id: str,
    tag_keys: Sequence[str],
) -> Output:
    """Take tags off; names that are not there are passed over."""
    del resource_id
    left = {name: value for name, value in _tags(resource).items() if name not in tag_keys}
    _store(ctx, organization, resource, left)
    return {}


@organizations.operation(
    access=reading("organizations:ListTagsForResource", naming.tagged_resource)
)
def list_tags_for_resource(
    _ctx: Context,
    organization: Organization,
    resource: Tagged,
    *,
    resource_id: str,
    next_token: str | None = None,
) -> Output:
    """Return tags, sorted by name."""
    del organization, resource_id
    tags = view.tag_list(_tags(resource))

    def name(tag: dict[str, str]) -> str:
        return tag["Key"]

    return listed("Tags", among(tags, name), name, lambda tag: tag, PAGE, next_token)


def merged(old: Mapping[str, str], new: Tags) -> dict[str, str]:
    """Return the tags that something has after `new` were put on it."""
    names = [tag["Key"] for tag in new]
    if len(set(names)) != len(names):
        raise InvalidInputException(
            "DUPLICATE_TAG_KEY", "Tag keys must be unique among the tags attached to an entity."
        )
    if any(name.lower().startswith("aws:") for name in names):
        raise InvalidInputException(
            "INVALID_SYSTEM_TAGS_PARAMETER",
            "You specified a tag key that is a system tag. You can't add, edit, or delete system "
            "tag keys because they're reserved for AWS use.",
        )
    tags = {**old, **{tag["Key"]: tag["Value"] for tag in new}}
    if len(tags) > TAG_LIMIT:
        raise ConstraintViolationException(
            "MAX_TAG_LIMIT_EXCEEDED",
            "You have exceeded the number of tags allowed on this resource.",
        )
    return tags


def _tags(resource: Tagged) -> Mapping[str, str]:
    if not isinstance(resource, Organization):
        return resource.tags
    return resource.resource_policy.tags if resource.resource_policy else {}


def _store(
    ctx: Context, organization: Organization, resource: Tagged, tags: dict[str, str]
) -> None:
    if isinstance(resource, Node):
        lookup.store_node(ctx.unit, organization, replace(resource, tags=tags))
    elif isinstance(resource, Organization):
        assert resource.resource_policy is not None, "it was found by its delegation policy"
        policy = replace(resource.resource_policy, tags=tags)
        ctx.unit.put(ORGANIZATIONS, organization.scope, replace(resource, resource_policy=policy))
    elif resource.aws_managed:
        raise InvalidInputException(
            "IMMUTABLE_POLICY",
            "You specified a policy that is managed by AWS and can't be modified.",
        )
    else:
        ctx.unit.put(POLICIES, organization.scope, replace(resource, tags=tags))
