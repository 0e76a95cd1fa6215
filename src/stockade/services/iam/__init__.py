# SPDX-License-Identifier: Apache-2.0
"""AWS IAM; importing it declares every operation."""

from stockade.services.iam import (
    access_keys,
    attachments,
    boundaries,
    details,
    granting,
    groups,
    inline,
    instance_profiles,
    last_access,
    last_used,
    managed,
    roles,
    service_linked,
    simulation,
    summary,
    tags,
    usage,
    users,
    versions,
)
from stockade.services.iam.service import iam

__all__ = [
    "access_keys",
    "attachments",
    "boundaries",
    "details",
    "granting",
    "groups",
    "iam",
    "inline",
    "instance_profiles",
    "last_access",
    "last_used",
    "managed",
    "roles",
    "service_linked",
    "simulation",
    "summary",
    "tags",
    "usage",
    "users",
    "versions",
]
