# SPDX-License-Identifier: Apache-2.0
"""Whose word counts on where a request comes from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stockade.app import Stockade
from stockade.config import Settings, trusted_proxies
from stockade.core.ids import system_random
from stockade.protocol.http import HttpRequest
from stockade.protocol.proxies import Proxies, UnclearOrigin
from stockade.store.seal import RootKey
from stockade.store.store import Store
from tests.protocol import signers

PROXIES = Proxies(["10.0.0.0/8", "2001:db8::/32", "127.0.0.1/32"])


def request(client: str = "10.0.0.1", **headers: str) -> HttpRequest:
    named = [(k.replace("_", "-").encode(), v.encode("latin-1")) for k, v in headers.items()]
    return HttpRequest(
        method="GET", raw_path=b"/", headers=[(b"host", b"inside:80"), *named], client=client
    )


def seen(http: HttpRequest) -> tuple[str, str, bool]:
    original = PROXIES.original(http)
    return original.client, (original.header(b"host") or b"").decode(), original.secure


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({}, ("10.0.0.1", "inside:80", False)),
        ({"x_forwarded_for": "192.0.2.7"}, ("192.0.2.7", "inside:80", False)),
        ({"x_forwarded_for": "192.0.2.7:5000"}, ("192.0.2.7", "inside:80", False)),
        ({"x_forwarded_for": "[2001:DB9::1]:80"}, ("2001:db9::1", "inside:80", False)),
        ({"x_forwarded_for": "::ffff:192.0.2.7"}, ("192.0.2.7", "inside:80", False)),
        ({"x_forwarded_for": "6.6.6.6, 192.0.2.7"}, ("192.0.2.7", "inside:80", False)),
        ({"x_forwarded_for": "6.6.6.6, 192.0.2.7, 10.9.9.9"}, ("192.0.2.7", "inside:80", False)),
        ({"x_forwarded_for": "garbage, 192.0.2.7"}, ("192.0.2.7", "inside:80", False)),
        ({"x_forwarded_for": "10.1.1.1, 10.9.9.9"}, ("10.1.1.1", "inside:80", False)),
        (
            {"x_forwarded_proto": "HTTPS", "x_forwarded_host": "kms.example.com"},
            ("10.0.0.1", "kms.example.com", True),
        ),
        (
            {"x_forwarded_for": "192.0.2.7", "x_forwarded_host": "evil, kms.example.com"},
            ("192.0.2.7", "kms.example.com", False),
        ),
        (
            {"forwarded": "for=192.0.2.7;proto=https;host=kms.example.com"},
            ("192.0.2.7", "kms.example.com", True),
        ),
        (
            {"forwarded": 'For="[2001:db9::17]:4711" ; Host="a.b:4"'},
            ("2001:db9::17", "a.b:4", False),
        ),
        (
            {"forwarded": "for=6.6.6.6;host=evil, for=192.0.2.7;host=good;proto=https"},
            ("192.0.2.7", "good", True),
        ),
        (
            {"forwarded": "for=192.0.2.7;host=good;proto=https, for=10.0.0.2;host=in;proto=http"},
            ("192.0.2.7", "good", True),
        ),
    ],
)
def test_the_word_of_a_proxy(headers: dict[str, str], origin: tuple[str, str, bool]) -> None:
    assert seen(request(**headers)) == origin


@pytest.mark.parametrize("client", ["192.0.2.1", "11.0.0.1", "", "unix", "2001:db9::1"])
def test_nobody_else_is_believed(client: str) -> None:
    http = request(client, x_forwarded_for="10.0.0.9", x_forwarded_proto="https", forwarded="x")
    assert PROXIES.original(http) is http


@pytest.mark.parametrize(
    "headers",
    [
        {"x_forwarded_for": "unknown"},
        {"x_forwarded_for": "192.0.2.7, 1.2.3"},
        {"x_forwarded_proto": "gopher"},
        {"x_forwarded_for": "1," * 5000},
        {"forwarded": "for=_hidden"},
        {"forwarded": "for"},
        {"forwarded": "for=1.2.3.4;for=5.6.7.8"},
        {"forwarded": "for=1.2.3.4", "x_forwarded_for": "1.2.3.4"},
        {"forwarded": "for=1.2.3.4", "x_forwarded_host": "a"},
    ],
)
def test_what_is_unclear_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(UnclearOrigin):
        PROXIES.original(request(**headers))


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_any_header_is_read_or_refused(text: str) -> None:
    for name in ("forwarded", "x_forwarded_for", "x_forwarded_proto", "x_forwarded_host"):
        try:
            PROXIES.original(request(**{name: text}))
        except UnclearOrigin as refusal:
            assert refusal.status == 400  # noqa: PT017


def test_the_environment_names_proxies() -> None:
    assert trusted_proxies({}) == ()
    named = {"STOCKADE_TRUSTED_PROXIES": "10.0.0.0/8, ::1/128,"}
    assert trusted_proxies(named) == ("10.0.0.0/8", "::1/128")


@pytest.fixture(params=[True, False])
def stockade(request: pytest.FixtureRequest) -> Iterator[Stockade]:
    """Yield a deployment that trusts the proxies of 10.0.0.0/8, or none."""
    networks = ("10.0.0.0/8",) if request.param else ()
    settings = Settings(mode="dev", trusted_proxies=networks)
    app = Stockade(settings, Store.open("sqlite://"), RootKey("memory", system_random(32)))
    yield app
    app.close()


def test_the_client_s_host_is_what_is_signed(stockade: Stockade) -> None:
    """The proxy has put its own host in the place of the one that the client signed."""
    http = HttpRequest(
        method="POST",
        raw_path=b"/",
        headers=[
            (b"host", b"sts.example.com"),
            (b"content-type", b"application/x-www-form-urlencoded"),
        ],
        body=b"Action=GetCallerIdentity&Version=2011-06-15",
    )
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    http = signers.signed(signers.v4("test", "test", now, "sts"), http)
    headers = [(k, b"inside:4566" if k == b"host" else v) for k, v in http.headers]
    passed = replace(
        http,
        headers=[*headers, (b"forwarded", b"for=192.0.2.7;host=sts.example.com;proto=https")],
        client="10.0.0.1",
    )
    answer = stockade.answer(passed)
    trusting = bool(stockade.settings.trusted_proxies)
    assert answer.status == (200 if trusting else 403)
    request_id = answer.body.partition(b"<RequestId>")[2].partition(b"<")[0].decode()
    record = stockade.find_record(request_id)
    assert record is not None
    assert b'"sourceIPAddress":"%b"' % (b"192.0.2.7" if trusting else b"10.0.0.1") in record


def test_an_unclear_origin_is_refused_in_the_words_of_the_protocol(stockade: Stockade) -> None:
    http = request(x_forwarded_for="unknown")
    answer = stockade.answer(http)
    trusting = bool(stockade.settings.trusted_proxies)
    assert answer.status == (400 if trusting else 403)
    assert (b"ValidationError" in answer.body) == trusting
