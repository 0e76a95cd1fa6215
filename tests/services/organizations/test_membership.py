# SPDX-License-Identifier: Apache-2.0
"""What the law hears of an account: its path, and the control policies level by level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stockade.services.organizations.membership import OrganizationDirectory
from stockade.store.errors import NotInMemory
from tests.services.iam.helpers import allow, deny
from tests.services.organizations.helpers import (
    GUEST,
    OWNER,
    RESOURCE_CONTROL,
    Organization,
)
from tests.services.organizations.test_policies import everyone

if TYPE_CHECKING:
    from stockade.app import Stockade


def test_a_lone_account_has_no_place(stockade: Stockade) -> None:
    with stockade.store.read() as unit:
        assert OrganizationDirectory().membership(unit, GUEST) is None


def test_a_place_has_a_path(organization: Organization) -> None:
    outer = organization.unit("outer")
    inner = organization.unit("inner", outer)
    account = organization.account(parent=inner)
    membership = organization.membership(account)
    assert membership is not None
    assert membership.organization_id == organization.id
    assert membership.management_account == OWNER
    assert membership.path == f"{organization.id}/{organization.root}/{outer}/{inner}/"
    assert (membership.service_control, membership.resource_control) == ((), ())
    organization.move(account, inner, organization.root)
    moved = organization.membership(account)
    assert moved is not None
    assert moved.path == f"{organization.id}/{organization.root}/"


def test_levels_follow_every_change(organization: Organization) -> None:
    unit = organization.unit("u")
    account = organization.account(parent=unit)
    full = ["FullAWSAccess"]
    assert organization.control(account) == []
    organization.enable()
    assert organization.control(account) == [full, full, full]
    policy_id = organization.policy("a", deny("s3:*"))
    organization.attach(policy_id, unit)
    assert organization.control(account) == [full, [*full, "a"], full]
    organization.client.update_policy(PolicyId=policy_id, Name="b")
    assert organization.control(account) == [full, [*full, "b"], full]
    organization.detach("p-FullAWSAccess", unit)
    assert organization.control(account) == [full, ["b"], full]
    organization.move(account, unit, organization.root)
    assert organization.control(account) == [full, full]
    organization.client.disable_policy_type(
        RootId=organization.root, PolicyType="SERVICE_CONTROL_POLICY"
    )
    assert organization.control(account) == []


def test_policies_come_compiled_with_their_arns(organization: Organization) -> None:
    organization.enable()
    policy_id = organization.policy("a", deny("kms:Encrypt"), allow("kms:*"))
    organization.attach(policy_id, organization.root)
    account = organization.account()
    membership = organization.membership(account)
    assert membership is not None
    top, _ = membership.service_control
    shown = organization.client.describe_policy(PolicyId=policy_id)["Policy"]["PolicySummary"]
    assert [policy.arn for policy in top][1] == shown["Arn"]
    denying, allowing = top[1].matching("kms:Encrypt")
    assert (len(denying), len(allowing)) == (1, 1)


def test_accounts_of_one_unit_share_compiled_policies(organization: Organization) -> None:
    organization.enable()
    first, second = (organization.membership(organization.account(name)) for name in "ab")
    assert first is not None
    assert second is not None
    assert first.service_control[0][0] is second.service_control[0][0]


def test_the_management_account_is_held_by_nothing(organization: Organization) -> None:
    organization.enable()
    organization.enable(RESOURCE_CONTROL)
    organization.attach(organization.policy("a", deny("s3:*")), OWNER)
    membership = organization.membership(OWNER)
    assert membership is not None
    assert membership.organization_id == organization.id
    assert (membership.service_control, membership.resource_control) == ((), ())


def test_resource_control_has_levels_of_its_own(organization: Organization) -> None:
    organization.enable(RESOURCE_CONTROL)
    account = organization.account()
    rcp = organization.policy("keys", everyone("kms:*"), type_=RESOURCE_CONTROL)
    organization.attach(rcp, account)
    membership = organization.membership(account)
    assert membership is not None
    assert membership.service_control == ()
    names = [[policy.name for policy in level] for level in membership.resource_control]
    assert names == [["RCPFullAWSAccess"], ["RCPFullAWSAccess", "keys"]]


@pytest.mark.parametrize("joined", [True, False])
def test_a_known_place_comes_from_memory(
    stockade: Stockade, organization: Organization, joined: bool
) -> None:
    account = organization.account() if joined else GUEST
    if joined:
        organization.enable()
    directory = OrganizationDirectory()
    with (
        stockade.store.read(memory_only=True) as unit,
        pytest.raises(NotInMemory),
    ):
        directory.membership(unit, "222222222222")
    with stockade.store.read() as unit:
        known = directory.membership(unit, account)
    with stockade.store.read(memory_only=True) as unit:
        assert directory.membership(unit, account) is known
    organization.invite()
    with stockade.store.read() as unit:
        assert directory.membership(unit, GUEST) is not None
