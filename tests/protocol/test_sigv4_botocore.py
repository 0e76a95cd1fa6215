# SPDX-License-Identifier: Apache-2.0
"""What botocore signs, we accept: headers and query, S3 and the others, any path and query."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stockade.protocol import sigv4
from stockade.protocol.http import HttpRequest
from stockade.protocol.refusals import SignatureDoesNotMatch

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEHo//////////wEaCXVzLWVhc3QtMSJHMEU+=="
ENDPOINT = "http://localhost:4566"


def signed_by(
    signer: Any, request: AWSRequest, service: str, token: str | None = None, **options: int
) -> HttpRequest:
    signer(Credentials(KEY_ID, SECRET, token), service, "eu-west-1", **options).add_auth(request)
    prepared = request.prepare()
    url = urlsplit(prepared.url)
    headers = [(b"host", url.netloc.encode())]
    for name, value in request.headers.items():  # the prepared ones have lost duplicates
        headers.append(
            (name.lower().encode(), value if isinstance(value, bytes) else value.encode())
        )
    return HttpRequest(
        method=prepared.method,
        raw_path=url.path.encode(),
        query=url.query.encode(),
        headers=headers,
        body=request.body or b"",
    )


def verify(http: HttpRequest, *, s3: bool = False) -> sigv4.SignedRequest:
    signed = sigv4.parse(http)
    sigv4.check_scope(signed, ["s3" if s3 else "kms"], "eu-west-1")
    sigv4.check_time(signed, datetime.now(UTC), timedelta(minutes=5))
    key = sigv4.signing_key(SECRET, signed.date, signed.region, signed.service)
    sigv4.check_signature(http, signed, key, s3=s3)
    return signed


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("date", [False, True])
def test_a_json_call(token: str | None, date: bool) -> None:
    headers = {
        "X-Amz-Target": "TrentService.Encrypt",
        "Content-Type": "application/x-amz-json-1.1",
        "User-Agent": "Boto3/1.44   md/Botocore",
    }
    if date:
        headers["Date"] = "replaced by botocore"
    request = AWSRequest("POST", ENDPOINT + "/", headers=headers, data=b'{"KeyId":"alias/a"}')
    http = signed_by(SigV4Auth, request, "kms", token)
    signed = verify(http)
    assert signed.access_key_id == KEY_ID
    assert signed.session_token == token
    with pytest.raises(SignatureDoesNotMatch):
        verify(replace(http, body=b'{"KeyId":"alias/b"}'))


@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_presigned_call(token: str | None) -> None:
    request = AWSRequest("GET", ENDPOINT + "/?Action=GetCallerIdentity&Version=2011-06-15")
    http = signed_by(SigV4QueryAuth, request, "kms", token, expires=60)
    signed = verify(http)
    assert signed.presigned
    assert signed.expires == 60
    assert signed.session_token == token
    with pytest.raises(SignatureDoesNotMatch):
        verify(replace(http, query=http.query.replace(b"GetCaller", b"PutCaller")))


def test_a_form() -> None:
    request = AWSRequest(
        "POST", ENDPOINT + "/", data={"Action": "ListUsers", "Path": "/a b/ü", "Empty": ""}
    )
    verify(signed_by(SigV4Auth, request, "kms"))


paths = st.lists(
    st.sampled_from([".", "..", "", "a", "b c", "%", "é", "x+y", "(z)"]) | st.text(max_size=5),
    max_size=5,
).map(lambda parts: quote("/" + "/".join(parts), safe="/~", errors="replace"))
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
queries = st.dictionaries(words.filter(bool), words, max_size=4)
header_values = st.lists(st.text("abc ,;\"'=%\t", max_size=12), min_size=1, max_size=3)


@given(path=paths, query=queries, values=header_values, body=st.binary(max_size=50))
def test_any_path_query_header_and_body(
    path: str, query: dict[str, str], values: list[str], body: bytes
) -> None:
    request = AWSRequest("PUT", ENDPOINT + path, params=query, data=body)
    for value in values:
        request.headers.add_header("X-Some-Header", value)
    verify(signed_by(SigV4Auth, request, "kms", TOKEN))


@given(path=paths, query=queries)
def test_any_presigned_path_and_query(path: str, query: dict[str, str]) -> None:
    request = AWSRequest("GET", ENDPOINT + path, params=query)
    verify(signed_by(SigV4QueryAuth, request, "kms", TOKEN))


@given(path=paths, query=queries, body=st.binary(max_size=50))
def test_any_s3_request(path: str, query: dict[str, str], body: bytes) -> None:
    request = AWSRequest("PUT", ENDPOINT + path, params=query, data=body)
    request.headers["x-amz-acl"] = "private"
    verify(signed_by(S3SigV4Auth, request, "s3", TOKEN), s3=True)


@given(path=paths, query=queries)
def test_any_presigned_s3_request(path: str, query: dict[str, str]) -> None:
    request = AWSRequest("GET", ENDPOINT + path, params=query)
    http = signed_by(S3SigV4QueryAuth, request, "s3", TOKEN)
    verify(replace(http, body=b"not signed"), s3=True)
