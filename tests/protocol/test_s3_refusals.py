# SPDX-License-Identifier: Apache-2.0
"""S3's column of the failure table: codes, words and elements, in a header and in a query."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from msgspec.structs import replace

from stockade.protocol import refusals, sigv4
from stockade.protocol.http import HttpRequest
from tests.protocol import signers

KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
AMZ_DATE = "20150830T123600Z"
NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
SIGNER = signers.v4(KEY_ID, SECRET, AMZ_DATE, "s3")
BODY = b"hello"
HASH = sha256(BODY).hexdigest()

Change = Callable[[HttpRequest], HttpRequest]


def put(*more: tuple[bytes, bytes], declared: str | None = HASH) -> HttpRequest:
    headers = [(b"host", b"bucket.s3.localhost"), *more]
    if declared is not None:
        headers.append((b"x-amz-content-sha256", declared.encode()))
    return HttpRequest(method="PUT", raw_path=b"/a%20b", headers=headers, body=BODY)


def in_header(*more: tuple[bytes, bytes], declared: str | None = HASH) -> HttpRequest:
    return signers.signed(SIGNER, put(*more, declared=declared), payload_hash=declared)


def in_query() -> HttpRequest:
    return signers.presigned(SIGNER, put(declared=None), payload_hash="UNSIGNED-PAYLOAD")


def verify(http: HttpRequest, now: datetime = NOW, *, body_follows: bool = False) -> None:
    signed = sigv4.parse(http)
    sigv4.check_scope(signed, ("s3",), "us-east-1")
    sigv4.check_time(signed, now, QUARTER)
    key = sigv4.signing_key(SECRET, signed.date, signed.region, signed.service)
    sigv4.check_signature(http, signed, key, s3=True, body_follows=body_follows)


def refused(http: HttpRequest, now: datetime = NOW) -> tuple[str, int, str, dict[str, str]]:
    with pytest.raises(refusals.Refusal) as caught:
        verify(http, now)
    error = caught.value
    code, status = error.on("s3")
    assert not error.elements_on("query")
    assert not error.elements_on("ec2")
    return code, status, error.message_on("s3"), dict(error.elements_on("s3"))


def with_header(old: bytes, new: bytes) -> Change:
    def change(http: HttpRequest) -> HttpRequest:
        headers = [(k, v.replace(old, new)) for k, v in http.headers]
        return replace(http, headers=headers, query=http.query.replace(old, new))

    return change


def test_all_forms_are_accepted() -> None:
    verify(in_header())
    verify(in_header(declared="UNSIGNED-PAYLOAD"))
    verify(in_query())
    verify(replace(in_header(), body=b""), body_follows=True)


MALFORMED = "The authorization header is malformed; "
PARSING = "Error parsing the X-Amz-Credential parameter; "
FORM = 'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'


@pytest.mark.parametrize(
    ("old", "new", "text", "elements"),
    [
        (
            "/us-east-1/",
            "/us-west-2/",
            "the region 'us-west-2' is wrong; expecting 'us-east-1'",
            {"Region": "us-east-1"},
        ),
        ("/s3/", "/sqs/", 'incorrect service "sqs". This endpoint belongs to "s3".', {}),
        ("/us-east-1/", "/", FORM, {}),
        ("/aws4_request", "/aws5_request", FORM, {}),
    ],
)
def test_a_wrong_credential(old: str, new: str, text: str, elements: dict[str, str]) -> None:
    code = ("AuthorizationHeaderMalformed", 400)
    changed = with_header(old.encode(), new.encode())(in_header())
    assert refused(changed) == (*code, MALFORMED + text, elements)
    quoted = (part.replace("/", "%2F").encode() for part in (old, new))
    code = ("AuthorizationQueryParametersError", 400)
    changed = with_header(*quoted)(in_query())
    assert refused(changed) == (*code, PARSING + text, elements)


def test_a_credential_of_another_day() -> None:
    text = (
        'Invalid credential date "20150831". This date is not the same as X-Amz-Date: "20150830".'
    )
    changed = with_header(b"/20150830/", b"/20150831/")(in_header())
    assert refused(changed) == ("AuthorizationHeaderMalformed", 400, text, {})
    changed = with_header(b"%2F20150830%2F", b"%2F20150831%2F")(in_query())
    assert refused(changed) == ("AuthorizationQueryParametersError", 400, text, {})


@pytest.mark.parametrize("part", [b"Credential=", b"SignedHeaders=", b"Signature="])
def test_a_header_without_its_three_components(part: bytes) -> None:
    answer = refused(with_header(part, b"Other=")(in_header()))
    assert answer[:2] == ("AuthorizationHeaderMalformed", 400)
    assert answer[2] == (
        "The authorization header is malformed; the authorization header requires three "
        "components: Credential, SignedHeaders, and Signature."
    )


def test_a_query_without_its_parameters() -> None:
    answer = refused(with_header(b"X-Amz-Date=", b"Other=")(in_query()))
    assert answer[:2] == ("AuthorizationQueryParametersError", 400)
    assert answer[2].startswith("Query-string authentication version 4 requires the X-Amz-Algo")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "X-Amz-Expires should be a number"),
        ("604801", "X-Amz-Expires must be less than a week (in seconds); that is, the given"),
    ],
)
def test_an_impossible_lifetime(value: str, text: str) -> None:
    changed = with_header(b"X-Amz-Expires=300", f"X-Amz-Expires={value}".encode())(in_query())
    code, status, message, _ = refused(changed)
    assert (code, status) == ("AuthorizationQueryParametersError", 400)
    assert message.startswith(text)


def test_an_unknown_algorithm_and_an_unreadable_date() -> None:
    assert refused(with_header(b"HMAC-SHA256", b"HMAC-SHA1")(in_header()))[:3] == (
        "InvalidRequest",
        400,
        (
            "The authorization mechanism you have provided is not supported. "
            "Please use AWS4-HMAC-SHA256."
        ),
    )
    assert refused(with_header(b"HMAC-SHA256", b"HMAC-SHA1")(in_query()))[:2] == (
        "AuthorizationQueryParametersError",
        400,
    )
    bad = with_header(b"20150830T123600Z", b"20150830T1236Z")
    assert refused(bad(in_header()))[:3] == (
        "AccessDenied",
        403,
        "AWS authentication requires a valid Date or x-amz-date header",
    )
    assert refused(bad(in_query()))[0] == "AuthorizationQueryParametersError"


def test_two_mechanisms_and_none() -> None:
    both = replace(in_query(), headers=in_header().headers)
    code, status, text, elements = refused(both)
    assert (code, status) == ("InvalidArgument", 400)
    assert text.startswith("Only one auth mechanism allowed; only the X-Amz-Algorithm query")
    assert elements == {"ArgumentName": "Authorization"}
    assert refused(put())[:3] == ("AccessDenied", 403, "Access Denied")


def test_skew_in_a_header() -> None:
    assert refused(in_header(), NOW + timedelta(minutes=16)) == (
        "RequestTimeTooSkewed",
        403,
        "The difference between the request time and the current time is too large.",
        {
            "RequestTime": AMZ_DATE,
            "ServerTime": "2015-08-30T12:52:00Z",
            "MaxAllowedSkewMilliseconds": "900000",
        },
    )
    early = refused(in_header(), NOW - timedelta(minutes=16))
    assert early[0] == "RequestTimeTooSkewed"


def test_an_expired_query() -> None:
    assert refused(in_query(), NOW + timedelta(seconds=301)) == (
        "AccessDenied",
        403,
        "Request has expired",
        {
            "X-Amz-Expires": "300",
            "Expires": "2015-08-30T12:41:00Z",
            "ServerTime": "2015-08-30T12:41:01Z",
        },
    )


def test_a_wrong_signature_tells_what_was_to_be_signed() -> None:
    http = replace(in_header(), raw_path=b"/other")
    code, status, text, elements = refused(http)
    assert (code, status) == ("SignatureDoesNotMatch", 403)
    assert text.startswith("The request signature we calculated does not match")
    assert list(elements) == [
        "AWSAccessKeyId",
        "StringToSign",
        "SignatureProvided",
        "StringToSignBytes",
        "CanonicalRequest",
        "CanonicalRequestBytes",
    ]
    assert elements["AWSAccessKeyId"] == KEY_ID
    assert elements["CanonicalRequest"].startswith("PUT\n/other\n\nhost:bucket.s3.localhost\n")
    assert elements["SignatureProvided"] == sigv4.parse(http).signature
    for name in ("StringToSign", "CanonicalRequest"):
        assert bytes.fromhex(elements[f"{name}Bytes"]).decode() == elements[name]
    assert SECRET not in str(elements)


def test_headers_that_are_not_signed() -> None:
    http = in_header()
    more = [(b"x-amz-acl", b"private"), (b"x-amz-meta-a", b"b")]
    assert refused(replace(http, headers=[*http.headers, *more])) == (
        "AccessDenied",
        403,
        "There were headers present in the request which were not signed",
        {"HeadersNotSigned": "x-amz-acl, x-amz-meta-a"},
    )
    changed = with_header(b"SignedHeaders=host;", b"SignedHeaders=")(in_header())
    assert refused(changed)[3] == {"HeadersNotSigned": "host"}


def test_the_hash_of_the_body() -> None:
    assert refused(replace(in_header(), body=b"other")) == (
        "XAmzContentSHA256Mismatch",
        400,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
        {
            "ClientComputedContentSHA256": HASH,
            "S3ComputedContentSHA256": sha256(b"other").hexdigest(),
        },
    )
    assert refused(in_header(declared=None))[:3] == (
        "InvalidRequest",
        400,
        "Missing required header for this request: x-amz-content-sha256",
    )
    code, status, text, elements = refused(in_header(declared="STREAMING-OTHER"))
    assert (code, status) == ("InvalidArgument", 400)
    assert text.endswith("or a valid sha256 value.")
    assert elements == {
        "ArgumentName": "x-amz-content-sha256",
        "ArgumentValue": "STREAMING-OTHER",
    }
