# SPDX-License-Identifier: Apache-2.0
"""What a check is given, and what it finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stockade.policy.validation.nodes import Node

PolicyType = Literal[
    "IDENTITY_POLICY", "RESOURCE_POLICY", "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"
]
TRUST = "AWS::IAM::AssumeRolePolicyDocument"


class Target(msgspec.Struct, frozen=True):
    """What kind of policy is checked."""

    type: PolicyType
    resource_type: str = ""
    """What a resource policy is for, such as `AWS::S3::Bucket`; empty when that is not said."""
    modern: bool = True
    """The document is of the version that knows variables."""

    @property
    def trust(self) -> bool:
        """The policy says who may become a role."""
        return self.resource_type == TRUST

    @property
    def names_principals(self) -> bool:
        """Statements have to say whom they are about."""
        return self.type == "RESOURCE_POLICY"


class Issue(msgspec.Struct, frozen=True):
    """One thing that is found, and where: one value, or several that only together are amiss."""

    code: str
    places: tuple[Node, ...]
    values: dict[str, object] = {}


def issue(code: str, *places: Node, **values: object) -> Issue:
    """Return an issue."""
    return Issue(code, places, values)


def strings(node: Node | None) -> Iterator[Node]:
    """Yield the texts of an element that is one text or several."""
    if node is not None:
        yield from (one for one in node.each() if one.kind == "String")
