# SPDX-License-Identifier: Apache-2.0
"""Control policies hold: end to end, from AttachPolicy to the refusal of a member's call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.services.iam.helpers import allow, deny, policy, refused, user
from tests.services.organizations.helpers import (
    GUEST,
    OWNER,
    RESOURCE_CONTROL,
    Organization,
)
from tests.services.organizations.test_policies import everyone

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade


class Tenant:
    """A member account with a key, and a user there who may do everything with it."""

    def __init__(self, stockade: Stockade, organization: Organization, parent: str = "") -> None:
        self.number = organization.account(parent=parent)
        self.root = organization.root_of(self.number)
        self.key: str = self.root.client("kms").create_key()["KeyMetadata"]["Arn"]
        alice = user(stockade, self.root, "alice", allow("*"))
        self.kms: Any = alice.client("kms")
        self.iam: Any = alice.client("iam")

    def encrypt(self) -> None:
        self.kms.encrypt(KeyId=self.key, Plaintext=b"x")

    def refusal(self) -> str:
        """Return the text with which Encrypt is refused."""
        code, _, text = refused(self.kms.encrypt, KeyId=self.key, Plaintext=b"x")
        assert code == "AccessDeniedException"
        return text


def arn(organization: Organization, policy_id: str) -> str:
    shown = organization.client.describe_policy(PolicyId=policy_id)["Policy"]["PolicySummary"]
    return str(shown["Arn"])


def test_a_deny_on_the_account_holds_its_users_and_its_root(
    stockade: Stockade, organization: Organization
) -> None:
    organization.enable()
    tenant = Tenant(stockade, organization)
    tenant.encrypt()
    policy_id = organization.policy("NoEncrypt", deny("kms:Encrypt"))
    organization.attach(policy_id, tenant.number)
    text = tenant.refusal()
    assert "with an explicit deny in a service control policy" in text
    assert arn(organization, policy_id) in text
    tenant.kms.describe_key(KeyId=tenant.key)
    root = tenant.root.client("kms")
    told = refused(root.encrypt, KeyId=tenant.key, Plaintext=b"x")
    assert told[0] == "AccessDeniedException"
    organization.detach(policy_id, tenant.number)
    tenant.encrypt()


def test_what_is_attached_above_holds_below(stockade: Stockade, organization: Organization) -> None:
    organization.enable()
    outer = organization.unit("outer")
    inner = organization.unit("inner", outer)
    tenant = Tenant(stockade, organization, inner)
    policy_id = organization.policy("NoEncrypt", deny("kms:Encrypt"))
    for node in (organization.root, outer, inner):
        organization.attach(policy_id, node)
        tenant.refusal()
        organization.detach(policy_id, node)
        tenant.encrypt()
    organization.attach(policy_id, outer)
    tenant.refusal()
    organization.move(tenant.number, inner, organization.root)
    tenant.encrypt()


def test_every_level_has_to_allow(stockade: Stockade, organization: Organization) -> None:
    organization.enable()
    unit = organization.unit("u")
    tenant = Tenant(stockade, organization, unit)
    only_keys = organization.policy("OnlyKeys", allow("kms:*"))
    organization.attach(only_keys, unit)
    organization.detach("p-FullAWSAccess", unit)
    tenant.encrypt()
    code, _, text = refused(tenant.iam.list_users)
    assert code == "AccessDenied"
    assert "because no service control policy allows the iam:ListUsers action" in text
    only_iam = organization.policy("OnlyIam", allow("iam:*"))
    organization.attach(only_iam, tenant.number)
    organization.detach("p-FullAWSAccess", tenant.number)
    refused(tenant.iam.list_users)
    assert "no service control policy allows" in tenant.refusal()


def test_an_allow_grants_nothing(stockade: Stockade, organization: Organization) -> None:
    organization.enable()
    tenant = Tenant(stockade, organization)
    nobody = user(stockade, tenant.root, "nobody").client("kms")
    told = refused(nobody.encrypt, KeyId=tenant.key, Plaintext=b"x")
    assert "no identity-based policy allows" in told[2]


def test_the_management_account_is_not_held(
    stockade: Stockade, aws: boto3.Session, organization: Organization
) -> None:
    organization.enable()
    organization.enable(RESOURCE_CONTROL)
    policy_id = organization.policy("NoEncrypt", deny("kms:*"))
    rcp = organization.policy("NoKeys", everyone("kms:*"), type_=RESOURCE_CONTROL)
    for node in (organization.root, OWNER):
        organization.attach(policy_id, node)
        organization.attach(rcp, node)
    kms = user(stockade, aws, "alice", allow("*")).client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    assert kms.encrypt(KeyId=key, Plaintext=b"x")


def test_a_type_that_is_disabled_holds_nobody(
    stockade: Stockade, organization: Organization
) -> None:
    organization.enable()
    tenant = Tenant(stockade, organization)
    organization.attach(organization.policy("NoEncrypt", deny("kms:*")), organization.root)
    tenant.refusal()
    organization.client.disable_policy_type(
        RootId=organization.root, PolicyType="SERVICE_CONTROL_POLICY"
    )
    tenant.encrypt()


def test_a_resource_control_policy_holds_the_key_whoever_comes(
    stockade: Stockade, organization: Organization
) -> None:
    organization.enable(RESOURCE_CONTROL)
    tenant = Tenant(stockade, organization)
    stranger = user(stockade, organization.root_of(GUEST), "bob", allow("*")).client("kms")
    principals = [f"arn:aws:iam::{tenant.number}:root", f"arn:aws:iam::{GUEST}:root"]
    document = policy(allow("kms:*", Principal={"AWS": principals}))
    root = tenant.root.client("kms")
    root.put_key_policy(KeyId=tenant.key, PolicyName="default", Policy=document)
    stranger.encrypt(KeyId=tenant.key, Plaintext=b"x")
    outside = {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": organization.id}}
    rcp = organization.policy(
        "Perimeter", everyone("kms:*", Condition=outside), type_=RESOURCE_CONTROL
    )
    organization.attach(rcp, organization.root)
    told = refused(stranger.encrypt, KeyId=tenant.key, Plaintext=b"x")
    assert told[0] == "AccessDeniedException"
    tenant.encrypt()
    organization.invite()
    stranger.encrypt(KeyId=tenant.key, Plaintext=b"x")


def test_keys_about_the_organization(stockade: Stockade, organization: Organization) -> None:
    unit = organization.unit("u")
    tenant = Tenant(stockade, organization, unit)
    path = f"{organization.id}/{organization.root}/{unit}/"
    for name, condition in enumerate(
        (
            {"StringEquals": {"aws:PrincipalOrgID": organization.id}},
            {"StringEquals": {"aws:ResourceOrgID": organization.id}},
            {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": f"{path}*"}},
            {"ForAnyValue:StringLike": {"aws:ResourceOrgPaths": f"{organization.id}/*"}},
        )
    ):
        statement = allow("kms:Encrypt", Condition=condition)
        kms = user(stockade, tenant.root, f"user{name}", statement).client("kms")
        assert kms.encrypt(KeyId=tenant.key, Plaintext=b"x")
        other = user(stockade, organization.root_of(GUEST), f"user{name}", statement)
        key = organization.root_of(GUEST).client("kms").create_key()["KeyMetadata"]["Arn"]
        refused(other.client("kms").encrypt, KeyId=key, Plaintext=b"x")


def test_leaving_may_be_forbidden(stockade: Stockade, organization: Organization) -> None:
    organization.enable()
    guest = organization.invite()
    stay = organization.policy("Stay", deny("organizations:LeaveOrganization"))
    organization.attach(stay, organization.root)
    leave = organization.as_account(guest).leave_organization
    code, _, text = refused(leave)
    assert code == "AccessDeniedException"
    assert "service control policy" in text
    organization.client.remove_account_from_organization(AccountId=guest)
    assert organization.membership(guest) is None
