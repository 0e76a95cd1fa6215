# SPDX-License-Identifier: Apache-2.0
"""What STS asks of others: roles, sessions' credentials, second factors, identity providers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from stockade.core.context import Context
from stockade.core.sessions import Grant
from stockade.policy.compile import Policy
from stockade.store.unit import Unit


class Role(Protocol):
    """An IAM role."""

    @property
    def account(self) -> str: ...
    @property
    def arn(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def role_id(self) -> str: ...
    @property
    def max_session_duration(self) -> int: ...
    @property
    def tags(self) -> Mapping[str, str]: ...


class IssuedSession(Protocol):
    """Temporary credentials."""

    @property
    def access_key_id(self) -> str: ...
    @property
    def secret_access_key(self) -> str: ...
    @property
    def session_token(self) -> str: ...


class Roles(Protocol):
    """IAM's roles, below its API."""

    def account_exists(self, unit: Unit, account: str) -> bool: ...
    def find_role(self, unit: Unit, role_arn: str) -> Role | None: ...
    def trust_policy(self, unit: Unit, role: Any) -> Policy | None: ...
    def policy_exists(self, unit: Unit, account: str, policy_arn: str) -> bool: ...
    def root_features(self, unit: Unit, management_account: str) -> tuple[str, ...]: ...
    def issue_session(self, ctx: Context, grant: Grant) -> IssuedSession: ...


class MfaDevices(Protocol):
    """The second factors of users."""

    def check_mfa(self, ctx: Context, user_id: str, serial_number: str, code: str) -> bool:
        """Return whether the code is the device's at this moment, and take it out of use."""


class OidcProvider(Protocol):
    """An OpenID Connect provider that an account trusts."""

    @property
    def arn(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def client_ids(self) -> Sequence[str]: ...
    @property
    def thumbprints(self) -> Sequence[str]: ...


class OidcProviders(Protocol):
    """The OpenID Connect providers of accounts."""

    def find_oidc_provider(self, unit: Unit, account: str, issuer: str) -> OidcProvider | None:
        """Return the provider of an issuer, `https://...` as the token names it."""


class SamlProvider(Protocol):
    """A SAML identity provider that an account trusts."""

    @property
    def arn(self) -> str: ...
    @property
    def metadata(self) -> str: ...


class SamlProviders(Protocol):
    """The SAML identity providers of accounts."""

    def find_saml_provider(self, unit: Unit, provider_arn: str) -> SamlProvider | None: ...
