# SPDX-License-Identifier: Apache-2.0
"""AWS's public protocol vectors, run backwards: they are written for clients, we are the server.

An input case says which request a client makes of parameters: we must read the parameters out
of the request. An output case says what a client makes of a response: a client (botocore) must
make the same of the response that we write for it.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pytest
from botocore.parsers import create_parser

from stockade.protocol.catalogue import ServiceEntry, Wire, WireOperation, WireService
from stockade.protocol.errors import AwsError
from stockade.protocol.http import HttpRequest, HttpResponse
from stockade.protocol.json import JSON_1_0, JSON_1_1
from stockade.protocol.query import QUERY

_DEFAULT: Final = Path(__file__).parents[2] / "../shared/vectors"
_ROOT: Final = Path(os.environ.get("STOCKADE_VECTORS", _DEFAULT)) / "protocols"
_FILES: Final[MappingProxyType[str, Wire]] = MappingProxyType(
    {
        "json.json": JSON_1_1,
        "json_1_0.json": JSON_1_0,
        "json_1_0-query-compatible.json": JSON_1_0,
        "query.json": QUERY,
    }
)

_COMPRESSION: Final = "about the header of a compressed body; the case has no body to read"
_FILLED_IN: Final = "the client fills the idempotency token in, so that we read what it did"
_NOT_SENT: Final = "the client leaves the value out, so that there is nothing to read"
_TWO_NAMES: Final = (
    "a flattened list with a name of its own and one for its elements: no model of AWS has both, "
    "botocore leaves the case out, and with one name only it is that of the elements"
)
_SPARSE: Final = "nulls in a list, which no model of ours allows and botocore does not mark"
NOT_APPLICABLE: Final = MappingProxyType(
    {
        "SDKAppliedContentEncoding_awsJson1_0": _COMPRESSION,
        "SDKAppliedContentEncoding_awsJson1_1": _COMPRESSION,
        "SDKAppliedContentEncoding_awsQuery": _COMPRESSION,
        "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_0": _COMPRESSION,
        "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_1": _COMPRESSION,
        "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsQuery": _COMPRESSION,
        "QueryProtocolIdempotencyTokenAutoFill": _FILLED_IN,
        "Idempotency token auto fill-6-1": _FILLED_IN,
        "Idempotency token auto fill-12-1": _FILLED_IN,
        "AwsJson11StructuresDontSerializeNullValues": _NOT_SENT,
        "QueryEmptyQueryMaps": _NOT_SENT,
        "QueryFlattenedListArgWithXmlName": _TWO_NAMES,
        "QueryXmlLists": _TWO_NAMES,
        "Lists-3-1": _SPARSE,
        "RPC JSON Event Stream-6-0": "an event stream: none of our operations has one yet",
    }
)
"""Cases that say nothing about us, and why."""

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
                    reason = NOT_APPLICABLE.get(case_id)
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


def _request(serialized: dict[str, Any], wire: Wire) -> HttpRequest:
    headers = serialized.get("headers", {})
    form = {"content-type": "application/x-www-form-urlencoded"} if wire is QUERY else {}
    return HttpRequest(
        method=serialized.get("method", "POST"),
        raw_path=serialized["uri"].encode(),
        headers=[(k.lower().encode(), v.encode()) for k, v in (headers or form).items()],
        body=(serialized.get("body") or "").encode(),
    )


def _comparable(value: Any) -> Any:
    """Return a form in which equal moments are equal and NaN equals NaN."""
    match value:
        case dict():
            return {key: _comparable(item) for key, item in value.items()}
        case list():
            return [_comparable(item) for item in value]
        case datetime():
            return value.astimezone(UTC)
        case float() | "NaN" | "Infinity" | "-Infinity":  # botocore leaves them texts in JSON
            return repr(float(value))
        case _:
            return value


def test_the_list_of_what_is_not_applicable_is_up_to_date() -> None:
    params = [*_cases("input"), *_cases("output")]
    ids = {str(param.id).split(":", 1)[1] for param in params}
    assert set(NOT_APPLICABLE) <= ids


@pytest.mark.parametrize(("wire", "suite", "case"), _cases("input"))
def test_reads_the_request_that_a_client_makes(
    wire: Wire, suite: dict[str, Any], case: dict[str, Any]
) -> None:
    operation = _operation(suite, case)
    params = wire.read(_request(case["serialized"], wire), operation)
    assert _comparable(params) == _comparable(_python(operation.input_shape, case["params"]))


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
    parsed = _parsed(wire, response, operation.output_shape)
    assert parsed.pop("ResponseMetadata")["RequestId"] == "an-id"
    assert _comparable(parsed) == _comparable(output)


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
    parsed: dict[str, Any] = create_parser(wire.family).parse(
        {
            "status_code": response.status,
            "headers": {k.decode(): v.decode() for k, v in response.headers},
            "body": response.body,
        },
        shape,
    )
    return parsed
