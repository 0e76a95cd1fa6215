# SPDX-License-Identifier: Apache-2.0
"""Form uploads: AWS's example, boto3's presigned posts, every condition, every broken form."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import encode_multipart_formdata

from stockade.protocol import post_policy, sigv4
from stockade.protocol.errors import AwsError
from stockade.protocol.forms import FIELDS_LIMIT, Form, read_form
from stockade.protocol.post_policy import Sizes
from stockade.protocol.refusals import AccessDenied, IncompleteSignature, SignatureDoesNotMatch
from stockade.protocol.s3_errors import (
    BodyNotMultipart,
    EntityTooLarge,
    EntityTooSmall,
    IncorrectNumberOfFiles,
    InvalidArgument,
    InvalidPolicyDocument,
    MalformedPost,
    PreDataTooLong,
)
from tests.protocol import signers

KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


class Slow(io.BytesIO):
    """A source that gives a few bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, 7))


def form_of(fields: Mapping[str, str], data: bytes = b"data", name: str = "a.txt") -> Form:
    body, content_type = encode_multipart_formdata([*fields.items(), ("file", (name, data))])
    return read_form(content_type.encode(), Slow(body))


def check(fields: Mapping[str, str], bucket: str = "bucket", now: datetime = NOW) -> Sizes:
    """Do everything that is done before the file is read."""
    signed = post_policy.parse(fields)
    assert signed is not None
    key = sigv4.signing_key(SECRET, signed.date, signed.region, signed.service)
    post_policy.check_signature(fields, signed, key)
    return post_policy.check_policy(fields, bucket, now)


def signed(policy: Any, **fields: str) -> dict[str, str]:
    """Return the fields of a form with this policy."""
    signer = signers.v4(KEY_ID, SECRET, "20260102T110000Z", "s3")
    raw = policy if isinstance(policy, bytes) else json.dumps(policy).encode()
    encoded = base64.b64encode(raw).decode()
    return {
        "key": "user/a.txt",
        **{name.replace("_", "-"): value for name, value in fields.items()},
        "x-amz-algorithm": signer.algorithm,
        "x-amz-credential": f"{KEY_ID}/{signer.scope}",
        "x-amz-date": signer.amz_date,
        "policy": encoded,
        "x-amz-signature": signer.sign(encoded),
    }


ALL: list[Any] = [
    {"bucket": "bucket"},
    ["starts-with", "$key", "user/"],
    ["eq", "$X-Amz-Algorithm", "AWS4-HMAC-SHA256"],
    {"x-amz-credential": f"{KEY_ID}/20260102/us-east-1/s3/aws4_request"},
    {"X-AMZ-DATE": "20260102T110000Z"},
]


def policy(*conditions: Any, expiration: Any = "2026-01-02T13:00:00Z") -> dict[str, Any]:
    return {"expiration": expiration, "conditions": [*ALL, *conditions]}


def test_the_example_of_aws() -> None:
    text = (
        '{ "expiration": "2015-12-30T12:00:00.000Z",\r\n  "conditions": [\r\n'
        '    {"bucket": "sigv4examplebucket"},\r\n    ["starts-with", "$key", "user/user1/"],\r\n'
        '    {"acl": "public-read"},\r\n    {"success_action_redirect": '
        '"http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},\r\n'
        '    ["starts-with", "$Content-Type", "image/"],\r\n'
        '    {"x-amz-meta-uuid": "14365123651274"},\r\n'
        '    {"x-amz-server-side-encryption": "AES256"},\r\n'
        '    ["starts-with", "$x-amz-meta-tag", ""],\r\n\r\n'
        '    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},\r\n'
        '    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},\r\n'
        '    {"x-amz-date": "20151229T000000Z" }\r\n  ]\r\n}'
    )
    form = form_of(
        {
            "key": "user/user1/${filename}",
            "acl": "public-read",
            "success_action_redirect": (
                "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"
            ),
            "Content-Type": "image/jpeg",
            "x-amz-meta-uuid": "14365123651274",
            "x-amz-server-side-encryption": "AES256",
            "X-Amz-Credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request",
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Date": "20151229T000000Z",
            "x-amz-meta-tag": "",
            "Policy": base64.b64encode(text.encode()).decode(),
            "X-Amz-Signature": "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e",
        },
        name="C:\\photos\\me.jpg",
    )
    assert form.fields["key"] == "user/user1/me.jpg"
    moment = datetime(2015, 12, 30, 11, tzinfo=UTC)
    assert check(form.fields, "sigv4examplebucket", moment) == Sizes(0, None)


