# SPDX-License-Identifier: Apache-2.0
"""What a signed request may look like, and how every malformed one is refused."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from stockade.protocol import refusals, sigv4
from stockade.protocol.canonical import canonical_request
from stockade.protocol.errors import FamilyError
from stockade.protocol.http import HttpRequest

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
MOMENT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
CREDENTIAL = "AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request"
SIGNATURE = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
GOOD = f"AWS4-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=host, Signature={SIGNATURE}"
FIVE = timedelta(minutes=5)
QUERY = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": CREDENTIAL.replace("/", "%2F"),
    "X-Amz-Date": "20150830T123600Z",
    "X-Amz-Expires": "3600",
    "X-Amz-SignedHeaders": "host",
    "X-Amz-Signature": SIGNATURE,
}


def header_form(
    authorization: bytes | str | None = GOOD, *more: tuple[bytes, bytes], date: bytes | None = None
) -> HttpRequest:
    """Return a request with an Authorization header; `date` replaces the X-Amz-Date header."""
    headers = [(b"host", b"kms.us-east-1.amazonaws.com")]
    if authorization is not None:
        raw = authorization.encode() if isinstance(authorization, str) else authorization
        headers.append((b"authorization", raw))
    headers.append((b"x-amz-date", b"20150830T123600Z") if date is None else (b"date", date))
    return HttpRequest(method="POST", raw_path=b"/", headers=[*headers, *more], body=b"{}")


def query_form(*more: str, **changes: str | None) -> HttpRequest:
    """Return a presigned request; `changes` are named without X-Amz-, None leaves one out."""
    wanted = QUERY | {f"X-Amz-{name}": value for name, value in changes.items()}
    pairs = [f"{name}={value}" for name, value in wanted.items() if value is not None]
    return HttpRequest(
        method="GET",
        raw_path=b"/",
        query="&".join([*pairs, *more]).encode(),
        headers=[(b"host", b"kms.us-east-1.amazonaws.com")],
    )


def sign(http: HttpRequest, *, s3: bool = False, **how: bool) -> HttpRequest:
    """Return the request with the signature that it ought to have."""
    signed = sigv4.parse(http)
    key = sigv4.signing_key(SECRET, signed.date, signed.region, signed.service)
    canonical = canonical_request(http, signed, s3=s3, **how)
    right = hmac.new(key, sigv4.string_to_sign(signed, canonical), "sha256").hexdigest().encode()
    headers = [(k, v.replace(SIGNATURE.encode(), right)) for k, v in http.headers]
    return replace(http, headers=headers, query=http.query.replace(SIGNATURE.encode(), right))


def verify(http: HttpRequest, *, s3: bool = False) -> None:
    signed = sigv4.parse(http)
    if signed.access_key_id != "AKIDEXAMPLE":
        raise refusals.InvalidClientToken
    key = sigv4.signing_key(SECRET, signed.date, signed.region, signed.service)
    sigv4.check_signature(http, signed, key, s3=s3)


def test_parse_returns_every_part_of_an_authorization_header() -> None:
    signed = sigv4.parse(header_form(GOOD, (b"x-amz-security-token", b"token")))
    assert signed.access_key_id == "AKIDEXAMPLE"
    assert (signed.date, signed.region, signed.service) == ("20150830", "us-east-1", "kms")
    assert signed.scope == "20150830/us-east-1/kms/aws4_request"
    assert signed.signed_headers == (b"host",)
    assert signed.signature == SIGNATURE
    assert signed.timestamp == MOMENT
    assert signed.amz_date == "20150830T123600Z"
    assert signed.session_token == "token"
    assert not signed.presigned
    assert signed.expires is None


def test_parse_returns_every_part_of_a_presigned_request() -> None:
    signed = sigv4.parse(query_form(**{"Security-Token": "a%2Fb", "SignedHeaders": "host%3BX-a"}))
    assert signed.access_key_id == "AKIDEXAMPLE"
    assert signed.signed_headers == (b"host", b"x-a")
    assert signed.session_token == "a/b"
    assert signed.timestamp == MOMENT
    assert signed.presigned
    assert signed.expires == 3600


@pytest.mark.parametrize(
    "authorization",
    [
        f"AWS4-HMAC-SHA256 Credential={CREDENTIAL},SignedHeaders=host,Signature={SIGNATURE}",
        f"AWS4-HMAC-SHA256 Credential={CREDENTIAL} SignedHeaders=host Signature={SIGNATURE}",
        f"AWS4-HMAC-SHA256  Signature={SIGNATURE} ,  SignedHeaders=host, Credential={CREDENTIAL}",
        f" AWS4-HMAC-SHA256 SignedHeaders=host, Signature={SIGNATURE}, Credential={CREDENTIAL} ",
        f"AWS4-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=Host, Signature={SIGNATURE}, ",
    ],
)
def test_order_and_spaces_of_the_header_do_not_matter(authorization: str) -> None:
    assert sigv4.parse(header_form(authorization)) == sigv4.parse(header_form(GOOD))


def test_a_short_signature_followed_by_other_parts_is_not_mistaken() -> None:
    text = f"AWS4-HMAC-SHA256 SignedHeaders=host, Signature=abc, Credential={CREDENTIAL}"
    signed = sigv4.parse(header_form(text))
    assert signed.signature == "abc"
    assert signed.access_key_id == "AKIDEXAMPLE"


@pytest.mark.parametrize(
    "date",
    [
        b"20150830T123600Z",
        b"Sun, 30 Aug 2015 12:36:00 GMT",
        b"Sun, 30 Aug 2015 12:36:00 -0000",
        b" Sun, 30 Aug 2015 12:36:00 UTC ",
    ],
)
def test_the_date_header_serves_when_there_is_no_x_amz_date(date: bytes) -> None:
    signed = sigv4.parse(header_form(date=date))
    assert signed.timestamp == MOMENT
    assert signed.amz_date == "20150830T123600Z"


def test_the_repr_hides_signature_and_token() -> None:
    shown = repr(sigv4.parse(header_form(GOOD, (b"x-amz-security-token", b"hidden"))))
    assert SIGNATURE not in shown
    assert "hidden" not in shown
    assert "AKIDEXAMPLE" in shown


def hashed(text: str) -> str:
    import base64

    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"(Hashed with SHA-256 and encoded with Base64) Authorization={digest}"


NO_PARTS = "AWS4-HMAC-SHA256"
INCOMPLETE = refusals.IncompleteSignature
MISMATCH = refusals.SignatureDoesNotMatch
MISSING = refusals.MissingAuthenticationToken

MALFORMED = [
    (None, MISSING, "Missing Authentication Token"),
    ("", MISSING, "Missing Authentication Token"),
    ("Bearer abc", MISSING, "Missing Authentication Token"),
    ("Basic QWxhZGRpbg==", MISSING, "Missing Authentication Token"),
    ("AWS AKIDEXAMPLE:abc", MISSING, "Missing Authentication Token"),
    (
        NO_PARTS,
        INCOMPLETE,
        (
            "Authorization header requires 'Credential' parameter. Authorization header requires "
            "'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. "
            + hashed(NO_PARTS)
        ),
    ),
    (
        GOOD.replace(f"Credential={CREDENTIAL}, ", ""),
        INCOMPLETE,
        "Authorization header requires 'Credential' parameter. "
        + hashed(GOOD.replace(f"Credential={CREDENTIAL}, ", "")),
    ),
    (
        GOOD.replace(f", Signature={SIGNATURE}", ""),
        INCOMPLETE,
        "Authorization header requires 'Signature' parameter. "
        + hashed(GOOD.replace(f", Signature={SIGNATURE}", "")),
    ),
    (GOOD.replace("Credential=", "Credential= "), INCOMPLETE, "(missing equal-sign)"),
    (GOOD + ", Credential=a/b/c/d/e", INCOMPLETE, "(given twice)"),
    (
        GOOD.replace("SHA256 ", "SHA512 "),
        INCOMPLETE,
        "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512' (only AWS4-HMAC-SHA256 for now). ",
    ),
    (
        GOOD.replace("AWS4-HMAC-SHA256 ", "AWS4-ECDSA-P384-SHA256 "),
        INCOMPLETE,
        "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P384-SHA256' (only AWS4-HMAC-SHA256 for now). ",
    ),
    (
        GOOD.replace("/us-east-1", ""),
        INCOMPLETE,
        (
            "Credential must have exactly 5 slash-delimited elements, "
            "e.g. keyid/date/region/service/term, got 4"
        ),
    ),
    (GOOD.replace("AKIDEXAMPLE", SECRET), INCOMPLETE, "got 6"),
    (GOOD.replace("AKIDEXAMPLE", ""), INCOMPLETE, "exactly 5 slash-delimited elements"),
    (GOOD.replace("AKIDEXAMPLE", "AKI\x7f"), INCOMPLETE, "exactly 5 slash-delimited elements"),
    (
        GOOD.replace("aws4_request", "aws5_request"),
        MISMATCH,
        "Credential should be scoped with a valid terminator: 'aws4_request'.",
    ),
    (
        GOOD.replace("us-east-1", "us:east").replace("/kms/", "//"),
        MISMATCH,
        (
            "Credential should be scoped to a valid region. "
            "Credential should be scoped to correct service."
        ),
    ),
    (
        GOOD.replace("20150830", "20150831"),
        MISMATCH,
        (
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            "HTTP: '20150831' != '20150830', from '20150830T123600Z'."
        ),
    ),
    (
        GOOD.replace("=host", "=x-amz-date"),
        MISMATCH,
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    ),
    (GOOD.encode().replace(b"kms", b"k\xffs"), INCOMPLETE, "does not conform to AWS standards"),
    (GOOD.replace("=host", "=host" + ";x" * 5000), INCOMPLETE, "does not conform"),
]


@pytest.mark.parametrize(("authorization", "refusal", "text"), MALFORMED)
def test_a_malformed_authorization_header_is_refused(
    authorization: str | bytes | None, refusal: type[refusals.Refusal], text: str
) -> None:
    with pytest.raises(refusals.Refusal) as caught:
        sigv4.parse(header_form(authorization))
    assert isinstance(caught.value, refusal)
    assert text in caught.value.message
    assert SECRET not in caught.value.message
    assert SIGNATURE not in caught.value.message


def test_two_authorization_headers_are_refused() -> None:
    with pytest.raises(INCOMPLETE, match="exactly one Authorization"):
        sigv4.parse(header_form(GOOD, (b"authorization", GOOD.encode())))


def test_both_forms_at_once_are_refused() -> None:
    both = replace(header_form(), query=query_form().query)
    with pytest.raises(MISMATCH, match="Found both 'X-Amz-Algorithm' as a query-string param and"):
        sigv4.parse(both)


def test_a_value_that_names_the_algorithm_does_not_make_a_request_presigned() -> None:
    assert not sigv4.parse(replace(header_form(), query=b"a=X-Amz-Algorithm")).presigned


def test_a_header_without_any_date_is_refused() -> None:
    http = header_form()
    with pytest.raises(INCOMPLETE, match="existence of either a"):
        sigv4.parse(replace(http, headers=http.headers[:-1]))


@pytest.mark.parametrize(
    "date",
    [
        b"201",
        b"2015-08-30T12:36:00Z",
        b"20150830T123600+",
        b"20150830 123600Z",
        b"20151330T123600Z",
        b"20150830T123660Z",
        b"00000830T123600Z",
        b"2015W301T123600Z",
        b"2015083\xb2T123600Z",
        b"20150830T123600Z,20150830T123600Z",
        b"Sun, 30 Aug 2015 25:36:00 GMT",
        b"Sun, 30 Aug 2015 12:36:00 CET",
        b" GMT",
    ],
)
def test_a_bad_date_is_refused(date: bytes) -> None:
    with pytest.raises(INCOMPLETE, match=r"Date must be in ISO-8601 'basic format'\. Got '"):
        sigv4.parse(header_form(date=date))


@pytest.mark.parametrize("name", [name for name in QUERY if name != "X-Amz-Expires"])
def test_a_presigned_request_needs_its_parameters(name: str) -> None:
    if name == "X-Amz-Algorithm":
        with pytest.raises(MISSING):
            sigv4.parse(query_form(Algorithm=None))
        name_and_empty: dict[str, str | None] = {"Algorithm": ""}
    else:
        name_and_empty = {name.removeprefix("X-Amz-"): None}
    with pytest.raises(INCOMPLETE) as caught:
        sigv4.parse(query_form(**name_and_empty))
    assert caught.value.message == (
        f"AWS query-string parameters must include '{name}'. "
        "Re-examine the query-string parameters."
    )


@pytest.mark.parametrize(
    ("expires", "text"),
    [
        ("0", "less than a week"),
        ("604801", "less than a week"),
        ("9" * 5000, "less than a week"),
        ("-1", "should be a number"),
        ("1.5", "should be a number"),
        ("%D9%A3", "should be a number"),
        ("", "should be a number"),
    ],
)
def test_expires_is_between_a_second_and_a_week(expires: str, text: str) -> None:
    with pytest.raises(INCOMPLETE, match=text):
        sigv4.parse(query_form(Expires=expires))


def test_the_limits_of_expires_are_allowed() -> None:
    assert sigv4.parse(query_form(Expires="1")).expires == 1
    assert sigv4.parse(query_form(Expires="604800")).expires == 604800
    assert sigv4.parse(query_form(Expires=None)).expires is None


def test_a_repeated_or_endless_parameter_is_refused() -> None:
    with pytest.raises(INCOMPLETE, match="'X-Amz-Signature' only once"):
        sigv4.parse(query_form(f"X-Amz-Signature={SIGNATURE}"))
    with pytest.raises(INCOMPLETE):
        sigv4.parse(query_form(SignedHeaders="host;" + "x" * 5000))


def test_scope() -> None:
    signed = sigv4.parse(header_form())
    sigv4.check_scope(signed, ["kms"])
    sigv4.check_scope(signed, ["other", "kms"], "us-east-1")
    with pytest.raises(MISMATCH) as caught:
        sigv4.check_scope(signed, ["sts"], "eu-west-1")
    assert caught.value.message == (
        "Credential should be scoped to a valid region. "
        "Credential should be scoped to correct service: 'sts'."
    )


def test_a_fresh_signature_passes_at_both_ends_of_the_window() -> None:
    signed = sigv4.parse(header_form())
    for seconds in (-300, 0, 300):
        sigv4.check_time(signed, MOMENT + timedelta(seconds=seconds), FIVE)


def test_an_old_signature_is_refused_in_aws_s_words() -> None:
    signed = sigv4.parse(header_form())
    now = MOMENT + timedelta(minutes=9)
    with pytest.raises(refusals.SignatureExpired) as caught:
        sigv4.check_time(signed, now, FIVE)
    assert caught.value.message == (
        "Signature expired: 20150830T123600Z is now earlier than 20150830T124000Z "
        "(20150830T124500Z - 5 min.)"
    )
    sigv4.check_time(signed, now, timedelta(minutes=15))


def test_a_signature_from_the_future_is_refused_in_aws_s_words() -> None:
    signed = sigv4.parse(header_form())
    with pytest.raises(refusals.SignatureExpired) as caught:
        sigv4.check_time(signed, MOMENT - timedelta(minutes=16), timedelta(minutes=15))
    assert caught.value.message == (
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123500Z "
        "(20150830T122000Z + 15 min.)"
    )


def test_a_presigned_request_lives_as_long_as_it_asks() -> None:
    signed = sigv4.parse(query_form(Expires="90"))
    sigv4.check_time(signed, MOMENT + timedelta(seconds=90), FIVE)
    with pytest.raises(refusals.PresignedExpired) as caught:
        sigv4.check_time(signed, MOMENT + timedelta(seconds=91), FIVE)
    assert caught.value.message == (
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z "
        "(20150830T123731Z - 90 sec.)"
    )
    with pytest.raises(refusals.SignatureExpired, match="not yet current"):
        sigv4.check_time(signed, MOMENT - timedelta(minutes=6), FIVE)


def test_sts_measures_a_presigned_request_by_its_window() -> None:
    signed = sigv4.parse(query_form(Expires="60"))
    quarter = timedelta(minutes=15)
    sigv4.check_time(signed, MOMENT + timedelta(minutes=14), quarter, honour_expires=False)
    with pytest.raises(refusals.SignatureExpired):
        sigv4.check_time(signed, MOMENT + timedelta(minutes=16), quarter, honour_expires=False)


def test_the_signing_key_is_that_of_aws_s_documentation() -> None:
    key = sigv4.signing_key(SECRET, "20120215", "us-east-1", "iam")
    assert key.hex() == "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"


def test_content_sha256_must_tell_the_hash_of_the_body() -> None:
    right = hashlib.sha256(b"{}").hexdigest().encode()
    verify(sign(header_form(GOOD, (b"x-amz-content-sha256", right))))
    http = sign(header_form(GOOD, (b"x-amz-content-sha256", right)))
    with pytest.raises(refusals.ContentHashMismatch):
        verify(replace(http, body=b"[]"))


def test_only_s3_leaves_the_body_unsigned() -> None:
    scope = GOOD.replace("/kms/", "/s3/").replace("=host", "=host;x-amz-content-sha256;x-amz-date")
    http = header_form(scope, (b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD"))
    signed = sign(http, s3=True)
    verify(replace(signed, body=b"anything"), s3=True)
    with pytest.raises(refusals.ContentHashMismatch):
        verify(signed)


def test_a_presigned_s3_request_leaves_its_body_unsigned() -> None:
    verify(replace(sign(query_form(), s3=True), body=b"anything"), s3=True)
    own = hashlib.sha256(b"own").hexdigest()
    http = sign(replace(query_form(f"X-Amz-Content-Sha256={own}"), body=b"own"), s3=True)
    verify(http, s3=True)
    with pytest.raises(refusals.ContentHashMismatch):
        verify(replace(http, body=b"another"), s3=True)


def test_other_presigned_requests_sign_their_body() -> None:
    http = sign(query_form())
    verify(http)
    with pytest.raises(MISMATCH):
        verify(replace(http, body=b"anything"))


def test_chunks_are_refused_by_name_outside_of_s3() -> None:
    form = b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    http = header_form(
        GOOD.replace("=host", "=host;x-amz-content-sha256;x-amz-date"),
        (b"x-amz-content-sha256", form),
    )
    with pytest.raises(refusals.StreamingPayload, match=form.decode()):
        verify(http)


def test_s3_wants_every_amz_header_signed() -> None:
    with pytest.raises(refusals.HeadersNotSigned):
        verify(header_form(), s3=True)


def test_outside_of_s3_a_token_may_stay_unsigned() -> None:
    http = sign(header_form())
    verify(replace(http, headers=[*http.headers, (b"x-amz-security-token", b"later")]))
    appended = query_form(**{"Security-Token": "later"})
    verify(sign(appended, token_signed=False))
    with pytest.raises(MISMATCH):
        verify(sign(appended, s3=True, token_signed=False), s3=True)


def test_a_signature_parameter_is_left_out_of_presigned_requests_alone() -> None:
    http = sign(header_form())
    with pytest.raises(MISMATCH):
        verify(replace(http, query=b"X-Amz-Signature=1"))


@pytest.mark.parametrize(
    ("raw", "normal", "s3"),
    [
        (b"", b"/", b"/"),
        (b"/a%20b", b"/a%2520b", b"/a%20b"),
        (b"/a%2Fb", b"/a%252Fb", b"/a%2Fb"),
        (b"/a//./../b", b"/b", b"/a//./../b"),
        (b"/../../x/", b"/x/", b"/../../x/"),
        (b"/~a-b_c.d", b"/~a-b_c.d", b"/~a-b_c.d"),
        (b"/(a+b)", b"/%28a%2Bb%29", b"/%28a%2Bb%29"),
        (b"/\xff", b"/%FF", b"/%FF"),
    ],
)
def test_paths(raw: bytes, normal: bytes, s3: bytes) -> None:
    http = replace(header_form(GOOD, date=b"20150830T123600Z"), raw_path=raw)
    signed = sigv4.parse(http)
    assert canonical_request(http, signed).split(b"\n")[1] == normal
    unsigned = [*http.headers, (b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD")]
    signed = replace(signed, signed_headers=(b"host", b"x-amz-content-sha256"))
    http = replace(http, headers=unsigned)
    assert canonical_request(http, signed, s3=True).split(b"\n")[1] == s3


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        (b"b=2&a=1", b"a=1&b=2"),
        (b"a=2&a=1", b"a=1&a=2"),
        (b"Param-3=x&Param=y", b"Param=y&Param-3=x"),
        (b"acl", b"acl="),
        (b"a=1&&b=", b"a=1&b="),
        (b"a=b=c", b"a=b%3Dc"),
        (b"a=%7e%2f%41", b"a=~%2FA"),
        (b"a=1+1&b=1%2B1", b"a=1%201&b=1%2B1"),
        (b"a=%zz%", b"a=%25zz%25"),
        (b"%E1%88%B4=\xff", b"%E1%88%B4=%FF"),
    ],
)
def test_queries(query: bytes, canonical: bytes) -> None:
    http = replace(header_form(), query=query)
    assert canonical_request(http, sigv4.parse(http)).split(b"\n")[2] == canonical


def test_a_percent_sign_in_a_header_name_is_harmless() -> None:
    http = header_form(GOOD.replace("=host", "=host;x%25b"), (b"x%25b", b"1  2"))
    assert b"\nx%25b:1 2\n" in canonical_request(http, sigv4.parse(http))


texts = st.sampled_from([b"", b" ", b"=", b"/", b";", b"\x00", b"\xff", b",", b"%"]) | st.binary(
    max_size=6
)
pieces = st.sampled_from(
    [GOOD.encode(), *[piece.encode() for piece in GOOD.split()], *GOOD.encode().split(b"/")]
)
soup = st.lists(pieces | texts, max_size=8).map(b"".join)
spaced = st.lists(pieces | texts, max_size=8).map(b" ".join)
names = st.sampled_from(
    [
        b"host",
        b"date",
        b"authorization",
        b"x-amz-date",
        b"x-amz-content-sha256",
        b"x-amz-security-token",
    ]
)
values = soup | spaced | st.sampled_from([b"20150830T123600Z", b"UNSIGNED-PAYLOAD", b"99991231T"])
queries = st.lists(
    st.tuples(st.sampled_from([name.encode() for name in QUERY]) | texts, values | texts),
    max_size=9,
).map(lambda pairs: b"&".join(name + b"=" + value for name, value in pairs))


signed_headers = [
    (b"host", b"h"),
    (b"x-amz-date", b"20150830T123600Z"),
    (b"authorization", GOOD.encode()),
]


@given(
    method=st.text(max_size=5),
    raw_path=st.binary(max_size=20),
    query=queries | st.binary(max_size=40),
    base=st.sampled_from([[], signed_headers]),
    more=st.lists(st.tuples(names | texts, values), max_size=8),
    s3=st.booleans(),
)
@example(method="\ud800", raw_path=b"/", query=b"", base=signed_headers, more=[], s3=False)
def test_arbitrary_bytes_are_refused_and_nothing_else(
    *,
    method: str,
    raw_path: bytes,
    query: bytes,
    base: list[tuple[bytes, bytes]],
    more: list[tuple[bytes, bytes]],
    s3: bool,
) -> None:
    http = HttpRequest(method=method, raw_path=raw_path, query=query, headers=[*base, *more])
    with pytest.raises(FamilyError):
        verify(http, s3=s3)


@given(
    offset=st.integers(0, len(GOOD) - 1),
    byte=st.binary(min_size=1, max_size=1).filter(lambda byte: byte not in b", "),
)
def test_any_changed_byte_of_the_authorization_header_is_refused(offset: int, byte: bytes) -> None:
    http = sign(header_form())
    name, raw = http.headers[1]
    changed = raw[:offset] + byte + raw[offset + 1 :]
    headers = [http.headers[0], (name, changed), *http.headers[2:]]
    if changed.lower() != raw.lower():
        with pytest.raises(FamilyError):
            verify(replace(http, headers=headers))


@given(
    amz_date=st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)),  # noqa: DTZ001
    expires=st.integers(1, 604800),
)
def test_no_date_is_too_far_away_to_be_refused(amz_date: datetime, expires: int) -> None:
    text = f"{amz_date.year:04}{amz_date:%m%dT%H%M%SZ}"
    credential = CREDENTIAL.replace("20150830", text[:8])
    http = query_form(Date=text, Credential=credential, Expires=str(expires))
    signed = sigv4.parse(http)
    far = abs(signed.timestamp - MOMENT) > timedelta(seconds=604800)
    if far:
        with pytest.raises(refusals.SignatureExpired):
            sigv4.check_time(signed, MOMENT, FIVE)
