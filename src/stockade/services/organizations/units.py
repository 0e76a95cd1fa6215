# SPDX-License-Identifier: Apache-2.0
"""Organizational units: five levels of them, at most 1,000, names unique under one parent."""

from __future__ import annotations

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.organizations import identifiers, lookup, naming, view
from stockade.services.organizations.access import management, reading
from stockade.services.organizations.errors import (
    ConstraintViolationException,
    DuplicateOrganizationalUnitException,
    OrganizationalUnitNotEmptyException,
)
from stockade.services.organizations.managed import default_policies
from stockade.services.organizations.paging import PAGE, listed
from stockade.services.organizations.resources import ACCOUNTS, UNITS, Organization, Root, Unit
from stockade.services.organizations.service import organizations
from stockade.services.organizations.tags import Tags, merged

UNIT_LIMIT = 1_000
DEPTH_LIMIT = 5
"""Levels of units below the root."""


@organizations.operation(
    access=management("organizations:CreateOrganizationalUnit", naming.parent), writes=True
)
def create_organizational_unit(
    ctx: Context,
    organization: Organization,
    parent: Root | Unit,
    *,
    parent_id: str,
    name: str,
    tags: Tags = (),
) -> Output:
    """Make an organizational unit under the root or another unit."""
    _must_be_free(ctx, organization, parent_id, name)
    _must_fit(ctx, organization, parent)
    root = lookup.root_of(ctx.unit, organization)
    id_ = identifiers.unit_id(root.id, ctx.random)
    unit = Unit(
        id=id_,
        name=name,
        arn=naming.node_arn(organization, id_),
        parent=parent_id,
        policies=default_policies(root.policy_types),
        tags=merged({}, tags),
    )
    ctx.unit.put(UNITS, organization.scope, unit)
    return _shown(ctx, organization, unit)


@organizations.operation(access=reading("organizations:DescribeOrganizationalUnit", naming.unit))
def describe_organizational_unit(
    ctx: Context, organization: Organization, unit: Unit, *, organizational_unit_id: str
) -> Output:
    """Return an organizational unit."""
    del organizational_unit_id
    return _shown(ctx, organization, unit)


@organizations.operation(
    access=management("organizations:UpdateOrganizationalUnit", naming.unit), writes=True
)
def update_organizational_unit(
    ctx: Context,
    organization: Organization,
    unit: Unit,
    *,
    organizational_unit_id: str,
    name: str | None = None,
) -> Output:
    """Give an organizational unit another name."""
    del organizational_unit_id
    renamed = replace(unit, name=name or unit.name)
    if renamed.name != unit.name:
        _must_be_free(ctx, organization, unit.parent, renamed.name)
        ctx.unit.put(UNITS, organization.scope, renamed)
    return _shown(ctx, organization, renamed)


@organizations.operation(
    access=management("organizations:DeleteOrganizationalUnit", naming.unit), writes=True
)
def delete_organizational_unit(
    ctx: Context, organization: Organization, unit: Unit, *, organizational_unit_id: str
) -> Output:
    """Delete an organizational unit that holds nothing any more."""
    del organizational_unit_id
    scope = organization.scope
    units = ctx.unit.find(UNITS, scope, "parent", unit.id, limit=1)
    accounts = ctx.unit.find(ACCOUNTS, scope, "parent", unit.id, limit=1)
    if units or accounts:
        raise OrganizationalUnitNotEmptyException
    ctx.unit.delete(UNITS, organization.scope, unit.id)
    return {}


@organizations.operation(
    access=reading("organizations:ListOrganizationalUnitsForParent", naming.parent)
)
def list_organizational_units_for_parent(
    ctx: Context,
    organization: Organization,
    parent: Root | Unit,
    *,
    parent_id: str,
    max_results: int = PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the organizational units right under the root or another unit."""
    path = lookup.path_of(ctx.unit, organization, parent)

    def units(after: str, count: int) -> list[Unit]:
        return ctx.unit.find(
            UNITS, organization.scope, "parent", parent_id, after=after, limit=count
        )

    return listed(
        "OrganizationalUnits",
        units,
        lambda unit: unit.id,
        lambda unit: view.unit(unit, f"{path}{unit.id}/"),
        max_results,
        next_token,
    )


def _shown(ctx: Context, organization: Organization, unit: Unit) -> Output:
    path = lookup.path_of(ctx.unit, organization, unit)
    return {"OrganizationalUnit": view.unit(unit, path)}


def _must_be_free(ctx: Context, organization: Organization, parent_id: str, name: str) -> None:
    siblings = ctx.unit.find(UNITS, organization.scope, "parent", parent_id)
    if any(sibling.name == name for sibling in siblings):
        raise DuplicateOrganizationalUnitException


def _must_fit(ctx: Context, organization: Organization, parent: Root | Unit) -> None:
    if len(lookup.way_down(ctx.unit, organization, parent)) > DEPTH_LIMIT:
        raise ConstraintViolationException(
            "OU_DEPTH_LIMIT_EXCEEDED",
            f"You have exceeded the maximum of {DEPTH_LIMIT} levels of organizational units.",
        )
    if len(ctx.unit.list(UNITS, organization.scope)) >= UNIT_LIMIT:
        raise ConstraintViolationException(
            "OU_NUMBER_LIMIT_EXCEEDED",
            f"You have exceeded the maximum of {UNIT_LIMIT} organizational units.",
        )
