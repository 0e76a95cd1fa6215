# SPDX-License-Identifier: Apache-2.0
"""From what is stored to what Access Analyzer answers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from stockade.services.accessanalyzer.filters import show_filter
from stockade.services.accessanalyzer.resources import (
    EXTERNAL,
    Analyzer,
    ArchiveRule,
    Finding,
    Generation,
    Preview,
    PreviewFinding,
    Resource,
    Step,
    Unused,
)

_DETAILS: Mapping[str, str] = MappingProxyType(
    {
        "UnusedIAMRole": "unusedIamRoleDetails",
        "UnusedIAMUserAccessKey": "unusedIamUserAccessKeyDetails",
        "UnusedIAMUserPassword": "unusedIamUserPasswordDetails",
        "UnusedPermission": "unusedPermissionDetails",
    }
)


def analyzer(stored: Analyzer) -> dict[str, Any]:
    """Return an analyzer as `AnalyzerSummary`."""
    shown: dict[str, Any] = {
        "arn": stored.arn,
        "name": stored.name,
        "type": stored.type,
        "createdAt": stored.created,
        "status": "DISABLED" if stored.disabled else "ACTIVE",
        "tags": stored.tags,
    }
    if stored.last_resource:
        shown["lastResourceAnalyzed"] = stored.last_resource
        shown["lastResourceAnalyzedAt"] = stored.last_scan
    return shown


def archive_rule(stored: ArchiveRule) -> dict[str, Any]:
    """Return a rule as `ArchiveRuleSummary`."""
    return {
        "ruleName": stored.name,
        "filter": show_filter(stored.filter),
        "createdAt": stored.created,
        "updatedAt": stored.updated,
    }


def finding(by: Analyzer, stored: Finding) -> dict[str, Any]:
    """Return a finding as `Finding` and `FindingSummary`."""
    return {
        **_traits(by, stored),
        "principal": stored.principal,
        "action": list(stored.actions),
        "isPublic": stored.public,
        "condition": stored.condition,
        "resourceControlPolicyRestriction": "NOT_APPLICABLE",
    }


def finding_v2(by: Analyzer, stored: Finding) -> dict[str, Any]:
    """Return a finding as `FindingSummaryV2`."""
    return {**_traits(by, stored), "findingType": stored.type}


def finding_details(stored: Finding) -> list[dict[str, Any]]:
    """Return the details of a finding, which may be many."""
    if stored.type == EXTERNAL:
        return [{"externalAccessDetails": _external(stored)}]
    return [{_DETAILS[stored.type]: _unused(one)} for one in stored.unused]


def _external(stored: Finding) -> dict[str, Any]:
    return {
        "action": list(stored.actions),
        "condition": stored.condition,
        "isPublic": stored.public,
        "principal": stored.principal,
        "resourceControlPolicyRestriction": "NOT_APPLICABLE",
    }


def _unused(stored: Unused) -> dict[str, Any]:
    """Return what was not used, with the members that its kind has."""
    shown: dict[str, Any] = {} if stored.last is None else {"lastAccessed": stored.last}
    if stored.access_key_id:
        shown["accessKeyId"] = stored.access_key_id
    if stored.service:
        shown["serviceNamespace"] = stored.service
    if stored.actions:
        shown["actions"] = [
            {"action": one.action} | ({} if one.last is None else {"lastAccessed": one.last})
            for one in stored.actions
        ]
    return shown


def resource_summary(stored: Resource) -> dict[str, Any]:
    """Return a resource as `AnalyzedResourceSummary`."""
    return {
        "resourceArn": stored.arn,
        "resourceOwnerAccount": stored.owner,
        "resourceType": stored.type,
    }


def resource(by: Analyzer, stored: Resource) -> dict[str, Any]:
    """Return a resource as `AnalyzedResource`."""
    shown = {
        **resource_summary(stored),
        "createdAt": stored.created,
        "updatedAt": stored.updated,
        "analyzedAt": max(by.last_scan, stored.updated),
        "isPublic": stored.public,
        "actions": list(stored.actions),
        "sharedVia": ["POLICY"] if stored.actions else [],
        "status": "ACTIVE",
    }
    return shown | ({"error": stored.error} if stored.error else {})


def _traits(by: Analyzer, stored: Finding) -> dict[str, Any]:
    over = stored.status == "RESOLVED"
    return {
        "id": stored.finding_id,
        "resource": stored.resource,
        "resourceType": stored.resource_type,
        "resourceOwnerAccount": stored.owner,
        "status": stored.status,
        "createdAt": stored.created,
        "updatedAt": stored.updated,
        "analyzedAt": stored.analyzed if over else max(by.last_scan, stored.analyzed),
    }


def preview(by: Analyzer, stored: Preview) -> dict[str, Any]:
    """Return an access preview as `AccessPreviewSummary`."""
    shown: dict[str, Any] = {
        "id": stored.preview_id,
        "analyzerArn": by.arn,
        "createdAt": stored.created,
        "status": "FAILED" if stored.failed else "COMPLETED",
    }
    return shown | ({"statusReason": {"code": "INVALID_CONFIGURATION"}} if stored.failed else {})


def preview_finding(stored: PreviewFinding) -> dict[str, Any]:
    """Return what would become of a finding as `AccessPreviewFinding`."""
    after = stored.finding
    existing = {
        "existingFindingId": stored.existing_id,
        "existingFindingStatus": stored.existing_status,
    }
    return {
        "id": stored.id,
        "changeType": stored.change,
        "status": after.status,
        "createdAt": after.created,
        "resource": after.resource,
        "resourceType": after.resource_type,
        "resourceOwnerAccount": after.owner,
        **_external(after),
        **(existing if stored.existing_id else {}),
    }


def step(stored: Step) -> dict[str, Any]:
    """Return one thing to do as `RecommendedStep`."""
    shown: dict[str, Any] = {
        "recommendedAction": stored.action,
        "existingPolicyId": stored.existing_policy,
    }
    if stored.policy:
        shown["recommendedPolicy"] = stored.policy
    if stored.updated is not None:
        shown["policyUpdatedAt"] = stored.updated
    return {"unusedPermissionsRecommendedStep": shown}


def generation(stored: Generation) -> dict[str, Any]:
    """Return the generation of a policy as `PolicyGeneration`."""
    return {**generation_details(stored), "principalArn": stored.principal}


def generation_details(stored: Generation) -> dict[str, Any]:
    """Return the generation of a policy as `JobDetails`."""
    shown: dict[str, Any] = {
        "jobId": stored.job_id,
        "status": stored.status,
        "startedOn": stored.started,
    }
    return shown | ({} if stored.completed is None else {"completedOn": stored.completed})


def generation_properties(stored: Generation) -> dict[str, Any]:
    """Return what a policy was made from as `GeneratedPolicyProperties`."""
    shown: dict[str, Any] = {"principalArn": stored.principal, "isComplete": stored.complete}
    if stored.trails:
        shown["cloudTrailProperties"] = {
            "trailProperties": stored.trails,
            "startTime": stored.start,
            "endTime": stored.end,
        }
    return shown
