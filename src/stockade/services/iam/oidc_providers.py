# SPDX-License-Identifier: Apache-2.0
"""OpenID Connect providers: whose tokens may become sessions of roles, and for which audiences.

AWS fetches a thumbprint itself where none is given. Nothing is fetched here: a provider without
thumbprints is trusted as the host trusts its certificate when a token has to be checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from stockade.core.access import Demand, Touched, on_everything
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.iam import view
from stockade.services.iam.access import condition_keys
from stockade.services.iam.errors import (
    EntityAlreadyExists,
    InvalidInput,
    LimitExceeded,
    ValidationError,
)
from stockade.services.iam.identity_providers import (
    OIDC_PROVIDERS,
    OidcProvider,
    oidc_arn,
    oidc_provider_of_arn,
)
from stockade.services.iam.named import (
    Named,
    first_tags,
    on_named,
    tagged,
    untagged,
)
from stockade.services.iam.paging import PAGE
from stockade.services.iam.service import iam
from stockade.services.iam.tags import Tags, listed_tags

PROVIDERS, CLIENT_IDS, THUMBPRINTS = 100, 100, 5
KIND = "OIDCProvider"


def _creation(ctx: Context, params: Mapping[str, Any]) -> Touched:
    """Resolve CreateOpenIDConnectProvider, whose ARN comes from the URL."""
    arn = oidc_arn(ctx.account, _without_scheme(params["Url"]))
    tagging = ("iam:TagOpenIDConnectProvider",) if params.get("Tags") else ()
    keys = condition_keys(params, {})
    return Touched(
        demands=tuple(
            Demand(action=action, arn=arn, account=ctx.account, keys=keys)
            for action in ("iam:CreateOpenIDConnectProvider", *tagging)
        )
    )


def _located(ctx: Context, params: Mapping[str, Any]) -> Named:
    arn = params["OpenIDConnectProviderArn"]
    found = oidc_provider_of_arn(ctx.unit, arn)
    missing = f"OpenIDConnect Provider not found for arn {arn}"
    return Named(arn, found, found.tags if found else {}, missing)


def _deleted(ctx: Context, params: Mapping[str, Any]) -> Named:
    named = _located(ctx, params)
    return named._replace(missing=f"OpenId connect Provider {named.arn} cannot be found.")


@iam.operation(access=_creation, writes=True)
def create_open_id_connect_provider(
    ctx: Context,
    *,
    url: str,
    client_id_list: Sequence[str] = (),
    thumbprint_list: Sequence[str] = (),
    tags: Tags = (),
) -> Output:
    """Trust a provider in this account."""
    _check_url(url)
    arn = oidc_arn(ctx.account, _without_scheme(url))
    if ctx.unit.get(OIDC_PROVIDERS, ctx.global_scope, arn) is not None:
        raise EntityAlreadyExists(f"Provider with url {url} already exists.")
    if len(ctx.unit.list(OIDC_PROVIDERS, ctx.global_scope)) >= PROVIDERS:
        raise LimitExceeded(
            f"Cannot exceed quota for OpenIdConnectProvidersPerAccount: {PROVIDERS}"
        )
    provider = OidcProvider(
        arn=arn,
        url=_without_scheme(url),
        client_ids=_client_ids(client_id_list),
        thumbprints=_thumbprints(thumbprint_list),
        created=ctx.now,
        tags=first_tags(tags),
    )
    ctx.unit.put(OIDC_PROVIDERS, ctx.global_scope, provider)
    shown: dict[str, Any] = {"OpenIDConnectProviderArn": arn}
    return shown | ({"Tags": view.tag_list(provider.tags)} if tags else {})


@iam.operation(access=on_named("iam:GetOpenIDConnectProvider", _located, KIND))
def get_open_id_connect_provider(
    _ctx: Context, provider: OidcProvider, *, open_id_connect_provider_arn: str
) -> Output:
    """Return a provider with its audiences and thumbprints."""
    del open_id_connect_provider_arn
    return {
        "Url": provider.url,
        "ClientIDList": list(provider.client_ids),
        "ThumbprintList": list(provider.thumbprints),
        "CreateDate": provider.created,
        "Tags": view.tag_list(provider.tags),
    }


@iam.operation(access=on_everything("iam:ListOpenIDConnectProviders"))
def list_open_id_connect_providers(ctx: Context) -> Output:
    """Return the ARNs of the account's providers."""
    providers = ctx.unit.list(OIDC_PROVIDERS, ctx.global_scope)
    return {"OpenIDConnectProviderList": [{"Arn": provider.arn} for provider in providers]}


@iam.operation(access=on_named("iam:DeleteOpenIDConnectProvider", _deleted, KIND), writes=True)
def delete_open_id_connect_provider(
    ctx: Context, provider: OidcProvider, *, open_id_connect_provider_arn: str
) -> Output:
    """Trust a provider no longer; roles that name it stay and help nobody."""
    del open_id_connect_provider_arn
    ctx.unit.delete(OIDC_PROVIDERS, ctx.global_scope, provider.arn)
    return {}


