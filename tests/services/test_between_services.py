# SPDX-License-Identifier: Apache-2.0
"""What services do for each other: same law, same records, and whose name a call is made in.

Parameter Store stands in for every service here: three of its operations are made to call KMS,
for the caller, within a write, and in its own name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
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
from stockade.joining import services
from stockade.protocol.catalogue import ServiceEntry
from stockade.testing.transport import session
from tests.services.test_authorization import ACCOUNT, allow, deny, policy, user

SSM = "ssm.amazonaws.com"
SOURCE = f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/p"


def parameter_store() -> Service:
    """Return a service that is made for these tests."""
    ssm = Service(ServiceEntry(name="ssm", signing_name="ssm", target_prefix="AmazonSSM"))

    @ssm.operation(access=on_everything("ssm:GetParameter"))
    def get_parameter(ctx: Context, *, name: str) -> Output:
        """Encrypt with a key on the caller's behalf."""
        members = {"KeyId": name, "Plaintext": b"x", "EncryptionContext": {"PARAMETER_ARN": "p"}}
        return {"Parameter": {"Name": ctx.call("kms", "Encrypt", members, by=SSM)["KeyId"]}}

    @ssm.operation(access=on_everything("ssm:PutParameter"), writes=True)
    def put_parameter(ctx: Context, *, name: str, value: str) -> Output:
        """Make a key on the caller's behalf, or fail after that."""
        made = ctx.call("kms", "CreateKey", {"Description": name}, by=SSM)["KeyMetadata"]
        ctx.call("kms", "Encrypt", {"KeyId": made["Arn"], "Plaintext": b"x"}, by=SSM)
        if value == "fail":
            raise AwsError("afterwards")
        return {"Version": 1}

    @ssm.operation(access=on_everything("ssm:DeleteParameter"))
    def delete_parameter(ctx: Context, *, name: str) -> Output:
        """Encrypt with a key in the service's own name."""
        members = {"KeyId": name, "Plaintext": b"x"}
        ctx.call_as_service(
            "kms", "Encrypt", members, by=SSM, source_arn=SOURCE, source_account=ACCOUNT
        )
        return {}

    @ssm.operation(access=on_everything("ssm:LabelParameterVersion"), writes=True)
    def label_parameter_version(ctx: Context, *, name: str, labels: list[str]) -> Output:
        """Make a grant for itself on the caller's behalf, and tell its id."""
        members = {
            "KeyId": name,
            "GranteePrincipal": SSM,
            "RetiringPrincipal": SSM,
            "Operations": labels,
            "Constraints": {"EncryptionContextEquals": {"PARAMETER_ARN": "p"}},
        }
        made = ctx.call("kms", "CreateGrant", members, by=SSM)
        return {"InvalidLabels": [made["GrantId"]]}

    @ssm.operation(access=on_everything("ssm:GetParameterHistory"))
    def get_parameter_history(ctx: Context, *, name: str, next_token: str = "p") -> Output:
        """Encrypt in the service's own name, which a grant may let it do."""
        context = {"PARAMETER_ARN": next_token}
        members = {"KeyId": name, "Plaintext": b"x", "EncryptionContext": context}
        ctx.call_as_service(
            "kms", "Encrypt", members, by=SSM, source_arn=SOURCE, source_account=ACCOUNT
        )
        return {}

    return ssm


@pytest.fixture(autouse=True)
def _with_parameter_store(monkeypatch: pytest.MonkeyPatch) -> None:
    known = services()
    monkeypatch.setattr(app, "services", lambda: {**known, "ssm": parameter_store()})


@pytest.fixture
def stockade(_with_parameter_store: None) -> Iterator[Stockade]:
    made = Stockade.in_memory()
    yield made
    made.close()


@pytest.fixture
def aws(stockade: Stockade) -> boto3.Session:
    return session(stockade)


@pytest.fixture
def key(aws: boto3.Session) -> str:
    return str(aws.client("kms").create_key()["KeyMetadata"]["Arn"])


def records(aws: boto3.Session, name: str) -> list[dict[str, Any]]:
    """Return the records of an operation, the oldest first."""
    wanted = [{"AttributeKey": "EventName", "AttributeValue": name}]
    events = aws.client("cloudtrail").lookup_events(LookupAttributes=wanted)["Events"]
    return [json.loads(event["CloudTrailEvent"]) for event in reversed(events)]