@pytest.mark.parametrize("token", [None, "IQoJb3JpZ2luX2VjEHo//+=="])
@pytest.mark.parametrize("key", ["photo.jpg", "user/${filename}"])
def test_what_boto3_presigns(token: str | None, key: str) -> None:
    s3 = boto3.client(
        "s3",
        region_name="eu-west-1",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        aws_session_token=token,
        endpoint_url="http://localhost:4566",
        config=Config(signature_version="s3v4"),
    )
    made = s3.generate_presigned_post(
        "bucket",
        key,
        Fields={"acl": "private", "success_action_status": "201"},
        Conditions=[
            {"acl": "private"},
            ["eq", "$success_action_status", "201"],
            ["content-length-range", 1, 10],
        ],
        ExpiresIn=600,
    )
    form = form_of(made["fields"], b"12345")
    claim = post_policy.parse(form.fields)
    assert claim is not None
    assert claim.session_token == token
    assert (claim.region, claim.service) == ("eu-west-1", "s3")
    sizes = check(form.fields, now=datetime.now(UTC))
    assert sizes == Sizes(1, 10)
    assert b"".join(iter(lambda: form.file.read(100), b"")) == b"12345"
    with pytest.raises(AccessDenied, match=r"Policy expired\."):
        check(form.fields, now=datetime.now(UTC) + timedelta(minutes=11))
    with pytest.raises(AccessDenied, match="Policy Condition failed"):
        check(form.fields, "other", datetime.now(UTC))
    for name in form.fields:
        changed = {**form.fields, name: form.fields[name] + "x"}
        if name != "key" or "$" not in key:  # any key with the prefix is allowed
            with pytest.raises(AwsError):
                check(changed, now=datetime.now(UTC))


def test_a_form_in_sigv4a() -> None:
    signer = signers.v4a(KEY_ID, SECRET, "20260102T110000Z", "s3")
    encoded = base64.b64encode(b"{}").decode()
    fields = {
        "key": "k",
        "x-amz-algorithm": signer.algorithm,
        "x-amz-credential": f"{KEY_ID}/{signer.scope}",
        "x-amz-date": signer.amz_date,
        "policy": encoded,
        "x-amz-signature": signer.sign(encoded),
    }
    claim = post_policy.parse(fields)
    assert claim is not None
    from stockade.protocol import sigv4a

    post_policy.check_signature(fields, claim, sigv4a.public_key(KEY_ID, SECRET))
    with pytest.raises(SignatureDoesNotMatch):
        post_policy.check_signature(fields, claim, sigv4a.public_key(KEY_ID, "x"))


def test_a_wrong_signature_comes_before_the_policy() -> None:
    fields = signed(b"not json")
    with pytest.raises(SignatureDoesNotMatch) as caught:
        check({**fields, "policy": fields["policy"][:-2]})
    elements = caught.value.elements_on("s3")
    assert list(elements) == [
        "AWSAccessKeyId",
        "StringToSign",
        "SignatureProvided",
        "StringToSignBytes",
    ]
    assert elements["StringToSign"] == fields["policy"][:-2]


@pytest.mark.parametrize(
    ("conditions", "fields"),
    [
        ([{"acl": "private"}], {"acl": "private"}),
        ([["starts-with", "$acl", "p"]], {"acl": "private"}),
        ([["starts-with", "$Content-Type", "image/"]], {"content_type": "image/a, image/b"}),
        ([["starts-with", "$x-amz-meta-a", ""]], {"x_amz_meta_a": ""}),
        (
            [["eq", "$x-amz-meta-a", "1"], ["starts-with", "$x-amz-meta-a", ""]],
            {"x_amz_meta_a": "1"},
        ),
        ([], {"x_ignore_this": "anything"}),
    ],
)
def test_what_is_allowed(conditions: list[Any], fields: dict[str, str]) -> None:
    assert check(signed(policy(*conditions), **fields)) == Sizes(0, None)


