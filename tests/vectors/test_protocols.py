# SPDX-License-Identifier: Apache-2.0
"""AWS's public protocol vectors, run backwards: they are written for clients, we are the server.

An input case says which request a client makes of parameters: we must read the parameters out
of the request. An output case says what a client makes of a response: a client (botocore) must
make the same of the response that we write for it.
"""

from __future__ import annotations

import gzip
import json
import os
from base64 import b64decode
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from stockade.protocol.catalogue import ServiceEntry, Wire, WireOperation, WireService
from stockade.protocol.cbor import CBOR_WIRE
from stockade.protocol.ec2 import EC2
from stockade.protocol.errors import AwsError
from stockade.protocol.http import HttpRequest, HttpResponse
from stockade.protocol.json import JSON_1_0, JSON_1_1
from stockade.protocol.parts import event_stream_of
from stockade.protocol.query import QUERY
from stockade.protocol.rest_json import REST_JSON
from stockade.protocol.rest_xml import REST_XML

_DEFAULT: Final = Path(__file__).parents[2] / "../shared/vectors"
_ROOT: Final = Path(os.environ.get("STOCKADE_VECTORS", _DEFAULT)) / "protocols"
_FILES: Final[MappingProxyType[str, Wire]] = MappingProxyType(
    {
        "json.json": JSON_1_1,
        "json_1_0.json": JSON_1_0,
        "json_1_0-query-compatible.json": JSON_1_0,
        "query.json": QUERY,
        "ec2.json": EC2,
        "rest-json.json": REST_JSON,
        "rest-xml.json": REST_XML,
        "smithy-rpc-v2-cbor.json": CBOR_WIRE,
        "smithy-rpc-v2-cbor-query-compatible.json": CBOR_WIRE,
        "smithy-rpc-v2-cbor-non-query-compatible.json": CBOR_WIRE,
    }
)

_PARSERS: Final = MappingProxyType({"cbor": "smithy-rpc-v2-cbor", "s3": "rest-xml"})

_UNKNOWN_MEMBER: Final = "what a client makes of a member of a union that it does not know"
_SHAPE_NAME: Final = (
    "a structure whose own document name looks to botocore like the name of a member; no model of "
    "AWS has one as a member"
)
_TWO_NAMES: Final = (
    "a flattened list goes by the name of its elements where it has none of its own: so botocore's "
    "models of AWS mean it (SimpleDB), the case does not, and botocore leaves it out"
)
NOT_APPLICABLE: Final = MappingProxyType(
    {
        "input/rest-xml.json:BodyWithXmlName": _SHAPE_NAME,
        "input/rest-xml.json:XmlLists": _TWO_NAMES,
        "output/query.json:QueryXmlLists": _TWO_NAMES,
        "output/ec2.json:Ec2XmlLists": _TWO_NAMES,
        "output/rest-xml.json:XmlLists": _TWO_NAMES,
        "legacy/output/json.json:Lists-3-1": (
            "nulls in a list, which no model of ours allows and botocore does not mark"
        ),
        "legacy/output/rest-json.json:Tagged Unions-17-2": _UNKNOWN_MEMBER,
        "legacy/output/rest-xml.json:Unions-16-2": _UNKNOWN_MEMBER,
    }
)
"""Cases that say nothing about us, and why."""

READ_AS: Final[MappingProxyType[str, dict[str, Any]]] = MappingProxyType(
    {
        # The client sends an empty document for a payload that is not there.
        "RestJsonHttpWithEmptyStructurePayload": {"payloadConfig": {}},
        "RestJsonHttpWithHeadersButNoPayload": {"payloadConfig": {}},
        "Structure payload-13-1": {"foo": {}},
        "Content-Type and JSON body-25-2": {"payloadConfig": {}},
        "Content-Type and JSON body-25-4": {"payloadConfig": {}},
        # The client fills a header in that is a member too.
        "Content-Type and JSON body-25-7": {"contentType": "application/octet-stream"},
        "SDKAppliedContentEncoding_restJson1": {"encoding": "gzip"},
        "SDKAppliedContentEncoding_restXml": {"encoding": "gzip"},
        "SDKAppendedGzipAfterProvidedEncoding_restJson1": {"encoding": "custom, gzip"},
        "SDKAppendedGzipAfterProvidedEncoding_restXml": {"encoding": "custom, gzip"},
        # A JSON value in a header is the value, as in botocore, and not its text.
        "MediaTypeHeaderInputBase64": {"json": True},
    }
)
"""Cases in which a request says more than the parameters of which it was made."""