def test_a_call_on_behalf_needs_both_permissions(
    stockade: Stockade, aws: boto3.Session, key: str
) -> None:
    half = user(stockade, aws, "half", policy(allow("ssm:*"))).client("ssm")
    with pytest.raises(ClientError, match=r"user/half is not authorized to perform: kms:Encrypt"):
        half.get_parameter(Name=key)
    inner, *none = records(aws, "Encrypt")
    assert not none
    assert inner["errorCode"] == "AccessDenied"
    whole = user(stockade, aws, "whole", policy(allow(["ssm:*", "kms:*"]))).client("ssm")
    assert whole.get_parameter(Name=key)["Parameter"]["Name"] == key


@pytest.mark.fact("iam-2")
def test_its_record_names_the_caller_and_the_service(aws: boto3.Session, key: str) -> None:
    outer = aws.client("ssm").get_parameter(Name=key)["ResponseMetadata"]["RequestId"]
    (inner,) = records(aws, "Encrypt")
    assert inner["userIdentity"]["arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert inner["userIdentity"]["invokedBy"] == SSM
    assert inner["sourceIPAddress"] == inner["userAgent"] == SSM
    assert inner["requestParameters"]["encryptionContext"] == {"PARAMETER_ARN": "p"}
    assert inner["requestID"] != outer
    assert "plaintext" not in json.dumps(inner).lower()
    (called,) = records(aws, "GetParameter")
    assert called["requestID"] == outer
    assert "invokedBy" not in called["userIdentity"]


@pytest.mark.fact("iam-9")
@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"kms:ViaService": "ssm.us-east-1.amazonaws.com"}},
        {"ForAnyValue:StringEquals": {"aws:CalledVia": SSM}},
        {"StringEquals": {"aws:CalledViaFirst": SSM, "aws:CalledViaLast": SSM}},
        {"Bool": {"aws:ViaAWSService": "true"}},
        {"Null": {"aws:SourceIp": "true"}},
    ],
)
def test_a_permission_can_ask_for_the_service(
    stockade: Stockade, aws: boto3.Session, key: str, condition: dict[str, Any]
) -> None:
    document = policy(allow("ssm:*"), allow("kms:Encrypt", Condition=condition))
    alice = user(stockade, aws, "alice", document)
    assert alice.client("ssm").get_parameter(Name=key)
    with pytest.raises(ClientError, match="no identity-based policy allows"):
        alice.client("kms").encrypt(KeyId=key, Plaintext=b"x")


def test_a_call_on_behalf_counts_as_secure(
    stockade: Stockade, aws: boto3.Session, key: str
) -> None:
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    document = policy(allow(["ssm:*", "kms:*"]), deny("kms:*", Condition=insecure))
    alice = user(stockade, aws, "alice", document)
    assert alice.client("ssm").get_parameter(Name=key)
    with pytest.raises(ClientError, match="explicit deny"):
        alice.client("kms").describe_key(KeyId=key)


