# SPDX-License-Identifier: Apache-2.0
"""Analyzers of an organization: every account of it is looked at, and trusted."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from stockade.app import Stockade
from stockade.testing.plugin import TestClock
from tests.services.accessanalyzer.test_analyzers import code, listed, make_role
from tests.services.organizations.helpers import Organization

OWNER = "000000000000"
STRANGER = "444455556666"
SERVICE = "access-analyzer.amazonaws.com"
NAMED = {"analyzerName": "all", "type": "ORGANIZATION"}


@pytest.fixture
def organization(stockade: Stockade, aws: boto3.Session) -> Organization:
    return Organization(stockade, aws)


@pytest.fixture
def client(aws: boto3.Session) -> Any:
    return aws.client("accessanalyzer")


def trust(organization: Organization) -> None:
    organization.client.enable_aws_service_access(ServicePrincipal=SERVICE)


def test_every_account_is_looked_at_and_trusted(
    organization: Organization, client: Any, aws: boto3.Session, clock: TestClock
) -> None:
    member = organization.invite()
    trust(organization)
    there = organization.root_of(member)
    shared = make_role(there, "shared", {"AWS": STRANGER})
    make_role(there, "inner", {"AWS": OWNER})
    own = make_role(aws, "own", {"AWS": "*"})
    arn = client.create_analyzer(**NAMED)["arn"]
    clock.advance(seconds=1)
    found = {one["resource"]: one for one in listed(client, arn)}
    assert set(found) == {shared, own}
    assert found[shared]["resourceOwnerAccount"] == member
    assert found[own]["resourceOwnerAccount"] == OWNER
    resources = client.list_analyzed_resources(analyzerArn=arn)["analyzedResources"]
    assert {one["resourceOwnerAccount"] for one in resources} == {OWNER, member}
    later = make_role(there, "later", {"AWS": STRANGER})
    client.start_resource_scan(analyzerArn=arn, resourceArn=later)
    assert {one["resource"] for one in listed(client, arn)} == {shared, own, later}
    of_member = {"resourceOwnerAccount": {"eq": [member]}}
    assert len(listed(client, arn, filter=of_member)) == 2
    organization.client.remove_account_from_organization(AccountId=member)
    clock.advance(hours=0.5)
    assert {one["status"] for one in listed(client, arn, filter=of_member)} == {"RESOLVED"}
    missing = {"analyzerArn": arn, "resourceArn": later}
    assert code(client.start_resource_scan, **missing) == "ResourceNotFoundException"


def test_who_may_make_one(organization: Organization, client: Any, clock: TestClock) -> None:
    member = organization.account("member")
    there = organization.root_of(member).client("accessanalyzer")
    assert code(client.create_analyzer, **NAMED) == "ValidationException"
    assert code(there.create_analyzer, **NAMED) == "AccessDeniedException"
    trust(organization)
    organization.client.register_delegated_administrator(AccountId=member, ServicePrincipal=SERVICE)
    for number in range(5):
        there.create_analyzer(analyzerName=f"n{number}", type="ORGANIZATION")
    assert code(there.create_analyzer, **NAMED) == "ServiceQuotaExceededException"
    there.create_analyzer(analyzerName="mine", type="ACCOUNT")
    clock.advance(seconds=1)
    assert there.get_analyzer(analyzerName="n0")["analyzer"]["status"] == "ACTIVE"
    organization.client.deregister_delegated_administrator(
        AccountId=member, ServicePrincipal=SERVICE
    )
    clock.advance(hours=0.5)
    assert there.get_analyzer(analyzerName="n0")["analyzer"]["status"] == "DISABLED"
    assert there.get_analyzer(analyzerName="mine")["analyzer"]["status"] == "ACTIVE"
