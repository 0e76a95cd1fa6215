# SPDX-License-Identifier: Apache-2.0
"""Which of a principal's policies a simulation leaves out, as `PolicyExclusionList` says.

A policy is named by its type, by an ARN with wildcards in its name, or as an inline one of users,
groups or roles. What names nothing that is there is passed over; resource control policies are not
simulated, so that leaving them out changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stockade.policy.match import glob
from stockade.policy.simulate import Source
from stockade.services.iam.errors import InvalidInput
from stockade.services.iam.lookup import parse_policy_arn
from stockade.services.iam.resources import AWS_OWNED

Exclusions = Sequence[Mapping[str, Any]]


class Held(NamedTuple):
    """A policy that somebody has."""

    source: Source
    holder: str
    """`user`, `group` or `role`."""
    holder_name: str
    name: str
    arn: str = ""
    """Of a managed policy; empty for an inline one."""

    @property
    def type(self) -> str:
        if not self.arn:
            return "inline"
        named = parse_policy_arn(self.arn)
        owned = named is not None and named.owner == AWS_OWNED
        return "aws-managed" if owned else "user-managed"


def check(exclusions: Exclusions) -> None:
    """Refuse an identifier that is no single one, or whose ARN or wildcards are malformed."""
    for identifier in exclusions:
        if len(identifier) != 1:
            raise InvalidInput("A policy identifier must have exactly one member.")
        arn = identifier.get("PolicyArn")
        name = identifier.get("InlinePolicyIdentifier", {}).get("AttachmentName", "")
        if arn is not None and parse_policy_arn(arn) is None:
            raise InvalidInput(f"ARN {arn} is not valid.")
        for text in (arn or "", name):
            if text.count("*") > 1:
                raise InvalidInput(f"{text} may have at most one *.")


def excludes_type(exclusions: Exclusions, policy_type: str) -> bool:
    """Return whether every policy of a type is left out."""
    return any(identifier.get("PolicyType") == policy_type for identifier in exclusions)


def excluded(exclusions: Exclusions, held: Held) -> bool:
    """Return whether a policy is left out."""
    return any(_means(identifier, held) for identifier in exclusions)


def _means(identifier: Mapping[str, Any], held: Held) -> bool:
    if "PolicyType" in identifier:
        return bool(identifier["PolicyType"] == held.type)
    if "PolicyArn" in identifier:
        return bool(held.arn) and glob(identifier["PolicyArn"])(held.arn)
    inline = identifier["InlinePolicyIdentifier"]
    return (
        not held.arn
        and inline["PolicyName"] == held.name
        and inline["AttachmentType"] == held.holder
        and glob(inline["AttachmentName"])(held.holder_name)
    )
