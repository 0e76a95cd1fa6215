# SPDX-License-Identifier: Apache-2.0
"""The policies that AWS manages, as far as Stockade has services for them.

Text, version and dates are AWS's. They belong to nobody here: an account may attach and read them,
and nobody may change them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import msgspec

from stockade.services.iam.resources import AWS_OWNED, ManagedPolicy, PolicyVersion


def find(name: str) -> ManagedPolicy | None:
    """Return the policy of a name, whatever its case."""
    return POLICIES.get(name.lower())


def _allow(*actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


def _policy(
    name: str, version: str, created: str, updated: str, *statements: dict[str, Any]
) -> ManagedPolicy:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    in_force = PolicyVersion(
        version_id=version,
        document=msgspec.json.encode(document).decode(),
        created=_moment(updated),
    )
    return ManagedPolicy(
        account=AWS_OWNED,
        name=name,
        policy_id=_policy_id(name),
        created=_moment(created),
        updated=_moment(updated),
        versions=(in_force,),
        default_version=version,
        last_version=int(version[1:]),
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _policy_id(name: str) -> str:
    """Return an id of AWS's form that is the same in every Stockade."""
    letters = "".join(letter for letter in name.upper() if letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return "ANPA" + letters[:17].ljust(17, "A")


_POLICIES = (
    _policy(
        "AdministratorAccess",
        "v1",
        "2015-02-06T18:39:46Z",
        "2015-02-06T18:39:46Z",
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
    ),
    _policy(
        "PowerUserAccess",
        "v12",
        "2015-02-06T18:39:47Z",
        "2026-02-12T17:59:14Z",
        {
            "Effect": "Allow",
            "NotAction": ["iam:*", "organizations:*", "account:*"],
            "Resource": "*",
        },
        _allow(
            "account:GetAccountInformation",
            "account:GetGovCloudAccountInformation",
            "account:GetPrimaryEmail",
            "account:ListRegions",
            "iam:CreateServiceLinkedRole",
            "iam:DeleteServiceLinkedRole",
            "iam:ListRoles",
            "organizations:DescribeEffectivePolicy",
            "organizations:DescribeOrganization",
        ),
    ),
    _policy(
        "IAMFullAccess",
        "v2",
        "2015-02-06T18:40:38Z",
        "2019-06-21T19:40:00Z",
        _allow(
            "iam:*",
            "organizations:DescribeAccount",
            "organizations:DescribeOrganization",
            "organizations:DescribeOrganizationalUnit",
            "organizations:DescribePolicy",
            "organizations:ListChildren",
            "organizations:ListParents",
            "organizations:ListPoliciesForTarget",
            "organizations:ListRoots",
            "organizations:ListPolicies",
            "organizations:ListTargetsForPolicy",
        ),
    ),
    _policy(
        "IAMReadOnlyAccess",
        "v4",
        "2015-02-06T18:40:39Z",
        "2018-01-25T19:11:27Z",
        _allow(
            "iam:GenerateCredentialReport",
            "iam:GenerateServiceLastAccessedDetails",
            "iam:Get*",
            "iam:List*",
            "iam:SimulateCustomPolicy",
            "iam:SimulatePrincipalPolicy",
        ),
    ),
    _policy(
        "AWSKeyManagementServicePowerUser",
        "v2",
        "2015-02-06T18:40:40Z",
        "2017-03-07T00:55:11Z",
        _allow(
            "kms:CreateAlias",
            "kms:CreateKey",
            "kms:DeleteAlias",
            "kms:Describe*",
            "kms:GenerateRandom",
            "kms:Get*",
            "kms:List*",
            "kms:TagResource",
            "kms:UntagResource",
            "iam:ListGroups",
            "iam:ListRoles",
            "iam:ListUsers",
        ),
    ),
    _policy(
        "AWSCloudTrail_ReadOnlyAccess",
        "v1",
        "2022-06-14T17:19:05Z",
        "2022-06-14T17:19:05Z",
        _allow(
            "cloudtrail:Get*",
            "cloudtrail:Describe*",
            "cloudtrail:List*",
            "cloudtrail:LookupEvents",
        ),
    ),
)

POLICIES: Mapping[str, ManagedPolicy] = MappingProxyType({p.id: p for p in _POLICIES})
"""The policies by their names in small letters."""
