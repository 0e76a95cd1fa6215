# SPDX-License-Identifier: Apache-2.0
"""AssumeRole: temporary credentials of a role, for whom its trust policy names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.core.sessions import Grant
from stockade.services.sts.access import role_to_assume
from stockade.services.sts.answers import assumed_role, expiry
from stockade.services.sts.errors import ValidationError
from stockade.services.sts.limits import (
    check_role_duration,
    checked_tags,
    session_policies,
    session_tags,
)
from stockade.services.sts.packing import packed_percentage
from stockade.services.sts.requires import Role
from stockade.services.sts.service import sts

DEFAULT_DURATION = 3_600


@sts.operation(access=role_to_assume, writes=True, read_only=True)
def assume_role(
    ctx: Context,
    role: Role,
    shown_mfa: datetime | None,
    *,
    role_arn: str,
    role_session_name: str,
    duration_seconds: int = DEFAULT_DURATION,
    policy: str = "",
    policy_arns: Sequence[Mapping[str, str]] = (),
    external_id: str | None = None,
    tags: Sequence[Mapping[str, str]] = (),
    transitive_tag_keys: Sequence[str] = (),
    source_identity: str = "",
    serial_number: str | None = None,
    token_code: str | None = None,
) -> Output:
    """Return temporary credentials of a role, limited by session policies if any are given."""
    del role_arn, external_id, serial_number, token_code
    asking = ctx.caller.grant
    chained = ctx.caller.principal.kind == "session"
    check_role_duration(role, duration_seconds, chained=chained)
    if source_identity.lower().startswith("aws:"):
        raise ValidationError("Source identity may not begin with aws:.")
    named = session_policies(ctx, role.account, policy, policy_arns)
    tagged = session_tags(checked_tags(tags), transitive_tag_keys, asking)
    packed = packed_percentage(policy, named, tagged.tags)
    grant = Grant(
        kind="role",
        account=role.account,
        entity=role.name,
        entity_id=role.role_id,
        name=role_session_name,
        expires=expiry(ctx, duration_seconds),
        policy=policy,
        policy_arns=named,
        tags=tagged.tags,
        transitive=tagged.transitive,
        source_identity=asking.source_identity or source_identity if asking else source_identity,
        mfa=shown_mfa,
    )
    return assumed_role(ctx, role, grant, packed if policy or named or tagged.tags else None)
