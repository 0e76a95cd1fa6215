# SPDX-License-Identifier: Apache-2.0
"""What is asked of the policy engine: who does which action on which resource, in which context.

Condition keys are looked up one by one and only when a statement asks for them, because
most requests are decided without looking at any.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

Lookup = Callable[[str], tuple[str, ...] | None]
"""From a condition key in lower case to its values, or None when the request has no such key."""

PrincipalKind = Literal["root", "user", "session", "federated", "service", "anonymous"]


class Principal(msgspec.Struct, frozen=True):
    """The caller."""

    kind: PrincipalKind
    arn: str
    """Of a session the `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION` ARN; of a caller with a
    web identity or SAML assertion the ARN (or name) of its provider."""
    account: str
    """The account whose identity policies speak for the caller; empty for those who belong to
    none: services, anonymous callers, web identities and SAML assertions."""
    role_arn: str = ""
    """Of a session the role, of a federated user the IAM user, behind it."""
    service: str = ""
    """Of a service its name, such as `s3.amazonaws.com`."""


class Query(msgspec.Struct, frozen=True):
    """One question, whether this principal may do this action on this resource."""

    principal: Principal
    action: str
    resource: str
    """An ARN, or `*` for an action that knows no resources."""
    lookup: Lookup
