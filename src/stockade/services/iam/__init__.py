# SPDX-License-Identifier: Apache-2.0
"""AWS IAM; importing it declares every operation."""

from stockade.services.iam import (
    access_keys,
    attachments,
    boundaries,
    groups,
    inline,
    instance_profiles,
    managed,
    roles,
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
    "groups",
    "iam",
    "inline",
    "instance_profiles",
    "managed",
    "roles",
    "tags",
    "usage",
    "users",
    "versions",
]
