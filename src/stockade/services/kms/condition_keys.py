# SPDX-License-Identifier: Apache-2.0
"""KMS's condition keys: where the values of each come from (Developer Guide, "Condition keys").

Four tables, for a key is a property of the KMS key (of the one that is used, or of the one that is
to be made), a member of the request, something about the call, or one of a family of names. A test
holds them against the machine data: a key stands in a call if AWS's table says so for its action.

The keys of an attestation document are the fifth kind; recipient.py adds them where there is one.
Names are in lower case, as the policy engine asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from stockade.core.access import ConditionKeys
from stockade.core.context import Context
from stockade.services.kms.resources import ALIASES, Key

Values = tuple[str, ...] | None
Params = Mapping[str, Any]
More = Callable[[Params, str], Values]
"""Condition keys that one operation knows itself: (request members, name) -> values."""


_GRANT_ACTIONS = frozenset({"kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"})
_CONTEXTS = ("EncryptionContextEquals", "EncryptionContextSubset")


class Member(NamedTuple):
    """A condition key that is a member of the request."""

    actions: frozenset[str]
    """Whose requests have it."""
    read: Callable[[Params], Any]
    default: str | None = None
    """What counts where the request says nothing; None: the key is absent."""


def of_key_use(
    ctx: Context,
    action: str,
    key: Key | None,
    alias: str | None,
    params: Params,
    more: More | None = None,
) -> ConditionKeys:
    """Return the condition keys of an action on a key, which `alias` named if it did."""

    def find(name: str) -> Values:
        if more is not None and (values := more(params, name)) is not None:
            return values
        if name in OF_KEY:
            return None if key is None else OF_KEY[name](ctx, key)
        if name == "kms:requestalias":
            return None if alias is None else (alias,)
        if name == "kms:grantisforawsresource":
            return _truth(ctx.internal) if action in _GRANT_ACTIONS else None
        if name.startswith("aws:resourcetag/"):
            tags = {} if key is None else key.tags
            return _named(tags, name.removeprefix("aws:resourcetag/"))
        return _of_request(action, params, name) or _of_call(ctx, name)

    return find


def of_new_key(ctx: Context, params: Params) -> ConditionKeys:
    """Return the condition keys of CreateKey: the key's properties are those asked for."""

    def find(name: str) -> Values:
        if name in OF_NEW_KEY:
            value = OF_NEW_KEY[name](params)
            return None if value is None else (value,)
        return _of_request("kms:CreateKey", params, name) or _of_call(ctx, name)

    return find


def of_call(ctx: Context) -> ConditionKeys:
    """Return the condition keys of a call on an alias or a custom key store."""
    return lambda name: _of_call(ctx, name)


def _of_request(action: str, params: Params, name: str) -> Values:
    """Return the values of a key that the request itself has."""
    member = MEMBERS.get(name)
    if member is not None:
        return _of_member(member, params) if action in member.actions else None
    if name.startswith("kms:encryptioncontext:"):
        return _named(_encryption_context(params), name.removeprefix("kms:encryptioncontext:"))
    if name == "kms:encryptioncontextkeys":
        return tuple(_encryption_context(params)) or None
    if name.startswith("aws:requesttag/"):
        return _named(_tags(params), name.removeprefix("aws:requesttag/"))
    if name == "aws:tagkeys":
        return tuple(params.get("TagKeys", ())) or tuple(_tags(params)) or None
    return None


def _of_member(member: Member, params: Params) -> Values:
    value = member.read(params)
    if value is None:
        value = member.default
    if isinstance(value, list):
        return tuple(value)
    return None if value is None else (_text(value),)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return str(value.timestamp())
    return str(value)


def _of_call(ctx: Context, name: str) -> Values:
    """Return the values of a key that says who calls, and through whom."""
    if name == "kms:calleraccount":
        return (ctx.account,) if ctx.account else None
    if name == "kms:viaservice" and ctx.via:
        service = ctx.via[-1].removesuffix(".amazonaws.com")
        return (f"{service}.{ctx.region}.amazonaws.com",)
    return None


def _truth(value: bool) -> tuple[str]:
    return ("true",) if value else ("false",)


def _named(pairs: Mapping[str, str], wanted: str) -> Values:
    """Return the values under a name whose case does not matter."""
    return tuple(value for name, value in pairs.items() if name.lower() == wanted) or None


def _tags(params: Params) -> dict[str, str]:
    return {tag["TagKey"]: tag["TagValue"] for tag in params.get("Tags", ())}


def _encryption_context(params: Params) -> Mapping[str, str]:
    """Return the encryption context of a request, or the one that a grant is to be bound to."""
    if "Constraints" not in params:
        context: Mapping[str, str] = params.get("EncryptionContext", {})
        return context
    constraints = params["Constraints"]
    pairs = [constraints[each] for each in _CONTEXTS if each in constraints]
    return {name: value for each in pairs for name, value in each.items()}


def _aliases(ctx: Context, key: Key) -> Values:
    return tuple(alias.name for alias in ctx.unit.find(ALIASES, key.scope, "key", key.key_id))


def _key_type(key: Key) -> Values:
    if key.multi_region is None:
        return None
    return ("REPLICA",) if key.is_replica else ("PRIMARY",)


