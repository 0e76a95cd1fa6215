# SPDX-License-Identifier: Apache-2.0
"""An in-process transport for boto3: requests go to a deployment in this process, no socket.

boto3 signs as ever; the request that it would send is handed to the gateway byte for byte.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Protocol
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSResponse
from botocore.loaders import create_loader
from botocore.session import Session as BotocoreSession

from stockade.protocol.http import Headers, HttpRequest, HttpResponse

ENDPOINT = "http://stockade.invalid"
"""Never resolved: it only fills the Host header."""


class Answers(Protocol):
    """What a transport needs of a deployment."""

    def answer(self, http: HttpRequest) -> HttpResponse: ...


class _Raw:
    """A body as botocore reads it from urllib3."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_options: Any) -> Any:
        yield self._body


def session(
    app: Answers,
    *,
    access_key_id: str = "test",
    secret_access_key: str = "test",  # noqa: S107  dev's well-known credentials
    session_token: str | None = None,
    region: str = "us-east-1",
) -> boto3.Session:
    """Return a boto3 session whose clients talk to a deployment in this process."""
    core = BotocoreSession()
    core.register_component("data_loader", _models())
    core.set_config_variable("region", region)
    core.get_component("event_emitter").register_first(
        "before-send", lambda request, **_: _send(app, request)
    )
    made = boto3.Session(
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        aws_session_token=session_token,
        region_name=region,
        botocore_session=core,
    )
    core.get_component("config_store").set_config_variable("endpoint_url", ENDPOINT)
    return made


@cache
def _models() -> Any:
    """Return one loader for all sessions: it remembers the models that it has read."""
    return create_loader()


def _send(app: Answers, request: Any) -> AWSResponse:
    answer = app.answer(_http(request))
    headers = {name.decode(): value.decode("latin-1") for name, value in answer.headers}
    body = answer.body if answer.stream is None else b"".join(answer.stream)
    return AWSResponse(request.url, answer.status, headers, _Raw(body))


def _http(request: Any) -> HttpRequest:
    url = urlsplit(request.url)
    headers: Headers = [(b"host", url.netloc.encode())]
    for name, value in request.headers.items():
        raw = value if isinstance(value, bytes) else str(value).encode()
        headers.append((name.lower().encode(), raw))
    return HttpRequest(
        method=request.method,
        raw_path=url.path.encode() or b"/",
        query=url.query.encode(),
        headers=headers,
        body=_body(request.body),
    )


def _body(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, (bytes, bytearray)) else bytes(body.read())
