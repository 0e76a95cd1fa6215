# SPDX-License-Identifier: Apache-2.0
"""What STS finds where nothing implements what it requires: no device, no provider, nobody.

The composition root puts these in first, so that whatever implements a port takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from stockade.core.context import Context
from stockade.core.ports import Membership, Organization
from stockade.services.sts.requires import (
    MfaDevices,
    OidcProvider,
    OidcProviders,
    SamlProvider,
    SamlProviders,
)
from stockade.store.unit import Unit


class Nothing:
    """No second factor holds, no provider is known, every account stands alone."""

    def check_mfa(self, ctx: Context, user_id: str, serial_number: str, code: str) -> bool:
        """Return that the code is no device's."""
        del ctx, user_id, serial_number, code
        return False

    def find_oidc_provider(self, unit: Unit, account: str, issuer: str) -> OidcProvider | None:
        """Return that there is no such provider."""
        del unit, account, issuer
        return None

    def find_saml_provider(self, unit: Unit, provider_arn: str) -> SamlProvider | None:
        """Return that there is no such provider."""
        del unit, provider_arn
        return None

    def membership(self, unit: Unit, account: str) -> Membership | None:
        """Return that the account belongs to no organization."""
        del unit, account
        return None


_NOTHING = Nothing()
UNJOINED: Mapping[type, object] = MappingProxyType(
    {
        MfaDevices: _NOTHING,
        OidcProviders: _NOTHING,
        SamlProviders: _NOTHING,
        Organization: _NOTHING,
    }
)
