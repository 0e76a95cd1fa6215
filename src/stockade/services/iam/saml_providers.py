# SPDX-License-Identifier: Apache-2.0
"""SAML 2.0 providers: whose assertions may become sessions of roles, and keys to open them with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec.structs import replace

from stockade.core.access import on_everything
from stockade.core.context import Context
from stockade.core.ids import random_letters
from stockade.core.operation import Output
from stockade.services.iam import view
from stockade.services.iam.access import creation
from stockade.services.iam.errors import (
    EntityAlreadyExists,
    InvalidInput,
    LimitExceeded,
    ValidationError,
)
from stockade.services.iam.identity_providers import (
    SAML_PROVIDERS,
    SamlKey,
    SamlProvider,
    find_saml_provider,
    saml_arn,
    saml_key_place,
)
from stockade.services.iam.named import (
    Named,
    first_tags,
    on_named,
    tagged,
    untagged,
)
from stockade.services.iam.paging import PAGE
from stockade.services.iam.saml_metadata import check_metadata
from stockade.services.iam.server_keys import UNREADABLE
from stockade.services.iam.service import iam
from stockade.services.iam.tags import Tags, listed_tags

PROVIDERS, KEYS = 100, 2
ID_LETTERS = 16
VALID_YEARS = 100
"""What AWS answers whatever the metadata says."""
KIND = "SAMLProvider"

Encryption = Literal["Required", "Allowed"]


def _located(ctx: Context, params: Mapping[str, Any]) -> Named:
    arn = params["SAMLProviderArn"]
    found = find_saml_provider(ctx.unit, arn)
    return Named(arn, found, found.tags if found else {}, f"Manifest not found for arn {arn}")


@iam.operation(
    access=creation("iam:CreateSAMLProvider", "iam:TagSAMLProvider", saml_arn, "Name"),
    writes=True,
)
def create_saml_provider(
    ctx: Context,
    *,
    name: str,
    saml_metadata_document: str,
    tags: Tags = (),
    assertion_encryption_mode: Encryption = "Allowed",
    add_private_key: str | None = None,
) -> Output:
    """Trust a provider in this account."""
    arn = saml_arn(ctx.account, "/", name)
    if ctx.unit.get(SAML_PROVIDERS, ctx.global_scope, arn) is not None:
        raise EntityAlreadyExists(f"SAMLProvider with name {name} already exists.")
    if len(ctx.unit.list(SAML_PROVIDERS, ctx.global_scope)) >= PROVIDERS:
        raise LimitExceeded(f"Cannot exceed quota for SAMLProvidersPerAccount: {PROVIDERS}")
    if assertion_encryption_mode == "Required" and add_private_key is None:
        raise ValidationError(
            "Unable to set assertion encryption mode to Required because no private key is "
            "provided."
        )
    check_metadata(saml_metadata_document)
    provider = SamlProvider(
        arn=arn,
        uuid="SAMLSP" + random_letters(ID_LETTERS, ctx.random),
        metadata=saml_metadata_document,
        created=ctx.now,
        valid_until=_valid_until(ctx.now),
        encryption=assertion_encryption_mode,
        keys=(_key(ctx, add_private_key),) if add_private_key is not None else (),
        tags=first_tags(tags),
    )
    ctx.unit.put(SAML_PROVIDERS, ctx.global_scope, provider)
    shown: dict[str, Any] = {"SAMLProviderArn": arn}
    return shown | ({"Tags": view.tag_list(provider.tags)} if tags else {})


@iam.operation(access=on_named("iam:GetSAMLProvider", _located, KIND))
def get_saml_provider(_ctx: Context, provider: SamlProvider, *, saml_provider_arn: str) -> Output:
    """Return a provider with its metadata, and the ids of its keys."""
    del saml_provider_arn
    return {
        "SAMLProviderUUID": provider.uuid,
        "SAMLMetadataDocument": provider.metadata,
        "CreateDate": provider.created,
        "ValidUntil": provider.valid_until,
        "Tags": view.tag_list(provider.tags),
        "AssertionEncryptionMode": provider.encryption,
        "PrivateKeyList": [{"KeyId": key.key_id, "Timestamp": key.added} for key in provider.keys],
    }


@iam.operation(access=on_everything("iam:ListSAMLProviders"))
def list_saml_providers(ctx: Context) -> Output:
    """Return the account's providers."""
    providers = ctx.unit.list(SAML_PROVIDERS, ctx.global_scope)
    return {
        "SAMLProviderList": [
            {
                "Arn": provider.arn,
                "ValidUntil": provider.valid_until,
                "CreateDate": provider.created,
            }
            for provider in providers
        ]
    }