def test_a_write_within_a_write_is_part_of_it(aws: boto3.Session) -> None:
    ssm, kms = aws.client("ssm"), aws.client("kms")
    ssm.put_parameter(Name="made", Value="x")
    assert len(kms.list_keys()["Keys"]) == 1
    with pytest.raises(ClientError, match="afterwards"):
        ssm.put_parameter(Name="lost", Value="fail")
    assert len(kms.list_keys()["Keys"]) == 1
    made = records(aws, "CreateKey")
    assert [one["requestParameters"]["description"] for one in made] == ["made"]
    # What happened within the undone write and cannot be undone stays on record.
    assert len(records(aws, "Encrypt")) == 2


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:ssm:*:{ACCOUNT}:parameter/*"}}, True),
        ({"StringEquals": {"aws:SourceAccount": ACCOUNT}}, True),
        ({"Bool": {"aws:PrincipalIsAWSService": "true", "aws:ViaAWSService": "false"}}, True),
        ({"StringEquals": {"aws:PrincipalServiceName": SSM}}, True),
        ({"ForAnyValue:StringEquals": {"aws:PrincipalServiceNamesList": SSM}}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:ssm:*:111122223333:*"}}, False),
        ({"StringEquals": {"aws:SourceAccount": "111122223333"}}, False),
        ({"Null": {"kms:ViaService": "false"}}, False),
        ({"Null": {"aws:PrincipalArn": "false"}}, False),
    ],
)
def test_a_service_in_its_own_name_is_decided_by_the_key_policy(
    aws: boto3.Session, condition: dict[str, Any], allowed: bool
) -> None:
    document = policy(
        allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        allow("kms:Encrypt", Principal={"Service": SSM}, Condition=condition),
    )
    key = aws.client("kms").create_key(Policy=document)["KeyMetadata"]["Arn"]
    ssm = aws.client("ssm")
    if allowed:
        ssm.delete_parameter(Name=key)
    else:
        with pytest.raises(ClientError, match=f"User: {SSM} is not authorized"):
            ssm.delete_parameter(Name=key)
    (record,) = records(aws, "Encrypt")
    assert record["userIdentity"] == {"type": "AWSService", "invokedBy": SSM}
    assert record["sourceIPAddress"] == SSM
    assert record["recipientAccountId"] == ACCOUNT
    assert ("errorCode" in record) is not allowed


@pytest.mark.fact("kms-1")
@pytest.mark.fact("kms-34")
def test_a_service_gets_a_grant_on_its_callers_behalf(
    stockade: Stockade, aws: boto3.Session, key: str
) -> None:
    for_services = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    managing = ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"]
    document = policy(allow("ssm:*"), allow(managing, Condition=for_services))
    alice = user(stockade, aws, "alice", document)
    direct = {"KeyId": key, "GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:root"}
    with pytest.raises(ClientError, match="not authorized to perform: kms:CreateGrant"):
        alice.client("kms").create_grant(Operations=["Encrypt"], **direct)
    ssm = alice.client("ssm")
    with pytest.raises(ClientError, match=f"User: {SSM} is not authorized"):
        ssm.get_parameter_history(Name=key)
    (grant_id,) = ssm.label_parameter_version(Name=key, Labels=["Encrypt"])["InvalidLabels"]
    ssm.get_parameter_history(Name=key)
    with pytest.raises(ClientError, match=f"User: {SSM} is not authorized"):
        ssm.get_parameter_history(Name=key, NextToken="other")
    with pytest.raises(ClientError, match="not authorized to perform: kms:ListGrants"):
        alice.client("kms").list_grants(KeyId=key)
    (listed,) = aws.client("kms").list_grants(KeyId=key)["Grants"]
    assert (listed["GrantId"], listed["GranteePrincipal"]) == (grant_id, SSM)
    record = records(aws, "CreateGrant")[-1]
    assert record["userIdentity"]["invokedBy"] == SSM
    assert record["responseElements"] == {"grantId": grant_id}


@pytest.mark.parametrize(("source_arn", "allowed"), [(SOURCE, True), (f"{SOURCE}-other", False)])
def test_a_grant_to_a_service_counts_for_its_resource(
    aws: boto3.Session, key: str, source_arn: str, *, allowed: bool
) -> None:
    aws.client("kms").create_grant(
        KeyId=key,
        GranteeServicePrincipal=SSM,
        RetiringServicePrincipal=SSM,
        Operations=["Encrypt"],
        Constraints={"SourceArn": source_arn},
    )
    ssm = aws.client("ssm")
    if allowed:
        ssm.get_parameter_history(Name=key)
    else:
        with pytest.raises(ClientError, match=f"User: {SSM} is not authorized"):
            ssm.get_parameter_history(Name=key)


def test_an_unknown_operation_is_a_bug(stockade: Stockade) -> None:
    with stockade.store.read() as unit, pytest.raises(TypeError, match="kms:Unknown"):
        stockade.call(_context(stockade, unit), "kms", "Unknown", {})


def _context(stockade: Stockade, unit: Any) -> Any:
    from stockade.core.identity import Caller

    return Context(
        now=stockade.clock.now(),
        request_id="",
        region="us-east-1",
        caller=Caller.nobody(),
        unit=unit,
        record=stockade.journal.append,
        random=bytes,
        nonce=lambda: bytes(28),
        vault=stockade.vault,
        ports=stockade.gateway._ports,
    )