LEFT_OUT: Final = frozenset(
    {
        "QueryEmptyQueryMaps",
        "Ec2EmptyQueryLists",
        "RestJsonHttpPrefixHeadersAreNotPresent",
        "HttpPrefixHeadersAreNotPresent",
        "RestJsonOmitsEmptyListQueryValues",
        "List in header-26-1",
    }
)
"""Cases in which the client leaves empty lists and maps out."""

COMPARED: Final = frozenset(
    {
        "RestJsonInputAndOutputWithQuotedStringHeaders",
        "RestJsonInputAndOutputWithTimestampHeaders",
        "InputAndOutputWithTimestampHeaders",
        "RestJsonHttpPayloadWithUnsetUnion",
        "RestXmlHttpPayloadWithUnsetUnion",
    }
)
"""Cases that botocore cannot parse: our answer is compared with that of the case itself.

Lists of dates and of quoted texts in headers, and unions without a member.
"""

pytestmark = pytest.mark.skipif(not _ROOT.is_dir(), reason=f"no vectors at {_ROOT}")


class _Described:
    """Loads the model of one suite."""

    def __init__(self, suite: dict[str, Any], given: dict[str, Any]) -> None:
        self._model = {
            "version": "2.0",
            "metadata": {"apiVersion": "2014-01-01", **suite["metadata"]},
            "operations": {given["name"]: {"http": {"method": "POST", "requestUri": "/"}} | given},
            "shapes": suite.get("shapes", {}),
        }

    def load_service_model(self, _name: str, _kind: str) -> dict[str, Any]:
        return self._model


def _operation(suite: dict[str, Any], case: dict[str, Any]) -> WireOperation:
    entry = ServiceEntry("vectors", "vectors", suite["metadata"].get("targetPrefix"))
    operation = WireService(entry, _Described(suite, case["given"])).operation(
        case["given"]["name"]
    )
    assert operation is not None
    return operation


def _cases(direction: str) -> list[Any]:
    found = []
    for folder in (direction, f"legacy/{direction}"):
        for name, wire in _FILES.items():
            path = _ROOT / folder / name
            suites = json.loads(path.read_text()) if path.is_file() else []
            for number, suite in enumerate(suites):
                for place, case in enumerate(suite["cases"]):
                    where = f"{folder}/{name}"
                    case_id = case.get("id") or f"{suite['description']}-{number}-{place}"
                    reason = NOT_APPLICABLE.get(f"{where}:{case_id}")
                    marks = [pytest.mark.skip(reason=reason)] if reason else []
                    found.append(
                        pytest.param(wire, suite, case, id=f"{where}:{case_id}", marks=marks)
                    )
    return found


def _python(shape: Any, value: Any) -> Any:
    """Return a value of a vector as Python has it: the vectors are JSON themselves."""
    if shape is None or value is None:
        return value
    match shape.type_name:
        case "structure" if shape.serialization.get("eventstream"):
            return [_event(shape, event) for event in value]
        case "structure" if not shape.is_document_type:
            return {k: _python(shape.members[k], v) for k, v in value.items()}
        case "list":
            return [_python(shape.member, v) for v in value]
        case "map":
            return {k: _python(shape.value, v) for k, v in value.items()}
        case "blob":
            return value.encode()
        case "timestamp":
            return datetime.fromtimestamp(value, UTC)
        case "float" | "double":
            return float(value)
        case _:
            return value