@iam.operation(
    access=on_named("iam:AddClientIDToOpenIDConnectProvider", _located, KIND), writes=True
)
def add_client_id_to_open_id_connect_provider(
    ctx: Context, provider: OidcProvider, *, open_id_connect_provider_arn: str, client_id: str
) -> Output:
    """Take tokens for one more audience; one that is there already is no mistake."""
    del open_id_connect_provider_arn
    more = _client_ids((*provider.client_ids, client_id))
    ctx.unit.put(OIDC_PROVIDERS, ctx.global_scope, replace(provider, client_ids=more))
    return {}


@iam.operation(
    access=on_named("iam:RemoveClientIDFromOpenIDConnectProvider", _located, KIND), writes=True
)
def remove_client_id_from_open_id_connect_provider(
    ctx: Context, provider: OidcProvider, *, open_id_connect_provider_arn: str, client_id: str
) -> Output:
    """Take tokens for an audience no longer; one that is not there is no mistake."""
    del open_id_connect_provider_arn
    left = tuple(each for each in provider.client_ids if each != client_id)
    ctx.unit.put(OIDC_PROVIDERS, ctx.global_scope, replace(provider, client_ids=left))
    return {}


@iam.operation(
    access=on_named("iam:UpdateOpenIDConnectProviderThumbprint", _located, KIND), writes=True
)
def update_open_id_connect_provider_thumbprint(
    ctx: Context,
    provider: OidcProvider,
    *,
    open_id_connect_provider_arn: str,
    thumbprint_list: Sequence[str],
) -> Output:
    """Trust other certificates of a provider, these alone."""
    del open_id_connect_provider_arn
    if not thumbprint_list:
        raise InvalidInput("Thumbprint list must contain at least one entry.")
    changed = replace(provider, thumbprints=_thumbprints(thumbprint_list))
    ctx.unit.put(OIDC_PROVIDERS, ctx.global_scope, changed)
    return {}


@iam.operation(access=on_named("iam:TagOpenIDConnectProvider", _located, KIND), writes=True)
def tag_open_id_connect_provider(
    ctx: Context, provider: OidcProvider, *, open_id_connect_provider_arn: str, tags: Tags
) -> Output:
    """Add or replace tags of a provider."""
    del open_id_connect_provider_arn
    changed = replace(provider, tags=tagged(provider.tags, tags))
    ctx.unit.put(OIDC_PROVIDERS, ctx.global_scope, changed)
    return {}


@iam.operation(access=on_named("iam:UntagOpenIDConnectProvider", _located, KIND), writes=True)
def untag_open_id_connect_provider(
    ctx: Context,
    provider: OidcProvider,
    *,
    open_id_connect_provider_arn: str,
    tag_keys: Sequence[str],
) -> Output:
    """Take tags off a provider."""
    del open_id_connect_provider_arn
    left = replace(provider, tags=untagged(provider.tags, tag_keys))
    ctx.unit.put(OIDC_PROVIDERS, ctx.global_scope, left)
    return {}


@iam.operation(access=on_named("iam:ListOpenIDConnectProviderTags", _located, KIND))
def list_open_id_connect_provider_tags(
    _ctx: Context,
    provider: OidcProvider,
    *,
    open_id_connect_provider_arn: str,
    max_items: int = PAGE,
    marker: str | None = None,
) -> Output:
    """Return a provider's tags, sorted by name."""
    del open_id_connect_provider_arn
    return listed_tags(provider.tags, max_items, marker)


def _check_url(url: str) -> None:
    """Raise where a URL is none of an issuer: https, a host, neither query nor fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValidationError("Invalid Open ID Connect Provider URL") from None
    if parts.scheme != "https" or not parts.netloc:
        raise ValidationError("Invalid Open ID Connect Provider URL")
    if "?" in url or "#" in url:
        raise InvalidInput("")


def _without_scheme(url: str) -> str:
    """Return an issuer as ARNs have it; the port that https has anyway is left out."""
    host, slash, path = url.removeprefix("https://").partition("/")
    return host.removesuffix(":443") + slash + path


def _client_ids(given: Sequence[str]) -> tuple[str, ...]:
    once = tuple(dict.fromkeys(given))
    if len(once) > CLIENT_IDS:
        raise LimitExceeded(
            f"Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {CLIENT_IDS}"
        )
    return once


def _thumbprints(given: Sequence[str]) -> tuple[str, ...]:
    if len(given) > THUMBPRINTS:
        # AWS says fewer than 5, and takes 5.
        raise InvalidInput(f"Thumbprint list must contain fewer than {THUMBPRINTS} entries.")
    return tuple(thumbprint.lower() for thumbprint in given)
