# SPDX-License-Identifier: Apache-2.0
"""How many devices, certificates and providers an account has, as its summary names them."""

from __future__ import annotations

from stockade.services.iam.account_settings import settings_of
from stockade.services.iam.identity_providers import OIDC_PROVIDERS, SAML_PROVIDERS
from stockade.services.iam.mfa_devices import MFA_DEVICES
from stockade.services.iam.resources import scope_of
from stockade.services.iam.server_certificates import SERVER_CERTIFICATES
from stockade.services.iam.signing_certificates import SIGNING_CERTIFICATES
from stockade.store.unit import Unit


def credential_counts(unit: Unit, account: str) -> dict[str, int]:
    """Return what GetAccountSummary says of what is kept here; the root has no device."""
    scope = scope_of(account)
    devices = unit.list(MFA_DEVICES, scope)
    providers = len(unit.list(OIDC_PROVIDERS, scope)) + len(unit.list(SAML_PROVIDERS, scope))
    version = settings_of(unit, account).token_version
    return {
        "AccountMFAEnabled": 0,
        "AccountPasswordPresent": 0,
        "AccountSigningCertificatesPresent": len(
            unit.find(SIGNING_CERTIFICATES, scope, "user", account, limit=1)
        ),
        "GlobalEndpointTokenVersion": 2 if version == "v2Token" else 1,
        "MFADevices": len(devices),
        "MFADevicesInUse": sum(bool(device.user) for device in devices),
        "Providers": providers,
        "ServerCertificates": len(unit.list(SERVER_CERTIFICATES, scope)),
    }
