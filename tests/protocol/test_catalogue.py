# SPDX-License-Identifier: Apache-2.0
"""Identification: which service, operation and protocol a request means, and what if none."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.loaders import Loader

from stockade.protocol.catalogue import Catalogue, ServiceEntry, WireOperation
from stockade.protocol.errors import AwsError
from stockade.protocol.http import HttpRequest
from stockade.protocol.json import JSON_1_0, JSON_1_1
from stockade.protocol.malformed import InvalidAction, MissingAction, UnknownOperation
from stockade.protocol.query import QUERY

KMS = ServiceEntry("kms", "kms", "TrentService")
CLOUDTRAIL = ServiceEntry(
    "cloudtrail", "cloudtrail", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"
)
IAM = ServiceEntry("iam", "iam", None, global_service=True)
STS = ServiceEntry("sts", "sts", None)
SQS = ServiceEntry("sqs", "sqs", "AmazonSQS")
ELB = ServiceEntry("elb", "elasticloadbalancing", None)
ELBV2 = ServiceEntry("elbv2", "elasticloadbalancing", None)

_FORM = "application/x-www-form-urlencoded; charset=utf-8"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue([KMS, CLOUDTRAIL, IAM, STS, SQS, ELB, ELBV2])


def request(body: str = "", query: str = "", **headers: str) -> HttpRequest:
    named = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    return HttpRequest(
        method="POST", raw_path=b"/", query=query.encode(), headers=named, body=body.encode()
    )


def named(catalogue: Catalogue, http: HttpRequest, scope: str | None = None) -> WireOperation:
    return catalogue.operation(http, catalogue.wire(http, scope), scope)


@pytest.mark.parametrize(
    ("http", "wire"),
    [
        (request(content_type="application/x-amz-json-1.1", x_amz_target="A.B"), JSON_1_1),
        (request(content_type="application/x-amz-json-1.0", x_amz_target="A.B"), JSON_1_0),
        (request(content_type="application/x-amz-json-1.0"), JSON_1_0),
        (request(x_amz_target="A.B"), JSON_1_1),
        (request(content_type=_FORM, body="Action=ListUsers&Version=1"), QUERY),
        (request(query="Action=ListUsers&Version=1"), QUERY),
        (request(), QUERY),
    ],
)
def test_the_request_decides_the_protocol(
    catalogue: Catalogue, http: HttpRequest, wire: Any
) -> None:
    assert catalogue.wire(http) is wire


@pytest.mark.parametrize(
    ("scope", "wire"), [("kms", JSON_1_1), ("sts", QUERY), ("nothing", QUERY), (None, QUERY)]
)
def test_a_request_that_shows_no_protocol_is_answered_in_that_of_its_service(
    catalogue: Catalogue, scope: str | None, wire: Any
) -> None:
    assert catalogue.wire(request(), scope) is wire


@pytest.mark.parametrize(
    ("target", "service", "name", "python_name"),
    [
        ("TrentService.GenerateDataKey", "kms", "GenerateDataKey", "generate_data_key"),
        (f"{CLOUDTRAIL.target_prefix}.LookupEvents", "cloudtrail", "LookupEvents", "lookup_events"),
        ("AmazonSQS.SendMessage", "sqs", "SendMessage", "send_message"),
    ],
)
def test_the_target_names_a_json_operation(
    catalogue: Catalogue, target: str, service: str, name: str, python_name: str
) -> None:
    operation = named(catalogue, request(x_amz_target=target))
    assert (operation.service, operation.name, operation.python_name) == (
        service,
        name,
        python_name,
    )


@pytest.mark.parametrize(
    "target",
    [
        "",
        "Encrypt",
        "TrentService",
        "TrentService.",
        "TrentService.Nope",
        "Trent.Encrypt",
        "é.\x00",
    ],
)
def test_an_unknown_target_is_an_unknown_operation_without_a_message(
    catalogue: Catalogue, target: str
) -> None:
    http = request(x_amz_target=target)
    with pytest.raises(UnknownOperation) as refused:
        named(catalogue, http)
    response = catalogue.wire(http).render_error(refused.value, "an-id")
    assert (response.status, response.body) == (400, b'{"__type":"UnknownOperationException"}')


@pytest.mark.parametrize(
    ("scope", "body", "service"),
    [
        ("iam", "Action=ListUsers&Version=2010-05-08", "iam"),
        ("sts", "Action=GetCallerIdentity&Version=2011-06-15", "sts"),
        ("sts", "Action=GetCallerIdentity&Action=Nope&Version=2011-06-15&Version=1", "sts"),
        ("sts", "Version=2011-06-15&Action=GetCallerIdentity&Unknown=value", "sts"),
        ("elasticloadbalancing", "Action=DescribeTags&Version=2012-06-01", "elb"),
        ("elasticloadbalancing", "Action=DescribeTags&Version=2015-12-01", "elbv2"),
    ],
)
def test_scope_action_and_version_name_a_query_operation(
    catalogue: Catalogue, scope: str, body: str, service: str
) -> None:
    assert named(catalogue, request(body, content_type=_FORM), scope).service == service


@pytest.mark.parametrize(
    ("host", "action", "version", "service"),
    [
        ("iam.amazonaws.com", "ListUsers", "2010-05-08", "iam"),
        ("sts.eu-west-1.amazonaws.com", "AssumeRole", "2011-06-15", "sts"),
        ("STS.localhost:4566", "AssumeRole", "2011-06-15", "sts"),
        ("localhost:4566", "AssumeRoleWithWebIdentity", "2011-06-15", "sts"),
    ],
)
def test_without_a_signature_host_or_action_name_the_service(
    catalogue: Catalogue, host: str, action: str, version: str, service: str
) -> None:
    http = request(query=f"Action={action}&Version={version}", host=host)
    assert named(catalogue, http).service == service


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("Action=Nope&Version=2011-06-15", "Nope for version 2011-06-15"),
        ("Action=&Version=2011-06-15", " for version 2011-06-15"),
        ("Action=GetCallerIdentity", "GetCallerIdentity for version NO_VERSION_SPECIFIED"),
        ("Action=GetCallerIdentity&Version=", "GetCallerIdentity for version "),
        ("Action=GetCallerIdentity&Version=2000-01-01", "GetCallerIdentity for version 2000-01-01"),
        ("Action=Nope&Action=GetCallerIdentity&Version=2011-06-15", "Nope for version 2011-06-15"),
    ],
)
@pytest.mark.parametrize("scope", ["sts", "no-such-service", None])
def test_an_unknown_action_or_version_is_told_as_aws_tells_it(
    catalogue: Catalogue, body: str, message: str, scope: str | None
) -> None:
    http = request(body, content_type=_FORM)
    with pytest.raises(InvalidAction, match=f"^Could not find operation {message}$") as refused:
        named(catalogue, http, scope)
    response = QUERY.render_error(refused.value, "an-id")
    assert response.status == 400
    assert b'xmlns="http://webservices.amazon.com/AWSFault/2005-15-09"' in response.body


def test_a_request_without_an_action_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(MissingAction):
        named(catalogue, request("Version=2011-06-15", content_type=_FORM), "sts")
    with pytest.raises(MissingAction):  # AWS reads no body that is not said to be a form
        named(catalogue, request("Action=GetCallerIdentity&Version=2011-06-15"), "iam")


def test_an_operation_knows_its_shapes_and_errors(catalogue: Catalogue) -> None:
    operation = named(catalogue, request(x_amz_target="TrentService.Encrypt"))
    assert "Plaintext" in operation.input_shape.members
    assert "CiphertextBlob" in operation.output_shape.members
    assert "DisabledException" in {shape.error_code for shape in operation.error_shapes}
    assert "DisabledException" in operation.home.errors
    disable = named(catalogue, request(x_amz_target="TrentService.DisableKey"))
    assert disable.output_shape is None


def test_an_operation_is_one_object_for_all_threads(catalogue: Catalogue) -> None:
    found: list[WireOperation] = []
    start = threading.Barrier(8)
    fresh = Catalogue([KMS])

    def find() -> None:
        start.wait()
        operation = named(fresh, request(x_amz_target="TrentService.Decrypt"))
        operation.prepared(JSON_1_1)
        found.append(operation)

    threads = [threading.Thread(target=find) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1
    assert found[0].prepared(JSON_1_0) is found[0].prepared(JSON_1_1)


def test_identification_loads_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: Any) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(Loader, "load_service_model", load)
    catalogue = Catalogue([KMS, CLOUDTRAIL, IAM, STS])
    assert catalogue.wire(request(x_amz_target="TrentService.Encrypt")) is JSON_1_1
    with pytest.raises(AwsError):
        named(catalogue, request(x_amz_target="Nobody.Encrypt"))


def test_models_come_from_botocore_and_not_from_the_home_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    folder = tmp_path / "kms" / "9999-01-01"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text("{}")
    service = Catalogue([KMS]).service("kms")
    assert service is not None
    assert service.api_version == "2014-11-01"


@pytest.mark.parametrize("entry", [KMS, CLOUDTRAIL, IAM, STS, SQS, ELB, ELBV2])
def test_the_entries_used_here_are_those_of_the_models(
    catalogue: Catalogue, entry: ServiceEntry
) -> None:
    service = catalogue.service(entry.name)
    assert service is not None
    metadata = service.model.metadata
    assert entry.signing_name == metadata.get("signingName", metadata["endpointPrefix"])
    assert entry.target_prefix == metadata.get("targetPrefix")
