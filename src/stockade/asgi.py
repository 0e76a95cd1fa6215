# SPDX-License-Identifier: Apache-2.0
"""The ASGI shell: the one asynchronous file of the control plane.

It reads a body within limits, has the gateway answer from memory on the event loop where it can and
on a small thread pool where the store has to be asked, and serves the few paths beside AWS's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from stockade.http11 import TRIED
from stockade.protocol.http import HttpRequest, HttpResponse
from stockade.store.errors import NotInMemory

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

THREADS = 16
THREADS_BESIDE = 4
"""For the paths beside AWS's: probes are answered also while all calls wait for the store."""
DROPPED = 16 * 1024 * 1024
"""Bytes that are read of a body over the limit, so that its sender hears why it is refused."""


class SenderGone(Exception):
    """Raised when the connection ends before the request does: half a request asks for nothing."""


BESIDE = (b"/_", b"/moto-api/")
"""How the paths beside AWS's begin."""


class Answers(Protocol):
    """What the shell needs of the composition root."""

    def answer(self, http: HttpRequest, *, memory_only: bool = False) -> HttpResponse: ...
    def beside(self, http: HttpRequest) -> HttpResponse | None: ...
    def too_large(self, http: HttpRequest) -> HttpResponse: ...
    @property
    def body_limit(self) -> int: ...


class Shell:
    """An ASGI application around one deployment."""

    def __init__(self, app: Answers, on_start: Callable[[], None] | None = None) -> None:
        self._app = app
        self._on_start = on_start
        self._threads = ThreadPoolExecutor(THREADS, "stockade")
        self._beside = ThreadPoolExecutor(THREADS_BESIDE, "beside")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        http = HttpRequest(
            method=scope["method"],
            raw_path=scope["raw_path"],
            query=scope["query_string"],
            headers=scope["headers"],
            client=scope["client"][0] if scope["client"] else "",
            secure=scope["scheme"] == "https",
        )
        try:
            body = await self._body(http, receive)
        except SenderGone:
            return
        if body is None:
            refusal = self._app.too_large(http)
            refusal.headers = [*refusal.headers, (b"connection", b"close")]
            await self._send(send, refusal)
            return
        http.body = body
        answered = None if scope.get(TRIED) else self.quick(http)
        await self._send(send, answered or await self._answer(http))

    def quick(self, http: HttpRequest) -> HttpResponse | None:
        """Return the answer if memory has it, None where something has to be waited for."""
        if http.raw_path.startswith(BESIDE):
            return None
        try:
            return self._app.answer(http, memory_only=True)
        except NotInMemory:
            return None

    async def _answer(self, http: HttpRequest) -> HttpResponse:
        loop = asyncio.get_running_loop()
        if http.raw_path.startswith(BESIDE):
            beside = await loop.run_in_executor(self._beside, self._app.beside, http)
            if beside is not None:
                return beside
        return await loop.run_in_executor(self._threads, self._app.answer, http)

    async def _body(self, http: HttpRequest, receive: Receive) -> bytes | None:
        """Return the body, or None when it is over the limit; the rest is read and dropped then."""
        if int(http.header(b"content-length") or 0) > DROPPED:
            return None
        parts: list[bytes] = []
        size = 0
        while size <= DROPPED:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise SenderGone
            part = message.get("body", b"")
            size += len(part)
            if size <= self._app.body_limit:
                parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts) if size <= self._app.body_limit else None
        return None

    async def _send(self, send: Send, response: HttpResponse) -> None:
        length = (b"content-length", b"%d" % len(response.body))
        await send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": [*response.headers, length],
            }
        )
        await send({"type": "http.response.body", "body": response.body})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if self._on_start is not None:
                    self._on_start()
                await send({"type": "lifespan.startup.complete"})
            else:
                self._threads.shutdown()
                self._beside.shutdown()
                await send({"type": "lifespan.shutdown.complete"})
                return
