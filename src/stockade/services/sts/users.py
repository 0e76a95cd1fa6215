# SPDX-License-Identifier: Apache-2.0
"""GetSessionToken and GetFederationToken: temporary credentials for who has long-lived ones.

GetSessionToken asks for no permission, but a policy may deny it. Its credentials are the user's
own, with the second factor if one was shown. GetFederationToken makes a user that IAM does not
know: it may do what both the caller and the policies that are passed allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stockade.core.access import Demand, Touched
from stockade.core.arn import arn
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.core.sessions import Grant
from stockade.policy.compile import compile_policy
from stockade.policy.document import parse
from stockade.services.sts import mfa
from stockade.services.sts.access import tag_keys, tags_of, with_session
from stockade.services.sts.answers import credentials, expiry
from stockade.services.sts.limits import checked_tags, session_policies
from stockade.services.sts.packing import packed_percentage
from stockade.services.sts.service import sts

DEFAULT_DURATION = 43_200
ROOT_DURATION = 3_600
"""The longest session of a root: AWS shortens longer ones without a word."""
_EVERYBODY = compile_policy(
    parse(
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",'
        '"Action":"sts:GetSessionToken","Resource":"*"}]}',
        "resource",
    )
)
"""Nobody needs a permission for GetSessionToken; what denies it still counts."""


def own_session(ctx: Context, _params: Mapping[str, Any]) -> Touched:
    """Resolve GetSessionToken: users and roots, with their long-lived credentials."""
    if ctx.caller.principal.kind not in ("user", "root") or ctx.caller.grant is not None:
        raise with_session("GetSessionToken")
    demand = Demand(action="sts:GetSessionToken", account=ctx.account, policy=_EVERYBODY)
    return Touched(demands=(demand,))


def federated_user(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve GetFederationToken: the federated user, by its name."""
    if ctx.caller.principal.kind not in ("user", "root") or ctx.caller.grant is not None:
        raise with_session("GetFederationToken")
    name = _federated_arn(ctx, params["Name"])
    tags = tags_of(params)
    actions = ("sts:GetFederationToken", "sts:TagSession") if tags else ("sts:GetFederationToken",)
    return Touched(
        demands=tuple(
            Demand(
                action=action,
                arn=name,
                account=ctx.account,
                keys=lambda key: tag_keys(tags, key),
            )
            for action in actions
        )
    )


@sts.operation(access=own_session, writes=True, read_only=True)
def get_session_token(
    ctx: Context,
    *,
    duration_seconds: int = DEFAULT_DURATION,
    serial_number: str | None = None,
    token_code: str | None = None,
) -> Output:
    """Return temporary credentials of the caller itself."""
    given = {"SerialNumber": serial_number, "TokenCode": token_code}
    shown = mfa.proven(ctx, given)
    grant = Grant(
        kind="user",
        account=ctx.account,
        entity=ctx.caller.user_name,
        entity_id=ctx.caller.user_id if ctx.caller.user_name else "",
        expires=expiry(ctx, _duration(ctx, duration_seconds)),
        mfa=ctx.now if shown else None,
    )
    return {"Credentials": credentials(ctx, grant)}


@sts.operation(access=federated_user, writes=True, read_only=True)
def get_federation_token(
    ctx: Context,
    *,
    name: str,
    policy: str = "",
    policy_arns: Sequence[Mapping[str, str]] = (),
    duration_seconds: int = DEFAULT_DURATION,
    tags: Sequence[Mapping[str, str]] = (),
) -> Output:
    """Return temporary credentials of a federated user, held by the policies that are passed."""
    named = session_policies(ctx, ctx.account, policy, policy_arns)
    tagged = checked_tags(tags)
    packed = packed_percentage(policy, named, tagged)
    grant = Grant(
        kind="federated",
        account=ctx.account,
        entity=ctx.caller.user_name,
        entity_id=ctx.caller.user_id if ctx.caller.user_name else "",
        name=name,
        expires=expiry(ctx, _duration(ctx, duration_seconds)),
        policy=policy,
        policy_arns=named,
        tags=tagged,
    )
    user = {
        "FederatedUserId": f"{ctx.account}:{name}",
        "Arn": _federated_arn(ctx, name),
    }
    output: dict[str, Any] = {"Credentials": credentials(ctx, grant), "FederatedUser": user}
    if policy or named or tagged:
        output["PackedPolicySize"] = packed
    return output


def _duration(ctx: Context, seconds: int) -> int:
    return min(seconds, ROOT_DURATION) if ctx.caller.principal.kind == "root" else seconds


def _federated_arn(ctx: Context, name: str) -> str:
    return arn("sts", "", ctx.account, f"federated-user/{name}")
