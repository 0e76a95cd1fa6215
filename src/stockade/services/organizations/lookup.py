# SPDX-License-Identifier: Apache-2.0
"""From an id to what it stands for, within the organization of an account."""

from __future__ import annotations

from collections.abc import Iterator

from stockade.services.organizations import managed
from stockade.services.organizations.resources import (
    ACCOUNTS,
    HANDSHAKES,
    ORGANIZATIONS,
    PLACES,
    POLICIES,
    ROOTS,
    UNITS,
    Account,
    Handshake,
    Node,
    Organization,
    Policy,
    Root,
    Unit,
    scope_of,
)
from stockade.store.unit import Unit as StoreUnit


def organization_of(unit: StoreUnit, account: str) -> Organization | None:
    """Return the organization that an account belongs to."""
    place = unit.get(PLACES, scope_of(account), account)
    if place is None:
        return None
    return unit.get(ORGANIZATIONS, scope_of(place.management_account), place.organization_id)


def root_of(unit: StoreUnit, organization: Organization) -> Root:
    """Return the root of an organization."""
    root = unit.get(ROOTS, organization.scope, organization.root_id)
    assert root is not None, "an organization has its root as long as it is there"
    return root


def find_root(unit: StoreUnit, organization: Organization, id_: str) -> Root | None:
    """Return the root of an id."""
    return unit.get(ROOTS, organization.scope, id_)


def find_unit(unit: StoreUnit, organization: Organization, id_: str) -> Unit | None:
    """Return the organizational unit of an id."""
    return unit.get(UNITS, organization.scope, id_)


def find_account(unit: StoreUnit, organization: Organization, id_: str) -> Account | None:
    """Return the account of an id."""
    return unit.get(ACCOUNTS, organization.scope, id_)


def find_parent(unit: StoreUnit, organization: Organization, id_: str) -> Root | Unit | None:
    """Return the root or organizational unit of an id."""
    if id_.startswith("ou-"):
        return find_unit(unit, organization, id_)
    return find_root(unit, organization, id_)


def find_node(unit: StoreUnit, organization: Organization, id_: str) -> Node | None:
    """Return the root, organizational unit or account of an id."""
    if id_.isdigit():
        return find_account(unit, organization, id_)
    return find_parent(unit, organization, id_)


def store_node(unit: StoreUnit, organization: Organization, node: Node) -> None:
    """Store a root, organizational unit or account as it is from now on."""
    if isinstance(node, Root):
        unit.put(ROOTS, organization.scope, node)
    elif isinstance(node, Unit):
        unit.put(UNITS, organization.scope, node)
    elif isinstance(node, Account):
        unit.put(ACCOUNTS, organization.scope, node)


def nodes(unit: StoreUnit, organization: Organization) -> Iterator[Node]:
    """Yield the root, every organizational unit and every account."""
    yield root_of(unit, organization)
    yield from unit.list(UNITS, organization.scope)
    yield from unit.list(ACCOUNTS, organization.scope)


def nodes_with(unit: StoreUnit, organization: Organization, policy_id: str) -> list[Node]:
    """Return to what a policy is attached."""
    scope = organization.scope
    return [
        *unit.find(ROOTS, scope, "policy", policy_id),
        *unit.find(UNITS, scope, "policy", policy_id),
        *unit.find(ACCOUNTS, scope, "policy", policy_id),
    ]


def find_policy(unit: StoreUnit, organization: Organization, id_: str) -> Policy | None:
    """Return the policy of an id: the organization's own, or one that AWS manages."""
    policy = managed.POLICIES.get(id_)
    return unit.get(POLICIES, organization.scope, id_) if policy is None else policy


def policies_on(
    unit: StoreUnit, organization: Organization, node: Node, type_: str
) -> list[Policy]:
    """Return the policies of one type that are attached to a node, in the order of attachment."""
    found = (find_policy(unit, organization, each) for each in node.policies)
    return [policy for policy in found if policy is not None and policy.type == type_]


def way_down(unit: StoreUnit, organization: Organization, node: Node) -> list[Node]:
    """Return the nodes from the root down to one of them."""
    way = [node]
    while way[0].parent:
        above = find_parent(unit, organization, way[0].parent)
        assert above is not None, "a parent is there as long as its children"
        way.insert(0, above)
    return way


def path_of(unit: StoreUnit, organization: Organization, node: Node) -> str:
    """Return a node's path: `o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/`."""
    way = (each.id for each in way_down(unit, organization, node))
    return "/".join((organization.id, *way, ""))


def find_handshake(unit: StoreUnit, account: str, id_: str) -> Handshake | None:
    """Return a handshake that an account sent or received."""
    for _, handshake in unit.find_anywhere(HANDSHAKES, "id", id_):
        if account in (handshake.management_account, handshake.account):
            return handshake
    return None