OF_KEY: Mapping[str, Callable[[Context, Key], Values]] = MappingProxyType(
    {
        "kms:customermasterkeyspec": lambda _ctx, key: (key.key_spec,),
        "kms:customermasterkeyusage": lambda _ctx, key: (key.key_usage,),
        "kms:keyorigin": lambda _ctx, key: (key.origin,),
        "kms:keyspec": lambda _ctx, key: (key.key_spec,),
        "kms:keyusage": lambda _ctx, key: (key.key_usage,),
        "kms:multiregion": lambda _ctx, key: _truth(key.multi_region is not None),
        "kms:multiregionkeytype": lambda _ctx, key: _key_type(key),
        "kms:resourcealiases": lambda ctx, key: _aliases(ctx, key) or None,
    }
)
"""Properties of the key that is used."""


def _new_spec(params: Params) -> str:
    spec: str = params.get("KeySpec") or params.get("CustomerMasterKeySpec", "SYMMETRIC_DEFAULT")
    return spec


def _new_usage(params: Params) -> str:
    usage: str = params.get("KeyUsage", "ENCRYPT_DECRYPT")
    return usage


OF_NEW_KEY: Mapping[str, Callable[[Params], str | None]] = MappingProxyType(
    {
        "kms:customermasterkeyspec": _new_spec,
        "kms:customermasterkeyusage": _new_usage,
        "kms:keyorigin": lambda params: params.get("Origin", "AWS_KMS"),
        "kms:keyspec": _new_spec,
        "kms:keyusage": _new_usage,
        "kms:multiregion": lambda params: _truth(params.get("MultiRegion", False))[0],
        "kms:multiregionkeytype": lambda params: "PRIMARY" if params.get("MultiRegion") else None,
    }
)
"""Properties of the key that CreateKey is to make: with defaults, for they are properties."""


def _member(name: str, *actions: str, default: str | None = None) -> Member:
    named = frozenset(f"kms:{action}" for action in actions)
    return Member(named, lambda params: params.get(name), default)


_ENCRYPTING = ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo")
_DATA_KEYS = ("GenerateDataKey", "GenerateDataKeyWithoutPlaintext")
_DATA_KEY_PAIRS = ("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext")

MEMBERS: Mapping[str, Member] = MappingProxyType(
    {
        "kms:bypasspolicylockoutsafetycheck": _member(
            "BypassPolicyLockoutSafetyCheck", "CreateKey", "PutKeyPolicy"
        ),
        "kms:datakeypairspec": _member("KeyPairSpec", *_DATA_KEY_PAIRS),
        "kms:encryptionalgorithm": _member(
            "EncryptionAlgorithm",
            *_ENCRYPTING,
            *_DATA_KEYS,
            *_DATA_KEY_PAIRS,
            default="SYMMETRIC_DEFAULT",
        ),
        "kms:expirationmodel": _member("ExpirationModel", "ImportKeyMaterial"),
        "kms:grantconstrainttype": Member(
            frozenset({"kms:CreateGrant", "kms:RetireGrant"}),
            lambda params: list(params.get("Constraints", ())) or None,
        ),
        "kms:grantconstraintsourcearn": Member(
            frozenset({"kms:CreateGrant"}),
            lambda params: params.get("Constraints", {}).get("SourceArn"),
        ),
        "kms:granteeprincipal": _member("GranteePrincipal", "CreateGrant"),
        "kms:granteeserviceprincipal": _member("GranteeServicePrincipal", "CreateGrant"),
        "kms:grantoperations": _member("Operations", "CreateGrant"),
        "kms:keyagreementalgorithm": _member("KeyAgreementAlgorithm", "DeriveSharedSecret"),
        "kms:macalgorithm": _member("MacAlgorithm", "GenerateMac", "VerifyMac"),
        "kms:messagetype": _member("MessageType", "Sign", "Verify", default="RAW"),
        "kms:primaryregion": _member("PrimaryRegion", "UpdatePrimaryRegion"),
        "kms:replicaregion": _member("ReplicaRegion", "ReplicateKey"),
        "kms:retiringprincipal": _member("RetiringPrincipal", "CreateGrant"),
        "kms:retiringserviceprincipal": _member("RetiringServicePrincipal", "CreateGrant"),
        "kms:rotationperiodindays": _member(
            "RotationPeriodInDays", "EnableKeyRotation", default="365"
        ),
        "kms:schedulekeydeletionpendingwindowindays": _member(
            "PendingWindowInDays", "ScheduleKeyDeletion", default="30"
        ),
        "kms:signingalgorithm": _member("SigningAlgorithm", "Sign", "Verify"),
        "kms:validto": _member("ValidTo", "ImportKeyMaterial"),
        "kms:wrappingalgorithm": _member("WrappingAlgorithm", "GetParametersForImport"),
        "kms:wrappingkeyspec": _member("WrappingKeySpec", "GetParametersForImport"),
    }
)
"""Members of the request. AWS's guide shows kms:BypassPolicyLockoutSafetyCheck and
kms:ExpirationModel as absent (`Null`) where the request leaves them to their defaults; of others
with a default it says that a condition "works even when the parameter doesn't appear"."""
