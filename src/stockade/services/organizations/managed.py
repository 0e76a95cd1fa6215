# SPDX-License-Identifier: Apache-2.0
"""The two policies that AWS manages: attached everywhere while their type is enabled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from stockade.core.arn import PARTITION
from stockade.services.organizations.resources import Policy

SERVICE_CONTROL = "SERVICE_CONTROL_POLICY"
RESOURCE_CONTROL = "RESOURCE_CONTROL_POLICY"


def _managed(type_: str, name: str, description: str, content: str, since: datetime) -> Policy:
    return Policy(
        id=f"p-{name}",
        arn=f"arn:{PARTITION}:organizations::aws:policy/{type_.lower()}/p-{name}",
        type=type_,
        name=name,
        description=description,
        content=content,
        updated=since,
        aws_managed=True,
    )


FULL_ACCESS = _managed(
    SERVICE_CONTROL,
    "FullAWSAccess",
    "Allows access to every operation",
    '{\n  "Version": "2012-10-17",\n  "Statement": [\n    {\n      "Effect": "Allow",\n'
    '      "Action": "*",\n      "Resource": "*"\n    }\n  ]\n}',
    datetime(2016, 11, 28, tzinfo=UTC),
)
RESOURCE_FULL_ACCESS = _managed(
    RESOURCE_CONTROL,
    "RCPFullAWSAccess",
    "Allows access to every resource",
    '{\n  "Version": "2012-10-17",\n  "Statement": [\n    {\n      "Effect": "Allow",\n'
    '      "Principal": "*",\n      "Action": "*",\n      "Resource": "*"\n    }\n  ]\n}',
    datetime(2024, 11, 13, tzinfo=UTC),
)

POLICIES: Mapping[str, Policy] = MappingProxyType(
    {policy.id: policy for policy in (FULL_ACCESS, RESOURCE_FULL_ACCESS)}
)
"""The policies that AWS manages, by id."""

DEFAULTS: Mapping[str, Policy] = MappingProxyType(
    {policy.type: policy for policy in POLICIES.values()}
)
"""What every node has of a policy type once it is enabled."""


def default_policies(policy_types: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ids of what a new unit or account has attached."""
    return tuple(DEFAULTS[each].id for each in policy_types if each in DEFAULTS)
