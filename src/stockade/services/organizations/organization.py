# SPDX-License-Identifier: Apache-2.0
"""The organization itself: made by the account that manages it, shown to all members, deleted."""

from __future__ import annotations

from typing import Any

from stockade.core.access import on_everything
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.organizations import events, identifiers, lookup, view
from stockade.services.organizations.access import management, member, reading
from stockade.services.organizations.errors import (
    AlreadyInOrganizationException,
    OrganizationNotEmptyException,
)
from stockade.services.organizations.joining import join
from stockade.services.organizations.paging import PAGE, among, listed
from stockade.services.organizations.resources import (
    ACCOUNT_REQUESTS,
    ACCOUNTS,
    HANDSHAKES,
    ORGANIZATIONS,
    PLACES,
    POLICIES,
    ROOTS,
    UNITS,
    FeatureSet,
    Organization,
    Root,
    scope_of,
)
from stockade.services.organizations.service import organizations
from stockade.store.resources import Collection

_CONTENTS: tuple[Collection[Any], ...] = (
    ACCOUNTS,
    UNITS,
    ROOTS,
    POLICIES,
    ACCOUNT_REQUESTS,
    HANDSHAKES,
)


@organizations.operation(access=on_everything("organizations:CreateOrganization"), writes=True)
def create_organization(ctx: Context, *, feature_set: FeatureSet = "ALL") -> Output:
    """Make an organization with a root; the caller's account becomes its management account."""
    if lookup.organization_of(ctx.unit, ctx.account) is not None:
        raise AlreadyInOrganizationException
    organization = Organization(
        id=identifiers.organization_id(ctx.random),
        management_account=ctx.account,
        feature_set=feature_set,
        root_id=identifiers.root_id(ctx.random),
        created=ctx.now,
    )
    root_arn = organization.arn_of("root", organization.root_id)
    ctx.unit.put(ORGANIZATIONS, organization.scope, organization)
    ctx.unit.put(
        ROOTS, organization.scope, Root(id=organization.root_id, name="Root", arn=root_arn)
    )
    account = join(ctx, organization, ctx.account, "INVITED")
    return {"Organization": view.organization(organization, account.email)}


@organizations.operation(access=member("organizations:DescribeOrganization"))
def describe_organization(ctx: Context, organization: Organization) -> Output:
    """Return the organization that the caller's account belongs to."""
    account = lookup.find_account(ctx.unit, organization, organization.management_account)
    assert account is not None, "the management account stays as long as the organization"
    return {"Organization": view.organization(organization, account.email)}


@organizations.operation(access=management("organizations:DeleteOrganization"), writes=True)
def delete_organization(ctx: Context, organization: Organization) -> Output:
    """Delete an organization that has no member accounts any more, with all that is in it."""
    scope = organization.scope
    if len(ctx.unit.list(ACCOUNTS, scope, limit=2)) > 1:
        raise OrganizationNotEmptyException
    for collection in _CONTENTS:
        for resource in ctx.unit.list(collection, scope):
            ctx.unit.delete(collection, scope, resource.id)
    management_account = organization.management_account
    ctx.unit.delete(PLACES, scope_of(management_account), management_account)
    ctx.unit.delete(ORGANIZATIONS, scope, organization.id)
    events.departed(ctx, organization, management_account, "LEFT")
    return {}


@organizations.operation(access=reading("organizations:ListRoots"))
def list_roots(
    ctx: Context,
    organization: Organization,
    *,
    max_results: int = PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the root of the organization."""
    roots = among([lookup.root_of(ctx.unit, organization)], lambda root: root.id)
    return listed("Roots", roots, lambda root: root.id, view.root, max_results, next_token)
