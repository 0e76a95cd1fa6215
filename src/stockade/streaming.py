# SPDX-License-Identifier: Apache-2.0
"""Bodies that are not held as a whole: requests read as they arrive, responses sent piece by piece.

Whoever handles such a request runs on a thread and the connection lives on the event loop. A piece
crosses over only when it is asked for, so that a fast sender waits for a slow reader, and the other
way around. What ends too early is told: to the reader as an IncompleteBody, to the receiver by a
connection that is closed before the length or the last chunk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import Executor
from typing import Any

from stockade.protocol.http import HttpResponse
from stockade.protocol.malformed import IncompleteBody

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logging.getLogger("stockade.streaming")


class Arriving:
    """The body of a request, read from a thread while the event loop receives it."""

    def __init__(
        self, receive: Receive, loop: asyncio.AbstractEventLoop, *, waits: bool = False
    ) -> None:
        """Make one; `waits` where nothing is sent before it is asked for (100-continue)."""
        self._receive = receive
        self._loop = loop
        self._piece = memoryview(b"")
        self._more = True
        self._gone = False
        self._asked = not waits

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, waiting for them; none at the end."""
        while not self._piece and self._more:
            self._piece = memoryview(
                asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
            )
        if self._gone:
            raise IncompleteBody
        part, self._piece = bytes(self._piece[:size]), self._piece[size:]
        return part

    @property
    def ended(self) -> bool:
        """Whether nothing more will arrive."""
        return not self._more

    async def drop(self, limit: int) -> None:
        """Receive what nobody read, up to a limit; nothing where the sender waits to be asked."""
        while self._more and self._asked and limit > 0:
            limit -= len(await self._next())

    async def _next(self) -> bytes:
        self._asked = True
        message = await self._receive()
        self._gone = message["type"] == "http.disconnect"
        self._more = not self._gone and message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece


async def send_pieces(
    response: HttpResponse, threads: Executor, receive: Receive, send: Send
) -> None:
    """Send a response whose body is made piece by piece, on a thread, as the receiver takes it."""
    assert response.stream is not None
    loop = asyncio.get_running_loop()
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        await send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": response.headers,
            }
        )
        while not gone.done():
            piece = await loop.run_in_executor(threads, _next, response.stream)
            await send(
                {"type": "http.response.body", "body": piece or b"", "more_body": piece is not None}
            )
            if piece is None:
                return
    except _BrokenOff:
        return  # the server closes the connection of a response without an end
    finally:
        gone.cancel()
        await loop.run_in_executor(threads, _close, response.stream)


class _BrokenOff(Exception):
    """Raised when the rest of a body cannot be made; the reason is in the log."""


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _next(pieces: Iterator[bytes]) -> bytes | None:
    try:
        return next(pieces, None)
    except Exception as reason:
        log.exception("a response broke off")
        raise _BrokenOff from reason


def _close(pieces: Iterator[bytes]) -> None:
    """Have a generator let go of what it holds."""
    close = getattr(pieces, "close", None)
    if close is not None:
        close()
