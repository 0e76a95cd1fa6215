# SPDX-License-Identifier: Apache-2.0
"""CreateAccount: an account that really comes into being, with a role by which it is managed.

AWS answers before it is done, and so does this: the answer says IN_PROGRESS. Here everything is
done in the same transaction, so that who asks for the status next hears how it ended.
"""

from __future__ import annotations

from collections.abc import Sequence

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.organizations import events, identifiers, view
from stockade.services.organizations.access import management, reading
from stockade.services.organizations.errors import (
    ConstraintViolationException,
    CreateAccountStatusNotFoundException,
    InvalidInputException,
)
from stockade.services.organizations.joining import join
from stockade.services.organizations.paging import PAGE, among, listed
from stockade.services.organizations.requires import Accounts
from stockade.services.organizations.resources import (
    ACCOUNT_REQUESTS,
    ACCOUNTS,
    AccountRequest,
    Organization,
)
from stockade.services.organizations.service import organizations
from stockade.services.organizations.tags import Tags, merged

ACCOUNT_LIMIT = 10_000
"""AWS begins at 10 and raises it on request; nobody has to be asked here."""
DEFAULT_ROLE = "OrganizationAccountAccessRole"
STATES = ("IN_PROGRESS", "SUCCEEDED", "FAILED")


@organizations.operation(access=management("organizations:CreateAccount"), writes=True)
def create_account(
    ctx: Context,
    organization: Organization,
    *,
    email: str,
    account_name: str,
    role_name: str = DEFAULT_ROLE,
    iam_user_access_to_billing: str = "ALLOW",
    tags: Tags = (),
) -> Output:
    """Make an account in the organization; there is no billing to give its users access to."""
    del iam_user_access_to_billing
    if role_name.startswith("AWSServiceRoleFor"):
        raise InvalidInputException(
            "INVALID_ROLE_NAME",
            "You provided a role name that isn't valid. A role name can't begin with the reserved "
            "prefix AWSServiceRoleFor.",
        )
    must_have_room(ctx, organization)
    tagged = merged({}, tags)
    if ctx.port(Accounts).find_by_email(ctx.unit, email) is not None:
        request = _ended(ctx, organization, account_name, failure="EMAIL_ALREADY_EXISTS")
    else:
        account_id = _made(ctx, organization, account_name, email, role_name)
        join(ctx, organization, account_id, "CREATED", tagged)
        request = _ended(ctx, organization, account_name, account_id=account_id)
    return {
        "CreateAccountStatus": {
            "Id": request.id,
            "AccountName": account_name,
            "State": "IN_PROGRESS",
            "RequestedTimestamp": ctx.now,
        }
    }


@organizations.operation(access=reading("organizations:DescribeCreateAccountStatus"))
def describe_create_account_status(
    ctx: Context, organization: Organization, *, create_account_request_id: str
) -> Output:
    """Return what became of a request to create an account."""
    request = ctx.unit.get(ACCOUNT_REQUESTS, organization.scope, create_account_request_id)
    if request is None:
        raise CreateAccountStatusNotFoundException
    return {"CreateAccountStatus": view.account_request(request)}


@organizations.operation(access=reading("organizations:ListCreateAccountStatus"))
def list_create_account_status(
    ctx: Context,
    organization: Organization,
    *,
    states: Sequence[str] = STATES,
    max_results: int = PAGE,
    next_token: str | None = None,
) -> Output:
    """Return what became of requests to create accounts."""
    every = ctx.unit.list(ACCOUNT_REQUESTS, organization.scope)
    requests = among((each for each in every if each.state in states), lambda each: each.id)
    return listed(
        "CreateAccountStatuses",
        requests,
        lambda each: each.id,
        view.account_request,
        max_results,
        next_token,
    )


def must_have_room(ctx: Context, organization: Organization) -> None:
    """Refuse one more account than an organization may have."""
    if len(ctx.unit.list(ACCOUNTS, organization.scope, limit=ACCOUNT_LIMIT)) >= ACCOUNT_LIMIT:
        raise ConstraintViolationException(
            "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
            "You have exceeded the allowed number of AWS accounts.",
        )


def _made(ctx: Context, organization: Organization, name: str, email: str, role_name: str) -> str:
    """Make an account under a number that none ever had, and the role in it."""
    accounts = ctx.port(Accounts)
    account_id = identifiers.account_id(ctx.random)
    while not accounts.is_free(ctx.unit, account_id):
        account_id = identifiers.account_id(ctx.random)
    accounts.create_account(ctx, account_id, name, email)
    accounts.create_administrator_role(ctx, account_id, role_name, organization.management_account)
    return account_id


def _ended(
    ctx: Context,
    organization: Organization,
    name: str,
    *,
    account_id: str = "",
    failure: str = "",
) -> AccountRequest:
    request = AccountRequest(
        id=identifiers.account_request_id(ctx.random),
        account_name=name,
        state="FAILED" if failure else "SUCCEEDED",
        requested=ctx.now,
        completed=ctx.now,
        account_id=account_id,
        failure=failure,
    )
    ctx.unit.put(ACCOUNT_REQUESTS, organization.scope, request)
    events.create_account_result(ctx, organization, request)
    return request
