# SPDX-License-Identifier: Apache-2.0
"""Every operation of our services, there and back: botocore is the client on both sides.

botocore serialises input that the model allows and we read the same; we write output that the
model allows and botocore parses the same; every modelled error arrives with code and message.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from stockade.protocol.catalogue import Catalogue, ServiceEntry, Wire, WireOperation
from stockade.protocol.errors import AwsError
from stockade.protocol.http import HttpRequest, HttpResponse
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
        names = [n for n in sorted(service.operation_names) if _symmetric(_operation(entry.name, n))]
        found += [(entry.name, name) for name in names[:: max(1, len(names) // _SAMPLED)]]
    return found


def _symmetric(operation: WireOperation) -> bool:
    """Tell whether botocore parses what it is sent: other cases have tests of their own.

    It does not resolve streams of events without a connection, and leaves out deprecated twins.
    """
    return (
        operation.name not in _SPECIAL_ROUTES
        and event_stream_of(operation.input_shape) is None
        and event_stream_of(operation.output_shape) is None
    )


def _operation(service: str, name: str) -> WireOperation:
    home = _catalogue().service(service)
    assert home is not None
    operation = home.operation(name)
    assert operation is not None
    return operation


class Sampler:
    """Makes values that the model allows, from a seed."""

    def __init__(self, seed: int, texts: list[str]) -> None:
        self._random = random.Random(seed)
        self._texts = texts

    def sample(self, shape: Any, depth: int = 0) -> Any:
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
                return _moment(self._random.randint(-(10**9), 4 * 10**9))
            case _:
                return self._text(shape, self._random.randint(0, 8))

    def _structure(self, shape: Any, depth: int) -> dict[str, Any]:
        required = set(shape.required_members)
        wanted = 0.6 if depth < 3 else 0.1
        chosen = [m for m in shape.members if m in required or self._random.random() < wanted]
        if depth and not chosen:  # over query an empty structure is not there at all
            chosen = list(shape.members)[:1]
        return {name: self.sample(shape.members[name], depth + 1) for name in chosen}

    def _size(self, shape: Any, beyond: int) -> int:
        least = shape.metadata.get("min", 0)
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
    compiled = compile_pattern(pattern)
    assert compiled is not None
    sizes = range(max(least, 1), min(most, least + 40) + 1)
    plain = [letter * size for size in sizes for letter in "aA1B2"]
    fitting = [t for t in (*plain, *_SPECIAL) if least <= len(t) <= most and compiled.fullmatch(t)]
    assert fitting, f"no sample fits {pattern}"
    return fitting[variant % len(fitting)]


def _bounds(shape: Any) -> tuple[int, int]:
    least = shape.metadata.get("min", -(2**31) if "max" not in shape.metadata else 0)
    return least, shape.metadata.get("max", 2**31 - 1)


def _moment(seconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, milliseconds=seconds % 7)


def _sent(operation: WireOperation, params: dict[str, Any]) -> tuple[HttpRequest, Wire]:
    """Return the request that botocore makes of parameters, and the wire that it is in."""
    model = operation.home.model.operation_model(operation.name)
    serializer = create_serializer(operation.home.model.protocol, include_validation=False)
    request = serializer.serialize_to_request(params, model)
    body = request["body"]
    http = HttpRequest(
        method="POST",
        raw_path=b"/",
        headers=[(k.lower().encode(), v.encode()) for k, v in request["headers"].items()],
        body=urlencode(body, doseq=True).encode() if isinstance(body, dict) else body,
    )
    return http, _catalogue().wire(http)


def _received(wire: Wire, response: HttpResponse, shape: Any) -> dict[str, Any]:
    """Return what botocore makes of a response, without its metadata."""
    parsed: dict[str, Any] = create_parser(wire.family).parse(
        {
            "status_code": response.status,
            "headers": {k.decode(): v.decode() for k, v in response.headers},
            "body": response.body,
        },
        shape,
    )
    assert parsed.pop("ResponseMetadata", {"RequestId": "an-id"})["RequestId"] == "an-id"
    return parsed


_SEEDS: Final = st.integers(0, 2**32)
_TEXTS: Final = st.lists(st.text(_PLAIN, max_size=20), min_size=1, max_size=4)


@pytest.mark.parametrize(("service", "name"), _operations())
@settings(max_examples=5, deadline=None)
@given(seed=_SEEDS, texts=_TEXTS)
def test_reads_what_botocore_sends(service: str, name: str, seed: int, texts: list[str]) -> None:
    operation = _operation(service, name)
    shape = operation.input_shape
    params = Sampler(seed, texts).sample(shape) if shape is not None else {}
    http, wire = _sent(operation, params)
    assert _catalogue().operation(http, wire, service) is operation
    assert wire.read(http, operation) == params


@pytest.mark.parametrize(("service", "name"), _operations())
@settings(max_examples=5, deadline=None)
@given(seed=_SEEDS, texts=_TEXTS)
def test_writes_what_botocore_understands(
    service: str, name: str, seed: int, texts: list[str]
) -> None:
    operation = _operation(service, name)
    shape = operation.output_shape
    output = Sampler(seed, texts).sample(shape) if shape is not None else {}
    _, wire = _sent(operation, {})
    response = wire.render(operation, output, "an-id")
    assert response.status == 200
    assert _received(wire, response, shape) == output


@pytest.mark.parametrize("service", [entry.name for entry in _ENTRIES])
def test_every_modelled_error_arrives_with_code_and_message(service: str) -> None:
    home = _catalogue().service(service)
    assert home is not None
    operation = _operation(service, min(home.operation_names))
    _, wire = _sent(operation, {})
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
