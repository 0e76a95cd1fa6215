# SPDX-License-Identifier: Apache-2.0
"""What a host tells, and the two ways to address a bucket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.protocol.addressing import Place, object_path, path_style, place_of


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("kms.eu-west-1.amazonaws.com", Place("kms", "eu-west-1")),
        ("KMS.EU-West-1.localhost:4566", Place("kms", "eu-west-1")),
        ("kms-fips.us-gov-west-1.amazonaws.com.", Place("kms", "us-gov-west-1")),
        ("sts.amazonaws.com", Place("sts")),
        ("iam.localhost:", Place("iam")),
        ("123456789012.ddb.us-east-1.amazonaws.com", Place("ddb", "us-east-1", "123456789012")),
        ("s3.localhost", Place("s3")),
        ("s3.eu-west-1.localhost", Place("s3", "eu-west-1")),
        ("bucket.s3.localhost", Place("s3", bucket="bucket")),
        ("bucket.s3.eu-west-1.localhost:4566", Place("s3", "eu-west-1", bucket="bucket")),
        (
            "my.dotted.bucket.s3.eu-west-1.localhost",
            Place("s3", "eu-west-1", bucket="my.dotted.bucket"),
        ),
        ("s3.s3.localhost", Place("s3", bucket="s3")),
        ("b.s3.dualstack.eu-west-1.amazonaws.com", Place("s3", "eu-west-1", bucket="b")),
        ("b.s3-eu-west-1.amazonaws.com", Place("s3", "eu-west-1", bucket="b")),
        ("eu-west-1.localhost", Place(region="eu-west-1")),
        ("localhost:4566", Place()),
        ("127.0.0.1:4566", Place()),
        ("[::1]:4566", Place()),
        ("bucket.s3.example.com", Place()),
        ("", Place()),
    ],
)
def test_hosts(host: str, place: Place) -> None:
    assert place_of(host.encode()) == place


def test_a_domain_of_one_s_own() -> None:
    host = b"bucket.s3.eu-west-1.aws.example.com"
    place = place_of(host, ["aws.example.com"])
    assert place == Place("s3", "eu-west-1", bucket="bucket")
    assert place_of(b"bucket.s3.localhost", ["aws.example.com"]) == Place()
    assert place_of(None) == Place()


@pytest.mark.parametrize(
    ("host", "path", "bucket", "key", "styled"),
    [
        (b"b.s3.localhost", b"/a%2Fb/c", b"b", b"a%2Fb/c", b"/b/a%2Fb/c"),
        (b"b.s3.localhost", b"/", b"b", b"", b"/b/"),
        (b"s3.localhost", b"/b/a/../c", b"b", b"a/../c", b"/b/a/../c"),
        (b"s3.localhost", b"/b", b"b", b"", b"/b"),
        (b"s3.localhost", b"/", b"", b"", b"/"),
        (b"localhost:4566", b"/b//x", b"b", b"/x", b"/b//x"),
    ],
)
def test_buckets(host: bytes, path: bytes, bucket: bytes, key: bytes, styled: bytes) -> None:
    assert object_path(host, path) == (bucket, key)
    assert path_style(host, path) == styled


@given(st.binary(max_size=40))
def test_any_host_is_read(host: bytes) -> None:
    place_of(host)
    place_of(host + b".localhost")
