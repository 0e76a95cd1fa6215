# SPDX-License-Identifier: Apache-2.0
"""Every operation: refused to who has no permission, recorded once, without a secret."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from stockade.app import Stockade, services
from stockade.testing.transport import session

SERVICES = services()
ACCOUNT = "000000000000"
OPEN = {"sts:get_caller_identity", "sts:get_session_token"}
"""What AWS allows everybody who can sign."""
UNSIGNED = {"sts:assume_role_with_web_identity", "sts:assume_role_with_saml"}
"""What asks for no signature: tests/services/sts has what is asked for instead."""

SAMPLES = {
    "Path": "/none/",
    "PathPrefix": "/none/",
    "SourceKeyId": "12345678-1234-1234-1234-123456789012",
    "KeyId": "12345678-1234-1234-1234-123456789012",
    "TargetKeyId": "12345678-1234-1234-1234-123456789012",
    "DestinationKeyId": "12345678-1234-1234-1234-123456789012",
    "AliasName": "alias/none",
    "CustomKeyStoreId": "cks-1234567890abcdef0",
    "PolicyName": "default",
    "PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/none",
    "Arn": f"arn:aws:iam::{ACCOUNT}:user/none",
    "PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/none",
    "DeletionTaskId": "task/aws-service-role/guardduty.amazonaws.com/none/none",
    "JobId": "12345678-1234-1234-1234-123456789012",
    "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/none",
    "PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:role/none",
    "PolicyDocument": '{"Version":"2012-10-17","Statement":[]}',
    "AssumeRolePolicyDocument": '{"Version":"2012-10-17","Statement":[]}',
    "AccessKeyId": f"AKIA{'A' * 16}",
    "VersionId": "v1",
    "AccountId": ACCOUNT,
    "ChildId": ACCOUNT,
    "TargetId": ACCOUNT,
    "ParentId": "r-none",
    "RootId": "r-none",
    "SourceParentId": "r-none",
    "DestinationParentId": "r-none",
    "OrganizationalUnitId": "ou-none-nonenone",
    "HandshakeId": "h-nonenone",
    "PolicyId": "p-nonenone",
    "ResourceId": "r-none",
    "CreateAccountRequestId": "car-nonenone",
    "ReplicaRegion": "eu-west-1",
    "PrimaryRegion": "eu-west-1",
    "Email": "nobody@example.com",
    "AuthenticationCode1": "123456",
    "AuthenticationCode2": "123456",
    "SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/none",
    "OpenIDConnectProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/none",
    "SAMLProviderArn": f"arn:aws:iam::{ACCOUNT}:saml-provider/none",
    "TargetPrincipal": ACCOUNT,
    "TaskPolicyArn": {"arn": "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"},
    "SigningAlgorithm": "RS256",
    "analyzerArn": f"arn:aws:access-analyzer:us-east-1:{ACCOUNT}:analyzer/none",
    "resourceArn": f"arn:aws:access-analyzer:us-east-1:{ACCOUNT}:analyzer/none",
    "accessPreviewId": "12345678-1234-1234-1234-123456789012",
    "principalArn": f"arn:aws:iam::{ACCOUNT}:role/none",
    "accessRole": f"arn:aws:iam::{ACCOUNT}:role/none",
    "cloudTrailArn": f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/none",
    "CiphertextBlob": b"\x02\x01\x00"
    + bytes(5)
    + b"12345678-1234-1234-1234-123456789012"
    + bytes(108),
}


def operations() -> list[Any]:
    return [
        pytest.param(service, operation, id=f"{service.entry.name}:{operation.python_name}")
        for service in SERVICES.values()
        for operation in service.operations.values()
        if f"{service.entry.name}:{operation.python_name}" not in UNSIGNED
    ]


def sample(name: str, shape: Any) -> Any:
    """Return a value that the model allows."""
    if name in SAMPLES:
        return SAMPLES[name]
    match shape.type_name:
        case "string":
            least = shape.metadata.get("min", 0)
            return shape.enum[0] if getattr(shape, "enum", None) else "none".ljust(least, "0")
        case "blob":
            return b"x" * 16
        case "integer" | "long":
            return max(shape.metadata.get("min", 1), 1)
        case "boolean":
            return False
        case "list":
            return [sample("", shape.member)]
        case "map":
            return {"none": sample("", shape.value)}
        case "timestamp":
            return datetime(2026, 1, 1, tzinfo=UTC)
        case "structure":
            return {key: sample(key, shape.members[key]) for key in shape.required_members}
    raise AssertionError(f"no sample for {name}: {shape.type_name}")


@pytest.fixture
def nobody(stockade: Stockade, aws: boto3.Session) -> boto3.Session:
    """The session of a user without any policy."""
    iam = aws.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    return session(
        stockade,
        access_key_id=key["AccessKeyId"],
        secret_access_key=key["SecretAccessKey"],
    )


@pytest.mark.fact("iam-2")
@pytest.mark.fact("kms-5")
@pytest.mark.parametrize(("service", "operation"), operations())
def test_refused_and_recorded(
    stockade: Stockade, nobody: boto3.Session, service: Any, operation: Any
) -> None:
    quick = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    client = nobody.client(service.entry.name, config=quick)
    model = client.meta.service_model
    name = client.meta.method_to_api_mapping[operation.python_name]
    shape = model.operation_model(name).input_shape
    arguments = sample("", shape) if shape is not None else {}
    if operation.python_name == "generate_data_key":
        arguments["KeySpec"] = "AES_256"
    if operation.python_name in ("decrypt", "re_encrypt"):
        arguments["CiphertextBlob"] = SAMPLES["CiphertextBlob"]
    allowed = f"{service.entry.name}:{operation.python_name}" in OPEN
    request_id, code = call(getattr(client, operation.python_name), arguments)
    assert code == "" if allowed else code.startswith("AccessDenied")
    record = json.loads(stockade.find_record(request_id) or b"null")
    assert record["eventName"] == name
    assert record["eventSource"] == f"{service.entry.signing_name}.amazonaws.com"
    assert record["readOnly"] is operation.read_only
    assert record.get("errorCode", "") == ("" if allowed else "AccessDenied")
    assert record["userIdentity"]["arn"] == f"arn:aws:iam::{ACCOUNT}:user/nobody"
    assert record["recipientAccountId"] == ACCOUNT
    with stockade.store.read() as unit:
        assert len(stockade.journal.by_request_id(unit, request_id)) == 1


def call(method: Any, arguments: dict[str, Any]) -> tuple[str, str]:
    """Return the request id of a call and its error code."""
    try:
        response = method(**arguments)
        code = ""
    except ClientError as error:
        response, code = error.response, error.response["Error"]["Code"]
    return response["ResponseMetadata"]["RequestId"], code


@pytest.mark.fact("kms-5")
def test_records_carry_the_context_and_never_the_plaintext(
    stockade: Stockade, aws: boto3.Session
) -> None:
    kms = aws.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    answer = kms.encrypt(KeyId=key, Plaintext=b"plain-secret", EncryptionContext={"a": "1"})
    kms.decrypt(CiphertextBlob=answer["CiphertextBlob"], EncryptionContext={"a": "1"})
    request_id = answer["ResponseMetadata"]["RequestId"]
    record = json.loads(stockade.find_record(request_id) or b"null")
    assert record["requestParameters"] == {"keyId": key, "encryptionContext": {"a": "1"}}
    assert record["responseElements"] is None
    assert record["readOnly"] is True
    assert record["resources"] == [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key}]
    events = aws.client("cloudtrail").lookup_events(MaxResults=50)["Events"]
    everything = json.dumps(events, default=str)
    assert "plain-secret" not in everything
    assert "cGxhaW4tc2VjcmV0" not in everything


def test_write_is_recorded_with_its_answer(stockade: Stockade, aws: boto3.Session) -> None:
    answer = aws.client("kms").create_key(Description="seen")
    request_id = answer["ResponseMetadata"]["RequestId"]
    record = json.loads(stockade.find_record(request_id) or b"null")
    assert record["eventVersion"] == "1.11"
    assert record["readOnly"] is False
    assert record["requestParameters"] == {"description": "seen"}
    shown = record["responseElements"]["keyMetadata"]
    assert shown["aWSAccountId"] == ACCOUNT
    assert shown["keyId"] == answer["KeyMetadata"]["KeyId"]
    assert record["userIdentity"]["type"] == "Root"
    assert [each["ARN"] for each in record["resources"]] == [answer["KeyMetadata"]["Arn"]]


def test_secrets_are_not_recorded(stockade: Stockade, aws: boto3.Session) -> None:
    iam = aws.client("iam")
    iam.create_user(UserName="alice")
    answer = iam.create_access_key(UserName="alice")
    request_id = answer["ResponseMetadata"]["RequestId"]
    record = stockade.find_record(request_id) or b""
    assert answer["AccessKey"]["AccessKeyId"].encode() in record
    assert answer["AccessKey"]["SecretAccessKey"].encode() not in record


def test_only_these_ask_for_no_signature() -> None:
    unsigned = {
        f"{service.entry.name}:{operation.python_name}"
        for service in SERVICES.values()
        for operation in service.operations.values()
        if operation.identify is not None
    }
    assert unsigned == UNSIGNED
