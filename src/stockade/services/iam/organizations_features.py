# SPDX-License-Identifier: Apache-2.0
"""Root access that an organization manages centrally: two features, kept by its management account.

Whether the organization trusts IAM (EnableAWSServiceAccess) and whom it delegated IAM to is not
asked: the management account alone has a say.
"""

from __future__ import annotations

from msgspec.structs import replace

from stockade.core.access import on_everything
from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.core.ports import Membership, Organization
from stockade.services.iam.account_settings import SETTINGS, RootFeature, settings_of
from stockade.services.iam.credential_errors import (
    AccountNotManagementOrDelegatedAdministrator,
    CallerIsNotManagementAccount,
    OrganizationNotFound,
)
from stockade.services.iam.service import iam

CREDENTIALS: RootFeature = "RootCredentialsManagement"
SESSIONS: RootFeature = "RootSessions"


@iam.operation(access=on_everything("iam:ListOrganizationsFeatures"))
def list_organizations_features(ctx: Context) -> Output:
    """Return which features are on."""
    return _shown(ctx, _managed(ctx))


@iam.operation(
    access=on_everything("iam:EnableOrganizationsRootCredentialsManagement"), writes=True
)
def enable_organizations_root_credentials_management(ctx: Context) -> Output:
    """Let the management account look after the root credentials of members."""
    return _enable(ctx, CREDENTIALS)


@iam.operation(
    access=on_everything("iam:DisableOrganizationsRootCredentialsManagement"), writes=True
)
def disable_organizations_root_credentials_management(ctx: Context) -> Output:
    """Leave the root credentials of members to them."""
    return _disable(ctx, CREDENTIALS)


@iam.operation(access=on_everything("iam:EnableOrganizationsRootSessions"), writes=True)
def enable_organizations_root_sessions(ctx: Context) -> Output:
    """Let the management account become a member's root for single tasks."""
    return _enable(ctx, SESSIONS)


@iam.operation(access=on_everything("iam:DisableOrganizationsRootSessions"), writes=True)
def disable_organizations_root_sessions(ctx: Context) -> Output:
    """Let nobody become a member's root any more."""
    return _disable(ctx, SESSIONS)


def _enable(ctx: Context, feature: RootFeature) -> Output:
    membership = _membership(ctx)
    if membership.management_account != ctx.account:
        raise CallerIsNotManagementAccount(
            f"Account {ctx.account} is not the management account of its organization."
        )
    kept = settings_of(ctx.unit, ctx.account)
    if feature not in kept.root_features:
        _store(ctx, (*kept.root_features, feature))
    return _shown(ctx, membership)


def _disable(ctx: Context, feature: RootFeature) -> Output:
    membership = _managed(ctx)
    kept = settings_of(ctx.unit, ctx.account).root_features
    _store(ctx, tuple(each for each in kept if each != feature))
    return _shown(ctx, membership)


def _membership(ctx: Context) -> Membership:
    membership = ctx.port(Organization).membership(ctx.unit, ctx.account)
    if membership is None:
        raise OrganizationNotFound(f"Account {ctx.account} is not a member of an organization.")
    return membership


def _managed(ctx: Context) -> Membership:
    membership = _membership(ctx)
    if membership.management_account != ctx.account:
        raise AccountNotManagementOrDelegatedAdministrator(
            f"Account {ctx.account} is neither the management account of its organization nor a "
            "delegated administrator for IAM."
        )
    return membership


def _store(ctx: Context, features: tuple[RootFeature, ...]) -> None:
    kept = settings_of(ctx.unit, ctx.account)
    ctx.unit.put(SETTINGS, ctx.global_scope, replace(kept, root_features=features))


def _shown(ctx: Context, membership: Membership) -> Output:
    return {
        "OrganizationId": membership.organization_id,
        "EnabledFeatures": list(settings_of(ctx.unit, ctx.account).root_features),
    }
