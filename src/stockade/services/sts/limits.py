# SPDX-License-Identifier: Apache-2.0
"""What may be asked of a session: its policies, its tags, how long it lasts.

The limits are AWS's: a policy of 2,048 characters, 10 managed ones, 50 tags, and all of it packed
within the room that a session has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from stockade.core.context import Context
from stockade.core.sessions import Grant
from stockade.policy.document import MalformedPolicy, parse
from stockade.services.sts.errors import (
    InvalidParameterValue,
    MalformedPolicyDocument,
    ValidationError,
)
from stockade.services.sts.requires import Role, Roles

CHAINED_DURATION = 3_600
"""The longest session, in seconds, that the session of another role may get."""
POLICY_LIMIT = 2_048
POLICY_ARNS_LIMIT = 10
"""How many managed policies a session may be limited by."""
TAGS_LIMIT = 50


class SessionTags(msgspec.Struct, frozen=True, kw_only=True):
    """The tags of a session, those that it inherits included."""

    tags: dict[str, str] = {}
    transitive: tuple[str, ...] = ()


def check_role_duration(role: Role, seconds: int, *, chained: bool) -> None:
    """Refuse a session of a role that would last longer than it may."""
    if chained and seconds > CHAINED_DURATION:
        raise ValidationError(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining."
        )
    if seconds > role.max_session_duration:
        raise ValidationError(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )


def session_policies(
    ctx: Context, account: str, policy: str, policy_arns: Sequence[Mapping[str, str]]
) -> tuple[str, ...]:
    """Check the policies that a session is to be limited by; return the ARNs of managed ones."""
    named = tuple(each["arn"] for each in policy_arns if "arn" in each)
    if len(policy) > POLICY_LIMIT:
        raise _too_long("policy", POLICY_LIMIT)
    if len(named) > POLICY_ARNS_LIMIT:
        raise _too_long("policyArns", POLICY_ARNS_LIMIT)
    if policy:
        try:
            parse(policy, "session")
        except MalformedPolicy as malformed:
            raise MalformedPolicyDocument(str(malformed)) from None
    roles = ctx.port(Roles)
    for policy_arn in named:
        if not roles.policy_exists(ctx.unit, account, policy_arn):
            raise ValidationError(f"Policy {policy_arn} does not exist or is not attachable.")
    return named


def session_tags(
    given: Mapping[str, str], transitive: Sequence[str], asking: Grant | None = None
) -> SessionTags:
    """Return the tags of a session: what the asking session hands on stands and is not changed."""
    inherited = inherited_tags(asking)
    kept = {key.lower() for key in inherited}
    if any(key.lower() in kept for key in given):
        raise InvalidParameterValue(
            "One of the specified transitive tag keys can't be set because it conflicts with a "
            "transitive tag key from the calling session."
        )
    wanted = {key.lower() for key in transitive}
    if wanted - {key.lower() for key in given}:
        raise InvalidParameterValue(
            "The specified transitive tag key must be included in the requested tags."
        )
    handed_on = (*inherited, *(key for key in given if key.lower() in wanted))
    return SessionTags(tags=inherited | dict(given), transitive=handed_on)


def checked_tags(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the tags of a request, which AWS wants different whatever their case."""
    if len(tags) > TAGS_LIMIT:
        raise _too_long("tags", TAGS_LIMIT)
    if len({tag["Key"].lower() for tag in tags}) != len(tags):
        raise InvalidParameterValue(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    if any(tag["Key"].lower().startswith("aws:") for tag in tags):
        raise ValidationError("Tag keys beginning with aws: are reserved for AWS.")
    return {tag["Key"]: tag["Value"] for tag in tags}


def inherited_tags(asking: Grant | None) -> dict[str, str]:
    """Return the tags that a session hands on to the roles that it assumes."""
    if asking is None:
        return {}
    return {key: asking.tags[key] for key in asking.transitive if key in asking.tags}


def _too_long(member: str, limit: int) -> ValidationError:
    return ValidationError(
        f"1 validation error detected: Value at '{member}' failed to satisfy constraint: "
        f"Member must have length less than or equal to {limit}"
    )
