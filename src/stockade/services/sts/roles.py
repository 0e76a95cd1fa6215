# SPDX-License-Identifier: Apache-2.0
"""AssumeRole: temporary credentials of a role, for whom its trust policy names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.policy.document import MalformedPolicy, parse
from stockade.services.sts.access import role_to_assume
from stockade.services.sts.errors import MalformedPolicyDocument, ValidationError
from stockade.services.sts.packing import packed_percentage
from stockade.services.sts.requires import Role, Roles
from stockade.services.sts.service import sts

DEFAULT_DURATION = 3_600
CHAINED_DURATION = 3_600
"""The longest session, in seconds, that the session of another role may get."""
POLICY_LIMIT = 2_048
POLICY_ARNS_LIMIT = 10
"""How many managed policies a session may be limited by."""


@sts.operation(access=role_to_assume, writes=True, read_only=True)
def assume_role(
    ctx: Context,
    role: Role,
    *,
    role_arn: str,
    role_session_name: str,
    duration_seconds: int = DEFAULT_DURATION,
    policy: str = "",
    policy_arns: Sequence[Mapping[str, str]] = (),
    external_id: str | None = None,
    tags: Sequence[Mapping[str, str]] = (),
) -> Output:
    """Return temporary credentials of a role, limited by session policies if any are given."""
    del role_arn, external_id
    _check_duration(ctx, role, duration_seconds)
    named = tuple(each["arn"] for each in policy_arns if "arn" in each)
    _check_policies(ctx, role, policy, named)
    session_tags = _session_tags(tags)
    packed = packed_percentage(policy, named, session_tags)
    expires = ctx.now.replace(microsecond=0) + timedelta(seconds=duration_seconds)
    issued = ctx.port(Roles).issue_session(
        ctx,
        role,
        name=role_session_name,
        expires=expires,
        policy=policy,
        policy_arns=named,
        tags=session_tags,
    )
    output: dict[str, object] = {
        "Credentials": {
            "AccessKeyId": issued.access_key_id,
            "SecretAccessKey": issued.secret_access_key,
            "SessionToken": issued.session_token,
            "Expiration": expires,
        },
        "AssumedRoleUser": {
            "AssumedRoleId": f"{role.role_id}:{role_session_name}",
            "Arn": f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{role_session_name}",
        },
    }
    if policy or named or session_tags:
        output["PackedPolicySize"] = packed
    return output


def _check_duration(ctx: Context, role: Role, seconds: int) -> None:
    if ctx.caller.principal.kind == "session" and seconds > CHAINED_DURATION:
        raise ValidationError(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining."
        )
    if seconds > role.max_session_duration:
        raise ValidationError(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )


def _check_policies(ctx: Context, role: Role, policy: str, named: Sequence[str]) -> None:
    if len(policy) > POLICY_LIMIT:
        raise ValidationError(
            "1 validation error detected: Value at 'policy' failed to satisfy constraint: "
            f"Member must have length less than or equal to {POLICY_LIMIT}"
        )
    if len(named) > POLICY_ARNS_LIMIT:
        raise ValidationError(
            "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: "
            f"Member must have length less than or equal to {POLICY_ARNS_LIMIT}"
        )
    if policy:
        try:
            parse(policy, "identity")
        except MalformedPolicy as malformed:
            raise MalformedPolicyDocument(str(malformed)) from None
    roles = ctx.port(Roles)
    for policy_arn in named:
        if not roles.policy_exists(ctx.unit, role.account, policy_arn):
            raise ValidationError(f"Policy {policy_arn} does not exist or is not attachable.")


def _session_tags(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    if len({tag["Key"].lower() for tag in tags}) != len(tags):
        raise ValidationError(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    if any(tag["Key"].lower().startswith("aws:") for tag in tags):
        raise ValidationError("Tag keys beginning with aws: are reserved for AWS.")
    return {tag["Key"]: tag["Value"] for tag in tags}
