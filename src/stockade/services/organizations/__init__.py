# SPDX-License-Identifier: Apache-2.0
"""AWS Organizations; importing it declares every operation."""

from stockade.services.organizations import (
    accounts,
    attachments,
    creation,
    delegated,
    delegation,
    departures,
    effective,
    features,
    handshakes,
    organization,
    policies,
    policy_types,
    reconcile,
    tags,
    tree,
    trusted,
    units,
)
from stockade.services.organizations.service import organizations

__all__ = [
    "accounts",
    "attachments",
    "creation",
    "delegated",
    "delegation",
    "departures",
    "effective",
    "features",
    "handshakes",
    "organization",
    "organizations",
    "policies",
    "policy_types",
    "reconcile",
    "tags",
    "tree",
    "trusted",
    "units",
]
