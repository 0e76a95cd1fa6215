# SPDX-License-Identifier: Apache-2.0
"""Versions of a managed policy: at most five, one of them in force, a number never given twice."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.iam import view
from stockade.services.iam.access import policy_named
from stockade.services.iam.documents import check_managed, encoded
from stockade.services.iam.errors import DeleteConflict, LimitExceeded, NoSuchEntity
from stockade.services.iam.paging import PAGE, listed
from stockade.services.iam.quotas import VERSIONS
from stockade.services.iam.resources import (
    POLICIES,
    ManagedPolicy,
    PolicyVersion,
    scope_of,
    whole_second,
)
from stockade.services.iam.service import iam


@iam.operation(access=policy_named("iam:CreatePolicyVersion", writes=True), writes=True)
def create_policy_version(
    ctx: Context,
    policy: ManagedPolicy,
    *,
    policy_arn: str,
    policy_document: str,
    set_as_default: bool = False,
) -> Output:
    """Add a version to a managed policy, in force at once if so asked."""
    del policy_arn
    if len(policy.versions) >= VERSIONS:
        raise LimitExceeded(
            "A managed policy can have up to 5 versions. Before you create a new version, you "
            "must delete an existing version."
        )
    check_managed(policy_document)
    number = policy.last_version + 1
    version = PolicyVersion(
        version_id=f"v{number}", document=policy_document, created=whole_second(ctx.now)
    )
    changed = replace(
        policy,
        versions=(*policy.versions, version),
        default_version=version.version_id if set_as_default else policy.default_version,
        last_version=number,
        updated=whole_second(ctx.now),
    )
    _store(ctx, changed)
    return {"PolicyVersion": view.version(changed, version)}


@iam.operation(access=policy_named("iam:GetPolicyVersion"))
def get_policy_version(
    _ctx: Context, policy: ManagedPolicy, *, policy_arn: str, version_id: str
) -> Output:
    """Return a version of a managed policy with its document."""
    del policy_arn
    version = _find(policy, version_id)
    return {
        "PolicyVersion": {**view.version(policy, version), "Document": encoded(version.document)}
    }


@iam.operation(access=policy_named("iam:ListPolicyVersions"))
def list_policy_versions(
    _ctx: Context,
    policy: ManagedPolicy,
    *,
    policy_arn: str,
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return the versions of a managed policy, the newest first."""
    del policy_arn

    def versions(after: str, count: int) -> list[PolicyVersion]:
        older = [v for v in policy.versions if not after or _number(v) < int(after)]
        return older[::-1][:count]

    def show(version: PolicyVersion) -> dict[str, Any]:
        return view.version(policy, version)

    return listed("Versions", versions, lambda v: str(_number(v)), show, max_items, marker)


@iam.operation(access=policy_named("iam:SetDefaultPolicyVersion", writes=True), writes=True)
def set_default_policy_version(
    ctx: Context, policy: ManagedPolicy, *, policy_arn: str, version_id: str
) -> Output:
    """Put a version in force for everybody who has the policy."""
    del policy_arn
    version = _find(policy, version_id)
    _store(ctx, replace(policy, default_version=version.version_id, updated=whole_second(ctx.now)))
    return {}


@iam.operation(access=policy_named("iam:DeletePolicyVersion", writes=True), writes=True)
def delete_policy_version(
    ctx: Context, policy: ManagedPolicy, *, policy_arn: str, version_id: str
) -> Output:
    """Delete a version that is not in force."""
    del policy_arn
    version = _find(policy, version_id)
    if version.version_id == policy.default_version:
        raise DeleteConflict("Cannot delete the default version of a policy.")
    left = tuple(each for each in policy.versions if each is not version)
    _store(ctx, replace(policy, versions=left, updated=whole_second(ctx.now)))
    return {}


def _store(ctx: Context, policy: ManagedPolicy) -> None:
    ctx.unit.put(POLICIES, scope_of(policy.account), policy)


def _find(policy: ManagedPolicy, version_id: str) -> PolicyVersion:
    for version in policy.versions:
        if version.version_id == version_id:
            return version
    raise NoSuchEntity(
        f"Policy {policy.arn} version {version_id} does not exist or is not attachable."
    )


def _number(version: PolicyVersion) -> int:
    return int(version.version_id[1:])
