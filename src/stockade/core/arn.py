# SPDX-License-Identifier: Apache-2.0
"""Amazon Resource Names: `arn:partition:service:region:account:resource`."""

from __future__ import annotations

from typing import NamedTuple

PARTITION = "aws"


class Arn(NamedTuple):
    """The six fields of an ARN."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return f"arn:{self.partition}:{self.service}:{self.region}:{self.account}:{self.resource}"


def parse_arn(text: str) -> Arn | None:
    """Return the fields of an ARN, or None when the text is not one."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not parts[5]:
        return None
    return Arn(*parts[1:])


def arn(service: str, region: str, account: str, resource: str) -> str:
    """Return the ARN of a resource in this deployment's partition."""
    return f"arn:{PARTITION}:{service}:{region}:{account}:{resource}"
