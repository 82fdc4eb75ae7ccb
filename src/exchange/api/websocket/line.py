"""One WebSocket from handshake to close: frames read and counted, pings sent and awaited.

The idea: the web server shakes hands and reads; what is sent goes by the outbox straight to the transport. The line is
told by the connection when the client does not read, and closes it when its outbox is closed, when too much comes in,
when a ping stays unanswered, or when its time is over.
"""

import asyncio
import socket as sockets
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import WSMsgType, web

from exchange.api.http.answers import SECURITY
from exchange.api.http.behind import Patient
from exchange.api.websocket import frames
from exchange.api.websocket.outbox import HIGH_WATER, Outbox

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
POLICY: Final = 1008
RESTARTED: Final = 1012

_CLOSING_S: Final = 5.0

Hear = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Manners:
    """What is asked of a connection: the longest message in bytes; at most `burst` messages at once and `per_second` on
    average (0: as many as come), pings and pongs included; a ping every `ping_s` seconds, answered within `pong_s`;
    an end after `lasts_s` (0: none)."""

    max_bytes: int
    burst: int
    per_second: int
    ping_s: float
    pong_s: float
    lasts_s: float = 0.0


class Line:
    """One connection. `hear` is given each message's text, in order, and awaited."""

    def __init__(self, request: Patient, outbox: Outbox, manners: Manners, hear: Hear) -> None:
        self._request = request
        self._outbox = outbox
        self._manners = manners
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._socket = web.WebSocketResponse(max_msg_size=manners.max_bytes, autoping=False, compress=False)
        self._socket.headers.update(SECURITY)
        self._born = self._refilled = self._loop.time()
        self._allowance = float(manners.burst)
        self._pings: deque[tuple[bytes, float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None

    async def run(self) -> web.WebSocketResponse:
        """Serve until the connection ends.

        Raises:
            web.HTTPException: this is no WebSocket's handshake.
            ConnectionError: the client is gone.
        """
        request, outbox = self._request, self._outbox
        await self._socket.prepare(request)
        transport = request.transport
        if transport is None or request.handed is None:
            raise ConnectionResetError("the client is gone")
        # The system's own buffer counts as the client's: what it has not sent is stale by the time it is.
        transport.get_extra_info("socket").setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NOTSENT_LOWAT, HIGH_WATER)
        request.handed.watch(outbox.hold)
        outbox.ended = self._end
        outbox.opened(transport)
        if outbox.closing is not None:
            self._end()
        self._timer = self._loop.call_later(self._manners.ping_s, self._ping)
        try:
            await self._listen()
        finally:
            self._timer.cancel()
            outbox.close(NORMAL if self._socket.close_code is not None else GOING_AWAY, "")
            if self._closing is not None:
                await self._closing
            transport.abort()
        return self._socket

    async def _listen(self) -> None:
        outbox = self._outbox
        while outbox.closing is None:
            frame = await self._socket.receive()
            kind = frame.type
            if kind not in (WSMsgType.TEXT, WSMsgType.PING, WSMsgType.PONG, WSMsgType.BINARY):
                return
            if not self._allowed():
                outbox.close(POLICY, f"more than {self._manners.per_second} messages a second")
            elif kind is WSMsgType.TEXT:
                await self._hear(frame.data)
            elif kind is WSMsgType.PING:
                outbox.put_latest("pong", frames.pong(frame.data))
            elif kind is WSMsgType.PONG:
                self._answered(bytes(frame.data))
            else:
                outbox.close(POLICY, "only text frames are understood")

    def _allowed(self) -> bool:
        """A bucket of tokens: `burst` at most, `per_second` new ones a second."""
        manners = self._manners
        if not manners.per_second:
            return True
        now = self._loop.time()
        self._allowance = min(float(manners.burst), self._allowance + (now - self._refilled) * manners.per_second)
        self._refilled = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _ping(self) -> None:
        """Once every `ping_s`: see that the client answers, and ask again. An answer must bring back a ping's payload,
        so that pongs sent unasked keep nothing open (Binance: web-socket-streams.md)."""
        now = self._loop.time()
        manners = self._manners
        if manners.lasts_s and now - self._born >= manners.lasts_s:
            self._outbox.close(GOING_AWAY, f"a connection lasts {manners.lasts_s / 3600:g} hours: reconnect")
            return
        if self._pings and now - self._pings[0][1] >= manners.pong_s:
            self._outbox.close(POLICY, f"no pong within {manners.pong_s:g} seconds")
            return
        payload = b"%d" % (now * 1000)
        self._pings.append((payload, now))
        self._outbox.put_latest("ping", frames.ping(payload))
        self._timer = self._loop.call_later(manners.ping_s, self._ping)

    def _answered(self, payload: bytes) -> None:
        if any(sent == payload for sent, _ in self._pings):
            while self._pings.popleft()[0] != payload:
                pass

    def _end(self) -> None:
        if self._closing is None:
            self._closing = self._loop.create_task(self._close())

    async def _close(self) -> None:
        """Send the close frame; what does not even read that is cut off."""
        code, reason = self._outbox.closing or (NORMAL, "")
        try:
            async with asyncio.timeout(_CLOSING_S):
                await self._socket.close(code=code, message=reason.encode())
        except TimeoutError:
            pass  # `run` cuts it off
