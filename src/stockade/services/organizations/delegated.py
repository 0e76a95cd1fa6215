# SPDX-License-Identifier: Apache-2.0
"""Delegated administrators: member accounts that run a service for the whole organization.

They may read what Organizations knows; access.py lets them.
"""

from __future__ import annotations

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.organizations import naming, view
from stockade.services.organizations.access import management, reading
from stockade.services.organizations.errors import (
    AccountAlreadyRegisteredException,
    AccountNotRegisteredException,
    ConstraintViolationException,
)
from stockade.services.organizations.features import must_have_all
from stockade.services.organizations.paging import PAGE, among, listed
from stockade.services.organizations.resources import ACCOUNTS, Account, Organization
from stockade.services.organizations.service import organizations
from stockade.services.organizations.trusted import must_be_service


@organizations.operation(
    access=management("organizations:RegisterDelegatedAdministrator", naming.account), writes=True
)
def register_delegated_administrator(
    ctx: Context,
    organization: Organization,
    account: Account,
    *,
    account_id: str,
    service_principal: str,
) -> Output:
    """Have a member account administer a trusted service."""
    must_have_all(organization)
    must_be_service(service_principal)
    if account_id == organization.management_account:
        raise ConstraintViolationException(
            "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR",
            "You cannot register management account/yourself as delegated administrator for your "
            "organization.",
        )
    if account.closed is not None:
        raise ConstraintViolationException(
            "CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR",
            "You cannot register a suspended account as a delegated administrator.",
        )
    if service_principal not in organization.services:
        raise ConstraintViolationException(
            "SERVICE_ACCESS_NOT_ENABLED",
            "You must enable service access before you delegate an administrator for this "
            "service. Call the AWS API EnableAWSServiceAccess first.",
        )
    if service_principal in account.services:
        raise AccountAlreadyRegisteredException
    services = {**account.services, service_principal: ctx.now}
    ctx.unit.put(ACCOUNTS, organization.scope, replace(account, services=services))
    return {}


@organizations.operation(
    access=management("organizations:DeregisterDelegatedAdministrator", naming.account),
    writes=True,
)
def deregister_delegated_administrator(
    ctx: Context,
    organization: Organization,
    account: Account,
    *,
    account_id: str,
    service_principal: str,
) -> Output:
    """Have a member account administer a service no longer."""
    del account_id
    must_have_all(organization)
    if service_principal not in account.services:
        raise AccountNotRegisteredException
    services = {
        name: since for name, since in account.services.items() if name != service_principal
    }
    ctx.unit.put(ACCOUNTS, organization.scope, replace(account, services=services))
    return {}


@organizations.operation(access=reading("organizations:ListDelegatedAdministrators"))
def list_delegated_administrators(
    ctx: Context,
    organization: Organization,
    *,
    service_principal: str | None = None,
    max_results: int = PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the accounts that administer a service, or any."""
    must_have_all(organization)
    administrators = (
        account
        for account in ctx.unit.list(ACCOUNTS, organization.scope)
        if account.services and service_principal in (None, *account.services)
    )

    def show(account: Account) -> dict[str, object]:
        named = service_principal
        since = account.services[named] if named else account.delegated_since
        return view.delegated_administrator(account, since)

    return listed(
        "DelegatedAdministrators",
        among(administrators, lambda account: account.id),
        lambda account: account.id,
        show,
        max_results,
        next_token,
    )


@organizations.operation(
    access=reading("organizations:ListDelegatedServicesForAccount", naming.account)
)
def list_delegated_services_for_account(
    _ctx: Context,
    organization: Organization,
    account: Account,
    *,
    account_id: str,
    max_results: int = PAGE,
    next_token: str | None = None,
) -> Output:
    """Return the services that an account administers."""
    del account_id
    must_have_all(organization)
    services = account.services
    if not services:
        raise AccountNotRegisteredException
    return listed(
        "DelegatedServices",
        among(services, str),
        str,
        lambda name: {"ServicePrincipal": name, "DelegationEnabledDate": services[name]},
        max_results,
        next_token,
    )
