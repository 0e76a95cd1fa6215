# SPDX-License-Identifier: Apache-2.0
"""AssumeRoleWithSAML: a role for who brings an assertion of a provider that is trusted.

The assertion names the roles that its subject may have, each with the provider, and the session's
name; it may bring tags and a source identity.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from stockade.core.arn import parse_arn
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.sts import saml
from stockade.services.sts.errors import InvalidIdentityToken
from stockade.services.sts.federation import (
    Proof,
    assume,
    checked_source_identity,
    enter,
    federated_role,
    receive,
)
from stockade.services.sts.issuers import Issuers
from stockade.services.sts.limits import checked_tags
from stockade.services.sts.requires import Role, SamlProviders
from stockade.services.sts.saml import Assertion
from stockade.services.sts.service import sts

ATTRIBUTES = "https://aws.amazon.com/SAML/Attributes/"
PRINCIPAL_TAG = f"{ATTRIBUTES}PrincipalTag:"
FORMAT = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
_SESSION_NAME = re.compile(r"[a-zA-Z_0-9+=,.@-]{2,64}")


def verify_assertion(ctx: Context, params: Mapping[str, Any]) -> None:
    """Enter who an assertion vouches for, after checking everything about it."""
    account = receive(ctx, params["RoleArn"])
    principal = params["PrincipalArn"]
    fields = parse_arn(principal)
    provider = ctx.port(SamlProviders).find_saml_provider(ctx.unit, principal)
    if provider is None or fields is None or fields.account != account:
        raise InvalidIdentityToken("Specified provider doesn't exist")
    now = ctx.port(Issuers).now()
    assertion = saml.read(params["SAMLAssertion"], provider.metadata, now)
    _check_role(assertion, params["RoleArn"], principal)
    left = None
    if assertion.session_ends is not None:
        left = max(0, int((assertion.session_ends - now).total_seconds()))
    enter(ctx, _proof(assertion, principal, account, left))


@sts.operation(
    access=federated_role("sts:AssumeRoleWithSAML"),
    identify=verify_assertion,
    writes=True,
    read_only=True,
)
def assume_role_with_saml(
    ctx: Context,
    role: Role,
    *,
    role_arn: str,
    principal_arn: str,
    saml_assertion: str,
    policy_arns: Sequence[Mapping[str, str]] = (),
    policy: str = "",
    duration_seconds: int | None = None,
) -> Output:
    """Return temporary credentials of a role for who an assertion vouches for."""
    del role_arn, principal_arn, saml_assertion
    return assume(ctx, role, seconds=duration_seconds, policy=policy, policy_arns=policy_arns)


def _check_role(assertion: Assertion, role_arn: str, principal: str) -> None:
    """Refuse a role that the assertion does not give; a pair may stand in either order."""
    pairs = assertion.attributes.get(f"{ATTRIBUTES}Role", ())
    wanted = {role_arn, principal}
    if not any({part.strip() for part in pair.split(",")} == wanted for pair in pairs):
        raise InvalidIdentityToken(
            "SAML Assertion doesn't contain the requested Role and Metadata in the attributes"
        )


def _proof(assertion: Assertion, principal: str, account: str, left: int | None) -> Proof:
    name = principal.rpartition("/")[2]
    qualifier = _qualifier(assertion.issuer, account, name)
    kind = assertion.subject_format.removeprefix(FORMAT)
    of_session: dict[str, tuple[str, ...]] = {
        "saml:namequalifier": (qualifier,),
        "saml:sub": (assertion.subject,),
        "saml:sub_type": (kind,),
    }
    of_trust: dict[str, tuple[str, ...]] = {
        "saml:aud": (assertion.recipient,),
        "saml:iss": (assertion.issuer,),
        "saml:doc": (f"{account}/{name}",),
    }
    return Proof(
        kind="SAMLUser",
        provider=principal,
        identity_provider=qualifier,
        principal_id=f"{qualifier}:{assertion.subject}",
        user_name=assertion.subject,
        session_name=_session_name(assertion),
        trust_keys=of_session | of_trust,
        session_keys=of_session,
        tags=_tags(assertion),
        transitive=assertion.attributes.get(f"{ATTRIBUTES}TransitiveTagKeys", ()),
        source_identity=checked_source_identity(_one(assertion, "SourceIdentity")),
        answer={
            "Subject": assertion.subject,
            "SubjectType": kind,
            "Issuer": assertion.issuer,
            "Audience": assertion.recipient,
            "NameQualifier": qualifier,
        },
        seconds=_seconds(assertion),
        longest=left,
    )


def _qualifier(issuer: str, account: str, name: str) -> str:
    """Return what tells the users of two providers apart, in AWS's way."""
    named = f"{issuer}{account}/{name}".encode()
    return base64.b64encode(hashlib.sha1(named, usedforsecurity=False).digest()).decode()


def _session_name(assertion: Assertion) -> str:
    name = _one(assertion, "RoleSessionName")
    if not name:
        raise InvalidIdentityToken("RoleSessionName is required in AuthnResponse")
    if not _SESSION_NAME.fullmatch(name):
        raise InvalidIdentityToken(
            "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}"
        )
    return name


def _seconds(assertion: Assertion) -> int | None:
    text = _one(assertion, "SessionDuration")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 900 <= int(text[:6]) <= 43_200:
        raise InvalidIdentityToken("SessionDuration in AuthnResponse must be from 900 to 43200")
    return int(text)


def _tags(assertion: Assertion) -> dict[str, str]:
    found = []
    for name, values in assertion.attributes.items():
        if name.startswith(PRINCIPAL_TAG):
            if len(values) != 1:
                raise InvalidIdentityToken(f"{name} must have exactly one value")
            found.append({"Key": name.removeprefix(PRINCIPAL_TAG), "Value": values[0]})
    return checked_tags(found)


def _one(assertion: Assertion, name: str) -> str:
    values = assertion.attributes.get(ATTRIBUTES + name, ())
    return values[0] if values else ""
