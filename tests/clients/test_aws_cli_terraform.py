# SPDX-License-Identifier: Apache-2.0
"""The calls that Terraform's AWS provider makes, in its order, by the stock AWS CLI.

A resource is made, read back as the provider reads it (twice: what differs would be drift), changed
in place, and destroyed after what hangs on it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.clients.clients import Clients

pytestmark = pytest.mark.slow


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


TRUST = document(
    {
        "Effect": "Allow",
        "Principal": {"Service": "ec2.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
)
READ = document({"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"})
WRITE = document({"Effect": "Allow", "Action": ["kms:Decrypt", "kms:Encrypt"], "Resource": "*"})


def read_role(clients: Clients) -> list[Any]:
    """Read a role as aws_iam_role does."""
    named = ("--role-name", "tf-app")
    return [
        clients.aws("iam", "get-role", *named),
        clients.aws("iam", "list-role-policies", *named),
        clients.aws("iam", "list-attached-role-policies", *named),
    ]


def test_a_role_with_its_policy_and_profile(clients: Clients) -> None:
    role = ("--role-name", "tf-app")
    profile = ("--instance-profile-name", "tf-app")
    clients.aws("iam", "create-role", *role, "--assume-role-policy-document", TRUST)
    made = clients.aws("iam", "create-policy", "--policy-name", "tf", "--policy-document", READ)
    arn = ("--policy-arn", made["Policy"]["Arn"])
    clients.aws("iam", "attach-role-policy", *role, *arn)
    clients.aws("iam", "create-instance-profile", *profile)
    clients.aws("iam", "add-role-to-instance-profile", *profile, *role)
    found = read_role(clients)
    assert found[0]["Role"]["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert [each["PolicyName"] for each in found[2]["AttachedPolicies"]] == ["tf"]
    assert read_role(clients) == found

    clients.aws(
        "iam", "create-policy-version", *arn, "--policy-document", WRITE, "--set-as-default"
    )
    version = clients.aws("iam", "get-policy", *arn)["Policy"]["DefaultVersionId"]
    shown = clients.aws("iam", "get-policy-version", *arn, "--version-id", version)
    assert shown["PolicyVersion"]["Document"] == json.loads(WRITE)

    assert "DeleteConflict" in clients.refused("iam", "delete-role", *role)
    holding = clients.aws("iam", "list-instance-profiles-for-role", *role)["InstanceProfiles"]
    assert [each["InstanceProfileName"] for each in holding] == ["tf-app"]
    clients.aws("iam", "remove-role-from-instance-profile", *profile, *role)
    clients.aws("iam", "delete-instance-profile", *profile)
    clients.aws("iam", "detach-role-policy", *role, *arn)
    clients.aws("iam", "delete-role", *role)
    clients.aws("iam", "delete-policy-version", *arn, "--version-id", "v1")
    clients.aws("iam", "delete-policy", *arn)
    assert "NoSuchEntity" in clients.refused("iam", "get-role", *role)


def read_key(clients: Clients, key: str) -> list[Any]:
    """Read a key as aws_kms_key does."""
    named = ("--key-id", key)
    return [
        clients.aws("kms", "describe-key", *named),
        clients.aws("kms", "get-key-policy", *named, "--policy-name", "default"),
        clients.aws("kms", "get-key-rotation-status", *named),
        clients.aws("kms", "list-resource-tags", *named),
    ]


def test_a_key_with_rotation_and_tags(clients: Clients) -> None:
    tags = ("--tags", "TagKey=owner,TagValue=tf")
    key = clients.aws("kms", "create-key", *tags)["KeyMetadata"]["KeyId"]
    clients.aws("kms", "enable-key-rotation", "--key-id", key)
    found = read_key(clients, key)
    assert found[2]["KeyRotationEnabled"] is True
    assert found[3]["Tags"] == [{"TagKey": "owner", "TagValue": "tf"}]
    assert read_key(clients, key) == found
    pending = ("--key-id", key, "--pending-window-in-days", "7")
    clients.aws("kms", "schedule-key-deletion", *pending)
    described = clients.aws("kms", "describe-key", "--key-id", key)["KeyMetadata"]
    assert described["KeyState"] == "PendingDeletion"


@pytest.mark.fact("iam-15")
def test_an_organization_whose_policy_holds_its_members(clients: Clients) -> None:
    organizations = "organizations"
    clients.aws(organizations, "create-organization", "--feature-set", "ALL")
    (root,) = clients.aws(organizations, "list-roots")["Roots"]
    typed = ("--root-id", root["Id"], "--policy-type", "SERVICE_CONTROL_POLICY")
    clients.aws(organizations, "enable-policy-type", *typed)
    under = ("--parent-id", root["Id"], "--name", "workloads")
    unit = clients.aws(organizations, "create-organizational-unit", *under)["OrganizationalUnit"]
    account = ("--email", "tf@example.com", "--account-name", "tf")
    asked = clients.aws(organizations, "create-account", *account)["CreateAccountStatus"]["Id"]
    status = ("--create-account-request-id", asked)
    told = clients.aws(organizations, "describe-create-account-status", *status)
    member = told["CreateAccountStatus"]["AccountId"]
    assert told["CreateAccountStatus"]["State"] == "SUCCEEDED"
    moved = ("--source-parent-id", root["Id"], "--destination-parent-id", unit["Id"])
    clients.aws(organizations, "move-account", "--account-id", member, *moved)
    deny = document({"Effect": "Deny", "Action": "kms:*", "Resource": "*"})
    said = ("--name", "no-kms", "--description", "", "--content", deny)
    made = clients.aws(organizations, "create-policy", "--type", "SERVICE_CONTROL_POLICY", *said)[
        "Policy"
    ]["PolicySummary"]["Id"]
    attached = ("--policy-id", made, "--target-id", unit["Id"])
    clients.aws(organizations, "attach-policy", *attached)
    (parent,) = clients.aws(organizations, "list-parents", "--child-id", member)["Parents"]
    assert parent == {"Id": unit["Id"], "Type": "ORGANIZATIONAL_UNIT"}
    targets = clients.aws(organizations, "list-targets-for-policy", "--policy-id", made)["Targets"]
    assert [each["TargetId"] for each in targets] == [unit["Id"]]
    assert "PolicyInUseException" in clients.refused(
        organizations, "delete-policy", "--policy-id", made
    )
    clients.aws(organizations, "detach-policy", *attached)
    clients.aws(organizations, "delete-policy", "--policy-id", made)
