# SPDX-License-Identifier: Apache-2.0
"""Managed policies: made with their first version, shown, listed, deleted once nobody has them."""

from __future__ import annotations

from typing import Any

from stockade.core.context import Context
from stockade.core.ids import unique_id
from stockade.core.operation import Output
from stockade.services.iam import aws_managed, quotas, view
from stockade.services.iam.access import all_policies, creation, policy_named
from stockade.services.iam.documents import check_managed
from stockade.services.iam.errors import DeleteConflict, EntityAlreadyExists
from stockade.services.iam.paging import PAGE, among, listed
from stockade.services.iam.resources import (
    AWS_OWNED,
    POLICIES,
    ManagedPolicy,
    PolicyVersion,
    policy_arn,
    scope_of,
    whole_second,
)
from stockade.services.iam.service import iam
from stockade.services.iam.tags import Tags, merged_exactly
from stockade.services.iam.usage import every_usage, is_used, usage


@iam.operation(
    access=creation("iam:CreatePolicy", "iam:TagPolicy", policy_arn, "PolicyName"), writes=True
)
def create_policy(
    ctx: Context,
    *,
    policy_name: str,
    path: str = "/",
    policy_document: str,
    description: str = "",
    tags: Tags = (),
) -> Output:
    """Make a managed policy with this document as version v1."""
    if ctx.unit.get(POLICIES, ctx.global_scope, policy_name.lower()) is not None:
        raise EntityAlreadyExists(
            f"A policy called {policy_name} already exists. Duplicate names are not allowed."
        )
    quotas.check_room(ctx, POLICIES, quotas.POLICIES, "PoliciesPerAccount")
    check_managed(policy_document)
    first = PolicyVersion(version_id="v1", document=policy_document, created=whole_second(ctx.now))
    policy = ManagedPolicy(
        account=ctx.account,
        name=policy_name,
        path=path,
        policy_id=unique_id("ANPA", ctx.account, ctx.random),
        description=description,
        created=whole_second(ctx.now),
        updated=whole_second(ctx.now),
        versions=(first,),
        tags=merged_exactly({}, tags, "Policy"),
    )
    ctx.unit.put(POLICIES, ctx.global_scope, policy)
    return {"Policy": view.policy_made(policy)}


@iam.operation(access=policy_named("iam:GetPolicy"))
def get_policy(ctx: Context, policy: ManagedPolicy, *, policy_arn: str) -> Output:
    """Return a managed policy without its document."""
    return {"Policy": view.policy_detail(policy, usage(ctx.unit, ctx.global_scope, policy_arn))}


@iam.operation(access=all_policies)
def list_policies(
    ctx: Context,
    *,
    scope: str = "All",
    only_attached: bool = False,
    path_prefix: str = "/",
    policy_usage_filter: str | None = None,
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return managed policies, AWS's before the account's own, each in the order of names."""
    used = every_usage(ctx.unit, ctx.global_scope)
    filtered = only_attached or policy_usage_filter is not None
    chosen = [
        policy
        for policy in _of_scope(ctx, scope)
        if policy.path.startswith(path_prefix)
        and (not filtered or is_used(used.get(policy.arn, view.UNUSED), policy_usage_filter))
    ]

    def show(policy: ManagedPolicy) -> dict[str, Any]:
        return view.policy(policy, used.get(policy.arn, view.UNUSED))

    return listed("Policies", among(chosen, _list_id), _list_id, show, max_items, marker)


@iam.operation(access=policy_named("iam:DeletePolicy", writes=True), writes=True)
def delete_policy(ctx: Context, policy: ManagedPolicy, *, policy_arn: str) -> Output:
    """Delete a managed policy that nobody has and whose other versions are deleted."""
    if usage(ctx.unit, ctx.global_scope, policy_arn) != view.UNUSED:
        raise DeleteConflict("Cannot delete a policy attached to entities.")
    if len(policy.versions) > 1:
        raise DeleteConflict(
            "This policy has more than one version. Before you delete a policy, you must delete "
            "the policy's versions. The default version is deleted with the policy."
        )
    ctx.unit.delete(POLICIES, scope_of(policy.account), policy.id)
    return {}


def _of_scope(ctx: Context, scope: str) -> list[ManagedPolicy]:
    """Return the policies that a list's `Scope` means."""
    of_aws = [] if scope == "Local" else list(aws_managed.policies().values())
    return of_aws + ([] if scope == "AWS" else ctx.unit.list(POLICIES, ctx.global_scope))


def _list_id(policy: ManagedPolicy) -> str:
    """Return what lists are ordered by."""
    return f"{policy.account != AWS_OWNED:d}/{policy.id}"
