# SPDX-License-Identifier: Apache-2.0
"""From a request to what it names by an ARN or by a name of its own kind, and its tags.

For devices, certificates and identity providers: each belongs to an account, has an ARN and may
carry tags. Here names of tags differ by their case, as AWS was recorded to have it for these kinds
(and not for users and roles).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from stockade.core.access import Demand, Resolver, Touched
from stockade.core.arn import parse_arn
from stockade.core.context import Context
from stockade.services.iam.access import condition_keys
from stockade.services.iam.errors import InvalidInput, LimitExceeded, NoSuchEntity
from stockade.services.iam.lookup import ACCOUNT
from stockade.services.iam.quotas import TAGS
from stockade.services.iam.tags import Tags, without_exactly


class Named(NamedTuple):
    """What a request names, and what a caller hears who may know that it is not there."""

    arn: str
    found: Any
    tags: Mapping[str, str]
    missing: str
    asked: str = ""
    """What a denial calls it where the ARN tells more than was asked."""


Locate = Callable[[Context, Mapping[str, Any]], Named]


def on_named(action: str, locate: Locate, kind: str) -> Resolver:
    """Return the resolver of an operation on one thing; `kind` is how records call it."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        named = locate(ctx, params)
        keys = condition_keys(params, named.tags)
        owner = owner_of(named.arn) or ctx.account
        return Touched(
            demands=(
                Demand(action=action, arn=named.arn, account=owner, keys=keys, named=named.asked),
            ),
            resources=(named.found,),
            absent=None if named.found is not None else NoSuchEntity(named.missing),
            audit=((named.arn, f"AWS::IAM::{kind}"),),
        )

    return resolve


def owner_of(arn: str) -> str | None:
    """Return the account that an ARN names, if it names one."""
    fields = parse_arn(arn)
    return fields.account if fields and ACCOUNT.fullmatch(fields.account) else None


def tagged(old: Mapping[str, str], new: Tags) -> dict[str, str]:
    """Return the tags of something after `new` were put on it; no two names may be the same."""
    if not new:
        raise InvalidInput("The provided tag map must not be null/empty.")
    return first_tags(new, old)


def first_tags(new: Tags, old: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the tags that something is made with."""
    added = {tag["Key"]: tag["Value"] for tag in new}
    if len(added) != len(new):
        raise InvalidInput("Duplicate tag keys found.")
    if any(name.lower().startswith("aws:") for name in added):
        raise InvalidInput("Tag keys beginning with aws: are reserved for system use.")
    tags = {**(old or {}), **added}
    if len(tags) > TAGS:
        raise LimitExceeded("The number of tags has reached the maximum limit.")
    return tags


def untagged(old: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Return what is left of tags when some are taken off."""
    if not names:
        raise InvalidInput("The provided tag keys must not be null/empty.")
    return without_exactly(old, names)
