"""One WebSocket connection: channels subscribed to, messages as they come, books that keep themselves.

A connection that is lost ends the iteration with TryAgain: what was missed is the caller's to decide on (docs/api.md,
WebSocket). `books` is for those who only want a book that is right.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count

import aiohttp

from exchange.client.books import Gap, LocalBook
from exchange.client.errors import Refused, TryAgain, Unreadable
from exchange.client.models import Reader

_ANSWER_S = 10.0


class Feed:
    """A connection; made by `AsyncClient.feed`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, words: Callable[[], Awaitable[list[str]]]) -> None:
        self._socket = socket
        self._words = words
        self._ids = count(1)
        self._waiting: deque[dict[str, object]] = deque()

    async def authenticate(self) -> None:
        """Be somebody: needed before private channels.

        Raises:
            Refused: they are not accepted.
            ValueError: the client has no credentials.
        """
        await self._ask("AUTH", await self._words())

    async def subscribe(self, *channels: str) -> None:
        """Begin with channels, such as `trades@BTC-USDT` or `orders`.

        Raises:
            Refused: one of them does not exist, or there are too many; nothing has begun.
        """
        await self._ask("SUBSCRIBE", list(channels))

    async def unsubscribe(self, *channels: str) -> None:
        """End channels."""
        await self._ask("UNSUBSCRIBE", list(channels))

    async def messages(self) -> AsyncIterator[dict[str, object]]:
        """Every message of every channel, as docs/api.md describes them.

        Raises:
            TryAgain: the connection is over.
        """
        while True:
            yield self._waiting.popleft() if self._waiting else await self._next()

    async def books(self, market: str) -> AsyncIterator[LocalBook]:
        """A market's book after each change; it is one object, which begins again by itself should a change be missing.
        Messages of other channels are passed over.

        Raises:
            TryAgain: the connection is over.
        """
        channel = f"depth@{market}"
        book = LocalBook(market)
        await self.subscribe(channel)
        async for message in self.messages():
            if message.get("channel") != channel:
                continue
            try:
                book.take(message)
            except Gap:
                await self.unsubscribe(channel)
                self._waiting = deque(other for other in self._waiting if other.get("channel") != channel)
                await self.subscribe(channel)
                continue
            yield book

    async def _ask(self, method: str, params: list[str]) -> None:
        id = next(self._ids)
        try:
            await self._socket.send_str(json.dumps({"method": method, "params": params, "id": id}))
        except (aiohttp.ClientError, ConnectionError) as error:
            raise TryAgain("closed", f"the connection is over: {error!r}", None) from error
        try:
            async with asyncio.timeout(_ANSWER_S):
                told = await self._answer(id)
        except TimeoutError:
            raise TryAgain("silent", f"no answer to {method} came in time", None) from None
        if "error" in told:
            inner = Reader(told).inner("error")
            raise Refused(400, inner.text("code"), inner.text("message"), inner.maybe(inner.text, "field"))

    async def _answer(self, id: int) -> dict[str, object]:
        """The answer to a request; messages of channels that come before it are kept."""
        while True:
            told = await self._next()
            if "channel" in told:
                self._waiting.append(told)
            elif told.get("id") == id:
                return told

    async def _next(self) -> dict[str, object]:
        frame = await self._socket.receive()
        if frame.type is not aiohttp.WSMsgType.TEXT:
            raise TryAgain("closed", f"the connection is over: {self._socket.close_code} {frame.extra or ''}", None)
        try:
            told = json.loads(frame.data)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise Unreadable(f"not a message: {frame.data[:200]}")
        return told
