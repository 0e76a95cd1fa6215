# SPDX-License-Identifier: Apache-2.0
"""The tasks that AssumeRoot is for: AWS's managed policies of the path `root-task/`.

A root has no identity policies, so each task is told by what it denies: every other action, and the
task's own actions on anything but the root. The documents are AWS's; that of SQSUnlockQueuePolicy
is put together from what AWS says of its statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

_PATH = "arn:aws:iam::aws:policy/root-task/"
_ANY_ROOT = "arn:aws:iam::*:root"
_NOT_ROOT = MappingProxyType({"ArnNotLike": {"aws:PrincipalArn": _ANY_ROOT}})


def session_policy(task_policy_arn: str) -> str | None:
    """Return the session policy of a task: the root's rights but for what the task denies."""
    denials = TASKS.get(task_policy_arn)
    if denials is None:
        return None
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [everything, *denials]}
    return msgspec.json.encode(document).decode()


def feature_of(task_policy_arn: str) -> str:
    """Return the organization's feature that a task is part of, empty for what is no task."""
    if task_policy_arn not in TASKS:
        return ""
    of_credentials = task_policy_arn.startswith(f"{_PATH}IAM")
    return "RootCredentialsManagement" if of_credentials else "RootSessions"


def _deny(sid: str, **more: Any) -> Mapping[str, Any]:
    return {"Sid": sid, "Effect": "Deny", **more}


def _all_but(*actions: str) -> Mapping[str, Any]:
    return _deny("DenyAllOtherActionsOnAnyResource", NotAction=list(actions), Resource="*")


_AUDIT = (
    "iam:ListAccessKeys",
    "iam:ListSigningCertificates",
    "iam:GetLoginProfile",
    "iam:ListMFADevices",
    "iam:GetUser",
    "iam:GetAccessKeyLastUsed",
)
_CREATE = ("iam:CreateLoginProfile", "iam:GetLoginProfile")
_DELETE = (
    "iam:DeleteAccessKey",
    "iam:DeleteSigningCertificate",
    "iam:DeleteLoginProfile",
    "iam:DeactivateMFADevice",
    *_AUDIT,
)
_BUCKET = (
    "s3:DeleteBucketPolicy",
    "s3:PutBucketPolicy",
    "s3:GetBucketPolicy",
    "s3:ListAllMyBuckets",
)
_QUEUE = (
    "sqs:SetQueueAttributes",
    "sqs:GetQueueAttributes",
    "sqs:ListQueues",
    "sqs:GetQueueUrl",
)

TASKS: Mapping[str, tuple[Mapping[str, Any], ...]] = MappingProxyType(
    {
        f"{_PATH}IAMAuditRootUserCredentials": (
            _all_but(*_AUDIT, "iam:GetAccountSummary"),
            _deny(
                "DenyAuditingCredentialsOnNonRootUserResource",
                Action=list(_AUDIT),
                NotResource=_ANY_ROOT,
            ),
        ),
        f"{_PATH}IAMCreateRootUserPassword": (
            _all_but(*_CREATE),
            _deny(
                "DenyCreatingPasswordOnNonRootUserResource",
                Action=list(_CREATE),
                NotResource=_ANY_ROOT,
            ),
        ),
        f"{_PATH}IAMDeleteRootUserCredentials": (
            _all_but(*_DELETE),
            _deny(
                "DenyDeletingRootUserCredentialsOnNonRootUserResource",
                Action=list(_DELETE),
                NotResource=_ANY_ROOT,
            ),
        ),
        f"{_PATH}S3UnlockBucketPolicy": (
            _all_but(*_BUCKET),
            _deny(
                "DenyManagingBucketPolicyForNonRootCallers",
                Action=list(_BUCKET),
                Resource="*",
                Condition=dict(_NOT_ROOT),
            ),
        ),
        f"{_PATH}SQSUnlockQueuePolicy": (
            _all_but(*_QUEUE),
            _deny(
                "DenyGettingQueueAttributesOnNonOwnQueue",
                Action=["sqs:GetQueueAttributes", "sqs:SetQueueAttributes"],
                Resource="*",
                Condition={"StringNotEquals": {"aws:ResourceAccount": ["${aws:PrincipalAccount}"]}},
            ),
            _deny(
                "DenyActionsForNonRootUser",
                Action=list(_QUEUE),
                Resource="*",
                Condition=dict(_NOT_ROOT),
            ),
        ),
    }
)
