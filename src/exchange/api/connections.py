"""Connections, of which most carry plain requests one after the other and nothing else.

The idea: such a connection needs little, so it is served here: a request whose head is plain (see `heads`) and whose
body has a length is answered by one task with one write. At the first request that is anything else (a WebSocket, a
body in chunks, an older protocol, something malformed) the connection is handed over to the web server, with every byte
that has not been answered, for good. So there is one authority on HTTP, and it is not here.

Requests of a connection are answered in their order, one at a time; a client that sends ahead, or does not read, is not
read from.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Final, cast

from exchange.api.answers import Answer, Outgoing
from exchange.api.heads import END, Heads, PlainRequest

IDLE_S: Final = 3630.0
"""How long a connection may lie idle: longer than a proxy in front keeps it."""

_AHEAD_BYTES: Final = 64 * 1024


class Connections:
    """All connections that are served here.

    Args:
        answer: what answers a request; it must not raise.
        max_body: the longest body in bytes; longer ones are the web server's to refuse.
        others: makes the web server's side of a connection.
    """

    def __init__(
        self,
        answer: Callable[[PlainRequest], Awaitable[Answer]],
        max_body: int,
        outgoing: Outgoing,
        others: Callable[[], asyncio.Protocol],
    ) -> None:
        self.answer = answer
        self.max_body = max_body
        self.outgoing = outgoing
        self.others = others
        self.heads = Heads()
        self.open: set[Connection] = set()
        self.ending = False
        self._empty = asyncio.Event()

    def __call__(self) -> asyncio.Protocol:
        """The protocol for a new connection."""
        return Connection(self)

    def gone(self, connection: "Connection") -> None:
        """A connection is closed, or no longer served here."""
        self.open.discard(connection)
        if not self.open:
            self._empty.set()

    async def close(self, seconds: float) -> None:
        """Answer what is under way and close everything; what is not done by then is cut off."""
        self.ending = True
        self._empty.clear()
        for connection in list(self.open):
            connection.end()
        try:
            if self.open:
                async with asyncio.timeout(seconds):
                    await self._empty.wait()
        except TimeoutError:
            for connection in list(self.open):
                connection.abort()


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, connections: Connections) -> None:
        self._all = connections
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._remote: str | None = None
        self._received = b""
        self._serving: asyncio.Task[None] | None = None
        self._unread = False
        self._held = False
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._remote = str(peer[0]) if isinstance(peer, tuple) else None
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._last = self._loop.time()
        self._timer = self._loop.call_later(IDLE_S, self._idle)
        self._all.open.add(self)

    def data_received(self, data: bytes) -> None:
        """Begin with a request, or keep what came ahead."""
        self._received = self._received + data if self._received else data
        if self._serving is None and not self._unread:
            self._next()
        elif len(self._received) > _AHEAD_BYTES and self._transport is not None and not self._held:
            self._held = True
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """The client does not read: no further request is begun with."""
        self._unread = True

    def resume_writing(self) -> None:
        """The client reads again."""
        self._unread = False
        if self._serving is None:
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end. What is under way goes on: an order that was sent is placed, whoever hears of it."""
        self._transport = None
        self._leave()

    def end(self) -> None:
        """Close, after the answer to what is under way."""
        if self._serving is None and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        if self._transport is not None:
            self._transport.abort()

    def _next(self) -> None:
        """Begin with the next request if it is whole; hand the connection over if it is not plain."""
        data = self._received
        if not data or self._transport is None:
            return
        end = data.find(END) + len(END)
        head = self._all.heads.read(data[:end]) if end >= len(END) else None
        if head is None or head.length > self._all.max_body:
            self._hand_over(self._transport)
            return
        whole = end + head.length
        if len(data) < whole:
            return
        self._received = data[whole:]
        if self._held:
            self._held = False
            self._transport.resume_reading()
        self._serving = self._loop.create_task(self._serve(PlainRequest(head, data[end:whole], self._remote)))

    async def _serve(self, request: PlainRequest) -> None:
        answer = await self._all.answer(request)
        self._serving = None
        self._last = self._loop.time()
        transport = self._transport
        if transport is None:
            return
        self._all.outgoing.send(transport, answer.wire())
        if self._all.ending:
            self._loop.call_soon(transport.close)  # after what goes out at the end of this turn
        elif not self._unread:
            self._next()

    def _hand_over(self, transport: asyncio.Transport) -> None:
        self._leave()
        self._transport = None
        other = self._all.others()
        transport.set_protocol(other)
        other.connection_made(transport)
        if self._held:
            transport.resume_reading()
        other.data_received(self._received)
        self._received = b""

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._all.gone(self)

    def _idle(self) -> None:
        left = self._last + IDLE_S - self._loop.time()
        if self._serving is None and left <= 0:
            self.abort()
        else:
            self._timer = self._loop.call_later(max(left, 1.0), self._idle)