@pytest.mark.parametrize(
    ("condition", "fields", "text"),
    [
        ({"acl": "private"}, {"acl": "public"}, '["eq", "$acl", "private"]'),
        ({"acl": "private"}, {"acl": "PRIVATE"}, '["eq", "$acl", "private"]'),
        (["eq", "acl", "private"], {"acl": "private"}, '["eq", "acl", "private"]'),
        (["starts-with", "$acl", "x"], {"acl": "private"}, '["starts-with", "$acl", "x"]'),
        (["starts-with", "$acl", ""], {}, '["starts-with", "$acl", ""]'),
        (
            ["starts-with", "$Content-Type", "image/"],
            {"content_type": "image/a,text/plain"},
            '["starts-with", "$Content-Type", "image/"]',
        ),
        (["starts-with", "$bucket", "b"], {}, '["starts-with", "$bucket", "b"]'),
        (["like", "$key", "u*"], {}, '["like", "$key", "u*"]'),
        (["eq", "$key", 1], {}, '["eq", "$key", 1]'),
        (["eq", "$key"], {}, '["eq", "$key"]'),
        ("eq", {}, '"eq"'),
        (["content-length-range", 0], {}, '["content-length-range", 0]'),
        (["content-length-range", "test", "10"], {}, '["content-length-range", "test", "10"]'),
        (["content-length-range", -1, 5], {}, '["content-length-range", -1, 5]'),
        (["content-length-range", True, 5], {}, '["content-length-range", true, 5]'),
    ],
)
def test_a_condition_that_fails_is_named(condition: Any, fields: dict[str, str], text: str) -> None:
    with pytest.raises(AccessDenied) as caught:
        check(signed(policy(condition), **fields))
    wanted = f"Invalid according to Policy: Policy Condition failed: {text}"
    assert caught.value.message_on("s3") == wanted
    assert caught.value.on("s3") == ("AccessDenied", 403)


def test_a_field_that_no_condition_names_is_refused() -> None:
    with pytest.raises(AccessDenied) as caught:
        check(signed(policy(), x_amz_storage_class="GLACIER"))
    assert str(caught.value) == (
        "Invalid according to Policy: Extra input fields: x-amz-storage-class"
    )


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (b"no", "Invalid Policy: Invalid JSON."),
        (b"[]", "Invalid Policy: Invalid JSON."),
        (b"\xff", "Invalid Policy: Invalid JSON."),
        ({"conditions": []}, "Invalid Policy: Missing 'expiration'."),
        ({"expiration": "2026-01-02T13:00:00Z"}, "Invalid Policy: Missing 'conditions'."),
        (
            policy(expiration="2026-01-02T13:00:00+02:00"),
            "Invalid Policy: Invalid 'expiration' value: '2026-01-02T13:00:00+02:00'",
        ),
        (policy(expiration=5), "Invalid Policy: Invalid 'expiration' value: '5'"),
        (
            policy({"acl": "a", "key": "b"}),
            "Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one",
        ),
        (policy({}), "Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have ex"),
        (
            policy({"Content-Length": 5}),
            "Invalid Policy: Invalid Simple-Condition: value must be a string.",
        ),
    ],
)
def test_a_policy_that_cannot_be_read(document: Any, text: str) -> None:
    with pytest.raises(InvalidPolicyDocument) as caught:
        check(signed(document))
    assert str(caught.value).startswith(text)


def test_sizes_are_inclusive_and_the_narrowest_counts() -> None:
    ranges = (["content-length-range", 2, 20], ["content-length-range", "5", "10"])
    sizes = check(signed(policy(*ranges)))
    assert sizes == Sizes(5, 10)
    sizes.check(5)
    sizes.check(10)
    with pytest.raises(EntityTooSmall) as small:
        sizes.check(1)
    assert small.value.elements_on("s3") == {"ProposedSize": "1", "MinSizeAllowed": "5"}
    with pytest.raises(EntityTooLarge) as large:
        sizes.check(12)
    assert large.value.elements_on("s3") == {"ProposedSize": "12", "MaxSizeAllowed": "10"}


