# SPDX-License-Identifier: Apache-2.0
"""What Organizations itself tells the audit trail of the management account.

Names of accounts are starred out, as AWS does.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from stockade.core.context import Context, ServiceEvent
from stockade.services.organizations.resources import AccountRequest, Organization

_REGION = "us-east-1"


def create_account_result(
    ctx: Context, organization: Organization, request: AccountRequest
) -> None:
    """Tell how a request to create an account ended."""
    status = {
        "id": request.id,
        "state": request.state,
        "accountName": "****",
        "accountId": request.account_id,
        "failureReason": request.failure,
        "requestedTimestamp": _moment(request.requested),
        "completedTimestamp": _moment(request.completed),
    }
    shown = {name: value for name, value in status.items() if value}
    _tell(ctx, organization, "CreateAccountResult", {"createAccountStatus": shown})


def close_account_result(ctx: Context, organization: Organization, account_id: str) -> None:
    """Tell that an account was closed."""
    status = {
        "accountId": account_id,
        "state": "SUCCEEDED",
        "requestedTimestamp": _moment(ctx.now),
        "completedTimestamp": _moment(ctx.now),
    }
    _tell(ctx, organization, "CloseAccountResult", {"closeAccountStatus": status})


def joined(ctx: Context, organization: Organization, account_id: str, method: str) -> None:
    """Tell that an account joined, INVITED or CREATED."""
    details = {"accountId": account_id, "joinedMethod": method, "joinedTime": _moment(ctx.now)}
    _tell(ctx, organization, "AccountJoinedOrganization", details)


def departed(ctx: Context, organization: Organization, account_id: str, method: str) -> None:
    """Tell that an account LEFT or was REMOVED."""
    details = {
        "accountId": account_id,
        "departureMethod": method,
        "departureTime": _moment(ctx.now),
    }
    _tell(ctx, organization, "AccountDepartedOrganization", details)


def _tell(ctx: Context, organization: Organization, name: str, details: dict[str, Any]) -> None:
    ctx.service_events.append(
        ServiceEvent(
            source="organizations.amazonaws.com",
            name=name,
            account=organization.management_account,
            region=_REGION,
            arn="",
            kind="",
            details=details,
        )
    )


def _moment(value: datetime) -> str:
    """Return a moment as these events write it: `Sep 16, 2020 9:20:50 PM`."""
    time = f"{value.hour % 12 or 12}:{value:%M:%S %p}"
    return f"{value:%b} {value.day}, {value.year} {time}"
