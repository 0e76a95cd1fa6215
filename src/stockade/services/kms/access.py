# SPDX-License-Identifier: Apache-2.0
"""From a request to the key or alias it touches, its policy and its condition keys.

A key is named by its id, its ARN, an alias or an alias ARN. A key's policy takes part in every yes
(kms-3, kms-25); aliases, lists and CreateKey are decided by IAM alone. Who is not allowed to use a
key does not learn whether it exists: a missing key is decided like one whose policy names nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from stockade.core.access import Demand, Resolver, Touched
from stockade.core.arn import arn, parse_arn
from stockade.core.context import Context
from stockade.core.errors import AwsError
from stockade.policy.compile import Policy, compile_policy
from stockade.policy.grammar import syntax
from stockade.policy.reading import read
from stockade.protocol.refusals import AccessDenied
from stockade.services.kms import blobs, condition_keys, envelope, granting
from stockade.services.kms.condition_keys import More
from stockade.services.kms.errors import (
    IncorrectKeyException,
    InvalidArnException,
    InvalidCiphertextException,
    NotFoundException,
    ValidationException,
)
from stockade.services.kms.key_store_resources import present
from stockade.services.kms.resources import ALIASES, KEYS, Key
from stockade.services.kms.specs import SYMMETRIC
from stockade.services.kms.trusted import policy_as_seen
from stockade.store.resources import Scope

_KEY_ID_LENGTH = 36
_KEY_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32}")

_UNKNOWN_CIPHERTEXT = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this "
    "region, or you are not allowed to access."
)


class Named(NamedTuple):
    """What a KeyId in a request stands for."""

    key: Key | None
    arn: str
    account: str
    alias: str | None
    absent: AwsError | None


def key_named(action: str, *, alias_allowed: bool = True) -> Resolver:
    """Return the resolver of an operation on any key: by id, ARN or alias, of any account."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        named = find_key(ctx, params["KeyId"], alias_allowed=alias_allowed)
        return _touching(named, demand_on(ctx, named, action, params))

    return resolve


def own_key_named(action: str) -> Resolver:
    """Return the resolver of an operation on a key of the caller's account, by id or ARN."""

    def resolve(ctx: Context, params: Mapping[str, Any]) -> Touched:
        named = find_own_key(ctx, params["KeyId"])
        return _touching(named, demand_on(ctx, named, action, params))

    return resolve