@iam.operation(access=on_named("iam:UpdateSAMLProvider", _located, KIND), writes=True)
def update_saml_provider(
    ctx: Context,
    provider: SamlProvider,
    *,
    saml_provider_arn: str,
    saml_metadata_document: str | None = None,
    assertion_encryption_mode: Encryption | None = None,
    add_private_key: str | None = None,
    remove_private_key: str | None = None,
) -> Output:
    """Replace a provider's metadata, or change its keys or whether assertions must be sealed."""
    changes = (saml_metadata_document, assertion_encryption_mode, add_private_key)
    if all(each is None for each in (*changes, remove_private_key)):
        raise ValidationError(
            "Unable to update identity provider. No updates are defined for metadata or "
            "encryption assertion."
        )
    if add_private_key is not None and remove_private_key is not None:
        raise ValidationError(
            "Unable to add and remove private keys in the same request. Set a value for only one "
            "of the two parameters."
        )
    if saml_metadata_document is not None:
        check_metadata(saml_metadata_document)
        provider = replace(provider, metadata=saml_metadata_document)
    if add_private_key is not None:
        provider = _with_key(ctx, provider, add_private_key)
    provider = replace(provider, encryption=assertion_encryption_mode or provider.encryption)
    if remove_private_key is not None:
        provider = _without_key(provider, remove_private_key)
    if provider.encryption == "Required" and not provider.keys:
        raise InvalidInput(
            "Failed to set assertion encryption mode to Required because no private key is present."
        )
    ctx.unit.put(SAML_PROVIDERS, ctx.global_scope, provider)
    return {"SAMLProviderArn": saml_provider_arn}


@iam.operation(access=on_named("iam:DeleteSAMLProvider", _located, KIND), writes=True)
def delete_saml_provider(ctx: Context, provider: SamlProvider, *, saml_provider_arn: str) -> Output:
    """Trust a provider no longer; roles that name it stay and help nobody."""
    del saml_provider_arn
    ctx.unit.delete(SAML_PROVIDERS, ctx.global_scope, provider.arn)
    return {}


@iam.operation(access=on_named("iam:TagSAMLProvider", _located, KIND), writes=True)
def tag_saml_provider(
    ctx: Context, provider: SamlProvider, *, saml_provider_arn: str, tags: Tags
) -> Output:
    """Add or replace tags of a provider."""
    del saml_provider_arn
    changed = replace(provider, tags=tagged(provider.tags, tags))
    ctx.unit.put(SAML_PROVIDERS, ctx.global_scope, changed)
    return {}


@iam.operation(access=on_named("iam:UntagSAMLProvider", _located, KIND), writes=True)
def untag_saml_provider(
    ctx: Context, provider: SamlProvider, *, saml_provider_arn: str, tag_keys: Sequence[str]
) -> Output:
    """Take tags off a provider."""
    del saml_provider_arn
    left = replace(provider, tags=untagged(provider.tags, tag_keys))
    ctx.unit.put(SAML_PROVIDERS, ctx.global_scope, left)
    return {}


@iam.operation(access=on_named("iam:ListSAMLProviderTags", _located, KIND))
def list_saml_provider_tags(
    _ctx: Context,
    provider: SamlProvider,
    *,
    saml_provider_arn: str,
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return a provider's tags, sorted by name."""
    del saml_provider_arn
    return listed_tags(provider.tags, max_items, marker)


def _valid_until(now: datetime) -> datetime:
    """Return the same day a hundred years on; 29 February is the day before."""
    try:
        return now.replace(year=now.year + VALID_YEARS)
    except ValueError:
        return now.replace(year=now.year + VALID_YEARS, day=28)


def _with_key(ctx: Context, provider: SamlProvider, pem: str) -> SamlProvider:
    if len(provider.keys) >= KEYS:
        raise LimitExceeded(f"Private key limit of {KEYS} is reached.")
    return replace(provider, keys=(*provider.keys, _key(ctx, pem)))


def _without_key(provider: SamlProvider, key_id: str) -> SamlProvider:
    left = tuple(key for key in provider.keys if key.key_id != key_id)
    needed = provider.encryption == "Required" and not left
    if len(left) == len(provider.keys) or needed:
        raise InvalidInput("Failed to remove private key.")
    return replace(provider, keys=left)


def _key(ctx: Context, pem: str) -> SamlKey:
    try:
        load_pem_private_key(pem.encode(), None)
    except UNREADABLE:
        raise InvalidInput("Could not parse private key") from None
    key_id = "SAMLPK" + random_letters(ID_LETTERS, ctx.random)
    sealed = ctx.seal(ctx.global_scope, saml_key_place(key_id), pem.encode())
    return SamlKey(key_id=key_id, added=ctx.now, sealed=sealed)
