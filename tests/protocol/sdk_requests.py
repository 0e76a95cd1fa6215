# SPDX-License-Identifier: Apache-2.0
"""Requests as boto3 sends them to fifteen services, signed in their headers or in their query."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import boto3
from botocore.auth import S3SigV4QueryAuth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from stockade.protocol.http import Headers, HttpRequest

if TYPE_CHECKING:
    from random import Random

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEHo//////////wEaCXVzLWVhc3QtMSJHMEU+=="
REGION = "eu-west-1"
ENDPOINT = "http://localhost:4566"

FAMILIES = {
    "kms": "json",
    "iam": "query",
    "sts": "query",
    "organizations": "json",
    "cloudtrail": "json",
    "events": "json",
    "sqs": "json",
    "sns": "query",
    "ssm": "json",
    "secretsmanager": "json",
    "dynamodb": "json",
    "lambda": "rest-json",
    "s3": "s3",
    "ec2": "ec2",
    "cloudwatch": "cbor",
}
"""The services, with the family in which each is answered."""

_SIGNING_HEADERS = frozenset(
    {
        "authorization",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-content-sha256",
        "content-length",
        "expect",
    }
)
_WORDS = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789"
_TEXT = _WORDS + " /+%&=~.,;:\"'()*é€\n"


class Sent(NamedTuple):
    """A request with the service that it is for."""

    service: str
    http: HttpRequest
    token: str | None


class _Captured(Exception):
    def __init__(self, request: Any) -> None:
        self.request = request


def some_request(random: Random) -> Sent:
    """Return a request that boto3 made just now."""
    service = random.choice(list(FAMILIES))
    token = random.choice([None, TOKEN])
    operation, parameters = random.choice(_calls(service, random))
    prepared = _capture(_client(service, token), operation, parameters)
    if random.random() < 0.5:
        return Sent(service, _http(prepared.url, prepared, prepared.body), token)
    return Sent(service, _presigned(service, prepared, token), token)


def _calls(service: str, random: Random) -> list[tuple[str, dict[str, Any]]]:
    """Return calls of a service with values that are new each time."""
    name = "".join(random.choices(_WORDS, k=random.randint(3, 12)))
    text = "".join(random.choices(_TEXT, k=random.randint(1, 40)))
    arn = f"arn:aws:iam::000000000000:role/{name}"
    calls: dict[str, list[tuple[str, dict[str, Any]]]] = {
        "kms": [
            ("encrypt", {"KeyId": f"alias/{name}", "Plaintext": text.encode()}),
            ("create_key", {"Description": text}),
            ("list_keys", {}),
        ],
        "iam": [
            ("create_user", {"UserName": name, "Path": f"/{name}/"}),
            ("tag_role", {"RoleName": name, "Tags": [{"Key": name, "Value": text}]}),
            ("list_users", {}),
        ],
        "sts": [
            ("get_caller_identity", {}),
            ("assume_role", {"RoleArn": arn, "RoleSessionName": name, "Policy": text}),
        ],
        "organizations": [
            ("create_account", {"Email": f"{name}@example.com", "AccountName": text}),
            ("list_roots", {}),
        ],
        "cloudtrail": [
            (
                "lookup_events",
                {"LookupAttributes": [{"AttributeKey": "Username", "AttributeValue": text}]},
            ),
            ("get_trail", {"Name": name}),
        ],
        "events": [
            ("put_events", {"Entries": [{"Source": name, "DetailType": text, "Detail": "{}"}]}),
            ("list_rules", {"NamePrefix": name}),
        ],
        "sqs": [
            ("send_message", {"QueueUrl": f"{ENDPOINT}/000000000000/{name}", "MessageBody": text}),
            ("create_queue", {"QueueName": name}),
        ],
        "sns": [
            (
                "publish",
                {"TopicArn": f"arn:aws:sns:eu-west-1:000000000000:{name}", "Message": text},
            ),
            ("list_topics", {}),
        ],
        "ssm": [
            ("put_parameter", {"Name": f"/{name}", "Value": text, "Type": "String"}),
            ("get_parameter", {"Name": name}),
        ],
        "secretsmanager": [
            (
                "create_secret",
                {"Name": name, "SecretString": text, "ClientRequestToken": name * 32},
            ),
            ("list_secrets", {}),
        ],
        "dynamodb": [
            ("put_item", {"TableName": name, "Item": {"k": {"S": text}}}),
            ("list_tables", {}),
        ],
        "lambda": [
            ("invoke", {"FunctionName": name, "Payload": text.encode(), "Qualifier": name}),
            ("list_functions", {"Marker": text}),
            ("tag_resource", {"Resource": f"{arn}:{name}", "Tags": {name: text}}),
            ("delete_function", {"FunctionName": name}),
        ],
        "s3": [
            (
                "put_object",
                {"Bucket": "bucket", "Key": text, "Body": text.encode(), "Metadata": {name: name}},
            ),
            ("get_object", {"Bucket": "bucket", "Key": f"{name}/../{text}"}),
            ("list_objects_v2", {"Bucket": "bucket", "Prefix": text, "Delimiter": "/"}),
            ("copy_object", {"Bucket": "bucket", "Key": name, "CopySource": f"other/{name}"}),
            ("delete_object", {"Bucket": "bucket", "Key": text}),
        ],
        "ec2": [
            ("describe_instances", {"Filters": [{"Name": "tag:x", "Values": [text]}]}),
            ("create_tags", {"Resources": [name], "Tags": [{"Key": name, "Value": text}]}),
        ],
        "cloudwatch": [
            (
                "put_metric_data",
                {"Namespace": name, "MetricData": [{"MetricName": text, "Value": 1.0}]},
            ),
            ("describe_alarms", {"AlarmNamePrefix": name}),
        ],
    }
    return calls[service]


@cache
def _client(service: str, token: str | None) -> Any:
    client = boto3.client(
        service,
        endpoint_url=ENDPOINT,
        region_name=REGION,
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        aws_session_token=token,
        config=Config(
            s3={"addressing_style": "path"}, parameter_validation=False, retries={"max_attempts": 0}
        ),
    )
    client.meta.events.register_first("before-send", _take)
    return client


def _take(request: Any, **_: Any) -> None:
    raise _Captured(request)


def _capture(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
    try:
        getattr(client, operation)(**parameters)
    except _Captured as captured:
        return captured.request
    raise AssertionError("boto3 answered by itself")


def _presigned(service: str, prepared: Any, token: str | None) -> HttpRequest:
    """Sign what was captured anew, in its query, as `generate_presigned_url` does."""
    headers = {
        name: _bytes(value).decode("latin-1")
        for name, value in prepared.headers.items()
        if name.lower() not in _SIGNING_HEADERS
    }
    data: Any = prepared.body or b""
    if "form-urlencoded" in str(headers.get("Content-Type", "")):
        data = dict(parse_qsl(_bytes(data).decode(), keep_blank_values=True))
    elif FAMILIES[service] in {"rest-json", "cbor", "s3"}:
        data = b""  # a presigned URL has no body, and botocore moves only JSON into the query
    request = AWSRequest(prepared.method, prepared.url, headers=headers, data=data)
    signer = S3SigV4QueryAuth if service == "s3" else SigV4QueryAuth
    name = "monitoring" if service == "cloudwatch" else service
    signer(Credentials(KEY_ID, SECRET, token), name, REGION, expires=600).add_auth(request)
    return _http(request.prepare().url, request, request.body)


def _http(url: str, request: Any, body: Any) -> HttpRequest:
    parts = urlsplit(url)
    headers: Headers = [(b"host", parts.netloc.encode())]
    for name, value in request.headers.items():
        headers.append((name.lower().encode(), _bytes(value)))
    return HttpRequest(
        method=request.method,
        raw_path=parts.path.encode() or b"/",
        query=parts.query.encode(),
        headers=headers,
        body=_bytes(body),
    )


def _bytes(value: Any) -> bytes:
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode()
    return bytes(value) if isinstance(value, bytes | bytearray) else bytes(value.read())
