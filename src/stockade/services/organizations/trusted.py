# SPDX-License-Identifier: Apache-2.0
"""Trusted services: which services of AWS may work across the organization."""

from __future__ import annotations

import re

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.organizations.access import management, reading
from stockade.services.organizations.errors import InvalidInputException
from stockade.services.organizations.features import must_have_all
from stockade.services.organizations.paging import PAGE, among, listed
from stockade.services.organizations.resources import ORGANIZATIONS, Organization
from stockade.services.organizations.service import organizations

_PRINCIPAL = re.compile(r"[a-z0-9.-]+\.amazonaws\.com")


@organizations.operation(access=management("organizations:EnableAWSServiceAccess"), writes=True)
def enable_aws_service_access(
    ctx: Context, organization: Organization, *, service_principal: str
) -> Output:
    """Trust a service; one that is trusted already stays so since its day."""
    must_have_all(organization)
    must_be_service(service_principal)
    if service_principal not in organization.services:
        services = {**organization.services, service_principal: ctx.now}
        ctx.unit.put(ORGANIZATIONS, organization.scope, replace(organization, services=services))
    return {}


@organizations.operation(access=management("organizations:DisableAWSServiceAccess"), writes=True)
def disable_aws_service_access(
    ctx: Context, organization: Organization, *, service_principal: str
) -> Output:
    """Trust a service no longer."""
    must_have_all(organization)
    must_be_service(service_principal)
    services = {
        name: since for name, since in organization.services.items() if name != service_principal
    }
    ctx.unit.put(ORGANIZATIONS, organization.scope, replace(organization, services=services))
    return {}


@organizations.operation(access=reading("organizations:ListAWSServiceAccessForOrganization"))
def list_aws_service_access_for_organization(
    _ctx: Context,
    organization: Organization,
    *,
    max_results: int = PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the trusted services."""
    must_have_all(organization)
    services = organization.services
    return listed(
        "EnabledServicePrincipals",
        among(services, str),
        str,
        lambda name: {"ServicePrincipal": name, "DateEnabled": services[name]},
        max_results,
        next_token,
    )


def must_be_service(principal: str) -> None:
    """Refuse what is no service principal."""
    if _PRINCIPAL.fullmatch(principal) is None:
        raise InvalidInputException(
            "UNRECOGNIZED_SERVICE_PRINCIPAL", "You specified an unrecognized service principal."
        )
