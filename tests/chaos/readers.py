"""Those who keep a book from the feed, through every reconnect; and some that stop reading for a while.

A reader does as docs/api.md says: take the snapshot, then only updates that go on from it. A step that is missing
within one connection is a gap, and gaps are faults of the exchange. The trades that one connection told of must be a
stretch of the market's trades without a hole; that is judged by the log, afterwards.
"""

import asyncio
import json
import random
import socket
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import aiohttp

from tests.chaos.told import Json

_QUIET_S = 0.5


class Book:
    """A market's book as one reader has it: levels by price, and the sequence it stands at."""

    def __init__(self) -> None:
        self.seq = -1
        self.sides: dict[str, dict[Decimal, Decimal]] = {"bids": {}, "asks": {}}

    def take(self, message: Json) -> bool:
        """Take a depth message in; False when a step is missing."""
        data = message["data"]
        if message["type"] == "snapshot":
            self.sides = {side: {} for side in self.sides}
            self._set(data)
            self.seq = data["seq"]
            return True
        if data["first_seq"] != self.seq + 1:
            return False
        self._set(data)
        self.seq = data["last_seq"]
        return True

    def _set(self, data: Json) -> None:
        for side, levels in self.sides.items():
            for price, quantity in data[side]:
                if Decimal(quantity):
                    levels[Decimal(price)] = Decimal(quantity)
                else:
                    levels.pop(Decimal(price), None)


@dataclass
class Heard:
    """What a reader lived through."""

    snapshots: int = 0
    updates: int = 0
    let_go: dict[int, int] = field(default_factory=dict)
    """Connections that ended, by close code (0: broken off)."""
    gaps: list[str] = field(default_factory=list)
    stretches: list[tuple[str, list[int]]] = field(default_factory=list)
    """The trades that each connection told of, by market."""


class Reader:
    """Keeps the books of all markets. A slow one stops reading now and then, for up to `naps` seconds."""

    def __init__(self, url: str, markets: Sequence[str], seed: int, naps: float = 0.0) -> None:
        self.books = {market: Book() for market in markets}
        self.heard = Heard()
        self._url = url
        self._naps = naps
        self._dice = random.Random(seed)
        self._name = f"{'slow ' if naps else ''}reader {seed}"

    async def read(self, over: asyncio.Event) -> None:
        """Follow the feeds until it is over and nothing more has come for a moment."""
        while True:
            try:
                url = f"{self._url}/api/v1/ws"
                async with self._session() as session, session.ws_connect(url, heartbeat=20.0) as ws:
                    if await self._follow(ws, over):
                        return
                    code = ws.close_code or 0
            except (aiohttp.ClientError, OSError, TimeoutError):
                code = 0
            self.heard.let_go[code] = self.heard.let_go.get(code, 0) + 1
            await asyncio.sleep(0.1)

    async def _follow(self, ws: aiohttp.ClientWebSocketResponse, over: asyncio.Event) -> bool:
        """One connection's life; whether the reader may go home."""
        channels = [f"{name}@{market}" for market in self.books for name in ("depth", "trades", "ticker")]
        await ws.send_str(json.dumps({"method": "SUBSCRIBE", "params": channels, "id": 1}))
        trades: dict[str, list[int]] = {market: [] for market in self.books}
        self.heard.stretches += trades.items()
        begun = dict.fromkeys(self.books, False)
        while True:
            if self._naps and not over.is_set() and self._dice.random() < 0.01:
                await self._nap(ws)
            try:
                frame = await ws.receive(timeout=_QUIET_S)
            except TimeoutError:
                if over.is_set() and all(begun.values()):
                    return True
                continue
            if frame.type is not aiohttp.WSMsgType.TEXT:
                return False
            message: Json = json.loads(frame.data)
            if "channel" not in message:
                continue
            channel, _, market = message["channel"].partition("@")
            if channel == "depth":
                begun[market] = True
                self._depth(market, message)
            elif channel == "trades":
                trades[market] += [trade["trade"] for trade in message["data"]]

    def _depth(self, market: str, message: Json) -> None:
        before = self.books[market].seq
        if not self.books[market].take(message):
            first = message["data"]["first_seq"]
            self.heard.gaps.append(f"{self._name}: {market} goes on with {first} after {before}")
        if message["type"] == "snapshot":
            self.heard.snapshots += 1
        else:
            self.heard.updates += 1

    async def _nap(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        """Leave what comes where it is: first the system's buffers fill, then the gateway's queue."""
        connection = ws._response.connection
        transport = None if connection is None else connection.transport
        if transport is None or transport.is_closing():
            return
        transport.pause_reading()
        await asyncio.sleep(self._dice.uniform(0.2, self._naps))
        if not transport.is_closing():
            transport.resume_reading()

    def _session(self) -> aiohttp.ClientSession:
        def narrow(address: aiohttp.AddrInfoType) -> socket.socket:
            made = socket.socket(address[0], address[1])
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            return made

        connector = aiohttp.TCPConnector(socket_factory=narrow) if self._naps else aiohttp.TCPConnector()
        return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None, connect=5.0))


def holes(heard: Heard, trades: Mapping[str, Sequence[int]]) -> list[str]:
    """The stretches of trades that are none: a trade left out, told twice, or unknown to the log. `trades` are each
    market's, in order."""
    found = []
    for market, stretch in heard.stretches:
        if not stretch:
            continue
        of_market = trades.get(market, ())
        start = bisect_left(of_market, stretch[0])
        if list(of_market[start : start + len(stretch)]) != stretch:
            found.append(f"of {market} a feed told the trades {stretch[0]} to {stretch[-1]} with a hole or twice")
    return found
