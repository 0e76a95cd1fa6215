# SPDX-License-Identifier: Apache-2.0
"""Identity providers that an account trusts, OIDC and SAML: what is kept, and how it is found."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from stockade.core.arn import arn, parse_arn
from stockade.services.iam.resources import scope_of
from stockade.store.resources import Collection
from stockade.store.unit import Unit
from stockade.store.vault import Sealed, Vault


class OidcProvider(msgspec.Struct, frozen=True, kw_only=True):
    """An OpenID Connect provider."""

    arn: str
    url: str
    """The issuer without `https://`, as ARNs and answers have it."""
    client_ids: tuple[str, ...] = ()
    thumbprints: tuple[str, ...] = ()
    """SHA-1 of certificates, in small letters; none: the host's own trust decides."""
    created: datetime
    tags: dict[str, str] = {}


class SamlKey(msgspec.Struct, frozen=True, kw_only=True):
    """A private key that opens encrypted assertions."""

    key_id: str
    added: datetime
    sealed: Sealed
    """The key as PEM."""

    @property
    def place(self) -> str:
        return saml_key_place(self.key_id)


class SamlProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A SAML 2.0 provider."""

    arn: str
    uuid: str
    metadata: str
    """The XML as it was given."""
    created: datetime
    valid_until: datetime
    encryption: Literal["Required", "Allowed"] = "Allowed"
    keys: tuple[SamlKey, ...] = ()
    """The oldest first."""
    tags: dict[str, str] = {}


OIDC_PROVIDERS: Collection[OidcProvider] = Collection(
    OidcProvider, service="iam", kind="oidc-provider", id=lambda provider: provider.arn
)
SAML_PROVIDERS: Collection[SamlProvider] = Collection(
    SamlProvider, service="iam", kind="saml-provider", id=lambda provider: provider.arn
)


def oidc_arn(account: str, url: str) -> str:
    """Return the ARN of an OIDC provider; `url` has no scheme."""
    return arn("iam", "", account, f"oidc-provider/{url}")


def saml_arn(account: str, _path: str, name: str) -> str:
    """Return the ARN of a SAML provider, which has no path."""
    return arn("iam", "", account, f"saml-provider/{name}")


def saml_key_place(key_id: str) -> str:
    """Return the place that the seal of a private key is bound to."""
    return f"iam/saml-provider/{key_id}/sealed"


def find_oidc_provider(unit: Unit, account: str, issuer: str) -> OidcProvider | None:
    """Return the provider of an issuer (`iss`) that an account trusts."""
    url = issuer.removeprefix("https://")
    return unit.get(OIDC_PROVIDERS, scope_of(account), oidc_arn(account, url))


def oidc_provider_of_arn(unit: Unit, provider_arn: str) -> OidcProvider | None:
    """Return the OIDC provider of an ARN, whatever its account."""
    fields = parse_arn(provider_arn)
    return unit.get(OIDC_PROVIDERS, scope_of(fields.account), provider_arn) if fields else None


def find_saml_provider(unit: Unit, provider_arn: str) -> SamlProvider | None:
    """Return the SAML provider of an ARN, whatever its account."""
    fields = parse_arn(provider_arn)
    return unit.get(SAML_PROVIDERS, scope_of(fields.account), provider_arn) if fields else None


def saml_private_keys(unit: Unit, vault: Vault, provider: SamlProvider) -> list[bytes]:
    """Return the keys, as PEM, that open a provider's encrypted assertions; the newest first."""
    account = provider.arn.split(":", 5)[4]
    return [
        vault.open(unit, scope_of(account), key.place, key.sealed)
        for key in reversed(provider.keys)
    ]
