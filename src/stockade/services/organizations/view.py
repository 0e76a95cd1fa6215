# SPDX-License-Identifier: Apache-2.0
"""Stored resources as AWS Organizations shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from stockade.services.organizations.resources import (
    Account,
    AccountRequest,
    Handshake,
    Node,
    Organization,
    Policy,
    Root,
    Unit,
)


def organization(shown: Organization, email: str) -> dict[str, Any]:
    """Return an organization; AWS names service control policies alone as available."""
    available = shown.feature_set == "ALL"
    types = [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}] if available else []
    return {
        "Id": shown.id,
        "Arn": shown.arn,
        "FeatureSet": shown.feature_set,
        "MasterAccountArn": shown.arn_of("account", shown.management_account),
        "MasterAccountId": shown.management_account,
        "MasterAccountEmail": email,
        "AvailablePolicyTypes": types,
    }


def root(shown: Root) -> dict[str, Any]:
    """Return a root with the policy types that are enabled."""
    types = [{"Type": each, "Status": "ENABLED"} for each in shown.policy_types]
    return {"Id": shown.id, "Arn": shown.arn, "Name": shown.name, "PolicyTypes": types}


def unit(shown: Unit, path: str) -> dict[str, Any]:
    """Return an organizational unit."""
    return {"Id": shown.id, "Arn": shown.arn, "Name": shown.name, "Path": path}


def account(shown: Account, path: str) -> dict[str, Any]:
    """Return an account with its place."""
    return {**_account(shown), "Paths": [path]}


def delegated_administrator(shown: Account, since: datetime) -> dict[str, Any]:
    """Return an account that administers a service."""
    return {**_account(shown), "DelegationEnabledDate": since}


def _account(shown: Account) -> dict[str, Any]:
    return {
        "Id": shown.id,
        "Arn": shown.arn,
        "Email": shown.email,
        "Name": shown.name,
        "Status": "ACTIVE" if shown.closed is None else "SUSPENDED",
        "State": "ACTIVE" if shown.closed is None else "CLOSED",
        "JoinedMethod": shown.joined_method,
        "JoinedTimestamp": shown.joined,
    }


def account_request(shown: AccountRequest) -> dict[str, Any]:
    """Return what became of a request to create an account."""
    output: dict[str, Any] = {
        "Id": shown.id,
        "AccountName": shown.account_name,
        "State": shown.state,
        "RequestedTimestamp": shown.requested,
        "CompletedTimestamp": shown.completed,
    }
    if shown.account_id:
        output["AccountId"] = shown.account_id
    if shown.failure:
        output["FailureReason"] = shown.failure
    return output


def policy_summary(shown: Policy) -> dict[str, Any]:
    """Return a policy as lists show it."""
    return {
        "Id": shown.id,
        "Arn": shown.arn,
        "Name": shown.name,
        "Description": shown.description,
        "Type": shown.type,
        "AwsManaged": shown.aws_managed,
    }


def policy(shown: Policy) -> dict[str, Any]:
    """Return a policy with its content."""
    return {"PolicySummary": policy_summary(shown), "Content": shown.content}


def target(shown: Node) -> dict[str, Any]:
    """Return what a policy is attached to."""
    return {"TargetId": shown.id, "Arn": shown.arn, "Name": shown.name, "Type": node_type(shown)}


def node_type(shown: Node) -> str:
    """Return AWS's word for a kind of node."""
    if isinstance(shown, Root):
        return "ROOT"
    return "ORGANIZATIONAL_UNIT" if isinstance(shown, Unit) else "ACCOUNT"


def handshake(shown: Handshake) -> dict[str, Any]:
    """Return a handshake with its parties and what it is about."""
    return {
        "Id": shown.id,
        "Arn": shown.arn,
        "Parties": _parties(shown),
        "State": shown.state,
        "RequestedTimestamp": shown.requested,
        "ExpirationTimestamp": shown.expires,
        "Action": shown.action,
        "Resources": _resources(shown),
    }


def _receiver(shown: Handshake) -> tuple[str, str] | None:
    """Return type and id of who is asked."""
    if shown.email:
        return "EMAIL", shown.email
    return ("ACCOUNT", shown.account) if shown.account else None


def _parties(shown: Handshake) -> list[dict[str, str]]:
    parties = [{"Id": shown.organization_id, "Type": "ORGANIZATION"}]
    receiver = _receiver(shown)
    if receiver is not None:
        parties.append({"Id": receiver[1], "Type": receiver[0]})
    return parties


def _resources(shown: Handshake) -> list[dict[str, Any]]:
    owner: dict[str, Any] = {"Type": "ORGANIZATION", "Value": shown.organization_id}
    if shown.action == "INVITE":
        owner["Resources"] = [
            {"Type": "MASTER_EMAIL", "Value": shown.management_email},
            {"Type": "MASTER_NAME", "Value": shown.management_name},
            {"Type": "ORGANIZATION_FEATURE_SET", "Value": shown.feature_set},
        ]
    resources = [owner]
    receiver = _receiver(shown)
    if receiver is not None:
        resources.append({"Type": receiver[0], "Value": receiver[1]})
    if shown.notes:
        resources.append({"Type": "NOTES", "Value": shown.notes})
    if shown.parent:
        resources.append({"Type": "PARENT_HANDSHAKE", "Value": shown.parent})
    return resources


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as Organizations spells them."""
    return [{"Key": name, "Value": tags[name]} for name in sorted(tags)]
