# SPDX-License-Identifier: Apache-2.0
"""AssumeRoleWithWebIdentity: a role for who holds an ID token of a provider that is trusted.

The signature is checked with the keys that the issuer publishes; issuer, audience, subject and
times must be right. Times are the host's: the token is of another world than a moved clock's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import jwt

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.sts.errors import ExpiredIdentityToken, InvalidIdentityToken
from stockade.services.sts.federation import (
    Proof,
    assume,
    checked_source_identity,
    enter,
    federated_role,
    receive,
)
from stockade.services.sts.issuers import ALGORITHMS, Issuers, not_a_token
from stockade.services.sts.limits import checked_tags
from stockade.services.sts.requires import OidcProvider, OidcProviders, Role
from stockade.services.sts.service import sts

TAGS = "https://aws.amazon.com/tags"
SOURCE_IDENTITY = "https://aws.amazon.com/source_identity"
LEEWAY = timedelta(minutes=5)
"""How far the clock of an issuer may be ahead of ours."""
OLDEST = timedelta(hours=24)
"""How long ago a token may have been issued."""
_SIGNATURE_ONLY = (
    "verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_sub", "verify_jti"
)  # fmt: skip


def verify_token(ctx: Context, params: Mapping[str, Any]) -> None:
    """Enter who an ID token vouches for, after checking everything about it."""
    account = receive(ctx, params["RoleArn"])
    token = params["WebIdentityToken"]
    issuer = _unverified_issuer(token)
    provider = ctx.port(OidcProviders).find_oidc_provider(ctx.unit, account, issuer)
    if provider is None:
        raise InvalidIdentityToken(f"No OpenIDConnect provider found in your account for {issuer}")
    ctx.unit.rest()  # the issuer may be slow
    issuers = ctx.port(Issuers)
    claims = _verified(token, issuers.signing_keys(provider, issuer, token))
    _check_times(claims, issuers.now())
    audience = _audience(claims, provider)
    enter(ctx, _proof(params, claims, issuer, audience, provider))


@sts.operation(
    access=federated_role("sts:AssumeRoleWithWebIdentity"),
    identify=verify_token,
    writes=True,
    read_only=True,
)
def assume_role_with_web_identity(
    ctx: Context,
    role: Role,
    *,
    role_arn: str,
    role_session_name: str,
    web_identity_token: str,
    policy_arns: Sequence[Mapping[str, str]] = (),
    policy: str = "",
    duration_seconds: int | None = None,
) -> Output:
    """Return temporary credentials of a role for who an ID token vouches for."""
    del role_arn, role_session_name, web_identity_token
    return assume(ctx, role, seconds=duration_seconds, policy=policy, policy_arns=policy_arns)


def _unverified_issuer(token: str) -> str:
    """Return who a token says it is of, so that the keys can be found that prove it."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        raise not_a_token() from None
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or not issuer:
        raise InvalidIdentityToken("Missing a required claim: iss")
    return issuer


def _verified(token: str, keys: Sequence[jwt.PyJWK]) -> dict[str, Any]:
    """Return the claims of a token that one of the keys signed."""
    options: Any = dict.fromkeys(_SIGNATURE_ONLY, False) | {"verify_signature": True}
    for key in keys:
        try:
            claims: dict[str, Any] = jwt.decode(
                token, key.key, algorithms=list(ALGORITHMS), options=options
            )
        except (jwt.PyJWTError, TypeError, ValueError):
            continue
        return claims
    raise InvalidIdentityToken("Token signature invalid")


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    present = now.timestamp()
    expires = _number(claims, "exp", required=True)
    issued = _number(claims, "iat", required=True)
    begins = _number(claims, "nbf", required=False)
    if expires <= present:
        raise ExpiredIdentityToken(
            f"Token expired: current date/time {int(present)} must be before the expiration "
            f"date/time {int(expires)}"
        )
    if present - issued > OLDEST.total_seconds():
        raise ExpiredIdentityToken(f"Token too old: {int(present - issued)}")
    if max(issued, begins) - present > LEEWAY.total_seconds():
        raise InvalidIdentityToken("Token is not yet valid")


def _number(claims: Mapping[str, Any], name: str, *, required: bool) -> float:
    value = claims.get(name)
    if value is None and not required:
        return 0.0
    if value is None:
        raise InvalidIdentityToken(f"Missing a required claim: {name}")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise not_a_token()
    return float(value)


def _audience(claims: Mapping[str, Any], provider: OidcProvider) -> str:
    """Return for whom the token was made: a client that the provider was registered with.

    Of a token for several `azp` says which of them got it; without it the first one that is known
    counts.
    """
    if not claims.get("sub") or not isinstance(claims["sub"], str):
        raise InvalidIdentityToken("Missing a required claim: sub")
    said = claims.get("aud")
    named = [said] if isinstance(said, str) else said
    if not named or not isinstance(named, list):
        raise InvalidIdentityToken("Missing a required claim: aud")
    party = claims.get("azp")
    audience = party if isinstance(party, str) and party else named[0]
    if len(named) > 1 and not party:
        audience = next((each for each in named if each in provider.client_ids), named[0])
    if audience not in provider.client_ids:
        raise InvalidIdentityToken("Incorrect token audience")
    return str(audience)


def _proof(
    params: Mapping[str, Any],
    claims: Mapping[str, Any],
    issuer: str,
    audience: str,
    provider: OidcProvider,
) -> Proof:
    prefix = issuer.partition("://")[2].rstrip("/").lower()
    keys: dict[str, tuple[str, ...]] = {
        f"{prefix}:aud": (audience,),
        f"{prefix}:sub": (claims["sub"],),
    }
    for name in ("amr", "email", "oaud", "azp"):
        values = _texts(claims.get(name))
        if values:
            keys[f"{prefix}:{name}"] = values
    tags, transitive = _tags(claims)
    said = claims.get(SOURCE_IDENTITY, "")
    return Proof(
        kind="WebIdentityUser",
        provider=provider.arn,
        identity_provider=provider.arn,
        principal_id=f"{provider.arn}:{audience}:{claims['sub']}",
        user_name=claims["sub"],
        session_name=params["RoleSessionName"],
        trust_keys=keys,
        session_keys=keys,
        tags=tags,
        transitive=transitive,
        source_identity=checked_source_identity(said if isinstance(said, str) else "?"),
        answer={
            "SubjectFromWebIdentityToken": claims["sub"],
            "Audience": audience,
            "Provider": provider.arn,
        },
    )


def _tags(claims: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the session tags of a token, nested in one claim or spread over several."""
    nested = claims.get(TAGS, {})
    if not isinstance(nested, Mapping):
        raise not_a_token()
    said: dict[str, Any] = dict(nested.get("principal_tags") or {})
    spread = f"{TAGS}/principal_tags/"
    said |= {name[len(spread) :]: each for name, each in claims.items() if name.startswith(spread)}
    found = []
    for key, value in said.items():
        values = _texts(value)
        if len(values) != 1:
            raise not_a_token()
        found.append({"Key": key, "Value": values[0]})
    handed_on = claims.get(f"{TAGS}/transitive_tag_keys", nested.get("transitive_tag_keys"))
    return checked_tags(found), _texts(handed_on)


def _texts(value: Any) -> tuple[str, ...]:
    """Return what a claim says, one text or a list of them."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return tuple(each for each in value if isinstance(each, str))
    return ()
