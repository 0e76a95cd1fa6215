# SPDX-License-Identifier: Apache-2.0
"""LookupEvents: every call, refused ones too, newest first, by one attribute, in pages."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.services.cloudtrail import tokens
from stockade.services.cloudtrail.errors import InvalidNextTokenException
from stockade.store.journal import Moment
from stockade.testing.transport import session
from tests.services.iam.helpers import ACCOUNT, OTHER, account, allow, refused, user

if TYPE_CHECKING:
    import boto3

    from stockade.app import Stockade
    from stockade.testing.plugin import TestClock


@pytest.fixture
def trail(aws: boto3.Session) -> Any:
    return aws.client("cloudtrail")


def by(key: str, value: str) -> dict[str, Any]:
    return {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]}


def names(answer: Any) -> list[str]:
    return [each["EventName"] for each in answer["Events"]]


def test_an_event_is_shown_with_its_record_as_a_string(aws: boto3.Session, trail: Any) -> None:
    aws.client("iam").create_user(UserName="alice")
    (event,) = trail.lookup_events()["Events"]
    assert event["EventName"] == "CreateUser"
    assert event["EventSource"] == "iam.amazonaws.com"
    assert event["ReadOnly"] == "false"
    assert event["Username"] == "root"
    assert event["AccessKeyId"] == "test"
    record = json.loads(event["CloudTrailEvent"])
    assert record["eventVersion"] == "1.11"
    assert record["eventID"] == event["EventId"]
    assert record["recipientAccountId"] == ACCOUNT
    assert record["requestParameters"] == {"userName": "alice"}
    assert record["userIdentity"] == {
        "type": "Root",
        "principalId": ACCOUNT,
        "arn": f"arn:aws:iam::{ACCOUNT}:root",
        "accountId": ACCOUNT,
        "accessKeyId": "test",
    }


def test_every_answered_call_is_there_the_newest_first(
    aws: boto3.Session, trail: Any, clock: TestClock
) -> None:
    sts, iam = aws.client("sts"), aws.client("iam")
    sts.get_caller_identity()
    clock.advance(seconds=1)
    refused(iam.get_user, UserName="nobody")
    clock.advance(seconds=1)
    iam.create_user(UserName="alice")
    clock.advance(seconds=1)
    trail.lookup_events()
    assert names(trail.lookup_events()) == [
        "LookupEvents",
        "CreateUser",
        "GetUser",
        "GetCallerIdentity",
    ]


@pytest.mark.fact("iam-2")
def test_a_refused_call_says_why(stockade: Stockade, aws: boto3.Session, trail: Any) -> None:
    alice = user(stockade, aws, "alice", allow("sts:*"))
    text = refused(alice.client("iam").list_users)[2]
    (event,) = trail.lookup_events(**by("Username", "alice"))["Events"]
    record = json.loads(event["CloudTrailEvent"])
    assert (record["errorCode"], record["errorMessage"]) == ("AccessDenied", text)
    assert record["userIdentity"]["userName"] == "alice"


def test_events_are_found_by_each_attribute(aws: boto3.Session, trail: Any) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    aws.client("kms").describe_key(KeyId=key)
    aws.client("sts").get_caller_identity()
    (made,) = trail.lookup_events(**by("EventName", "CreateKey"))["Events"]
    expected = {
        ("EventId", made["EventId"]): {"CreateKey"},
        ("EventName", "DescribeKey"): {"DescribeKey"},
        ("EventSource", "sts.amazonaws.com"): {"GetCallerIdentity"},
        ("ReadOnly", "false"): {"CreateKey"},
        ("ResourceName", key): {"DescribeKey"},
        ("ResourceType", "AWS::KMS::Key"): {"DescribeKey"},
        ("Username", "nobody"): set(),
    }
    found = {
        (name, value): set(names(trail.lookup_events(**by(name, value))))
        for name, value in expected
    }
    found["ResourceName", key] -= {"CreateKey"}
    found["ResourceType", "AWS::KMS::Key"] -= {"CreateKey"}
    assert found == expected
    assert {"CreateKey", "DescribeKey"} <= set(
        names(trail.lookup_events(**by("AccessKeyId", "test")))
    )


def test_pages_follow_each_other(aws: boto3.Session, trail: Any) -> None:
    for _ in range(5):
        aws.client("sts").get_caller_identity()
    asked = by("EventName", "GetCallerIdentity")
    pages = list(
        trail.get_paginator("lookup_events").paginate(**asked, PaginationConfig={"PageSize": 2})
    )
    assert [len(page["Events"]) for page in pages] == [2, 2, 1]
    ids = {each["EventId"] for page in pages for each in page["Events"]}
    assert len(ids) == 5


def test_a_token_continues_its_own_lookup_only(aws: boto3.Session, trail: Any) -> None:
    for _ in range(3):
        aws.client("sts").get_caller_identity()
    token = trail.lookup_events(MaxResults=1)["NextToken"]
    trail.lookup_events(MaxResults=2, NextToken=token)
    other = by("EventName", "GetCallerIdentity")
    told = refused(trail.lookup_events, **other, NextToken=token)
    assert told[:2] == ("InvalidNextTokenException", 400)
    assert refused(trail.lookup_events, NextToken="x")[0] == "InvalidNextTokenException"


def test_time_bounds_a_lookup(aws: boto3.Session, trail: Any, clock: TestClock) -> None:
    sts = aws.client("sts")
    start = clock.now
    for _ in range(3):
        sts.get_caller_identity()
        clock.advance(hours=1)
    asked = by("EventName", "GetCallerIdentity")
    hour = timedelta(hours=1)
    assert len(trail.lookup_events(**asked, StartTime=start + hour)["Events"]) == 2
    assert len(trail.lookup_events(**asked, EndTime=start + hour)["Events"]) == 2
    both = {"StartTime": start + hour, "EndTime": start + hour}
    assert len(trail.lookup_events(**asked, **both)["Events"]) == 1
    turned = {"StartTime": start + hour, "EndTime": start}
    assert refused(trail.lookup_events, **turned)[:2] == ("InvalidTimeRangeException", 400)


def test_events_are_found_for_90_days(aws: boto3.Session, trail: Any, clock: TestClock) -> None:
    start = clock.now
    aws.client("sts").get_caller_identity()
    asked = by("EventName", "GetCallerIdentity")
    clock.advance(days=90)
    assert len(trail.lookup_events(**asked)["Events"]) == 1
    clock.advance(seconds=1)
    assert trail.lookup_events(**asked, StartTime=start)["Events"] == []


def test_there_is_one_attribute_at_most_and_its_value_makes_sense(trail: Any) -> None:
    two = {"LookupAttributes": 2 * by("EventName", "X")["LookupAttributes"]}
    assert refused(trail.lookup_events, **two)[:2] == ("InvalidLookupAttributesException", 400)
    wrong = refused(trail.lookup_events, **by("ReadOnly", "maybe"))
    assert wrong[0] == "InvalidLookupAttributesException"


def test_accounts_and_regions_have_their_own_events(
    stockade: Stockade, aws: boto3.Session, trail: Any
) -> None:
    aws.client("sts").get_caller_identity()
    assert names(account(stockade, OTHER).client("cloudtrail").lookup_events()) == []
    there = session(stockade, region="eu-central-1")
    there.client("kms").list_keys()
    there.client("iam").list_users()
    assert names(there.client("cloudtrail").lookup_events()) == ["ListKeys"]
    assert "ListUsers" in names(trail.lookup_events())


def test_looking_up_needs_the_permission(stockade: Stockade, aws: boto3.Session) -> None:
    alice = user(stockade, aws, "alice").client("cloudtrail")
    assert refused(alice.lookup_events)[:2] == ("AccessDeniedException", 400)
    bob = user(stockade, aws, "bob", allow("cloudtrail:LookupEvents")).client("cloudtrail")
    assert "CreateUser" in names(bob.lookup_events())


@given(st.text())
def test_a_made_up_token_is_refused(text: str) -> None:
    with pytest.raises(InvalidNextTokenException):
        tokens.read(text, ("lookup",))


@given(st.integers(-(2**62), 2**62), st.integers(0, 2**62))
def test_a_token_leads_back_to_where_a_page_ended(time: int, position: int) -> None:
    end = Moment(time, position)
    assert tokens.read(tokens.write(end, ("lookup",)), ("lookup",)) == end


def test_calls_of_one_second_keep_their_order(aws: boto3.Session, clock: TestClock) -> None:
    kms = aws.client("kms")
    names = []
    for step in range(6):
        if step % 2:
            kms.list_keys()
        else:
            kms.create_key()
        names.append("ListKeys" if step % 2 else "CreateKey")
        clock.advance(seconds=0.01)
    events = aws.client("cloudtrail").lookup_events()["Events"]
    assert [event["EventName"] for event in reversed(events)] == names
    assert len({event["EventTime"] for event in events}) == 1