def _event(shape: Any, event: dict[str, Any]) -> dict[str, Any]:
    return {name: _python(shape.members[name], value) for name, value in event.items()}


def _request(operation: WireOperation, case: dict[str, Any], wire: Wire) -> HttpRequest:
    """Return the request of a case; what the case leaves to the client is botocore's."""
    serialized = case["serialized"]
    headers = dict(serialized.get("headers", {}))
    if wire in (QUERY, EC2):
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    body = (serialized.get("body") or "").encode()
    if "requestcompression" in case["given"]:
        body = _compressed(operation, case)
    elif wire is CBOR_WIRE:
        body = b64decode(body)
    path, _, query = serialized["uri"].partition("?")
    return HttpRequest(
        method=serialized.get("method", case["given"].get("http", {}).get("method", "POST")),
        raw_path=path.encode(),
        query=query.encode(),
        headers=[(k.lower().encode(), v.encode()) for k, v in headers.items()],
        body=body,
    )


def _compressed(operation: WireOperation, case: dict[str, Any]) -> bytes:
    """Return the body that the case does not show: botocore's, compressed."""
    model = operation.home.model.operation_model(operation.name)
    serializer = create_serializer(operation.home.protocol, include_validation=False)
    body = serializer.serialize_to_request(case["params"], model)["body"]
    if operation.home.protocol == "ec2":  # botocore leaves small letters, which EC2's model lacks
        body = {key[:1].upper() + key[1:]: value for key, value in body.items()}
    return gzip.compress(urlencode(body).encode() if isinstance(body, dict) else body)


def _sent(shape: Any, case: dict[str, Any], case_id: str) -> dict[str, Any]:
    """Return what a client sends of parameters: no nulls, and what it fills in."""
    params = case.get("params", {}) | READ_AS.get(case_id, {})
    sent: dict[str, Any] = _without_nulls(params)
    if case_id in LEFT_OUT:
        sent = {name: value for name, value in sent.items() if value not in ([], {})}
    query = parse_qs(case["serialized"]["uri"].partition("?")[2], keep_blank_values=True)
    for name, member in (shape.members if shape is not None else {}).items():
        if member.metadata.get("idempotencyToken"):
            sent.setdefault(name, "00000000-0000-4000-8000-000000000000")
        location = member.serialization.get("location")
        if location == "headers" and name in sent:  # names of headers are not case-sensitive
            sent[name] = {key.lower(): value for key, value in sent[name].items()}
        if location == "querystring" and member.type_name == "map" and query:
            # All parameters, also those that are members of their own.
            several = member.value.type_name == "list"
            sent[name] = {key: vs if several else vs[0] for key, vs in query.items()}
    return sent


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return value


def _comparable(value: Any) -> Any:
    """Return a form in which equal moments are equal and NaN equals NaN."""
    match value:
        case dict():
            return {key: _comparable(item) for key, item in value.items()}
        case list():
            return [_comparable(item) for item in value]
        case BytesIO():
            return value.getvalue()
        case datetime():
            return value.astimezone(UTC)
        case float() | "NaN" | "Infinity" | "-Infinity":  # botocore leaves them texts in JSON
            return repr(float(value))
        case _:
            return value


def test_the_list_of_what_is_not_applicable_is_up_to_date() -> None:
    params = [*_cases("input"), *_cases("output")]
    ids = {str(param.id).split(":", 1)[1] for param in params}
    assert {*READ_AS, *LEFT_OUT, *COMPARED} <= ids
    assert {*NOT_APPLICABLE} <= {str(param.id) for param in params}


