# SPDX-License-Identifier: Apache-2.0
"""Readers of every protocol on garbage: an AwsError, or members that the model allows."""

from __future__ import annotations

import gzip
from functools import cache
from typing import Any, Final

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockade.protocol.catalogue import Catalogue
from stockade.protocol.errors import AwsError
from stockade.protocol.http import HttpRequest
from tests.protocol.test_rest import ENTRIES

_TARGETS: Final[tuple[tuple[str, str, bytes, dict[bytes, bytes]], ...]] = (
    ("kms", "POST", b"/", {b"x-amz-target": b"TrentService.CreateKey"}),
    ("iam", "POST", b"/", {b"content-type": b"application/x-www-form-urlencoded"}),
    ("ec2", "POST", b"/", {b"content-type": b"application/x-www-form-urlencoded"}),
    ("s3", "POST", b"/bucket", {}),
    ("s3", "PUT", b"/bucket/key", {}),
    ("lambda", "POST", b"/2015-03-31/functions", {}),
    ("access-analyzer", "PUT", b"/analyzer", {}),
    (
        *("monitoring", "POST"),
        b"/service/GraniteServiceVersion20100801/operation/PutMetricData",
        {b"smithy-protocol": b"rpc-v2-cbor"},
    ),
)
_LEAVES: Final = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(max_size=8)
)
_TREES: Final = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=10,
)
_KNOWN: Final = st.dictionaries(
    st.sampled_from(["Namespace", "MetricData", "FunctionName", "Tags", "Policy", "type", "Code"]),
    _TREES,
    max_size=4,
)
_BODIES: Final = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(str.encode),
    _KNOWN.map(cbor2.dumps),
    st.binary(max_size=50).map(gzip.compress),
    st.lists(
        st.sampled_from([b"<a>", b"</a>", b"<Key/>", b"x", b"&amp;", b"<!--"]), max_size=9
    ).map(b"".join),
    st.lists(
        st.sampled_from(
            [
                b"Action=CreateUser",
                b"Version=2010-05-08",
                b"Tags.member.1.Key=%ff",
                b"&",
                b"=",
                b"Tags.member",
            ]
        ),
        max_size=9,
    ).map(b"&".join),
)
_QUERIES: Final = st.one_of(
    st.just(b""),
    st.sampled_from(
        [b"delete", b"uploads", b"tagging", b"acl", b"partNumber=x&uploadId=%ff", b"%ff=%fe"]
    ),
    st.binary(max_size=30),
)
_PATHS: Final = st.one_of(
    st.just(b""), st.sampled_from([b"/%ff", b"/..", b"//", b"/a/b"]), st.binary(max_size=20)
)
_EXTRA: Final = st.dictionaries(
    st.sampled_from(
        [
            b"content-encoding",
            b"content-type",
            b"x-amz-meta-a",
            b"if-match",
            b"content-length",
            b"x-amz-tagging",
        ]
    ),
    st.one_of(st.sampled_from([b"gzip", b"", b'"', b"a,b"]), st.binary(max_size=20)),
    max_size=3,
)


@cache
def _catalogue() -> Catalogue:
    return Catalogue(ENTRIES)


@pytest.mark.parametrize("target", _TARGETS, ids=lambda target: f"{target[0]}-{target[1]}")
@settings(max_examples=150, deadline=None)
@given(body=_BODIES, query=_QUERIES, path=_PATHS, extra=_EXTRA, signed=st.booleans())
def test_garbage_is_refused(
    target: Any, body: bytes, query: bytes, path: bytes, extra: dict[bytes, bytes], signed: bool
) -> None:
    service, method, root, headers = target
    http = HttpRequest(
        method=method,
        raw_path=root + path if service != "kms" else root,
        query=query,
        headers=list((headers | extra).items()),
        body=body,
    )
    scope = service if signed else None
    wire = _catalogue().wire(http, scope)
    try:
        wire.read(http, _catalogue().operation(http, wire, scope))
    except AwsError as error:
        refusal = error
    else:
        return
    assert wire.render_error(refusal, "an-id").status in range(400, 500)


@settings(max_examples=300, deadline=None)
@given(
    value=st.recursive(
        _LEAVES | st.datetimes().map(str), lambda i: st.lists(i, max_size=3), max_leaves=5
    ),
    tag=st.integers(0, 70000),
)
def test_cbor_tags_are_refused(value: Any, tag: int) -> None:
    http = HttpRequest(
        method="POST",
        raw_path=b"/service/GraniteServiceVersion20100801/operation/PutMetricData",
        headers=[(b"smithy-protocol", b"rpc-v2-cbor")],
        body=cbor2.dumps({"Namespace": cbor2.CBORTag(tag, value), "MetricData": []}),
    )
    wire = _catalogue().wire(http, "monitoring")
    with pytest.raises(AwsError):
        wire.read(http, _catalogue().operation(http, wire, "monitoring"))


@pytest.mark.parametrize(
    "body",
    [
        b"\xd8\x1c\x81\xd8\x1d\x00",  # a list that holds itself
        b"\xa1\x69Namespace" + b"\x81" * 500,
        b"\xa2\x61a\x01\x61a\x02",
        b"\xbf",
        b"\x5b\x7f" + b"\xff" * 7,
        b"\xf7",
    ],
)
def test_dangerous_cbor_is_refused(body: bytes) -> None:
    test_cbor = HttpRequest(
        method="POST",
        raw_path=b"/service/GraniteServiceVersion20100801/operation/PutMetricData",
        headers=[(b"smithy-protocol", b"rpc-v2-cbor")],
        body=body,
    )
    wire = _catalogue().wire(test_cbor, "monitoring")
    with pytest.raises(AwsError):
        wire.read(test_cbor, _catalogue().operation(test_cbor, wire, "monitoring"))
