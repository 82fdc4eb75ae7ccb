"""A client that keeps a local book by the venue's published steps and nothing else, and counts what they say must not
happen (Binance: web-socket-streams.md, "How to manage a local order book correctly").

It knows only the two addresses. Now and then it takes another snapshot and begins a second book from it: once an event
has brought both to the same update, they must be equal, level by level.
"""

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import aiohttp

EVERY_EVENTS = 5
"""After so many events the book is compared with a snapshot."""

Level = tuple[str, str]


@dataclass
class LocalBook:
    """One book: its update and its levels."""

    update: int
    bids: dict[str, str]
    asks: dict[str, str]

    @classmethod
    def of(cls, snapshot: dict[str, Any]) -> "LocalBook":
        return cls(snapshot["lastUpdateId"], dict(snapshot["bids"]), dict(snapshot["asks"]))

    def apply(self, event: dict[str, Any]) -> bool:
        """The published update procedure; False when events were missed."""
        if event["u"] < self.update:
            return True
        if event["U"] > self.update + 1:
            return False
        for side, levels in ((self.bids, event["b"]), (self.asks, event["a"])):
            for price, quantity in levels:
                if float(quantity) == 0:
                    side.pop(price, None)
                else:
                    side[price] = quantity
        self.update = event["u"]
        return True


@dataclass
class Counts:
    """What happened."""

    events: int = 0
    compared: int = 0
    """Comparisons with a snapshot."""
    gaps: int = 0
    """Events that did not go on from the one before, or from the book."""
    mismatches: int = 0
    """Comparisons in which the books differed."""
    widest: int = 0
    """The most updates in one event."""
    differences: list[str] = field(default_factory=list)


class Keeper:
    """Keeps one symbol's book over one stream until told to stop."""

    def __init__(self, base: str, symbol: str, stream: str) -> None:
        self._base = base
        self._symbol = symbol
        self._stream = stream
        self.counts = Counts()
        self.book: LocalBook | None = None
        self.stop = asyncio.Event()
        self._events: deque[dict[str, Any]] = deque()
        self._news = asyncio.Event()
        self._last = -1

    async def run(self) -> None:
        """Steps 1 to 7, then comparisons, until `stop` is set and everything that came is applied."""
        # 1. Open a connection to the stream.
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{self._base}/ws/{self._stream}", max_msg_size=0) as ws,
        ):
            reading = asyncio.create_task(self._read(ws))
            # 2. Buffer the events; note the first one's U.
            await self._wait()
            first = self._events[0]["U"]
            # 3. and 4. Get a snapshot that is not older than that.
            snapshot = await self._snapshot(session)
            while snapshot["lastUpdateId"] < first:
                snapshot = await self._snapshot(session)
            # 5. Discard what the snapshot has already, 6. begin with it, 7. apply the rest.
            while self._events and self._events[0]["u"] <= snapshot["lastUpdateId"]:
                self._events.popleft()
            self.book = LocalBook.of(snapshot)
            while not self.stop.is_set():
                await self._go_on(EVERY_EVENTS)
                await self._compare(session)
            reading.cancel()

    async def _read(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in ws:
            event = json.loads(frame.data)
            assert event["e"] == "depthUpdate"
            if self._last >= 0 and event["U"] != self._last + 1:
                self.counts.gaps += 1
                self.counts.differences.append(f"after {self._last} came {event['U']}..{event['u']}")
            self._last = event["u"]
            self.counts.events += 1
            self.counts.widest = max(self.counts.widest, event["u"] - event["U"] + 1)
            self._events.append(event)
            self._news.set()

    async def _wait(self) -> None:
        while not self._events:
            self._news.clear()
            async with asyncio.timeout(20):
                await self._news.wait()

    async def _next(self) -> dict[str, Any]:
        await self._wait()
        event = self._events.popleft()
        assert self.book is not None
        if not self.book.apply(event):
            self.counts.gaps += 1
        return event

    async def _go_on(self, events: int) -> None:
        for _ in range(events):
            if self.stop.is_set():
                return
            try:
                await self._next()
            except TimeoutError:
                return

    async def _compare(self, session: aiohttp.ClientSession) -> None:
        """Begin another book now, and see that both come to the same."""
        assert self.book is not None
        other = LocalBook.of(await self._snapshot(session))
        while self.book.update < other.update:
            event = await self._next()
            if event["u"] >= other.update and not other.apply(event):
                self.counts.gaps += 1
        if self.book.update > other.update:
            return  # events went ahead of the snapshot: nothing to compare
        self.counts.compared += 1
        if self.book != other:
            self.counts.mismatches += 1
            self.counts.differences.append(_difference(self.book, other))

    async def _snapshot(self, session: aiohttp.ClientSession) -> dict[str, Any]:
        async with session.get(f"{self._base}/api/v3/depth?symbol={self._symbol}&limit=5000") as response:
            assert response.status == 200, await response.text()
            snapshot: dict[str, Any] = await response.json()
            return snapshot


def _difference(mine: LocalBook, theirs: LocalBook) -> str:
    for one, other in ((mine.bids, theirs.bids), (mine.asks, theirs.asks)):
        for price in sorted(one.keys() | other.keys()):
            if one.get(price) != other.get(price):
                return f"at {mine.update}: {price} is {one.get(price)} here and {other.get(price)} there"
    return "the order of levels"
