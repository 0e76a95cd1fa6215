# SPDX-License-Identifier: Apache-2.0
"""What an account switches on: the tokens of STS's global endpoint, and tokens for others.

An issuer is made with the first EnableOutboundWebIdentityFederation and stays for ever, so that
tokens stay verifiable while the feature is off.
"""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from stockade.core.access import on_everything
from stockade.core.context import Context
from stockade.core.ids import uuid_of
from stockade.core.operation import Output
from stockade.services.iam.account_settings import SETTINGS, Settings, settings_of
from stockade.services.iam.credential_errors import FeatureDisabled, FeatureEnabled
from stockade.services.iam.service import iam


@iam.operation(access=on_everything("iam:SetSecurityTokenServicePreferences"), writes=True)
def set_security_token_service_preferences(
    ctx: Context, *, global_endpoint_token_version: Literal["v1Token", "v2Token"]
) -> Output:
    """Say which tokens STS's global endpoint gives; GetAccountSummary tells which it is."""
    settings = settings_of(ctx.unit, ctx.account)
    changed = replace(settings, token_version=global_endpoint_token_version)
    ctx.unit.put(SETTINGS, ctx.global_scope, changed)
    return {}


@iam.operation(access=on_everything("iam:EnableOutboundWebIdentityFederation"), writes=True)
def enable_outbound_web_identity_federation(ctx: Context) -> Output:
    """Let STS give tokens for others in the name of the account's issuer."""
    settings = settings_of(ctx.unit, ctx.account)
    if settings.outbound_enabled:
        raise FeatureEnabled(
            f"Outbound identity federation is already enabled for account {ctx.account}"
        )
    issuer = settings.outbound_issuer or _issuer(ctx)
    changed = replace(settings, outbound_issuer=issuer, outbound_enabled=True)
    ctx.unit.put(SETTINGS, ctx.global_scope, changed)
    return {"IssuerIdentifier": issuer}


@iam.operation(access=on_everything("iam:DisableOutboundWebIdentityFederation"), writes=True)
def disable_outbound_web_identity_federation(ctx: Context) -> Output:
    """Give no tokens for others any more."""
    settings = _enabled(ctx)
    ctx.unit.put(SETTINGS, ctx.global_scope, replace(settings, outbound_enabled=False))
    return {}


@iam.operation(access=on_everything("iam:GetOutboundWebIdentityFederationInfo"))
def get_outbound_web_identity_federation_info(ctx: Context) -> Output:
    """Return the account's issuer, while the feature is on."""
    return {"IssuerIdentifier": _enabled(ctx).outbound_issuer, "JwtVendingEnabled": True}


def _enabled(ctx: Context) -> Settings:
    settings = settings_of(ctx.unit, ctx.account)
    if not settings.outbound_enabled:
        raise FeatureDisabled(f"Outbound identity federation is disabled for account {ctx.account}")
    return settings


def _issuer(ctx: Context) -> str:
    """Return a new issuer, in AWS's form; who serves its keys says where."""
    return f"https://{uuid_of(ctx.random(16))}.tokens.sts.global.api.aws"
