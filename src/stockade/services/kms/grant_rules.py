# SPDX-License-Identifier: Apache-2.0
"""What CreateGrant takes: principals that exist, operations that the key knows, small constraints.

Where AWS's words are not on record, they are those of its API reference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from stockade.core.arn import parse_arn
from stockade.core.context import Context
from stockade.core.ports import Principals
from stockade.services.kms import specs
from stockade.services.kms.errors import InvalidArnException, ValidationException
from stockade.services.kms.grant_resources import Constraints, Party
from stockade.services.kms.resources import Key

PAIR_LIMIT = 8
CONTEXT_LIMIT = 384
_SESSION_PARTS = 3
"""Of `assumed-role/name/session`: the ARN of a session leaves the role's path out."""

_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com")
_UNIQUE_ID = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,}(:.*)?")
_MANAGEMENT = ("CreateGrant", "RetireGrant", "DescribeKey")
_CIPHER = ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo")
_DATA_KEYS = (
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
)
_PUBLIC = ("GetPublicKey",)
_BY_USAGE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ENCRYPT_DECRYPT": _PUBLIC + _CIPHER,
        "SIGN_VERIFY": (*_PUBLIC, "Sign", "Verify"),
        "GENERATE_VERIFY_MAC": ("GenerateMac", "VerifyMac"),
        "KEY_AGREEMENT": (*_PUBLIC, "DeriveSharedSecret"),
        "ENCAPSULATE_DECAPSULATE": (*_PUBLIC, "Encapsulate", "Decapsulate"),
    }
)


def supported(key: Key) -> tuple[str, ...]:
    """Return the grant operations that a key can be used for, in AWS's order."""
    if key.key_spec == specs.SYMMETRIC:
        return _MANAGEMENT + _CIPHER + _DATA_KEYS
    return _MANAGEMENT + _BY_USAGE[key.key_usage]


def operations(key: Key, asked: Sequence[str]) -> tuple[str, ...]:
    """Return the operations of a new grant, each once, or refuse them."""
    if not asked:
        raise ValidationException(
            "1 validation error detected: Value '[]' at 'operations' failed to satisfy "
            "constraint: Member must have length greater than or equal to 1"
        )
    if set(asked) == {"CreateGrant"}:
        raise ValidationException("Grants must not contain only the CreateGrant operation.")
    valid = supported(key)
    strange = [operation for operation in dict.fromkeys(asked) if operation not in valid]
    if strange:
        symmetric = specs.SPECS[key.key_spec].family in ("symmetric", "hmac")
        raise ValidationException(
            f"Operations [{', '.join(strange)}] are not supported when creating a grant for "
            f"{'a symmetric' if symmetric else 'an asymmetric'} KMS key with key usage "
            f"{key.key_usage}. Valid operations are [{', '.join(valid)}]"
        )
    return tuple(dict.fromkeys(asked))


def constraints(key: Key, given: Mapping[str, Any]) -> Constraints:
    """Return the constraints of a new grant, or refuse them."""
    equals = given.get("EncryptionContextEquals")
    subset = given.get("EncryptionContextSubset")
    for context in (equals, subset):
        if context is not None:
            _check_context(key, context)
    return Constraints(equals=equals, subset=subset, source_arn=given.get("SourceArn", ""))


def _check_context(key: Key, context: Mapping[str, str]) -> None:
    if key.key_spec != specs.SYMMETRIC:
        raise ValidationException(
            "EncryptionContext is supported only when creating a grant for a symmetric encryption "
            "KMS key."
        )
    if len(context) > PAIR_LIMIT:
        raise ValidationException(
            f"A grant constraint can include up to {PAIR_LIMIT} encryption context pairs."
        )
    if sum(len(name) + len(value) for name, value in context.items()) > CONTEXT_LIMIT:
        raise ValidationException(
            "The encryption context value in a grant constraint cannot exceed "
            f"{CONTEXT_LIMIT} characters."
        )


def grantee(ctx: Context, params: Mapping[str, Any]) -> Party:
    """Return who gets the permissions: one principal or one service."""
    party = _party(ctx, params, "Grantee")
    if party is None:
        raise ValidationException(
            "You must specify either GranteePrincipal or GranteeServicePrincipal, but not both."
        )
    return party


def retiring(ctx: Context, params: Mapping[str, Any]) -> Party | None:
    """Return who may retire the grant, if anybody is named."""
    return _party(ctx, params, "Retiring")


def check_service_grant(who: Party, retires: Party | None, given: Constraints) -> None:
    """Refuse a grant to a service that nothing ties to a resource, or that nobody would retire."""
    if who.service and not given.source_arn:
        raise ValidationException(
            "When you specify a GranteeServicePrincipal, you must also specify a SourceArn grant "
            "constraint."
        )
    if who.service and retires is None:
        raise ValidationException(
            "When you specify a GranteeServicePrincipal, you must also specify either a "
            "RetiringPrincipal or a RetiringServicePrincipal."
        )


def _party(ctx: Context, params: Mapping[str, Any], role: str) -> Party | None:
    principal = params.get(f"{role}Principal")
    service = params.get(f"{role}ServicePrincipal")
    if principal is not None and service is not None:
        raise ValidationException(
            f"You can specify either {role}Principal or {role}ServicePrincipal, but not both."
        )
    if service is not None:
        return Party(name=service, id=service, service=True)
    if principal is None:
        return None
    if _UNIQUE_ID.fullmatch(principal):
        raise InvalidArnException(f"{role}Principal does not refer to a valid principal.")
    return principal_named(ctx, principal)


def principal_named(ctx: Context, name: str) -> Party:
    """Return the principal of an ARN, or the service that a service names."""
    if ctx.internal and _SERVICE.fullmatch(name):
        return Party(name=name, id=name)
    found = principal_id(ctx, name)
    if found is None:
        raise no_such_principal(name)
    return Party(name=name, id=found)


def no_such_principal(name: str) -> InvalidArnException:
    """Return the refusal of an ARN that nobody bears, or that is none of a session."""
    fields = parse_arn(name)
    parts = [] if fields is None or fields.service != "sts" else fields.resource.split("/")
    if parts[:1] == ["assumed-role"] and len(parts) != _SESSION_PARTS:
        return InvalidArnException(f"ARN is not valid: {name}")
    return InvalidArnException(f"ARN does not refer to a valid principal: {name}")


def principal_id(ctx: Context, name: str) -> str | None:
    """Return the unique id of whoever bears an ARN now."""
    return ctx.port(Principals).principal_id(ctx.unit, name) if name.startswith("arn:") else None