def key_of_ciphertext(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve Decrypt: the key that the blob names, or the KeyId that the caller insists on."""
    _must_name_key(params, "KeyId", "EncryptionAlgorithm")
    named = find_decrypting_key(ctx, _ciphertext(params), params.get("KeyId"))
    return _touching(named, _decrypting(ctx, named, "kms:Decrypt", params))


def keys_of_reencryption(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve ReEncrypt: two keys, two permissions."""
    _must_name_key(params, "SourceKeyId", "SourceEncryptionAlgorithm")
    source = find_decrypting_key(ctx, _ciphertext(params), params.get("SourceKeyId"))
    target = find_key(ctx, params["DestinationKeyId"])
    same = str(source.arn == target.arn).lower()

    def more(_params: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
        return (same,) if name == "kms:reencryptonsamekey" else None

    return Touched(
        demands=(
            _decrypting(ctx, source, "kms:ReEncryptFrom", _side(params, "Source"), more),
            demand_on(ctx, target, "kms:ReEncryptTo", _side(params, "Destination"), more),
        ),
        resources=(source.key, target.key),
        absent=source.absent or target.absent,
        audit=tuple((named.arn, "AWS::KMS::Key") for named in (source, target)),
    )


def _must_name_key(params: Mapping[str, Any], member: str, algorithm: str) -> None:
    """Refuse a ciphertext of an asymmetric key, which says nothing of its key, without a KeyId."""
    if member not in params and params.get(algorithm, SYMMETRIC) != SYMMETRIC:
        raise ValidationException(f"{member} must not be null")


def _ciphertext(params: Mapping[str, Any]) -> bytes:
    """Return the ciphertext, which the model lets a DryRun with modifiers leave out."""
    blob: bytes | None = params.get("CiphertextBlob")
    if blob is None:
        raise ValidationException(
            "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy "
            "constraint: Member must not be null"
        )
    return blob


def _side(params: Mapping[str, Any], side: str) -> Mapping[str, Any]:
    """Return one side of a ReEncrypt in the names that Encrypt and Decrypt use."""
    context = params.get(f"{side}EncryptionContext", {})
    algorithm = params.get(f"{side}EncryptionAlgorithm", "SYMMETRIC_DEFAULT")
    return {"EncryptionContext": context, "EncryptionAlgorithm": algorithm}


def find_key(ctx: Context, text: str, *, alias_allowed: bool = True) -> Named:
    """Return what a KeyId names; raise only what anybody may hear."""
    scope, resource = _split(ctx, text)
    if resource.startswith("alias/"):
        if not alias_allowed:
            raise InvalidArnException("Key Aliases are not supported for this operation.")
        return _find_alias(ctx, scope, resource)
    return _find_id(ctx, scope, resource.removeprefix("key/"))


def find_own_key(ctx: Context, text: str) -> Named:
    """Return what a KeyId names for an operation that takes neither aliases nor foreign keys.

    A key of another account is decided like one that does not exist.
    """
    named = find_key(ctx, text, alias_allowed=False)
    return named if named.account == ctx.account else named._replace(key=None)


def find_decrypting_key(ctx: Context, blob: bytes, key_id: str | None) -> Named:
    """Return the key that opens a blob: by its header, or the one named by the caller."""
    try:
        header = blobs.read_header(blob)
    except envelope.NotABlob:
        header = None
    if key_id is not None:
        if header is not None and _is_related(ctx, key_id, header.key_id):
            raise IncorrectKeyException
        return find_key(ctx, key_id)
    if header is None or not _KEY_ID.fullmatch(header.key_id):
        raise InvalidCiphertextException
    named = _find_id(ctx, Scope(header.account, ctx.region), header.key_id)
    if named.absent is not None:
        return named._replace(absent=AccessDenied(_UNKNOWN_CIPHERTEXT))
    return named


def _is_related(ctx: Context, text: str, key_id: str) -> bool:
    """Tell whether a KeyId is the ARN of a blob's multi-Region key, but of another Region."""
    fields = parse_arn(text)
    return fields is not None and fields.region != ctx.region and fields.resource == f"key/{key_id}"


def demand_on(
    ctx: Context,
    named: Named,
    action: str,
    params: Mapping[str, Any],
    more: More | None = None,
) -> Demand:
    """Return the permission to do `action` with a key."""
    return Demand(
        action=action,
        arn=named.arn,
        account=named.account,
        policy=None if named.key is None else key_policy(ctx, named.key),
        must_allow=named.key is not None,
        granted=granting.helped(ctx, named.key, action, params),
        keys=condition_keys.of_key_use(ctx, action, named.key, named.alias, params, more),
        denial=None if named.account == ctx.account else _foreign_denial(ctx, action),
    )


def demand_on_alias(ctx: Context, name: str, action: str) -> Demand:
    """Return the permission to do `action` with an alias: IAM's alone."""
    return Demand(
        action=action,
        arn=arn("kms", ctx.region, ctx.account, name),
        account=ctx.account,
        keys=condition_keys.of_call(ctx),
    )


def key_policy(ctx: Context, key: Key) -> Policy:
    """Return a key's policy, compiled."""

    def build() -> Policy:
        stored = ctx.unit.get(KEYS, key.scope, key.key_id) or key
        text = policy_as_seen(ctx, stored)
        return compile_policy(read(text, "resource", syntax("resource")), arn=stored.arn)

    return ctx.unit.derive(("kms-policy", key.scope, key.key_id), build)


def _touching(named: Named, demand: Demand) -> Touched:
    return Touched(
        demands=(demand,),
        resources=(named.key,),
        absent=named.absent,
        audit=((named.arn, "AWS::KMS::Key"),),
    )


def _decrypting(
    ctx: Context, named: Named, action: str, params: Mapping[str, Any], more: More | None = None
) -> Demand:
    demand = demand_on(ctx, named, action, params, more)
    if named.key is None or named.account != ctx.account:
        demand.denial = _UNKNOWN_CIPHERTEXT
    return demand


def _foreign_denial(ctx: Context, action: str) -> str:
    name = ctx.caller.arn or ctx.caller.principal.service
    return (
        f"User: {name} is not authorized to perform: {action} on this resource because "
        "the resource does not exist in this Region, no resource-based policies allow access, or "
        "a resource-based policy explicitly denies access"
    )


def _split(ctx: Context, text: str) -> tuple[Scope, str]:
    """Return the scope and the resource part (`key/...`, `alias/...` or an id) of a KeyId."""
    if not text.startswith("arn:"):
        return ctx.scope, text
    fields = parse_arn(text)
    if fields is None or fields.service != "kms" or not fields.account:
        raise InvalidArnException(f"Invalid arn {text}")
    if fields.region != ctx.region:
        raise NotFoundException(f"Invalid arn {fields.region}")
    return Scope(fields.account, fields.region), fields.resource


def _find_alias(ctx: Context, scope: Scope, name: str) -> Named:
    alias_arn = arn("kms", scope.region, scope.account, name)
    alias = ctx.unit.get(ALIASES, scope, name)
    if alias is None:
        absent = NotFoundException(f"Alias {alias_arn} is not found.")
        return Named(None, alias_arn, scope.account, name, absent)
    return _find_id(ctx, scope, alias.key_id)._replace(alias=name)


def _find_id(ctx: Context, scope: Scope, key_id: str) -> Named:
    key = ctx.unit.get(KEYS, scope, key_id) if len(key_id) == _KEY_ID_LENGTH else None
    if key is not None:
        if key.custom_key_store_id:
            key = present(ctx.unit, key)
        return Named(key, key.arn, scope.account, None, None)
    if not _KEY_ID.fullmatch(key_id):
        raise NotFoundException(f"Invalid keyId '{key_id}'")
    key_arn = arn("kms", scope.region, scope.account, f"key/{key_id}")
    absent = NotFoundException(f"Key '{key_arn}' does not exist")
    return Named(None, key_arn, scope.account, None, absent)
