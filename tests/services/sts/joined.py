# SPDX-License-Identifier: Apache-2.0
"""What other services bring to STS, in the smallest form: devices, providers, an organization."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stockade.core.ports import Membership, Organization
from stockade.services.sts.requires import MfaDevices, OidcProviders, SamlProviders

if TYPE_CHECKING:
    from stockade.app import Stockade
    from stockade.core.context import Context
    from stockade.store.unit import Unit


class Oidc(msgspec.Struct, frozen=True, kw_only=True):
    arn: str
    url: str
    client_ids: tuple[str, ...] = ("sts.amazonaws.com",)
    thumbprints: tuple[str, ...] = ()


class Saml(msgspec.Struct, frozen=True, kw_only=True):
    arn: str
    metadata: str


class Joined:
    """Stands in the ports for the services that implement them."""

    def __init__(self) -> None:
        self.devices: dict[tuple[str, str], set[str]] = {}
        """(user id, serial number) -> the codes that are good once."""
        self.oidc: dict[tuple[str, str], Oidc] = {}
        self.saml: dict[str, Saml] = {}
        self.members: dict[str, Membership] = {}

    def check_mfa(self, ctx: Context, user_id: str, serial_number: str, code: str) -> bool:
        del ctx
        codes = self.devices.get((user_id, serial_number), set())
        known = code in codes
        codes.discard(code)
        return known

    def find_oidc_provider(self, unit: Unit, account: str, issuer: str) -> Oidc | None:
        del unit
        return self.oidc.get((account, issuer))

    def find_saml_provider(self, unit: Unit, provider_arn: str) -> Saml | None:
        del unit
        return self.saml.get(provider_arn)

    def membership(self, unit: Unit, account: str) -> Membership | None:
        del unit
        return self.members.get(account)


def join(stockade: Stockade) -> Joined:
    """Put a stand-in for the other services into a deployment's ports."""
    joined = Joined()
    for port in (MfaDevices, OidcProviders, SamlProviders, Organization):
        stockade.gateway._ports._implementations[port] = joined
    return joined
