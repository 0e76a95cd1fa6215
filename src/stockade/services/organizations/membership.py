# SPDX-License-Identifier: Apache-2.0
"""Where accounts stand, and the control policies that hold them: what the law asks at every call.

Services that work across an organization ask which accounts it has, and who runs them there.

A membership is derived from rows that are read by their ids: the account's place, its organization,
the nodes on its way up, the policies on them. It is remembered until one of them changes, and that
an account stands alone is remembered just so. The management account stands in the organization,
but no control policy holds it.
"""

from __future__ import annotations

from stockade.core.ports import Levels, Membership
from stockade.policy.compile import Policy, compile_policy
from stockade.services.organizations import documents, lookup
from stockade.services.organizations.managed import RESOURCE_CONTROL, SERVICE_CONTROL
from stockade.services.organizations.resources import ACCOUNTS, Node, Organization
from stockade.store.unit import Unit


class OrganizationDirectory:
    """What Organizations does for the law, below its API."""

    def membership(self, unit: Unit, account: str) -> Membership | None:
        """Return the place of an account, from memory once it is known; None for a lone account."""
        return unit.derive(("organizations-membership", account), lambda: _place(unit, account))

    def accounts(self, unit: Unit, account: str) -> tuple[str, ...]:
        """Return every account of the organization that an account belongs to, in order."""
        organization = lookup.organization_of(unit, account)
        if organization is None:
            return ()
        return tuple(each.id for each in unit.list(ACCOUNTS, organization.scope))

    def trusts(self, unit: Unit, account: str, service: str) -> bool:
        """Tell whether a service may work across the organization of an account."""
        organization = lookup.organization_of(unit, account)
        return organization is not None and service in organization.services

    def administers(self, unit: Unit, account: str, service: str) -> bool:
        """Tell whether the account runs a service for its organization."""
        organization = lookup.organization_of(unit, account)
        if organization is None or account == organization.management_account:
            return organization is not None
        member = lookup.find_account(unit, organization, account)
        return member is not None and service in member.services


def _place(unit: Unit, account_id: str) -> Membership | None:
    organization = lookup.organization_of(unit, account_id)
    if organization is None:
        return None
    account = lookup.find_account(unit, organization, account_id)
    assert account is not None, "a place names an account of its organization"
    way = lookup.way_down(unit, organization, account)
    held = account_id != organization.management_account
    return Membership(
        organization_id=organization.id,
        management_account=organization.management_account,
        path="/".join((organization.id, *(node.id for node in way[:-1]), "")),
        service_control=_levels(unit, organization, way, SERVICE_CONTROL) if held else (),
        resource_control=_levels(unit, organization, way, RESOURCE_CONTROL) if held else (),
    )


def _levels(unit: Unit, organization: Organization, way: list[Node], type_: str) -> Levels:
    """Return the policies of a type on each node, root first; nothing where it is not enabled."""
    if type_ not in lookup.root_of(unit, organization).policy_types:
        return ()
    return tuple(
        tuple(
            _compiled(unit, organization, policy.id)
            for policy in lookup.policies_on(unit, organization, node, type_)
        )
        for node in way
    )


def _compiled(unit: Unit, organization: Organization, policy_id: str) -> Policy:
    """Return a control policy, compiled once for all accounts that it holds."""

    def build() -> Policy:
        policy = lookup.find_policy(unit, organization, policy_id)
        assert policy is not None, "a policy is there as long as it is attached"
        document = documents.parse_control(policy.type, policy.content, managed=policy.aws_managed)
        return compile_policy(document, arn=policy.arn, name=policy.name)

    return unit.derive(("organizations-policy", organization.id, policy_id), build)
