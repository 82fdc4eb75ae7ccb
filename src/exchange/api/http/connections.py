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
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Final, cast

from exchange.api.errors import ApiError, GatewayCode
from exchange.api.http.answers import Answer, Outgoing, refused
from exchange.api.http.behind import BODY_S, Handed
from exchange.api.http.crowd import Crowd
from exchange.api.http.heads import END, Heads, PlainRequest

IDLE_S: Final = 3630.0
"""How long a connection may lie idle: longer than a proxy in front keeps it."""

_AHEAD_BYTES: Final = 64 * 1024


class Connections:
    """All connections that are served here.

    Args:
        answer: what answers a request; it must not raise.
        max_body: the longest body in bytes; longer ones are the web server's to refuse.
        others: makes the web server's side of a connection.
        crowd: counts all of them, those that were handed over too.
    """

    def __init__(
        self,
        answer: Callable[[PlainRequest], Awaitable[Answer]],
        max_body: int,
        outgoing: Outgoing,
        others: Callable[[], asyncio.Protocol],
        crowd: Crowd,
    ) -> None:
        self.answer = answer
        self.max_body = max_body
        self.outgoing = outgoing
        self.others = others
        self.crowd = crowd
        self.heads = Heads()
        self.open: set[Connection] = set()
        self.handed: dict[asyncio.BaseProtocol, Handed] = {}
        self.ending = False
        self._settled = asyncio.Event()

    def __call__(self) -> asyncio.Protocol:
        """The protocol for a new connection."""
        return Connection(self)

    def come(self, connection: "Connection") -> bool:
        """A new connection; False when there is no room for it."""
        if not self.crowd.enter(connection.remote, chain(self.open, self.handed.values())):
            return False
        self.open.add(connection)
        return True

    def hand_over(self, connection: "Connection", transport: asyncio.Transport) -> asyncio.Protocol:
        """A connection goes to the web server; the protocol that it has from now on."""
        inner = self.others()
        handed = self.handed[inner] = Handed(self, inner, transport, connection.remote)
        self._no_longer_here(connection)
        return handed

    def gone(self, connection: "Connection | Handed") -> None:
        """A connection is closed."""
        if isinstance(connection, Handed):
            del self.handed[connection.inner]
            self._see_settled()
        else:
            self._no_longer_here(connection)
        self.crowd.leave(connection.remote)

    @contextmanager
    def answering(self, inner: asyncio.BaseProtocol) -> Iterator[Handed | None]:
        """While the web server answers a request of a connection; None when that was closed meanwhile."""
        handed = self.handed.get(inner)
        if handed is None:
            yield None
            return
        handed.begun()
        try:
            yield handed
        finally:
            handed.done()
            self._see_settled()

    def _no_longer_here(self, connection: "Connection") -> None:
        self.open.discard(connection)
        self._see_settled()

    def _see_settled(self) -> None:
        if self.ending and not self.open and all(handed.idle for handed in self.handed.values()):
            self._settled.set()

    async def close(self, seconds: float) -> None:
        """Answer what is under way and close everything; what is not done by then is cut off. WebSockets that are being
        closed are waited for too, so that their clients hear why; idle connections of the web server are its own."""
        self.ending = True
        for connection in list(self.open):
            connection.end()
        self._see_settled()
        try:
            async with asyncio.timeout(seconds):
                await self._settled.wait()
        except TimeoutError:
            for connection in list(self.open):
                connection.abort()


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, connections: Connections) -> None:
        self._all = connections
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self.remote: str | None = None
        self._received = b""
        self._serving: asyncio.Task[None] | None = None
        self._unread = False
        self._held = False
        self.last = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._body_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.remote = str(peer[0]) if isinstance(peer, tuple) else None
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.last = self._loop.time()
        if not self._all.come(self):
            self._let_go(GatewayCode.BUSY)
            return
        self._timer = self._loop.call_later(IDLE_S, self._idle)

    @property
    def idle(self) -> bool:
        """Whether nothing is being answered."""
        return self._serving is None

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
        self._stop()
        if self in self._all.open:
            self._all.gone(self)

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
            if self._body_timer is None:
                self._body_timer = self._loop.call_later(BODY_S, self._let_go, GatewayCode.REQUEST_TOO_SLOW)
            return
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None
        self._received = data[whole:]
        if self._held:
            self._held = False
            self._transport.resume_reading()
        self._serving = self._loop.create_task(self._serve(PlainRequest(head, data[end:whole], self.remote)))

    async def _serve(self, request: PlainRequest) -> None:
        answer = await self._all.answer(request)
        self._serving = None
        self.last = self._loop.time()
        transport = self._transport
        if transport is None:
            return
        self._all.outgoing.send(transport, answer.wire())
        if self._all.ending:
            self._loop.call_soon(transport.close)  # after what goes out at the end of this turn
        elif not self._unread:
            self._next()

    def _hand_over(self, transport: asyncio.Transport) -> None:
        self._stop()
        self._transport = None
        other = self._all.hand_over(self, transport)
        transport.set_protocol(other)
        other.connection_made(transport)
        if self._held:
            transport.resume_reading()
        other.data_received(self._received)
        self._received = b""

    def _let_go(self, code: GatewayCode) -> None:
        """Close, and say why."""
        if self._transport is not None:
            self._transport.write(refused(ApiError(code)).wire("close"))
            self._transport.close()
            self._unread = True  # nothing more is begun with

    def _stop(self) -> None:
        for timer in (self._timer, self._body_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._body_timer = None

    def _idle(self) -> None:
        left = self.last + IDLE_S - self._loop.time()
        if self._serving is None and left <= 0:
            self.abort()
        else:
            self._timer = self._loop.call_later(max(left, 1.0), self._idle)
