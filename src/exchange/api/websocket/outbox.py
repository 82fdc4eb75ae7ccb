"""What one WebSocket connection still has to be sent, bounded.

The idea: the queue is for clients that keep up. A client that does not has its depth updates put together instead of
queued: which levels changed since when is all that must be remembered, because the book has their totals when the
client is ready for more. What cannot be put together (trades, its own orders) waits up to a bound, and a client
beyond that is told so and let go. Nobody else ever waits for it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from aiohttp import WSMsgType, web

from exchange.projections.live import feeds
from exchange.projections.live.feeds import Levels
from exchange.projections.live.view import LiveView

DEPTH_QUEUE: Final = 32
"""Messages waiting from which on depth is put together."""
MAX_QUEUE: Final = 2000
MAX_QUEUED_BYTES: Final = 8 * 1024 * 1024
TOO_SLOW: Final = 1013
_CLOSING_S: Final = 5.0


class Outbox:
    """The messages of one connection, sent by `run`. `view` gives the view as of now."""

    def __init__(self, view: Callable[[], LiveView]) -> None:
        self._view = view
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._behind: dict[str, Levels] = {}
        self._wake = asyncio.Event()
        self._closed = asyncio.Event()
        self.closing: tuple[int, str] | None = None
        """The code and reason with which the connection is being closed, if it is."""

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return len(self._queue)

    @property
    def conflating(self) -> bool:
        """Whether depth is being put together for a client that is behind."""
        return bool(self._behind)

    def put(self, message: bytes) -> None:
        """Send a message after those before it; one too many closes the connection."""
        if self.closing is not None:
            return
        self._queue.append(message)
        self._bytes += len(message)
        if len(self._queue) > MAX_QUEUE or self._bytes > MAX_QUEUED_BYTES:
            self.close(TOO_SLOW, "too slow: messages were waiting beyond the limit")
            return
        self._wake.set()

    def put_depth(self, market: str, levels: Levels, message: bytes) -> None:
        """Send a market's depth update, or remember its levels when others wait already."""
        behind = self._behind.get(market)
        if behind is not None:
            behind.touched |= levels.touched
        elif len(self._queue) >= DEPTH_QUEUE:
            self._behind[market] = copy = Levels(levels.first_seq)
            copy.touched |= levels.touched
        else:
            self.put(message)

    def forget(self, market: str) -> None:
        """The market's depth is no longer wanted."""
        self._behind.pop(market, None)

    def close(self, code: int, reason: str) -> None:
        """Close the connection; what waits is dropped, only the reason is sent."""
        if self.closing is None:
            self.closing = (code, reason)
            self._queue.clear()
            self._behind.clear()
            self._closed.set()

    async def run(self, socket: web.WebSocketResponse) -> None:
        """Send until the connection is to be closed, then close it; what does not read by then is cut off."""
        sending = asyncio.create_task(self._send(socket))
        try:
            await self._closed.wait()
        finally:
            sending.cancel()
        code, reason = self.closing or (1000, "")
        try:
            async with asyncio.timeout(_CLOSING_S):
                await socket.close(code=code, message=reason.encode())
        except TimeoutError:
            pass  # it does not even read the reason

    async def _send(self, socket: web.WebSocketResponse) -> None:
        try:
            while True:
                if self._queue:
                    message = self._queue.popleft()
                    self._bytes -= len(message)
                elif self._behind:
                    market = next(iter(self._behind))
                    message = feeds.depth_update(self._view(), market, self._behind.pop(market))
                else:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                await socket.send_frame(message, WSMsgType.TEXT)
        except ConnectionError:
            self.close(1006, "")  # it is gone already; the code is not sent
