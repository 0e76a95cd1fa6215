# SPDX-License-Identifier: Apache-2.0
"""Filters of findings: which properties there are, and when a finding meets all criteria."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stockade.services.accessanalyzer.errors import ValidationException
from stockade.services.accessanalyzer.resources import EXTERNAL, Criterion, Finding, PreviewFinding

PROPERTIES = frozenset(
    {
        "error",
        "findingType",
        "id",
        "isPublic",
        "resource",
        "resourceControlPolicyRestriction",
        "resourceOwnerAccount",
        "resourceType",
        "status",
    }
)
NOT_IN_RULES = frozenset({"id", "status"})


IN_PREVIEWS = frozenset({"changeType", "existingFindingId", "existingFindingStatus"})


def read_filter(
    given: Mapping[str, Mapping[str, Any]], *, rule: bool = False, preview: bool = False
) -> dict[str, Criterion]:
    """Return a filter as it is stored; refuse properties that findings do not have."""
    properties = PROPERTIES | IN_PREVIEWS if preview else PROPERTIES
    for name in given:
        known = name in properties or name.startswith(("principal.", "condition."))
        if not known or (rule and name in NOT_IN_RULES):
            raise ValidationException(
                f"The filter criterion {name} is not valid.", "fieldValidationFailed"
            )
    return {
        name: Criterion(
            eq=tuple(one.get("eq", ())),
            neq=tuple(one.get("neq", ())),
            contains=tuple(one.get("contains", ())),
            exists=one.get("exists"),
        )
        for name, one in given.items()
    }


def show_filter(stored: Mapping[str, Criterion]) -> dict[str, Any]:
    """Return a filter as it was given."""
    shown: dict[str, Any] = {}
    for name, one in stored.items():
        lists = {"eq": one.eq, "neq": one.neq, "contains": one.contains}
        shown[name] = {key: list(values) for key, values in lists.items() if values}
        if one.exists is not None:
            shown[name]["exists"] = one.exists
    return shown


def meets(finding: Finding, stored: Mapping[str, Criterion]) -> bool:
    """Tell whether a finding meets every criterion."""
    return all(_meets(_property(finding, name), one) for name, one in stored.items())


def preview_meets(preview: PreviewFinding, stored: Mapping[str, Criterion]) -> bool:
    """Tell whether a finding of a preview meets every criterion."""
    own = {
        "changeType": preview.change,
        "existingFindingId": preview.existing_id or None,
        "existingFindingStatus": preview.existing_status or None,
        "id": preview.id,
    }
    return all(
        _meets(own[name] if name in own else _property(preview.finding, name), one)
        for name, one in stored.items()
    )


def _meets(value: str | None, criterion: Criterion) -> bool:
    if criterion.exists is not None and criterion.exists is (value is None):
        return False
    if criterion.eq and value not in criterion.eq:
        return False
    if criterion.neq and value in criterion.neq:
        return False
    return not criterion.contains or (
        value is not None and any(part in value for part in criterion.contains)
    )


def _property(finding: Finding, name: str) -> str | None:
    group, dot, key = name.partition(".")
    if dot:
        return (finding.principal if group == "principal" else finding.condition).get(key)
    external = finding.type == EXTERNAL
    values = {
        "findingType": finding.type,
        "id": finding.finding_id,
        "isPublic": str(finding.public).lower() if external else None,
        "resource": finding.resource,
        "resourceOwnerAccount": finding.owner,
        "resourceType": finding.resource_type,
        "status": finding.status,
    }
    return values.get(name)
