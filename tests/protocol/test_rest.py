# SPDX-License-Identifier: Apache-2.0
"""REST routes, members by their places, and errors in the words of each protocol."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from stockade.core.errors import OperationNotServed, RequestTooLarge
from stockade.protocol.catalogue import Catalogue, ServiceEntry, WireOperation
from stockade.protocol.cbor import CBOR_WIRE
from stockade.protocol.compression import LARGEST
from stockade.protocol.ec2 import EC2
from stockade.protocol.errors import AwsError, FamilyError
from stockade.protocol.http import HttpRequest
from stockade.protocol.json import JSON_1_0, JSON_1_1
from stockade.protocol.malformed import SerializationFailure, UnknownOperation, ValidationFailure
from stockade.protocol.query import QUERY
from stockade.protocol.refusals import MissingAuthenticationToken
from stockade.protocol.rest_json import REST_JSON
from stockade.protocol.rest_xml import REST_XML, S3

ENTRIES = (
    ServiceEntry("kms", "kms", "TrentService"),
    ServiceEntry("iam", "iam", None, global_service=True),
    ServiceEntry("s3", "s3", None, s3_style=True),
    ServiceEntry("lambda", "lambda", None),
    ServiceEntry("route53", "route53", None, global_service=True),
    ServiceEntry("accessanalyzer", "access-analyzer", None),
    ServiceEntry("ec2", "ec2", None),
    ServiceEntry("cloudwatch", "monitoring", "GraniteServiceVersion20100801"),
    ServiceEntry("sqs", "sqs", "AmazonSQS"),
)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue(ENTRIES)


def ask(method: str, target: str, body: bytes = b"", **headers: str) -> HttpRequest:
    path, _, query = target.partition("?")
    return HttpRequest(
        method=method,
        raw_path=path.encode(),
        query=query.encode(),
        headers=[(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
        body=body,
    )


def named(catalogue: Catalogue, http: HttpRequest, scope: str | None) -> WireOperation:
    return catalogue.operation(http, catalogue.wire(http, scope), scope)


def operation(catalogue: Catalogue, service: str, name: str) -> WireOperation:
    home = catalogue.service(service)
    assert home is not None
    found = home.operation(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("http", "scope", "wire"),
    [
        (ask("GET", "/"), "s3", S3),
        (ask("GET", "/?Action=ListUsers"), "s3", S3),
        (ask("POST", "/"), "route53", REST_XML),
        (ask("PUT", "/analyzer/a/archive-rule/b"), "access-analyzer", REST_JSON),
        (ask("POST", "/", content_type="application/x-www-form-urlencoded"), "ec2", EC2),
        (ask("POST", "/?Action=ListQueues"), "sqs", QUERY),
        (ask("POST", "/"), "sqs", JSON_1_0),
        (ask("POST", "/?Action=ListMetrics"), "monitoring", QUERY),
        (ask("POST", "/", smithy_protocol="rpc-v2-cbor"), "monitoring", CBOR_WIRE),
        (ask("POST", "/", x_amz_target="TrentService.Encrypt"), "s3", JSON_1_1),
        (ask("GET", "/2015-03-31/functions/"), None, REST_JSON),
        (ask("GET", "/nothing/of/ours", host="lambda.us-east-1.amazonaws.com"), None, REST_JSON),
        (ask("PATCH", "/nothing"), None, QUERY),
    ],
)  # fmt: skip
def test_the_request_decides_the_protocol(
    catalogue: Catalogue, http: HttpRequest, scope: str | None, wire: Any
) -> None:
    assert catalogue.wire(http, scope) is wire


@pytest.mark.parametrize(
    ("method", "target", "name"),
    [
        ("GET", "/", "ListBuckets"),
        ("GET", "/bucket", "ListObjects"),
        ("GET", "/bucket/", "ListObjects"),
        ("GET", "/bucket?list-type=2", "ListObjectsV2"),
        ("GET", "/bucket?list-type=1", "ListObjects"),
        ("GET", "/bucket?acl", "GetBucketAcl"),
        ("GET", "/bucket/key?acl", "GetObjectAcl"),
        ("GET", "/bucket/a/b//c/", "GetObject"),
        ("GET", "/bucket/key?uploadId=1", "ListParts"),
        ("GET", "/bucket?inventory", "ListBucketInventoryConfigurations"),
        ("GET", "/bucket?inventory&id=1", "GetBucketInventoryConfiguration"),
        ("GET", "/bucket?lifecycle", "GetBucketLifecycleConfiguration"),
        ("PUT", "/bucket/key", "PutObject"),
        ("PUT", "/bucket/key?uploadId=1&partNumber=1", "UploadPart"),
        ("POST", "/bucket/key?uploads", "CreateMultipartUpload"),
        ("POST", "/bucket/key?uploadId=1", "CompleteMultipartUpload"),
        ("POST", "/bucket/key?select&select-type=2", "SelectObjectContent"),
        ("DELETE", "/bucket/key?uploadId=1", "AbortMultipartUpload"),
        ("DELETE", "/bucket/key", "DeleteObject"),
        ("HEAD", "/bucket/key", "HeadObject"),
    ],
)
def test_s3_finds_its_operations(catalogue: Catalogue, method: str, target: str, name: str) -> None:
    assert named(catalogue, ask(method, target), "s3").name == name


def test_required_headers_tell_operations_apart(catalogue: Catalogue) -> None:
    copy = ask("PUT", "/bucket/key", x_amz_copy_source="a/b")
    assert named(catalogue, copy, "s3").name == "CopyObject"
    part = ask("PUT", "/bucket/key?uploadId=1&partNumber=2", x_amz_copy_source="a/b")
    assert named(catalogue, part, "s3").name == "UploadPartCopy"


@pytest.mark.parametrize(
    ("scope", "method", "target", "form"),
    [
        ("lambda", "GET", "/nothing", ("UnknownOperationException", 404)),
        ("lambda", "PATCH", "/2015-03-31/functions/", ("UnknownOperationException", 404)),
        ("route53", "GET", "/nothing", ("UnknownOperationException", 404)),
        ("s3", "PATCH", "/bucket/key", ("MethodNotAllowed", 405)),
    ],
)
def test_a_route_that_nothing_has_is_refused(
    catalogue: Catalogue, scope: str, method: str, target: str, form: tuple[str, int]
) -> None:
    http = ask(method, target)
    wire = catalogue.wire(http, scope)
    with pytest.raises(UnknownOperation) as refused:
        named(catalogue, http, scope)
    response = wire.render_error(refused.value, "an-id")
    assert refused.value.on(wire.family) == form
    assert response.status == form[1]


@pytest.mark.parametrize(
    "path", ["/service/Nothing/operation/ListMetrics", "/", "/service/a/operation/b/c"]
)
def test_an_unknown_cbor_path_is_refused(catalogue: Catalogue, path: str) -> None:
    with pytest.raises(UnknownOperation):
        named(catalogue, ask("POST", path, smithy_protocol="rpc-v2-cbor"), "monitoring")
    good = "/service/GraniteServiceVersion20100801/operation/ListMetrics"
    with pytest.raises(UnknownOperation):
        named(catalogue, ask("GET", good, smithy_protocol="rpc-v2-cbor"), "monitoring")


def test_members_come_from_their_places(catalogue: Catalogue) -> None:
    found = operation(catalogue, "s3", "PutObject")
    http = ask(
        "PUT", "/my%20bucket/a%2Fb/c+d%20e",
        b"abc", content_type="text/x", x_amz_meta_One="1", x_amz_acl="private",
    )  # fmt: skip
    http.headers = [(name.lower(), value) for name, value in http.headers]
    params = S3.read(http, found)
    assert params.pop("Body").read(5) == b"abc"
    assert params == {
        "Bucket": "my bucket",
        "Key": "a/b/c+d e",
        "ContentType": "text/x",
        "Metadata": {"one": "1"},
        "ACL": "private",
    }


def test_a_body_cannot_bring_what_belongs_into_the_path(catalogue: Catalogue) -> None:
    found = operation(catalogue, "lambda", "UpdateFunctionConfiguration")
    body = b'{"FunctionName": "victim", "Handler": "h"}'
    params = REST_JSON.read(ask("PUT", "/2015-03-31/functions/mine/configuration", body), found)
    assert params == {"FunctionName": "mine", "Handler": "h"}


def test_a_value_cannot_add_headers(catalogue: Catalogue) -> None:
    found = operation(catalogue, "s3", "HeadObject")
    output = {"Metadata": {"a\r\nb": "1\r\nset-cookie: x"}, "ETag": "\n\x00e"}
    headers = dict(S3.render(found, output, "an-id").headers)
    assert headers[b"etag"] == b"  e"
    assert headers[b"x-amz-meta-a  b"] == b"1  set-cookie: x"
    assert not any(b"\n" in part or b"\r" in part for pair in headers.items() for part in pair)


def test_required_members_are_asked_for(catalogue: Catalogue) -> None:
    found = operation(catalogue, "accessanalyzer", "CreateAnalyzer")
    with pytest.raises(ValidationFailure, match="Value null at 'type' failed to satisfy"):
        REST_JSON.read(ask("PUT", "/analyzer", b'{"analyzerName": "a"}'), found)


def test_output_that_the_model_lacks_is_a_bug(catalogue: Catalogue) -> None:
    with pytest.raises(TypeError):
        S3.render(operation(catalogue, "s3", "HeadObject"), {"Nope": 1}, "an-id")
    with pytest.raises(TypeError):
        S3.render(operation(catalogue, "s3", "GetObject"), {"Body": 5}, "an-id")
    with pytest.raises(TypeError):
        REST_JSON.render(operation(catalogue, "lambda", "TagResource"), {"Nope": 1}, "an-id")


class NoSuchKey(AwsError):
    code = "NoSuchKey"
    status = 404
    template = "The specified key does not <exist>."


def test_s3_has_errors_of_its_own_shape() -> None:
    response = S3.render_error(NoSuchKey(), "an-id")
    headers = dict(response.headers)
    assert response.status == 404
    assert headers[b"x-amz-request-id"] == b"an-id"
    assert response.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
        "<Message>The specified key does not &lt;exist&gt;.</Message><RequestId>an-id</RequestId>"
        f"<HostId>{headers[b'x-amz-id-2'].decode()}</HostId></Error>"
    )


def test_s3_tells_more_beside_code_and_message() -> None:
    class Refused(AwsError):
        def elements_on(self, family: str) -> dict[str, str]:
            return {"BucketName": "<b>"} if family == "s3" else {}

    assert b"<BucketName>&lt;b&gt;</BucketName>" in S3.render_error(Refused("No."), "i").body
    assert b"BucketName" not in REST_XML.render_error(Refused("No."), "i").body


def test_errors_in_the_other_protocols(catalogue: Catalogue) -> None:
    rest_json = REST_JSON.render_error(MissingAuthenticationToken(), "an-id")
    assert dict(rest_json.headers)[b"x-amzn-errortype"] == b"MissingAuthenticationTokenException"
    assert (rest_json.status, rest_json.body) == (
        403,
        b'{"message":"Missing Authentication Token"}',
    )
    ec2 = EC2.render_error(NoSuchKey(), "an-id")
    assert ec2.body.endswith(
        b"<Response><Errors><Error><Code>NoSuchKey</Code>"
        b"<Message>The specified key does not &lt;exist&gt;.</Message></Error></Errors>"
        b"<RequestID>an-id</RequestID></Response>"
    )
    found = operation(catalogue, "route53", "GetHostedZone")
    rest_xml = REST_XML.render_error(NoSuchKey(), "an-id", found)
    assert b"<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchKey</Code>" in rest_xml.body


def test_an_error_also_tells_the_code_that_it_had_over_query(catalogue: Catalogue) -> None:
    class QueueDoesNotExist(FamilyError):
        code = "QueueDoesNotExist"
        forms: ClassVar = {"query": ("AWS.SimpleQueueService.NonExistentQueue", 400)}

    found = operation(catalogue, "sqs", "GetQueueUrl")
    response = JSON_1_0.render_error(QueueDoesNotExist("No."), "an-id", found)
    wanted = b"AWS.SimpleQueueService.NonExistentQueue;Sender"
    assert dict(response.headers)[b"x-amzn-query-error"] == wanted
    assert response.body == b'{"__type":"QueueDoesNotExist","message":"No."}'
    kms = operation(catalogue, "kms", "Encrypt")
    assert b"x-amzn-query-error" not in dict(JSON_1_1.render_error(NoSuchKey(), "i", kms).headers)


@pytest.mark.parametrize(
    "error", [OperationNotServed(service="a", operation="b"), RequestTooLarge(limit=1)]
)
@pytest.mark.parametrize("wire", [S3, REST_XML, REST_JSON, EC2, CBOR_WIRE])
def test_every_protocol_has_words_for_our_own_refusals(wire: Any, error: AwsError) -> None:
    response = wire.render_error(error, "an-id")
    assert 400 <= response.status < 500
    assert response.body


ZIPPED = {"content_encoding": "gzip", "content_type": "application/x-amz-json-1.1"}


def test_compressed_bodies_are_read_within_a_limit(catalogue: Catalogue) -> None:
    found = operation(catalogue, "kms", "DescribeKey")
    body = b'{"KeyId": "k"}'
    assert JSON_1_1.read(ask("POST", "/", gzip.compress(body), **ZIPPED), found) == {"KeyId": "k"}
    twice = gzip.compress(body[:5]) + gzip.compress(body[5:])
    assert JSON_1_1.read(ask("POST", "/", twice, **ZIPPED), found) == {"KeyId": "k"}
    for bad in (gzip.compress(body)[:-9], b"nonsense", gzip.compress(b" " * (LARGEST + 1))):
        with pytest.raises(SerializationFailure):
            JSON_1_1.read(ask("POST", "/", bad, **ZIPPED), found)


@pytest.mark.parametrize(
    "body",
    [
        b"<a>",
        b"",
        b"\xff\xfe",
        b"<a/><b/>",
        b"<a>&x;</a>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<a>" * 1000 + b"</a>" * 1000,
        b'<?xml version="1.0" encoding="nonsense"?><a/>',
        b"<D><Object><Key><b/></Key></Object></D>",
    ],
)
def test_xml_that_reaches_beyond_itself_or_is_none_is_refused(
    catalogue: Catalogue, body: bytes
) -> None:
    found = operation(catalogue, "s3", "DeleteObjects")
    with pytest.raises((SerializationFailure, ValidationFailure)) as refused:
        S3.read(ask("POST", "/bucket?delete", body), found)
    response = S3.render_error(refused.value, "an-id", found)
    assert response.status == 400


def test_dates_and_numbers_have_the_form_of_their_place(catalogue: Catalogue) -> None:
    moment = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
    head = S3.render(operation(catalogue, "s3", "HeadObject"), {"LastModified": moment}, "i")
    assert dict(head.headers)[b"last-modified"] == b"Sat, 31 Jan 2026 12:00:00 GMT"
    listed = S3.render(
        operation(catalogue, "s3", "ListObjectsV2"),
        {"Contents": [{"Key": "a&b", "LastModified": moment, "Size": 5}]},
        "i",
    )
    assert b"<Contents><Key>a&amp;b</Key><LastModified>2026-01-31T12:00:00Z" in listed.body
    http = ask("GET", "/b/k", if_modified_since="Sat, 31 Jan 2026 12:00:00 GMT")
    assert S3.read(http, operation(catalogue, "s3", "GetObject"))["IfModifiedSince"] == moment
    bad = ask("GET", "/b/k", if_modified_since="yesterday")
    with pytest.raises(SerializationFailure):
        S3.read(bad, operation(catalogue, "s3", "GetObject"))


def test_attributes_stand_in_the_tag(catalogue: Catalogue) -> None:
    grant = {"Grantee": {"Type": "CanonicalUser", "ID": "1"}, "Permission": "READ"}
    response = S3.render(operation(catalogue, "s3", "GetBucketAcl"), {"Grants": [grant]}, "i")
    assert (
        b'<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'
        b"<ID>1</ID></Grantee>" in response.body
    )
