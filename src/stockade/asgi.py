# SPDX-License-Identifier: Apache-2.0
"""The ASGI shell: the one asynchronous file of the control plane.

It reads a body within limits, has the gateway answer on a small thread pool, and serves the few
paths beside AWS's. What memory can answer goes a shorter way (http11.py): `Turn` answers it on the
event loop. A body that the model calls a stream is not held as a whole (streaming.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from stockade.http11 import STREAMED
from stockade.protocol.http import HttpRequest, HttpResponse
from stockade.store.errors import NotInMemory
from stockade.store.segments import JournalUnavailable
from stockade.streaming import Arriving, send_pieces

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logging.getLogger("stockade.asgi")

THREADS = 16
THREADS_STREAMING = 64
"""For bodies that are not held as a whole: slow senders keep nobody else waiting."""
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

    def answer(self, http: HttpRequest) -> HttpResponse: ...
    def answer_from_memory(self, http: HttpRequest, held: list[bytes]) -> HttpResponse: ...
    def record(self, held: list[bytes]) -> None: ...
    def unavailable(self, http: HttpRequest) -> HttpResponse: ...
    def beside(self, http: HttpRequest) -> HttpResponse | None: ...
    def streams(self, http: HttpRequest) -> bool: ...
    def too_large(self, http: HttpRequest) -> HttpResponse: ...
    @property
    def body_limit(self) -> int: ...


class Asker(Protocol):
    """A connection that waits for an answer."""

    def reply(self, response: HttpResponse) -> None:
        """Send the answer."""

    def hand_over(self) -> None:
        """Ask through ASGI."""


class Turn:
    """The requests of one turn of the event loop: all are answered at its end.

    First every connection is read, then everything is answered from memory, then the records are
    written at once, then the answers leave. So the kernel is entered less, and the processor does
    one thing at a time, which is worth a third of the throughput.
    """

    def __init__(self, app: Answers) -> None:
        self._app = app
        self._asked: list[tuple[HttpRequest, Asker]] = []

    def add(self, http: HttpRequest, asker: Asker) -> None:
        """Have a request answered at the end of this turn."""
        if not self._asked:
            asyncio.get_running_loop().call_soon(self.end)
        self._asked.append((http, asker))

    def end(self) -> None:
        """Answer everything that was asked; what memory does not have goes through ASGI then."""
        asked, self._asked = self._asked, []
        held: list[bytes] = []
        answered, others = [], []
        for http, asker in asked:
            response = self._answer(http, held)
            if response is None:
                others.append(asker)
            else:
                answered.append((http, asker, response))
        self._send(answered, held)
        for asker in others:
            asker.hand_over()

    def _answer(self, http: HttpRequest, held: list[bytes]) -> HttpResponse | None:
        """Return the answer, or None where something has to be waited for."""
        if http.raw_path.startswith(BESIDE):
            return None
        try:
            return self._app.answer_from_memory(http, held)
        except NotInMemory:
            return None

    def _send(
        self, answered: list[tuple[HttpRequest, Asker, HttpResponse]], held: list[bytes]
    ) -> None:
        """Write the records and send the answers; without a record there is no answer but 503."""
        try:
            self._app.record(held)
        except JournalUnavailable as fault:
            log.error("%d calls failed: %s", len(answered), fault)  # noqa: TRY400  it says it all
            for http, asker, _ in answered:
                asker.reply(self._app.unavailable(http))
            return
        for _, asker, response in answered:
            asker.reply(response)


class Shell:
    """An ASGI application around one deployment."""

    def __init__(self, app: Answers, on_start: Callable[[], None] | None = None) -> None:
        self._app = app
        self.turn = Turn(app)
        self._on_start = on_start
        self._threads = ThreadPoolExecutor(THREADS, "stockade")
        self._streaming = ThreadPoolExecutor(THREADS_STREAMING, "streaming")
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
        if self._app.streams(http):
            await self._streamed(scope, http, receive, send)
            return
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
        response = await self._answer(http)
        if response.stream is None:
            await self._send(send, response)
        else:
            await send_pieces(response, self._streaming, receive, send)

    async def _streamed(
        self, scope: Scope, http: HttpRequest, receive: Receive, send: Send
    ) -> None:
        """Answer a request whose body is read as it arrives."""
        scope[STREAMED] = True
        loop = asyncio.get_running_loop()
        http.stream = arriving = Arriving(receive, loop, waits=http.header(b"expect") is not None)
        response = await loop.run_in_executor(self._streaming, self._app.answer, http)
        if not arriving.ended:
            response.headers = [*response.headers, (b"connection", b"close")]
        if response.stream is None:
            await self._send(send, response, arriving)
        else:
            await send_pieces(response, self._streaming, receive, send)

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

    async def _send(
        self, send: Send, response: HttpResponse, unread: Arriving | None = None
    ) -> None:
        """Send a response; who is still sending a body gets to hear it before it is closed."""
        headers = response.headers
        if response.status != 204 and not any(name == b"content-length" for name, _ in headers):
            headers = [*headers, (b"content-length", b"%d" % len(response.body))]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if unread is not None and not unread.ended:
            await send({"type": "http.response.body", "body": response.body, "more_body": True})
            await unread.drop(DROPPED)
            response.body = b""
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
                self._streaming.shutdown()
                self._beside.shutdown()
                await send({"type": "lifespan.shutdown.complete"})
                return
