# SPDX-License-Identifier: Apache-2.0
"""GetWebIdentityToken: an ID token of ours, for services outside that trust an account's issuer.

Each account is an issuer with two keys of its own, made when they are first needed and sealed like
every secret; an account's issuer publishes their public halves beside AWS's paths, at
`/_stockade/oidc/ACCOUNT/.well-known/openid-configuration`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import jwt
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from stockade.core.access import Demand, Touched
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.core.ports import Organization
from stockade.services.sts.access import tag_keys, tags_of, unless_session
from stockade.services.sts.errors import (
    JwtPayloadSizeExceeded,
    SessionDurationEscalation,
    ValidationError,
)
from stockade.services.sts.limits import checked_tags
from stockade.services.sts.service import sts
from stockade.store.resources import Collection, Scope
from stockade.store.unit import Unit
from stockade.store.vault import Sealed

Algorithm = Literal["RS256", "ES384"]
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
DEFAULT_DURATION = 300
LARGEST_TOKEN = 8_192
"""Characters of a token; more does not fit into a header."""
NAMESPACE = "https://sts.amazonaws.com/"
PATH = "/_stockade/oidc/"


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that an account's issuer signs with."""

    algorithm: Algorithm
    key_id: str
    made: datetime
    public: dict[str, str]
    """The public half, as a JSON Web Key."""
    sealed: Sealed
    """The private half, PKCS #8."""


SIGNING_KEYS: Collection[SigningKey] = Collection(
    SigningKey, service="sts", kind="signing-key", id=lambda key: key.algorithm
)


def web_identity_token(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve GetWebIdentityToken: for whom, how signed, for how long and with which tags."""
    tags = tags_of(params)
    actions = ("sts:GetWebIdentityToken", *(["sts:TagGetWebIdentityToken"] if tags else []))

    def find(name: str) -> tuple[str, ...] | None:
        match name:
            case "sts:identitytokenaudience":
                return tuple(params["Audience"])
            case "sts:signingalgorithm":
                return (params["SigningAlgorithm"],)
            case "sts:durationseconds":
                return (str(params.get("DurationSeconds", DEFAULT_DURATION)),)
        return tag_keys(tags, name)

    return Touched(
        demands=tuple(Demand(action=each, account=ctx.account, keys=find) for each in actions)
    )


def _made(ctx: Context, params: Mapping[str, Any]) -> PrivateKey | None:
    """Make a key before the write that is the first to need one."""
    algorithm = _algorithm(params["SigningAlgorithm"])
    known = ctx.unit.get(SIGNING_KEYS, ctx.global_scope, algorithm)
    ctx.unit.rest()
    return _generated(algorithm) if known is None else None


@sts.operation(
    access=unless_session(web_identity_token, "GetWebIdentityToken"),
    writes=True,
    read_only=True,
    prepare=_made,
)
def get_web_identity_token(
    ctx: Context,
    made: PrivateKey | None,
    *,
    audience: Sequence[str],
    signing_algorithm: str,
    duration_seconds: int = DEFAULT_DURATION,
    tags: Sequence[Mapping[str, str]] = (),
) -> Output:
    """Return a signed token that says who the caller is."""
    begins = ctx.now.replace(microsecond=0)
    expires = begins + timedelta(seconds=duration_seconds)
    grant = ctx.caller.grant
    if grant is not None and expires > grant.expires:
        raise SessionDurationEscalation
    key = _key(ctx, _algorithm(signing_algorithm), made)
    token = jwt.encode(
        {
            "iss": issuer(ctx.account, ctx.host, secure=ctx.secure),
            "aud": audience[0] if len(audience) == 1 else list(audience),
            "sub": ctx.caller.principal.role_arn or ctx.caller.arn,
            "iat": begins,
            "exp": expires,
            "jti": ctx.request_id,
            NAMESPACE: _about(ctx, checked_tags(tags)),
        },
        _private(ctx, key),
        algorithm=key.algorithm,
        headers={"kid": key.key_id},
    )
    if len(token) > LARGEST_TOKEN:
        raise JwtPayloadSizeExceeded
    return {"WebIdentityToken": token, "Expiration": expires}


def issuer(account: str, host: str, *, secure: bool) -> str:
    """Return the name of an account's issuer, which is where it publishes its keys."""
    return f"{'https' if secure else 'http'}://{host}{PATH}{account}"


def published(unit: Unit, account: str, name: str, file: str) -> dict[str, Any] | None:
    """Return a document that an account's issuer publishes, None where there is no such one."""
    keys = list(unit.list(SIGNING_KEYS, Scope(account, "")))
    if not keys:
        return None
    match file:
        case ".well-known/openid-configuration":
            return {
                "issuer": name,
                "jwks_uri": f"{name}/.well-known/jwks.json",
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", "ES384"],
            }
        case ".well-known/jwks.json":
            return {"keys": [_published(key) for key in keys]}
    return None


def _published(key: SigningKey) -> dict[str, str]:
    return {**key.public, "kid": key.key_id, "use": "sig", "alg": key.algorithm}


def _about(ctx: Context, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return what AWS says of a caller in its own namespace."""
    about: dict[str, Any] = {"aws_account": ctx.account, "source_region": ctx.region}
    place = ctx.port(Organization).membership(ctx.unit, ctx.account)
    if place is not None:
        about |= {"org_id": place.organization_id, "ou_path": place.path}
    if ctx.caller.tags:
        about["principal_tags"] = dict(ctx.caller.tags)
    if tags:
        about["request_tags"] = dict(tags)
    if ctx.caller.grant is not None and ctx.caller.grant.source_identity:
        about["source_identity"] = ctx.caller.grant.source_identity
    return about


def _algorithm(named: str) -> Algorithm:
    """Return an algorithm that tokens may be signed with, or refuse it."""
    match named:
        case "RS256" | "ES384":
            return named
    raise ValidationError("SigningAlgorithm must be one of RS256, ES384")


def _generated(algorithm: Algorithm) -> PrivateKey:
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP384R1())


def _web_key(private: PrivateKey) -> dict[str, Any]:
    """Return the public half of a key as a JSON Web Key."""
    if isinstance(private, rsa.RSAPrivateKey):
        return jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return jwt.algorithms.ECAlgorithm.to_jwk(private.public_key(), as_dict=True)


def _key(ctx: Context, algorithm: Algorithm, made: PrivateKey | None) -> SigningKey:
    """Return the account's key for an algorithm, the one just made when it is the first."""
    known = ctx.unit.get(SIGNING_KEYS, ctx.global_scope, algorithm)
    if known is not None:
        return known
    private = made or _generated(algorithm)  # a reset may have been faster than this write
    public = _web_key(private)
    key_id = base64.urlsafe_b64encode(ctx.random(15)).decode()
    encoded = private.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    key = SigningKey(
        algorithm=algorithm,
        key_id=key_id,
        made=ctx.now,
        public={name: str(value) for name, value in public.items() if name in _PUBLIC},
        sealed=ctx.seal(ctx.global_scope, _place(algorithm), encoded),
    )
    ctx.unit.put(SIGNING_KEYS, ctx.global_scope, key)
    return key


def _private(ctx: Context, key: SigningKey) -> Any:
    encoded = ctx.unseal(ctx.global_scope, _place(key.algorithm), key.sealed)
    return serialization.load_der_private_key(encoded, None)


def _place(algorithm: str) -> str:
    return f"sts/signing-key/{algorithm}/sealed"


_PUBLIC = frozenset({"kty", "n", "e", "crv", "x", "y"})
"""The members of a public JSON Web Key that tell the key itself."""