@pytest.mark.parametrize("name", ["key", "X-Amz-Algorithm", "X-Amz-Date", "X-Amz-Signature"])
def test_a_missing_field_is_named(name: str) -> None:
    fields = signed(policy())
    del fields[name.lower()]
    with pytest.raises(InvalidArgument) as caught:
        post_policy.parse(fields)
    assert str(caught.value) == (
        f"Bucket POST must contain a field named '{name}'.  "
        "If it is specified, please check the order of the fields."
    )
    assert caught.value.elements_on("s3") == {"ArgumentName": name, "ArgumentValue": ""}


def test_a_form_without_a_signature_is_anonymous() -> None:
    assert post_policy.parse({"key": "k"}) is None
    assert post_policy.parse({"key": "k", "policy": "e30="}) is None


def test_a_malformed_claim_is_refused() -> None:
    for name, value in (("x-amz-algorithm", "AWS4"), ("x-amz-credential", "x")):
        with pytest.raises(IncompleteSignature):
            post_policy.parse({**signed(policy()), name: value})


def test_the_file_is_read_in_pieces_up_to_its_end() -> None:
    data = b"\r\n--almost" * 1000 + b"\r\n-"
    body, content_type = encode_multipart_formdata(
        [("key", "${filename}"), ("file", ("dir/name", data)), ("submit", "later")]
    )
    for source in (Slow(body), io.BytesIO(body)):
        form = read_form(content_type.encode(), source)
        assert form.fields == {"key": "name"}
        parts = []
        while part := form.file.read(100):
            assert len(part) <= 100
            parts.append(part)
        assert b"".join(parts) == data
        assert form.file.size == len(data)
        assert form.file.read(5) == b""


def test_a_text_instead_of_a_file() -> None:
    body, content_type = encode_multipart_formdata([("key", "a-${filename}"), ("FILE", "text")])
    form = read_form(content_type.encode(), io.BytesIO(body))
    assert form.fields == {"key": "a-${filename}"}
    assert form.filename is None
    assert form.file.read(10) == b"text"


def test_fields_of_one_name_are_joined() -> None:
    body, content_type = encode_multipart_formdata([("t", "a"), ("T", "b"), ("file", b"")])
    assert read_form(content_type.encode(), io.BytesIO(body)).fields == {"t": "a,b"}


BOUNDARY = b"multipart/form-data; boundary=B"
PART = b'--B\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'


@pytest.mark.parametrize(
    ("content_type", "body", "error"),
    [
        (b"text/html", b"", BodyNotMultipart),
        (None, b"", BodyNotMultipart),
        (b"multipart/form-data", b"", BodyNotMultipart),
        (BOUNDARY, b"", MalformedPost),
        (BOUNDARY, PART % (b"key", b"k"), MalformedPost),
        (BOUNDARY, PART % (b"key", b"k") + b"--B--", IncorrectNumberOfFiles),
        (BOUNDARY, b"--B\r\n\r\nvalue\r\n--B--", MalformedPost),
        (BOUNDARY, b"--B\r\nX: y\r\n\r\nvalue\r\n--B--", MalformedPost),
        (BOUNDARY, PART % (b"key", b"\xff") + PART % (b"file", b"x"), MalformedPost),
        (BOUNDARY, PART % (b"key", b"k" * (FIELDS_LIMIT * 5)) + b"--B--", PreDataTooLong),
    ],
)
def test_a_broken_form(content_type: bytes | None, body: bytes, error: type[AwsError]) -> None:
    with pytest.raises(error):
        read_form(content_type, io.BytesIO(body))
    with pytest.raises(error):
        read_form(content_type, Slow(body))


def test_many_small_fields_are_too_many() -> None:
    body = b"".join(PART % (b"f%d" % n, b"x") for n in range(5000)) + PART % (b"file", b"")
    with pytest.raises(PreDataTooLong):
        read_form(BOUNDARY, io.BytesIO(body))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_form_or_refused(raw: bytes) -> None:
    for body in (raw, PART % (b"key", raw), PART % (b"file", b"") + raw):
        try:
            form = read_form(BOUNDARY, io.BytesIO(body))
            while form.file.read(50):
                pass
        except AwsError as error:
            assert 400 <= error.status < 500  # noqa: PT017
