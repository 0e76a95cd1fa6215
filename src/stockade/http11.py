# SPDX-License-Identifier: Apache-2.0
"""uvicorn's HTTP/1.1 with the bounds that it lacks, and a short cut for answers from memory.

Bounds: a head that is too large, or that asks for another protocol, is answered with 400; a
connection on which a request does not come to its end in time, or that is idle, is closed.

The short cut: a small request is offered to the application as a whole at the end of the turn of
the event loop in which its last byte came; what can be answered from memory leaves then, without a
task, a queue or a message between. Everything else is handed to uvicorn as if it had just arrived,
and goes through ASGI. The answers are the same: `tests/house/test_http11.py` compares them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

import httptools
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from stockade.protocol.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

HEAD_LIMIT = 65_536
"""Bytes of a request's line and headers."""
QUICK_BODY_LIMIT = 65_536
"""Bytes of the largest body that is offered for the short cut."""
REQUEST_SECONDS = 60.0
"""How long a request may take to arrive."""
KEEP_ALIVE_SECONDS = 75
"""How long a connection may be idle."""


STREAMED = "stockade.streamed"
"""In the scope of a request whose body is read as it arrives."""


class Turn(Protocol):
    """One turn of the event loop: what is asked in it is answered together."""

    def add(self, http: HttpRequest, asker: HttpProtocol) -> None:
        """Have a request answered by `reply`, or sent through ASGI by `hand_over`."""

    def end(self) -> None:
        """Answer what was asked so far."""


class Application(Protocol):
    """An ASGI application that has a short cut."""

    @property
    def turn(self) -> Turn:
        """What answers from memory."""


class OneWrite(asyncio.Transport):
    """A connection as one response sees it: its head leaves together with what follows it.

    uvicorn writes them apart, and a client of a server that was killed in between would hold a
    success without content in its hands; AWS's SDKs do not look at the length.
    """

    def __init__(self, transport: asyncio.Transport, cycle: RequestResponseCycle) -> None:
        super().__init__()
        self._transport = transport
        self._cycle = cycle
        self._head: bytes | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._cycle.response_started:
            self._transport.write(data)  # 100 Continue
        elif self._head is None:
            self._head = bytes(data)
        else:
            head, self._head = self._head, b""
            self._transport.write(head + data)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def flush(self) -> None:
        """Send a head that nothing follows: the answer to a HEAD request."""
        if self._head:
            self.write(b"")

    def is_closing(self) -> bool:
        return self._transport.is_closing()


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._turn = cast("Application", self.config.app).turn
        self._parts: list[bytes] | None = None
        self._asked = False
        self._waiting_since: float | None = self.loop.time()
        self._idle_since: float | None = None
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._watcher.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        if self._asked:
            self._turn.end()  # one request of a connection at a time
        self._waiting_since, self._idle_since = self.loop.time(), None
        self._head = self._announced = 0
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_url(self, url: bytes) -> None:
        self._head += len(url)
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head += len(name) + len(value)
        if self._head > HEAD_LIMIT:
            raise ValueError("the head of the request is too large")
        name = name.lower()
        if name == b"content-length":
            self._announced = int(value)
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._head > HEAD_LIMIT:
            raise ValueError("the head of the request is too large")
        if self.parser.should_upgrade():
            # The parser would take the body for data of the other protocol, and drop it.
            raise ValueError("there is no protocol but HTTP/1.1")
        if self._may_be_quick():
            self._parts, self._size = [], 0
        else:
            self._give_head()

    def on_body(self, body: bytes) -> None:
        if self._parts is None:
            if STREAMED in self.scope:  # it may take as long as it goes on
                self._waiting_since = self.loop.time()
            super().on_body(body)
            return
        self._parts.append(body)
        self._size += len(body)
        if self._size > QUICK_BODY_LIMIT:
            self._hand_over()

    def on_message_complete(self) -> None:
        self._waiting_since = None
        if self._parts is None:
            super().on_message_complete()
            return
        self._keep_alive = self.parser.should_keep_alive()
        self._asked = True
        self._turn.add(self._request(b"".join(self._parts)), self)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        cycle.transport = self._answering = OneWrite(self.transport, cycle)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        self._answering.flush()
        super().on_response_complete()

    def _may_be_quick(self) -> bool:
        """Tell whether nothing else is under way on this connection, and the head is plain."""
        return (
            (self.cycle is None or self.cycle.response_complete)  # type: ignore[redundant-expr]
            and not self.pipeline
            and not self.flow.write_paused
            and not self.expect_100_continue
            and self.parser.get_http_version() == "1.1"
            and self.parser.get_method() in (b"POST", b"GET")
            and self.url.startswith(b"/")
            and self.url.isascii()
            and b"#" not in self.url
            and self._announced <= QUICK_BODY_LIMIT  # ASGI refuses an absurd one
        )

    def _request(self, body: bytes) -> HttpRequest:
        path, _, query = self.url.partition(b"?")
        return HttpRequest(
            method=self.parser.get_method().decode("ascii"),
            raw_path=path,
            query=query,
            headers=self.headers,
            body=body,
            client=self.client[0] if self.client else "",
            secure=self.scheme == "https",
        )

    def reply(self, response: HttpResponse) -> None:
        """Send the answer in one write."""
        self._asked, self._parts = False, None
        if self.transport.is_closing():
            return
        self.server_state.total_requests += 1
        parts = [httptools_impl.STATUS_LINE[response.status]]
        for name, value in self.server_state.default_headers:
            parts += (name, b": ", value, b"\r\n")
        for name, value in response.headers:
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"content-length: %d\r\n" % len(response.body))
        parts.append(b"\r\n" if self._keep_alive else b"connection: close\r\n\r\n")
        parts.append(response.body)
        self.transport.write(b"".join(parts))
        if self._keep_alive:
            self._idle_since = self.loop.time()
        else:
            self.transport.close()

    def hand_over(self) -> None:
        """Have the request answered through ASGI."""
        self._asked = False
        if self.transport.is_closing():
            return
        try:
            self._hand_over()
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
            return
        self.cycle.keep_alive = self._keep_alive  # the parser has forgotten it
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._turn.end()  # the answers to what came before go first
        super().send_400_response(msg)

    def shutdown(self) -> None:
        self._turn.end()
        super().shutdown()

    def _give_head(self) -> None:
        """Give uvicorn the head, as if it had just arrived."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()

    def _hand_over(self) -> None:
        """Give uvicorn what was held back, as if it had just arrived."""
        parts, self._parts = self._parts or [], None
        self._give_head()
        for part in parts:
            super().on_body(part)

    def _watch(self) -> None:
        """Look from time to time, which costs less than a timer for every request."""
        now = self.loop.time()
        late = self._waiting_since is not None and now - self._waiting_since >= REQUEST_SECONDS
        idle = self._idle_since is not None and now - self._idle_since >= KEEP_ALIVE_SECONDS
        if late or idle:
            self.transport.close()
        self._watcher = self.loop.call_later(REQUEST_SECONDS / 4, self._watch)
