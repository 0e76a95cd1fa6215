# SPDX-License-Identifier: Apache-2.0
"""SigV4a: what is malformed, which Regions a set covers, and requests that reach operations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stockade.app import Stockade
from stockade.protocol import refusals, sigv4, sigv4a
from stockade.protocol.http import HttpRequest, HttpResponse
from stockade.testing.transport import session
from tests.protocol import signers

KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
AMZ_DATE = "20150830T123600Z"


def request(body: bytes = b"{}") -> HttpRequest:
    headers = [(b"host", b"kms.us-east-1.amazonaws.com")]
    return HttpRequest(method="POST", raw_path=b"/", headers=headers, body=body)


def signed(
    region_set: str = "us-east-1", *, presigned: bool = False, token: str | None = None
) -> HttpRequest:
    sign = signers.presigned if presigned else signers.signed
    signer = signers.v4a(KEY_ID, SECRET, AMZ_DATE, "kms")
    return sign(signer, request(), region_set=region_set, token=token)


def verify(http: HttpRequest) -> None:
    sigv4.check_signature(http, sigv4.parse(http), sigv4a.public_key(KEY_ID, SECRET))


@pytest.mark.parametrize("presigned", [False, True])
def test_parse_returns_every_part(presigned: bool) -> None:
    http = signed(region_set="eu-*,us-east-1", presigned=presigned, token="a/b=")
    claim = sigv4.parse(http)
    assert claim.scope == "20150830/kms/aws4_request"
    assert (claim.access_key_id, claim.service) == (KEY_ID, "kms")
    assert claim.region_set == "eu-*,us-east-1"
    assert claim.session_token == "a/b="
    assert claim.presigned is presigned
    verify(http)


def test_another_secret_another_key_id_and_a_padded_signature_are_refused() -> None:
    http = signed()
    claim = sigv4.parse(http)
    for key in (sigv4a.public_key(KEY_ID, SECRET + "x"), sigv4a.public_key("AKIDX", SECRET)):
        with pytest.raises(refusals.SignatureDoesNotMatch):
            sigv4.check_signature(http, claim, key)
    key = sigv4a.public_key(KEY_ID, SECRET)
    text = b"any"
    for signature in (
        "",
        "zz",
        claim.signature.upper(),
        claim.signature + "00",
        claim.signature + "*",
        f" {claim.signature}",
        "é" * 20,
    ):
        assert not sigv4a.matches(key, text, signature)


@pytest.mark.parametrize("signature", ["upper", "trailing"])
def test_one_signature_has_one_spelling(signature: str) -> None:
    http = signed()
    old = sigv4.parse(http).signature
    new = old.upper() if signature == "upper" else old + "00"
    headers = [(k, v.replace(old.encode(), new.encode())) for k, v in http.headers]
    with pytest.raises(refusals.SignatureDoesNotMatch):
        verify(replace(http, headers=headers))


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (b"/kms/aws4_request", b"/us-east-1/kms/aws4_request", "exactly 4 slash-delimited"),
        (b"/kms/aws4", b"/aws4", "exactly 4 slash-delimited"),
        (b";x-amz-region-set", b"", "requires a signed 'X-Amz-Region-Set'"),
        (b", Signature=", b", Sig=", "requires 'Signature' parameter"),
        (b"P256", b"P384", "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P384-SHA256'"),
    ],
)
def test_a_malformed_claim_is_refused(old: bytes, new: bytes, text: str) -> None:
    http = signed()
    headers = [(k, v.replace(old, new)) for k, v in http.headers]
    with pytest.raises(refusals.IncompleteSignature, match=text):
        sigv4.parse(replace(http, headers=headers))


@pytest.mark.parametrize("value", [None, b"", b"x" * 1025])
@pytest.mark.parametrize("presigned", [False, True])
def test_a_request_without_a_region_set_is_refused(value: bytes | None, presigned: bool) -> None:
    http = signed(presigned=presigned)
    headers = [(k, v) for k, v in http.headers if k != b"x-amz-region-set"]
    query = http.query.replace(b"&X-Amz-Region-Set=us-east-1", b"")
    if value is not None and presigned:
        query += b"&X-Amz-Region-Set=" + value
    elif value is not None:
        headers.append((b"x-amz-region-set", value))
    with pytest.raises(refusals.IncompleteSignature, match="X-Amz-Region-Set"):
        sigv4.parse(replace(http, headers=headers, query=query))


@pytest.mark.parametrize(
    ("region_set", "region"),
    [
        ("us-east-1", "us-east-1"),
        ("*", "us-east-1"),
        ("us-*", "us-east-1"),
        ("*-1", "us-east-1"),
        ("u*-e*1", "us-east-1"),
        ("eu-*, us-east-1", "us-east-1"),
        ("us-east-1*", "us-east-1"),
        ("eu-west-1", "eu-west-1"),  # one Region is a choice
        ("eu-*", None),
        ("eu-west-1,eu-west-2", None),
        ("us-east-1*1", None),
        ("us-east-2*", None),
        ("*x*", None),
        ("*us-east", None),
    ],
)
def test_the_set_says_where_a_request_is_answered(region_set: str, region: str | None) -> None:
    if region is None:
        with pytest.raises(refusals.SignatureDoesNotMatch, match="scoped to a valid region"):
            sigv4a.region_in(region_set, "us-east-1")
    else:
        assert sigv4a.region_in(region_set, "us-east-1") == region


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_a_pattern_matches_as_the_plain_definition_says(pattern: str, name: str) -> None:
    def plain(pattern: str, name: str) -> bool:
        if not pattern:
            return not name
        if pattern[0] == "*":
            return any(plain(pattern[1:], name[i:]) for i in range(len(name) + 1))
        return name[:1] == pattern[0] and plain(pattern[1:], name[1:])

    assert sigv4a._covers(pattern, name) == plain(pattern, name)


@pytest.fixture
def stockade() -> Iterator[Stockade]:
    app = Stockade.in_memory()
    yield app
    app.close()


def call(
    stockade: Stockade, region_set: str, *, presigned: bool = False, host: str = "localhost:4566"
) -> HttpResponse:
    """Ask who `test` is, signed now."""
    query = b"Action=GetCallerIdentity&Version=2011-06-15" if presigned else b""
    form = b"" if presigned else b"Action=GetCallerIdentity&Version=2011-06-15"
    http = HttpRequest(
        method="GET" if presigned else "POST",
        raw_path=b"/",
        query=query,
        headers=[
            (b"host", host.encode()),
            (b"content-type", b"application/x-www-form-urlencoded"),
        ],
        body=form,
    )
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    sign = signers.presigned if presigned else signers.signed
    signer = signers.v4a("test", "test", now, "sts")
    return stockade.answer(sign(signer, http, region_set=region_set))


@pytest.mark.parametrize("presigned", [False, True])
@pytest.mark.parametrize("region_set", ["*", "us-east-1", "eu-central-1"])
def test_a_signed_request_reaches_the_operation(
    stockade: Stockade, region_set: str, presigned: bool
) -> None:
    answer = call(stockade, region_set, presigned=presigned)
    assert answer.status == 200, answer.body
    assert b"<Account>000000000000</Account>" in answer.body


def test_a_region_that_is_not_ours_is_refused(stockade: Stockade) -> None:
    answer = call(stockade, "eu-*,ap-*")
    assert answer.status == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in answer.body


def test_the_region_of_the_host_counts_where_the_set_covers_it(stockade: Stockade) -> None:
    assert call(stockade, "eu-*", host="sts.eu-west-3.localhost").status == 200
    assert call(stockade, "us-*", host="sts.eu-west-3.localhost").status == 403


def test_the_region_of_the_set_is_the_region_of_the_call(stockade: Stockade) -> None:
    body = json.dumps({"Description": "far"}).encode()
    http = HttpRequest(
        method="POST",
        raw_path=b"/",
        headers=[
            (b"host", b"localhost:4566"),
            (b"content-type", b"application/x-amz-json-1.1"),
            (b"x-amz-target", b"TrentService.CreateKey"),
        ],
        body=body,
    )
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    signer = signers.v4a("test", "test", now, "kms")
    answer = stockade.answer(signers.signed(signer, http, region_set="eu-west-3"))
    assert json.loads(answer.body)["KeyMetadata"]["Arn"].startswith("arn:aws:kms:eu-west-3:")


def test_a_key_that_is_switched_off_is_refused_at_once(stockade: Stockade) -> None:
    iam = session(stockade).client("iam")
    iam.create_user(UserName="u")
    made = iam.create_access_key(UserName="u")["AccessKey"]
    http = HttpRequest(
        method="POST",
        raw_path=b"/",
        headers=[(b"host", b"h"), (b"content-type", b"application/x-www-form-urlencoded")],
        body=b"Action=GetCallerIdentity&Version=2011-06-15",
    )
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    signer = signers.v4a(made["AccessKeyId"], made["SecretAccessKey"], now, "sts")
    http = signers.signed(signer, http, region_set="*")
    assert stockade.answer(http).status == 200
    iam.update_access_key(AccessKeyId=made["AccessKeyId"], Status="Inactive", UserName="u")
    answer = stockade.answer(http)
    assert answer.status == 403
    assert b"InvalidClientTokenId" in answer.body
