# SPDX-License-Identifier: Apache-2.0
"""What a request touches: the answer of every operation's access resolver.

A resolver loads the resources and names, for each permission that AWS demands, the action, the ARN,
the resource's own policy and the service's condition keys. The gateway decides; the handler then
gets the resources, so that holding one is the proof of permission.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from stockade.policy.compile import Policy
from stockade.protocol.errors import AwsError

if TYPE_CHECKING:
    from stockade.core.context import Context

ConditionKeys = Callable[[str], tuple[str, ...] | None]
"""Condition key in lower case -> its values in this request, None where the request has none."""


def no_keys(_key: str) -> None:
    """Answer for a request without condition keys of its service."""
    return


class Demand(msgspec.Struct, kw_only=True):
    """One permission that a request needs."""

    action: str
    arn: str = "*"
    account: str
    """The account that owns the resource."""
    policy: Policy | None = None
    must_allow: bool = False
    """The rule of KMS keys and role trust: the resource's policy has to take part in the yes."""
    granted: Callable[[], int] | None = None
    """How firmly grants on the resource name the caller, asked if no policy allows: KMS."""
    keys: ConditionKeys = no_keys
    named: str = ""
    """What a denial calls the resource where AWS says its name as asked for and not its ARN."""
    denial: str | None = None
    """AWS's text for a denial where it differs from the general grammar."""


class Touched(msgspec.Struct, kw_only=True):
    """All that a request touches."""

    demands: tuple[Demand, ...]
    """Empty only for what AWS allows everybody (GetCallerIdentity)."""
    resources: tuple[Any, ...] = ()
    """What the handler gets as its positional arguments."""
    absent: AwsError | None = None
    """What a caller hears who has the permission, where the resource does not exist."""
    audit: tuple[tuple[str, str], ...] = ()
    """(ARN, type) of the record's `resources`."""
    noted: Mapping[str, Any] | None = None
    """The record's `additionalEventData`."""


Resolver = Callable[["Context", Mapping[str, Any]], Touched]


def on_everything(action: str) -> Resolver:
    """Return the resolver of an operation that names no resource: the ARN is `*`."""

    def resolve(ctx: Context, _params: Mapping[str, Any]) -> Touched:
        return Touched(demands=(Demand(action=action, account=ctx.account),))

    return resolve


def open_to_all(_ctx: Context, _params: Mapping[str, Any]) -> Touched:
    """Resolve an operation that needs no permission, only a valid signature."""
    return Touched(demands=())
