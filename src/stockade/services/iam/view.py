# SPDX-License-Identifier: Apache-2.0
"""Stored resources as AWS IAM shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from stockade.services.iam.documents import encoded
from stockade.services.iam.resources import (
    AccessKey,
    Entity,
    Group,
    InstanceProfile,
    ManagedPolicy,
    PolicyVersion,
    Role,
    User,
)


class Usage(NamedTuple):
    """How many users, groups and roles of an account have a policy, and how many it bounds."""

    attached: int
    bounding: int


UNUSED = Usage(0, 0)


def user(shown: User) -> dict[str, Any]:
    """Return a user as lists show it."""
    return {"UserName": shown.name, "UserId": shown.unique_id, **_common(shown), "Arn": shown.arn}


def user_detail(shown: User) -> dict[str, Any]:
    """Return a user as CreateUser and GetUser show it."""
    return _with_tags(user(shown) | boundary(shown), shown.tags)


def group(shown: Group) -> dict[str, Any]:
    """Return a group."""
    return {"GroupName": shown.name, "GroupId": shown.unique_id, **_common(shown), "Arn": shown.arn}


def role_plain(shown: Role) -> dict[str, Any]:
    """Return what every answer tells of a role."""
    return {
        "RoleName": shown.name,
        "RoleId": shown.unique_id,
        **_common(shown),
        "Arn": shown.arn,
        "AssumeRolePolicyDocument": encoded(shown.trust_policy),
    }


def role_made(shown: Role) -> dict[str, Any]:
    """Return a role as CreateRole shows it."""
    output = role_plain(shown) | boundary(shown)
    return _with_tags(output, shown.tags)


def role(shown: Role) -> dict[str, Any]:
    """Return a role as lists show it."""
    output = role_plain(shown) | {"MaxSessionDuration": shown.max_session_duration}
    if shown.description:
        output["Description"] = shown.description
    return output


def role_detail(shown: Role, last_used: Mapping[str, Any]) -> dict[str, Any]:
    """Return a role as GetRole shows it."""
    output = role(shown) | boundary(shown) | {"RoleLastUsed": last_used}
    return _with_tags(output, shown.tags)


def role_described(shown: Role) -> dict[str, Any]:
    """Return a role as UpdateRoleDescription shows it."""
    return role_plain(shown) | {"Description": shown.description}


def boundary(shown: User | Role) -> dict[str, Any]:
    """Return the member that tells of a boundary, where there is one.

    AWS's answers have `Policy` as the type, its model has another word.
    """
    if not shown.boundary:
        return {}
    return {
        "PermissionsBoundary": {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": shown.boundary,
        }
    }


def instance_profile(shown: InstanceProfile, holds: Role | None) -> dict[str, Any]:
    """Return an instance profile as lists show it, with the role it holds."""
    return {
        "InstanceProfileName": shown.name,
        "InstanceProfileId": shown.profile_id,
        "Path": shown.path,
        "Arn": shown.arn,
        "CreateDate": shown.created,
        "Roles": [] if holds is None else [role_plain(holds)],
    }


def policy(shown: ManagedPolicy, usage: Usage) -> dict[str, Any]:
    """Return a managed policy as lists show it."""
    return {
        "PolicyName": shown.name,
        "PolicyId": shown.policy_id,
        "Arn": shown.arn,
        "Path": shown.path,
        "DefaultVersionId": shown.default_version,
        "AttachmentCount": usage.attached,
        "PermissionsBoundaryUsageCount": usage.bounding,
        "IsAttachable": True,
        "CreateDate": shown.created,
        "UpdateDate": shown.updated,
    }


def policy_made(shown: ManagedPolicy) -> dict[str, Any]:
    """Return a managed policy as CreatePolicy shows it."""
    return _with_tags(policy(shown, UNUSED), shown.tags)


def policy_detail(shown: ManagedPolicy, usage: Usage) -> dict[str, Any]:
    """Return a managed policy as GetPolicy shows it."""
    output = policy(shown, usage) | {"Tags": tag_list(shown.tags)}
    if shown.description:
        output["Description"] = shown.description
    return output


def version(of: ManagedPolicy, shown: PolicyVersion) -> dict[str, Any]:
    """Return a version of a managed policy as lists show it."""
    return {
        "VersionId": shown.version_id,
        "IsDefaultVersion": shown.version_id == of.default_version,
        "CreateDate": shown.created,
    }


def access_key(shown: AccessKey, user_name: str) -> dict[str, Any]:
    """Return an access key without its secret; the account's root has no user name."""
    output: dict[str, Any] = {"UserName": user_name} if user_name else {}
    output["AccessKeyId"] = shown.access_key_id
    output["Status"] = shown.status
    output["CreateDate"] = shown.created
    return output


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as IAM spells them."""
    return [{"Key": name, "Value": tags[name]} for name in sorted(tags)]


def _common(shown: Entity) -> dict[str, Any]:
    return {"Path": shown.path, "CreateDate": shown.created}


def _with_tags(output: dict[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    return {**output, "Tags": tag_list(tags)} if tags else output
