# SPDX-License-Identifier: Apache-2.0
"""What an operation prepares before its write: for whom, when, and within another one's write.

Parameter Store stands in for every service here: one of its operations is made to prepare.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from stockade import app
from stockade.app import Stockade
from stockade.core.access import on_everything
from stockade.core.context import Context
from stockade.core.errors import AwsError
from stockade.core.operation import Output, Service
from stockade.protocol.catalogue import ServiceEntry
from stockade.testing.transport import session
from tests.services.test_authorization import allow, policy, user


class Log(list[str]):
    """What was done, in order."""


def parameter_store(log: Log) -> Service:
    """Return a service that is made for these tests."""
    ssm = Service(ServiceEntry(name="ssm", signing_name="ssm", target_prefix="AmazonSSM"))

    def prepare(ctx: Context, params: Mapping[str, Any]) -> str:
        log.append(f"prepare in a {'write' if ctx.unit.writes else 'read'}")
        if params["Value"] == "refused":
            raise AwsError("not to be had")
        return str(params["Value"]).upper()

    @ssm.operation(access=on_everything("ssm:PutParameter"), writes=True, prepare=prepare)
    def put_parameter(ctx: Context, prepared: str, *, name: str, value: str) -> Output:
        """Note what was prepared."""
        del name, value
        log.append(f"{prepared} in a {'write' if ctx.unit.writes else 'read'}")
        return {"Version": 1}

    @ssm.operation(access=on_everything("ssm:DeleteParameter"), writes=True)
    def delete_parameter(ctx: Context, *, name: str) -> Output:
        """Put a parameter within a write."""
        ctx.call("ssm", "PutParameter", {"Name": name, "Value": "b"}, by="ssm.amazonaws.com")
        return {}

    return ssm


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def stockade(monkeypatch: pytest.MonkeyPatch, log: Log) -> Iterator[Stockade]:
    known = app.services()
    monkeypatch.setattr(app, "services", lambda: {**known, "ssm": parameter_store(log)})
    made = Stockade.in_memory()
    yield made
    made.close()


@pytest.fixture
def aws(stockade: Stockade) -> boto3.Session:
    return session(stockade)


def test_it_is_prepared_before_the_write_begins(aws: boto3.Session, log: Log) -> None:
    aws.client("ssm").put_parameter(Name="p", Value="a")
    assert log == ["prepare in a read", "A in a write"]


def test_nothing_is_prepared_for_who_is_not_allowed(
    stockade: Stockade, aws: boto3.Session, log: Log
) -> None:
    other = user(stockade, aws, "other", policy(allow("ssm:Get*"))).client("ssm")
    with pytest.raises(ClientError, match="not authorized to perform: ssm:PutParameter"):
        other.put_parameter(Name="p", Value="a")
    assert log == []


def test_a_member_that_is_not_honoured_is_said_first(aws: boto3.Session, log: Log) -> None:
    with pytest.raises(ClientError, match="Description"):
        aws.client("ssm").put_parameter(Name="p", Value="a", Description="d")
    assert log == []


def test_a_refusal_while_preparing_is_recorded(aws: boto3.Session, log: Log) -> None:
    with pytest.raises(ClientError, match="not to be had"):
        aws.client("ssm").put_parameter(Name="p", Value="refused")
    assert log == ["prepare in a read"]
    wanted = [{"AttributeKey": "EventName", "AttributeValue": "PutParameter"}]
    (event,) = aws.client("cloudtrail").lookup_events(LookupAttributes=wanted)["Events"]
    assert json.loads(event["CloudTrailEvent"])["errorMessage"] == "not to be had"


def test_within_another_write_it_is_prepared_in_that_one(aws: boto3.Session, log: Log) -> None:
    aws.client("ssm").delete_parameter(Name="p")
    assert log == ["prepare in a write", "B in a write"]


def test_only_what_writes_can_prepare() -> None:
    service = Service(ServiceEntry(name="ssm", signing_name="ssm", target_prefix="AmazonSSM"))
    with pytest.raises(TypeError, match="nothing to prepare for"):
        service.operation(access=on_everything("ssm:GetParameter"), prepare=print)
