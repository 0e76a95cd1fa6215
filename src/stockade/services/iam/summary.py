# SPDX-License-Identifier: Apache-2.0
"""GetAccountSummary: how much of everything an account has, and how much it may have."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from stockade.core.access import on_everything
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.iam import documents, quotas
from stockade.services.iam.credential_counts import credential_counts
from stockade.services.iam.resources import (
    ACCESS_KEYS,
    GROUPS,
    INSTANCE_PROFILES,
    POLICIES,
    ROLES,
    USERS,
)
from stockade.services.iam.service import iam
from stockade.store.resources import Collection

COUNTED: Mapping[str, Collection[Any]] = MappingProxyType(
    {
        "Users": USERS,
        "Groups": GROUPS,
        "Roles": ROLES,
        "Policies": POLICIES,
        "InstanceProfiles": INSTANCE_PROFILES,
    }
)
"""What is counted one by one."""
QUOTAS: Mapping[str, int] = MappingProxyType(
    {
        "UsersQuota": quotas.USERS,
        "GroupsQuota": quotas.GROUPS,
        "RolesQuota": quotas.ROLES,
        "PoliciesQuota": quotas.POLICIES,
        "InstanceProfilesQuota": quotas.INSTANCE_PROFILES,
        "GroupsPerUserQuota": quotas.GROUPS_PER_USER,
        "AccessKeysPerUserQuota": quotas.ACCESS_KEYS,
        "AttachedPoliciesPerUserQuota": quotas.ATTACHED,
        "AttachedPoliciesPerGroupQuota": quotas.ATTACHED,
        "AttachedPoliciesPerRoleQuota": quotas.ATTACHED,
        "VersionsPerPolicyQuota": quotas.VERSIONS,
        "PolicyVersionsInUseQuota": 10_000,
        "PolicySizeQuota": documents.MANAGED_LIMIT,
        "AssumeRolePolicySizeQuota": documents.TRUST_LIMIT,
        **{f"{kind.title()}PolicySizeQuota": size for kind, size in documents.INLINE_LIMITS},
        "ServerCertificatesQuota": 20,
        "SigningCertificatesPerUserQuota": 2,
    }
)


@iam.operation(access=on_everything("iam:GetAccountSummary"))
def get_account_summary(ctx: Context) -> Output:
    """Return what the account uses of each quota."""
    unit, scope = ctx.unit, ctx.global_scope
    counts = {name: unit.count(collection, scope) for name, collection in COUNTED.items()}
    versions = sum(len(policy.versions) for policy in unit.list(POLICIES, scope))
    root_keys = unit.find(ACCESS_KEYS, scope, "user", "", limit=1)
    return {
        "SummaryMap": {
            **credential_counts(unit, ctx.account),
            **QUOTAS,
            **counts,
            "PolicyVersionsInUse": versions,
            "AccountAccessKeysPresent": len(root_keys),
        }
    }