@pytest.mark.parametrize(("wire", "suite", "case"), _cases("input"))
def test_reads_the_request_that_a_client_makes(
    wire: Wire, suite: dict[str, Any], case: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    operation = _operation(suite, case)
    shape = operation.input_shape
    params = wire.read(_request(operation, case, wire), operation)
    wanted = _sent(shape, case, request.node.callspec.id.partition(":")[2])
    assert _comparable(params) == _comparable(_python(shape, wanted))


@pytest.mark.parametrize(("wire", "suite", "case"), _cases("output"))
def test_writes_a_response_of_which_a_client_makes_the_same(
    wire: Wire, suite: dict[str, Any], case: dict[str, Any]
) -> None:
    operation = _operation(suite, case)
    if "errorCode" in case:
        _check_error(wire, operation, case)
        return
    output = _python(operation.output_shape, case["result"])
    response = wire.render(operation, output, "an-id")
    if case.get("id") in COMPARED:
        _compare(response, case["response"])
        return
    parsed = _parsed(wire, response, operation.output_shape)
    _lower_prefixed(operation.output_shape, output)
    about = parsed.pop("ResponseMetadata")
    assert operation.output_shape is None or about["RequestId"] == "an-id"
    assert _comparable(parsed) == _comparable(output)


def _lower_prefixed(shape: Any, output: dict[str, Any]) -> None:
    """Spell the names of headers as we send them: clients do not tell the case apart."""
    for name, member in (shape.members if shape is not None else {}).items():
        if member.serialization.get("location") == "headers" and name in output:
            output[name] = {key.lower(): value for key, value in output[name].items()}


def _compare(response: HttpResponse, wanted: dict[str, Any]) -> None:
    """Compare an answer with that of a case."""
    length = (b"content-length", b"%d" % len(response.body))  # of the door, not of the protocol
    headers = dict([*response.headers, length])
    assert response.body == wanted.get("body", "").encode()
    for name, value in wanted["headers"].items():
        assert headers[name.lower().encode()] == value.encode()


def _check_error(wire: Wire, operation: WireOperation, case: dict[str, Any]) -> None:
    shape = operation.home.errors.get(case["errorCode"])
    members = _python(shape, case["error"])
    said = next((key for key in members if key.lower() == "message"), None)

    class Refused(AwsError):
        code = case["errorCode"]

    rest = {key: value for key, value in members.items() if key != said}
    error = Refused(case.get("errorMessage") or "", members=rest)
    response = wire.render_error(error, "an-id", operation)
    parsed = _parsed(wire, response, operation.output_shape)
    assert parsed["ResponseMetadata"]["RequestId"] == "an-id"
    assert parsed["Error"]["Code"] == case["errorCode"]
    assert parsed["Error"].get("Message", "") == (case.get("errorMessage") or "")
    if shape is not None:
        assert _comparable(_parsed(wire, response, shape)) == _comparable(members)


def _parsed(wire: Wire, response: HttpResponse, shape: Any) -> dict[str, Any]:
    protocol = _PARSERS.get(wire.family, wire.family)
    body = response.body if response.stream is None else b"".join(response.stream)
    events = event_stream_of(shape) if response.status < 300 else None
    parsed: dict[str, Any] = create_parser(protocol).parse(
        {
            "status_code": response.status,
            "headers": HeadersDict({k.decode(): v.decode() for k, v in response.headers}),
            "body": body if events is None else _Raw(body),
            "context": {"operation_name": "OperationName"},
        },
        shape,
    )
    if events is not None:
        parsed[events] = list(parsed[events])
    for name, member in (shape.members if shape is not None else {}).items():
        if member.type_name == "blob" and shape.serialization.get("payload") == name:
            _as_bytes(parsed, name)
        if member.serialization.get("location") == "headers" and name in parsed:
            # An empty prefix is that of our own headers, too.
            parsed[name] = {k: v for k, v in parsed[name].items() if "amzn-requestid" not in k}
    return parsed


def _as_bytes(parsed: dict[str, Any], name: str) -> None:
    """Undo what botocore does to the bytes of a body, which urllib3 holds elsewhere."""
    text = parsed.pop(name)
    if text:
        parsed[name] = text.encode()


class _Raw:
    """A body as urllib3 has it, for botocore's reader of events."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Any:
        yield self._body
