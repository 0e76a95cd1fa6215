# SPDX-License-Identifier: Apache-2.0
"""Stored resources as AWS IAM shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stockade.services.iam.documents import encoded
from stockade.services.iam.resources import (
    AccessKey,
    Entity,
    ManagedPolicy,
    PolicyVersion,
    Role,
    User,
)


def user(shown: User) -> dict[str, Any]:
    """Return a user as lists show it."""
    return {"UserName": shown.name, "UserId": shown.unique_id, **_common(shown), "Arn": shown.arn}


def user_detail(shown: User) -> dict[str, Any]:
    """Return a user as CreateUser and GetUser show it."""
    return _with_tags(user(shown), shown.tags)


def role(shown: Role) -> dict[str, Any]:
    """Return a role as lists show it."""
    output = {
        "RoleName": shown.name,
        "RoleId": shown.unique_id,
        **_common(shown),
        "Arn": shown.arn,
        "AssumeRolePolicyDocument": encoded(shown.trust_policy),
        "MaxSessionDuration": shown.max_session_duration,
    }
    if shown.description:
        output["Description"] = shown.description
    return output


def role_detail(shown: Role) -> dict[str, Any]:
    """Return a role as CreateRole and GetRole show it."""
    return _with_tags(role(shown), shown.tags)


def policy(shown: ManagedPolicy, attachments: int) -> dict[str, Any]:
    """Return a managed policy as lists show it."""
    return {
        "PolicyName": shown.name,
        "PolicyId": shown.policy_id,
        "Arn": shown.arn,
        "Path": shown.path,
        "DefaultVersionId": shown.default_version,
        "AttachmentCount": attachments,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": shown.created,
        "UpdateDate": shown.updated,
    }


def policy_detail(shown: ManagedPolicy, attachments: int) -> dict[str, Any]:
    """Return a managed policy as GetPolicy shows it."""
    output = policy(shown, attachments)
    if shown.description:
        output["Description"] = shown.description
    return _with_tags(output, shown.tags)


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
