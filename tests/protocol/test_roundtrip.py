# SPDX-License-Identifier: Apache-2.0
"""Every operation of our services, there and back: botocore is the client on both sides.

botocore serialises input that the model allows and we read the same; we write output that the
model allows and botocore parses the same; every modelled error arrives with code and message.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import pytest
from botocore.awsrequest import HeadersDict, prepare_request_dict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from stockade.protocol.catalogue import Catalogue, ServiceEntry, Wire, WireOperation
from stockade.protocol.errors import AwsError
from stockade.protocol.http import HttpRequest, HttpResponse
from stockade.protocol.parts import event_stream_of
from stockade.protocol.patterns import compile_pattern

_CLOUDTRAIL: Final = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101"
_ENTRIES: Final = (
    ServiceEntry("kms", "kms", "TrentService"),
    ServiceEntry("cloudtrail", "cloudtrail", _CLOUDTRAIL),
    ServiceEntry("iam", "iam", None, global_service=True),
    ServiceEntry("sts", "sts", None),
)
"""The services that are served: every operation of theirs."""
_SAMPLES: Final = (
    ServiceEntry("accessanalyzer", "access-analyzer", None),
    ServiceEntry("lambda", "lambda", None),
    ServiceEntry("s3", "s3", None),
    ServiceEntry("route53", "route53", None, global_service=True),
    ServiceEntry("ec2", "ec2", None),
    ServiceEntry("acm-pca", "acm-pca", "ACMPrivateCA"),
    ServiceEntry("cloudwatch", "monitoring", "GraniteServiceVersion20100801"),
    ServiceEntry("sqs", "sqs", "AmazonSQS"),
)
"""Services of the other protocols: some operations of each."""
_SAMPLED: Final = 25
_TWINS: Final = frozenset(
    {
        *("GetBucketLifecycle", "PutBucketLifecycle", "GetBucketNotification"),
        *("PutBucketNotification", "ListDirectoryBuckets"),
        "GetBucketLocation",  # its answer is an element with a text, which no shape says
    }
)
_PARSERS: Final = MappingProxyType({"cbor": "smithy-rpc-v2-cbor", "s3": "rest-xml"})
_LINE_ENDS: Final = MappingProxyType(dict.fromkeys(map(ord, "\r\x85\u2028"), " "))
_SPECIAL: Final = (
    *("/", "/a/", "v1", "o-1234567890", "r-1234", "p-12345678", "s3://abc", "12:34"),
    *("o-1234567890/r-1234", "kms.amazonaws.com", "us-east-1", "cluster-abcdefghijk"),
    *("https://example.com", "/kms/xks/v1", "com.amazonaws.vpce.us-east-1.vpce-svc-0a"),
    *("a.b.c", "123456789012", "arn:aws:kms:us-east-1:123456789012:key/1"),
)
_PLAIN: Final = st.characters(
    codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"], include_characters="\t\n\r\x85\u2028"
)


@cache
def _catalogue() -> Catalogue:
    return Catalogue([*_ENTRIES, *_SAMPLES])


def _operations() -> list[tuple[str, str]]:
    found = []
    for entry in _ENTRIES:
        service = _catalogue().service(entry.name)
        assert service is not None
        found += [(entry.name, name) for name in sorted(service.operation_names)]
    for entry in _SAMPLES:
        service = _catalogue().service(entry.name)
        assert service is not None
        names = [
            n for n in sorted(service.operation_names) if _symmetric(_operation(entry.name, n))
        ]
        found += [(entry.name, name) for name in names[:: max(1, len(names) // _SAMPLED)]]
    return found


def _symmetric(operation: WireOperation) -> bool:
    """Tell whether both sides can say the same, and whether there are samples of all patterns.

    Streams of events and maps of all that a query has are tested elsewhere; of two operations
    with one route only the newer is found.
    """
    shapes = [shape for shape in (operation.input_shape, operation.output_shape) if shape]
    return (
        operation.name not in _TWINS
        and not any(event_stream_of(shape) for shape in shapes)
        and not any(
            member.serialization.get("location") == "querystring" and member.type_name == "map"
            for shape in shapes
            for member in shape.members.values()
        )
        and all(_fits(shape, set()) for shape in shapes)
    )


def _fits(shape: Any, seen: set[str]) -> bool:
    """Tell whether there is a sample of every pattern in a shape."""
    if shape.name in seen:
        return True
    seen.add(shape.name)
    match shape.type_name:
        case "structure":
            return all(_fits(member, seen) for member in shape.members.values())
        case "list":
            return _fits(shape.member, seen)
        case "map":
            return _fits(shape.key, seen) and _fits(shape.value, seen)
        case "string" if (pattern := shape.metadata.get("pattern")) and not _enum(shape):
            least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 10**6)
            return bool(_fitting(pattern, least, most))
        case _:
            return True


def _enum(shape: Any) -> Any:
    return shape.metadata.get("enum")


def _operation(service: str, name: str) -> WireOperation:
    home = _catalogue().service(service)
    assert home is not None
    operation = home.operation(name)
    assert operation is not None
    return operation


class Sampler:
    """Makes values that the model allows, from a seed."""

    def __init__(self, seed: int, texts: list[str], *, flat: bool = False) -> None:
        self._random = random.Random(seed)
        self._texts = texts
        self._flat = flat
        """Lists are not empty and moments have whole seconds."""

    def sample(self, shape: Any, depth: int = 0) -> Any:
        location = shape.serialization.get("location")
        if location is not None and location != "uri":
            return Sampler(self._random.randrange(2**32), ["h"], flat=True).in_head(shape)
        return self._anything(shape, depth)

    def in_head(self, shape: Any) -> Any:
        """Return a value that fits a header, a status or a query: botocore sends no empty ones."""
        if shape.serialization["location"] == "statusCode":
            return 200
        value = self._anything(shape, 1)
        if shape.type_name == "map":
            return {key.lower(): item for key, item in value.items()}
        return value

    def _anything(self, shape: Any, depth: int) -> Any:
        match shape.type_name:
            case "structure":
                return self._structure(shape, depth)
            case "list":
                return [self.sample(shape.member, depth + 1) for _ in range(self._size(shape, 1))]
            case "map":
                return {
                    self._text(shape.key, place): self.sample(shape.value, depth + 1)
                    for place in range(max(1, self._size(shape, 1)))
                }
            case "blob":
                return self._random.randbytes(max(1, self._size(shape, 8)))
            case "integer" | "long":
                return self._random.randint(*_bounds(shape))
            case "float" | "double":
                return self._random.randint(*_bounds(shape)) / 4
            case "boolean":
                return self._random.random() < 0.5
            case "timestamp":
                moment = _moment(self._random.randint(-(10**9), 4 * 10**9))
                return moment.replace(microsecond=0) if self._flat else moment
            case _:
                return self._text(shape, self._random.randint(0, 8))

    def _structure(self, shape: Any, depth: int) -> dict[str, Any]:
        required = set(shape.required_members)
        wanted = 0.6 if depth < 3 else 0.1
        chosen = [m for m in shape.members if m in required or self._random.random() < wanted]
        if depth and not chosen:  # over query an empty structure is not there at all
            chosen = list(shape.members)[:1]
        if getattr(shape, "is_tagged_union", False):
            chosen = chosen[:1] or list(shape.members)[:1]
        return {name: self.sample(shape.members[name], depth + 1) for name in chosen}

    def _size(self, shape: Any, beyond: int) -> int:
        least = max(shape.metadata.get("min", 0), 1 if self._flat else 0)
        most = shape.metadata.get("max", least + beyond)
        return self._random.randint(least, min(most, least + beyond))

    def _text(self, shape: Any, variant: int) -> str:
        if values := shape.metadata.get("enum"):
            return str(values[variant % len(values)])
        least = shape.metadata.get("min", 0)
        most = shape.metadata.get("max", 10**6)
        pattern = shape.metadata.get("pattern")
        if pattern is None:
            text = self._random.choice(self._texts) + "x" * least
            return f"{variant}{text}"[:most]
        return _matching(pattern, least, most, variant)


@cache
def _matching(pattern: str, least: int, most: int, variant: int) -> str:
    """Return one of the texts that fit a pattern and its length."""
    fitting = _fitting(pattern, least, most)
    assert fitting, f"no sample fits {pattern}"
    return fitting[variant % len(fitting)]


@cache
def _fitting(pattern: str, least: int, most: int) -> list[str]:
    compiled = compile_pattern(pattern)
    if compiled is None:
        return ["a" * max(least, 1)]
    sizes = range(max(least, 1), min(most, least + 40) + 1)
    plain = [letter * size for size in sizes for letter in "aA1B2"]
    return [t for t in (*plain, *_SPECIAL) if least <= len(t) <= most and compiled.fullmatch(t)]


def _bounds(shape: Any) -> tuple[int, int]:
    least = shape.metadata.get("min", -(2**31) if "max" not in shape.metadata else 0)
    return least, shape.metadata.get("max", 2**31 - 1)


def _moment(seconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, milliseconds=seconds % 7)


def _sent(operation: WireOperation, params: dict[str, Any]) -> tuple[HttpRequest, Wire]:
    """Return the request that botocore makes of parameters, and the wire that it is in."""
    model = operation.home.model.operation_model(operation.name)
    serializer = create_serializer(operation.home.model.protocol, include_validation=False)
    request: dict[str, Any] = serializer.serialize_to_request(params, model)
    prepare_request_dict(request, "http://localhost", context={})
    body = request["body"]
    target = urlsplit(request["url"])
    http = HttpRequest(
        method=request["method"],
        raw_path=target.path.encode(),
        query=target.query.encode(),
        headers=[(k.lower().encode(), str(v).encode()) for k, v in request["headers"].items()],
        body=urlencode(body, doseq=True).encode() if isinstance(body, dict) else body or b"",
    )
    return http, _catalogue().wire(http, operation.home.entry.signing_name)


def _wire(operation: WireOperation) -> Wire:
    """Return the wire that botocore speaks with the service of an operation."""
    shape = operation.input_shape
    labels = dict.fromkeys(shape.required_members, "label") if shape is not None else {}
    serializer = create_serializer(operation.home.model.protocol, include_validation=False)
    strings = {n: v for n, v in labels.items() if shape.members[n].serialization.get("location")}
    model = operation.home.model.operation_model(operation.name)
    request = serializer.serialize_to_request(strings, model)
    headers = [(k.lower().encode(), str(v).encode()) for k, v in request["headers"].items()]
    http = HttpRequest(method=request["method"], raw_path=b"/", headers=headers)
    return _catalogue().wire(http, operation.home.entry.signing_name)


def _received(wire: Wire, response: HttpResponse, shape: Any) -> dict[str, Any]:
    """Return what botocore makes of a response, without its metadata."""
    protocol = _PARSERS.get(wire.family, wire.family)
    parsed: dict[str, Any] = create_parser(protocol).parse(
        {
            "status_code": response.status,
            "headers": HeadersDict({k.decode(): v.decode() for k, v in response.headers}),
            "body": response.body,
        },
        shape,
    )
    about = parsed.pop("ResponseMetadata", {})
    assert about.get("RequestId", "an-id") == "an-id"
    payload = shape.serialization.get("payload") if shape is not None else None
    if payload and shape.members[payload].type_name == "blob" and response.status < 300:
        # botocore makes text of bytes that urllib3 holds elsewhere.
        parsed.pop(payload, None)
        parsed |= {payload: response.body} if response.body else {}
    return parsed


def _sample(operation: WireOperation, shape: Any, seed: int, texts: list[str]) -> dict[str, Any]:
    """Return input or output of an operation that the model allows and its protocol can carry."""
    if shape is None:
        return {}
    protocol = operation.home.protocol
    if protocol in ("rest-xml", "ec2"):  # botocore writes carriage returns as they are
        texts = [text.translate(_LINE_ENDS) for text in texts]
    sampler = Sampler(seed, texts, flat=protocol in ("ec2", "rest-xml"))
    sampled = sampler.sample(shape)
    for name, member in shape.members.items():
        payload = shape.serialization.get("payload") == name and member.type_name == "structure"
        if payload or member.serialization.get("location") == "statusCode":
            sampled[name] = sampler.sample(member, 1)  # botocore makes something of nothing
    return {k: v for k, v in sampled.items() if v not in (b"", "") or k in shape.required_members}


_SEEDS: Final = st.integers(0, 2**32)
_TEXTS: Final = st.lists(st.text(_PLAIN, max_size=20), min_size=1, max_size=4)


@pytest.mark.parametrize(("service", "name"), _operations())
@settings(max_examples=5, deadline=None)
@given(seed=_SEEDS, texts=_TEXTS)
def test_reads_what_botocore_sends(service: str, name: str, seed: int, texts: list[str]) -> None:
    operation = _operation(service, name)
    shape = operation.input_shape
    params = _sample(operation, shape, seed, texts)
    http, wire = _sent(operation, params)
    scope = operation.home.entry.signing_name
    assert _catalogue().operation(http, wire, scope) is operation
    read = wire.read(http, operation)
    assert {k: v.getvalue() if isinstance(v, BytesIO) else v for k, v in read.items()} == params


@pytest.mark.parametrize(("service", "name"), _operations())
@settings(max_examples=5, deadline=None)
@given(seed=_SEEDS, texts=_TEXTS)
def test_writes_what_botocore_understands(
    service: str, name: str, seed: int, texts: list[str]
) -> None:
    operation = _operation(service, name)
    shape = operation.output_shape
    output = _sample(operation, shape, seed, texts)
    wire = _wire(operation)
    response = wire.render(operation, output, "an-id")
    assert response.status in (200, operation.http.get("responseCode"))
    assert _received(wire, response, shape) == output


@pytest.mark.parametrize("service", [entry.name for entry in (*_ENTRIES, *_SAMPLES)])
def test_every_modelled_error_arrives_with_code_and_message(service: str) -> None:
    home = _catalogue().service(service)
    assert home is not None
    operation = _operation(service, min(home.operation_names))
    wire = _wire(operation)
    for code, shape in home.errors.items():

        class Refused(AwsError):
            code = shape.error_code
            template = "Refused: <{what}> & 'more'"

        response = wire.render_error(Refused(what=code), "an-id", operation)
        error = _received(wire, response, operation.output_shape)["Error"]
        assert (error["Code"], error["Message"]) == (
            shape.error_code,
            f"Refused: <{code}> & 'more'",
        )
        said = _received(wire, response, shape)
        assert all(text == f"Refused: <{code}> & 'more'" for text in said.values())
