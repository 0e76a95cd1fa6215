# SPDX-License-Identifier: Apache-2.0
"""Up and down the tree: parents and children of units and accounts."""

from __future__ import annotations

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.organizations import lookup, naming, view
from stockade.services.organizations.access import reading
from stockade.services.organizations.errors import ChildNotFoundException
from stockade.services.organizations.paging import PAGE, among, listed
from stockade.services.organizations.resources import ACCOUNTS, UNITS, Node, Organization
from stockade.services.organizations.service import organizations


@organizations.operation(access=reading("organizations:ListParents", naming.child))
def list_parents(
    ctx: Context,
    organization: Organization,
    child: Node,
    *,
    child_id: str,
    max_results: int = PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the root or unit right above a unit or an account."""
    del child_id
    parent = lookup.find_parent(ctx.unit, organization, child.parent)
    if parent is None:
        raise ChildNotFoundException
    parents: list[Node] = [parent]
    return _listed("Parents", parents, max_results, next_token)


@organizations.operation(access=reading("organizations:ListChildren", naming.parent))
def list_children(
    ctx: Context,
    organization: Organization,
    parent: Node,
    *,
    parent_id: str,
    child_type: str,
    max_results: int = PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the units or the accounts right under the root or a unit."""
    del parent
    scope = organization.scope
    children: list[Node] = (
        [*ctx.unit.find(ACCOUNTS, scope, "parent", parent_id)]
        if child_type == "ACCOUNT"
        else [*ctx.unit.find(UNITS, scope, "parent", parent_id)]
    )
    return _listed("Children", children, max_results, next_token)


def _listed(member: str, nodes: list[Node], max_results: int, next_token: str | None) -> Output:
    return listed(
        member,
        among(nodes, lambda node: node.id),
        lambda node: node.id,
        lambda node: {"Id": node.id, "Type": view.node_type(node)},
        max_results,
        next_token,
    )
