# SPDX-License-Identifier: Apache-2.0
"""Aliases, token preferences, tokens for others, and an organization's hold on roots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stockade.core.ports import Credentials
from stockade.services.iam.account_settings import settings_of
from stockade.services.iam.credentials import IamDirectory
from tests.services.iam.helpers import ACCOUNT, OTHER, account, below, refused

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade


@pytest.fixture
def iam(aws: boto3.Session) -> Any:
    return aws.client("iam")


def test_an_account_has_one_alias_and_nobody_else_has_it(stockade: Stockade, iam: Any) -> None:
    other = account(stockade, OTHER).client("iam")
    assert iam.list_account_aliases()["AccountAliases"] == []
    iam.create_account_alias(AccountAlias="first")
    iam.create_account_alias(AccountAlias="second")
    assert iam.list_account_aliases()["AccountAliases"] == ["second"]
    taken = refused(other.create_account_alias, AccountAlias="second")
    assert taken[:2] == ("EntityAlreadyExists", 409)
    other.create_account_alias(AccountAlias="first")
    assert refused(iam.delete_account_alias, AccountAlias="first")[:2] == ("NoSuchEntity", 404)
    iam.delete_account_alias(AccountAlias="second")
    assert iam.list_account_aliases()["AccountAliases"] == []


@pytest.mark.parametrize("alias", ["a.b", "-abc", "abc-", "a--b", "Upper", "x" * 64, "1" * 12])
def test_aliases_that_are_none(iam: Any, alias: str) -> None:
    assert refused(iam.create_account_alias, AccountAlias=alias)[1] == 400


def test_the_tokens_of_the_global_endpoint(stockade: Stockade, iam: Any) -> None:
    iam.set_security_token_service_preferences(GlobalEndpointTokenVersion="v2Token")
    with below(stockade) as ctx:
        assert settings_of(ctx.unit, ACCOUNT).token_version == "v2Token"
        assert settings_of(ctx.unit, OTHER).token_version == "v1Token"
    wrong = refused(iam.set_security_token_service_preferences, GlobalEndpointTokenVersion="v3")
    assert wrong[0] == "ValidationError"


def test_tokens_for_others_have_an_issuer_that_stays(stockade: Stockade, iam: Any) -> None:
    disabled = (
        "FeatureDisabled",
        404,
        f"Outbound identity federation is disabled for account {ACCOUNT}",
    )
    assert refused(iam.get_outbound_web_identity_federation_info) == disabled
    assert refused(iam.disable_outbound_web_identity_federation) == disabled
    issuer = iam.enable_outbound_web_identity_federation()["IssuerIdentifier"]
    info = iam.get_outbound_web_identity_federation_info()
    assert (info["IssuerIdentifier"], info["JwtVendingEnabled"]) == (issuer, True)
    assert outbound(stockade) == issuer
    assert refused(iam.enable_outbound_web_identity_federation)[:2] == ("FeatureEnabled", 409)
    iam.disable_outbound_web_identity_federation()
    assert outbound(stockade) is None
    assert iam.enable_outbound_web_identity_federation()["IssuerIdentifier"] == issuer


def outbound(stockade: Stockade) -> str | None:
    with below(stockade) as ctx:
        directory = ctx.port(Credentials)
        assert isinstance(directory, IamDirectory)
        return directory.outbound_issuer(ctx.unit, ACCOUNT)


def test_an_organization_holds_the_roots_of_its_members(stockade: Stockade, iam: Any) -> None:
    pytest.importorskip("stockade.services.organizations", reason="there are no organizations")
    assert refused(iam.list_organizations_features)[:2] == ("OrganizationNotFoundException", 400)
    organizations = account(stockade, ACCOUNT).client("organizations")
    made = organizations.create_organization(FeatureSet="ALL")["Organization"]
    assert iam.enable_organizations_root_sessions()["EnabledFeatures"] == ["RootSessions"]
    both = iam.enable_organizations_root_credentials_management()
    assert both["OrganizationId"] == made["Id"]
    assert both["EnabledFeatures"] == ["RootSessions", "RootCredentialsManagement"]
    iam.disable_organizations_root_sessions()
    left = iam.list_organizations_features()["EnabledFeatures"]
    assert left == ["RootCredentialsManagement"]
