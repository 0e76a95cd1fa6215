# SPDX-License-Identifier: Apache-2.0
"""KMS's side of an external key store: the deadline, strict reading, the table of failures."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockade.protocol import sigv4
from stockade.protocol import xks as wire
from stockade.protocol.http import HttpRequest
from stockade.services.kms.xks import XksProxy, read_answer
from stockade.services.kms.xks_connections import Answer
from stockade.services.kms.xks_errors import (
    MALFORMED,
    NO_TLS,
    TIMED_OUT,
    UNHEALTHY,
    UNREACHABLE,
    XksFailure,
    kms_error,
    unusable_key,
)
from tests.services.kms.proxies import (
    ASKED,
    CREDENTIAL,
    PATH,
    answering,
    asking,
    listening,
    proxy,
    read_request,
    refusing,
    response,
)

HEALTH: dict[str, Any] = {
    "xksProxyFleetSize": 2,
    "xksProxyVendor": "Acme Corp",
    "xksProxyModel": "Acme XKS Proxy 1.0",
    "ekmVendor": "Thales Group",
    "ekmFleetDetails": [
        {"id": "hsm-id-1", "model": "Luna 5.0", "healthStatus": "DEGRADED"},
        {"id": "hsm-id-2", "model": "Luna 5.1", "healthStatus": "ACTIVE"},
    ],
}
ENCRYPTED = {
    "authenticationTag": "vBxN2ncH1oEkR8WVXpmyYQ==",
    "ciphertext": "ghxkK1txeDNn3q8Y",
    "ciphertextDataIntegrityValue": "qHA/ImC9h5HsLRXqCyPmWgYx7tzyoTplzILbP0fPXsc=",
    "ciphertextMetadata": "a2V5X3ZlcnNpb249MQ==",
    "initializationVector": "HMrlRw85cAJUd5Ax",
}
AAD = b"project=nile,department=marketing"


def ok(body: Any) -> bytes:
    return response(200, msgspec.json.encode(body))


def health(client: XksProxy) -> wire.Health:
    return client.health_status(ASKED)


def failure(answers: bytes, **given: Any) -> XksFailure:
    with asking(answering(answers), **given) as client, pytest.raises(XksFailure) as raised:
        health(client)
    return raised.value


def test_the_examples_of_the_specification() -> None:
    key = {"keySpec": "AES_256", "keyUsage": ["ENCRYPT", "DECRYPT"], "keyStatus": "ENABLED"}
    answers = (ok(HEALTH), ok(key), ok(ENCRYPTED), ok({"plaintext": "SGVsbG8gV29ybGQh"}))
    with asking(answering(*answers)) as client:
        assert health(client).ekm_fleet_details[0].health_status == "DEGRADED"
        said = client.metadata("key", ASKED)
        assert unusable_key(said.key_spec, said.key_usage, said.key_status) is None
        encrypted = client.encrypt("key", b"Hello World!", AAD, ASKED)
        assert encrypted.ciphertext_metadata == b"key_version=1"
        assert client.decrypt("key", encrypted, AAD, ASKED) == b"Hello World!"


def test_requests_are_signed_and_carry_the_metadata() -> None:
    seen: list[tuple[bytes, bytes]] = []

    def serve(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(ok(ENCRYPTED))

    with asking(serve) as client:
        client.encrypt("k.1-_", b"Hello World!", AAD, ASKED)
    (head, body), *_ = seen
    line, *lines = head.decode().split("\r\n")
    assert line == f"POST {PATH}/keys/k.1-_/encrypt HTTP/1.1"
    pairs = [each.partition(": ") for each in lines]
    headers = [(name.lower().encode(), value.encode()) for name, _, value in pairs]
    path = line.split()[1].encode()
    http = HttpRequest(method="POST", raw_path=path, headers=headers, body=body)
    signed = sigv4.parse(http)
    sigv4.check_scope(signed, ("kms-xks-proxy",), "eu-west-1")
    sigv4.check_signature(
        http,
        signed,
        sigv4.signing_key(CREDENTIAL.secret_access_key, signed.date, "eu-west-1", "kms-xks-proxy"),
    )
    assert msgspec.json.decode(body) == {
        "requestMetadata": {"kmsOperation": "Encrypt", "kmsRequestId": ASKED.kms_request_id},
        "plaintext": "SGVsbG8gV29ybGQh",
        "encryptionAlgorithm": "AES_GCM",
        "additionalAuthenticatedData": base64.b64encode(AAD).decode(),
        "ciphertextDataIntegrityValueAlgorithm": "SHA_256",
    }


@pytest.mark.parametrize("name", wire.STATUSES)
def test_every_error_of_the_specification_has_its_exceptions(name: str) -> None:
    with (
        asking(refusing(wire.STATUSES[name], name, "b\u00e9cause\n")) as client,
        pytest.raises(XksFailure) as raised,
    ):
        client.encrypt("key", b"x", b"", ASKED)
    assert (raised.value.reason, raised.value.detail) == (name, "b?cause?")
    error = kms_error(raised.value, "use")
    assert error.code == "KMSInvalidStateException"
    assert error.message
    assert "b?cause" not in error.message


@pytest.mark.parametrize(
    "change",
    [
        {"xksProxyFleetSize": 0},
        {"xksProxyFleetSize": "2"},
        {"xksProxyVendor": None},
        {"xksProxyModel": "two\nlines"},
        {"ekmVendor": "x" * 257},
        {"ekmFleetDetails": []},
        {"ekmFleetDetails": HEALTH["ekmFleetDetails"] * 6},
        {"ekmFleetDetails": [{"id": "1", "model": "m", "healthStatus": "FINE"}]},
    ],
    ids=str,
)
def test_a_health_that_does_not_keep_to_the_specification(change: dict[str, Any]) -> None:
    assert failure(ok(HEALTH | change)).reason == MALFORMED


def test_a_proxy_without_a_manager_that_serves() -> None:
    managers = [{"id": "1", "model": "m", "healthStatus": "UNAVAILABLE"}]
    assert failure(ok(HEALTH | {"ekmFleetDetails": managers})).reason == UNHEALTHY


@pytest.mark.parametrize(
    "change",
    [
        {"ciphertextDataIntegrityValue": base64.b64encode(bytes(32)).decode()},
        {"ciphertextDataIntegrityValue": None},
        {"ciphertextMetadata": base64.b64encode(bytes(21)).decode()},
        {"ciphertext": "AAAA"},
        {"ciphertext": "gh xkK1txeDNn3q8"},
        {"initializationVector": base64.b64encode(bytes(13)).decode()},
        {"authenticationTag": base64.b64encode(bytes(15)).decode()},
        {"authenticationTag": None},
    ],
    ids=str,
)
def test_a_ciphertext_that_does_not_keep_to_the_specification(change: dict[str, Any]) -> None:
    with asking(answering(ok(ENCRYPTED | change))) as client, pytest.raises(XksFailure) as raised:
        client.encrypt("key", b"Hello World!", AAD, ASKED)
    assert raised.value.reason == MALFORMED


def test_a_plaintext_of_another_length() -> None:
    encrypted = wire.Encrypted(
        ciphertext=b"abc", initialization_vector=bytes(12), authentication_tag=bytes(16)
    )
    with (
        asking(answering(ok({"plaintext": "AAAAAAAA"}))) as client,
        pytest.raises(XksFailure) as raised,
    ):
        client.decrypt("key", encrypted, b"", ASKED)
    assert raised.value.reason == MALFORMED


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<xml>", MALFORMED),
        (b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno", MALFORMED),
        (b"HTTP/1.1 302 No\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", MALFORMED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b" " * 100_000, MALFORMED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", MALFORMED),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", MALFORMED),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", MALFORMED),
        (b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200 + b"\r\n", MALFORMED),
        (b"SSH-2.0-OpenSSH_9.2\r\n", MALFORMED),
        (response(400, b'{"errorName": "NoSuchException"}'), MALFORMED),
        (response(400, b'{"errorMessage": "x"}'), MALFORMED),
        (response(200, b"[" * 60_000), MALFORMED),
        (response(200, b'{"plaintext": "\xff"}'), MALFORMED),
        (b"", UNREACHABLE),
    ],
)
def test_answers_that_are_none(answer: bytes, reason: str) -> None:
    assert failure(answer, seconds=5).reason == reason


def drip(connection: socket.socket) -> None:
    read_request(connection)
    whole = ok(HEALTH)
    for position in range(len(whole)):
        connection.sendall(whole[position : position + 1])
        connection.settimeout(0.01)
        with contextlib.suppress(TimeoutError):
            if not connection.recv(1):
                return


def wait(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


@pytest.mark.parametrize("serve", [drip, wait])
def test_the_deadline_holds_however_slowly_a_proxy_answers(serve: Any) -> None:
    with asking(serve) as client:
        begun = time.monotonic()
        with pytest.raises(XksFailure) as raised:
            health(client)
        assert 0.24 < time.monotonic() - begun < 2
    assert raised.value.reason == TIMED_OUT


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(XksFailure) as raised:
        health(proxy(f"http://127.0.0.1:{port}"))
    assert raised.value.reason == UNREACHABLE


def test_what_speaks_no_tls() -> None:
    with listening(wait_and_talk) as endpoint:
        client = proxy(
            endpoint.replace("http:", "https:"), tls=ssl.create_default_context(), seconds=5
        )
        with pytest.raises(XksFailure) as raised:
            health(client)
    assert raised.value.reason == NO_TLS


def wait_and_talk(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_a_connection_is_kept_and_replaced_when_the_proxy_closed_it() -> None:
    connections: list[int] = []

    def serve(connection: socket.socket) -> None:
        connections.append(1)
        answering(ok(HEALTH), ok(HEALTH))(connection)

    with asking(serve) as client:
        for _ in range(4):
            health(client)
    assert len(connections) == 2


def test_connections_end_with_who_held_them() -> None:
    ended = threading.Event()

    def serve(connection: socket.socket) -> None:
        answering(ok(HEALTH))(connection)
        if not connection.recv(1):
            ended.set()

    with listening(serve) as endpoint:
        client = proxy(endpoint)
        health(client)
        del client
        assert ended.wait(5)


@pytest.mark.parametrize(
    "endpoint", ["http://example.com", "ftp://127.0.0.1", "https://", "127.0.0.1"]
)
def test_endpoints_that_are_none(endpoint: str) -> None:
    with pytest.raises(ValueError, match="https"):
        proxy(endpoint)


@pytest.mark.parametrize("key_id", ["", "..", ".", "a/b", "a?b", "a" * 129, "a\r\nX: y", "\u00e9"])
def test_ids_that_no_external_key_can_have(key_id: str) -> None:
    with pytest.raises(XksFailure) as raised:
        proxy("http://127.0.0.1:1").metadata(key_id, ASKED)
    assert raised.value.reason == "KeyNotFoundException"


def test_nothing_shows_a_secret() -> None:
    shown = (
        repr(CREDENTIAL) + repr(proxy("http://127.0.0.1:1")) + repr(wire.Decrypted(plaintext=b"p1"))
    )
    assert CREDENTIAL.secret_access_key not in shown
    assert "p1" not in shown


KINDS: tuple[Any, ...] = (wire.Health, wire.KeyMetadata, wire.Encrypted, wire.Decrypted)
MEMBERS = st.sampled_from(
    [*HEALTH, *ENCRYPTED, "keySpec", "keyUsage", "keyStatus", "plaintext", "errorName"]
)
WORDS = st.sampled_from([*wire.STATUSES, *ENCRYPTED.values()])
LEAVES = st.none() | st.booleans() | st.integers() | st.text() | WORDS
VALUES = st.recursive(
    LEAVES, lambda each: st.lists(each) | st.dictionaries(MEMBERS, each), max_leaves=6
)


@given(
    status=st.sampled_from([200, 200, 400, 500, 302]),
    body=st.binary() | st.dictionaries(MEMBERS, VALUES).map(msgspec.json.encode),
    kind=st.sampled_from(KINDS),
)
@settings(max_examples=200, deadline=None)
def test_hostile_answers_are_read_or_refused(status: int, body: bytes, kind: Any) -> None:
    refusal = None
    try:
        assert isinstance(read_answer(Answer(status, body), kind), kind)
    except XksFailure as raised:
        refusal = raised
    assert (refusal is None) <= (status == 200)
    assert refusal is None or kms_error(refusal, "use").message.isascii()


PIECES = (
    b"HTTP/1.1 200 OK\r\n",
    b"\r\n\r\n",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 100 \r\n\r\n",
)


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=40), max_size=6))
@settings(max_examples=60, deadline=None)
def test_hostile_bytes_are_refused(pieces: list[bytes]) -> None:
    serve = answering(b"".join(pieces))
    with asking(serve, seconds=2) as client, pytest.raises(XksFailure):
        health(client)
