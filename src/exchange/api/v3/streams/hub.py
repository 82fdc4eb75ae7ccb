"""Who listens to which stream; the follower's audience and the clock of all feeds.

The idea: a feed is found by its name, exists while somebody listens, and is asked only when its market changed or its
pace is over. With no listener an entry costs one look.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Final, Protocol

from exchange.api.symbols import Symbols
from exchange.api.v3.streams.feeds import Aggregates, AllTickers, BookTicker, Depth, Feed, Partial, Ticker, Trades
from exchange.api.v3.streams.klines import Base, Klines
from exchange.api.v3.streams.listener import Listener, Message
from exchange.api.v3.streams.names import FAST_MS, Stream, parse
from exchange.api.websocket.line import GOING_AWAY, RESTARTED
from exchange.effects.ports import Clock
from exchange.events.types import Outcome
from exchange.projections.live.trade import TapeTrade
from exchange.projections.live.view import Change, LiveView

MAX_CONNECTIONS: Final = 10_000
SHUTDOWN: Final = "!serverShutdown"

_LISTEN_KEY: Final = re.compile(r"[A-Za-z0-9]{60,64}", re.ASCII)
_KINDS: Final[dict[str, type[Feed]]] = {
    "trade": Trades,
    "aggTrade": Aggregates,
    "bookTicker": BookTicker,
    "depth": Depth,
    "partial": Partial,
    "miniTicker": Ticker,
    "ticker": Ticker,
    "window": Ticker,
    "avgPrice": Ticker,
}


class UserStreams(Protocol):
    """Events of accounts, by listen key."""

    def attach(self, listen_key: str, send: Callable[[bytes], None]) -> Callable[[], None] | None:
        """Give each event of a key's account to `send`, until what is returned is called; None for an unknown key."""


class Streams:
    """All connections to streams of this process. `base` is asked for the part of candles that the tape has not."""

    def __init__(self, clock: Clock, base: Base) -> None:
        self._clock = clock
        self._symbols = Symbols()
        self._base = base
        self.users: UserStreams | None = None
        """Listen keys, where there are any."""
        self._everyone: set[Listener] = set()
        self._feeds: dict[str, Feed | AllTickers] = {}
        self._of_market: dict[str, list[Feed]] = {}
        self._of_all: list[AllTickers] = []
        self._changed: set[str] = set()
        self._asking: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many connections there are."""
        return len(self._everyone)

    @property
    def feeds(self) -> int:
        """How many streams are listened to."""
        return len(self._feeds)

    def join(self, listener: Listener) -> bool:
        """A new connection; False when there are too many."""
        if len(self._everyone) >= MAX_CONNECTIONS:
            return False
        self._everyone.add(listener)
        return True

    def leave(self, listener: Listener) -> None:
        """A connection is gone."""
        self._everyone.discard(listener)
        for name in list(listener.names):
            self.unsubscribe(listener, name)

    def subscribe(self, view: LiveView, listener: Listener, name: str) -> None:
        """Begin with a stream; a name that is none, or of no market, stays silent, as at the venue."""
        if name in listener.names:
            return
        listener.names[name] = None
        if _LISTEN_KEY.fullmatch(name) and self.users is not None:
            detach = self.users.attach(name, lambda payload: listener.tell(name, payload))
            if detach is not None:
                listener.detach[name] = detach
            return
        feed = self._feeds.get(name) or self._made(view, name)
        if feed is None:
            return
        feed.listeners.add(listener)
        if isinstance(feed, Feed):
            now_ms = self._clock.now_ms()
            if isinstance(feed, Klines) and not feed.whole:
                return  # it is told when the database has said the rest
            first = feed.first(view, now_ms)
            if first is not None:
                first.put([listener])

    def unsubscribe(self, listener: Listener, name: str) -> None:
        """End a stream; one that it does not have is passed over."""
        if name not in listener.names:
            return
        del listener.names[name]
        listener.behind.pop(name, None)
        listener.outbox.forget(name)
        detach = listener.detach.pop(name, None)
        if detach is not None:
            detach()
        feed = self._feeds.get(name)
        if feed is None:
            return
        feed.listeners.discard(listener)
        if not feed.listeners:
            self._end(feed)

    def begun(self, view: LiveView) -> None:
        """What was told before may be void: everybody has to begin again."""
        for listener in list(self._everyone):
            listener.outbox.close(RESTARTED, "the view was built again: reconnect and begin from snapshots")
        for feed in list(self._feeds.values()):
            self._end(feed)

    def entry(self, view: LiveView, change: Change, outcome: Outcome) -> None:
        """An entry was folded in: let the feeds of the markets that it changed gather it."""
        if not self._feeds:
            return
        traded: dict[str, list[TapeTrade]] = {}
        for trade in change.trades:
            traded.setdefault(trade.market, []).append(trade)
        for market in {**traded, **change.levels}:
            trades = traded.get(market, [])
            touched = change.levels.get(market)
            self._changed.add(market)
            for feed in self._of_market.get(market, ()):
                feed.entry(trades, touched)
            for tickers in self._of_all:
                tickers.entry(market, trades, touched)

    def turned(self, view: LiveView) -> None:
        """A turn is over: tell what is told in real time."""
        if not self._changed:
            return
        now_ms = self._clock.now_ms()
        changed, self._changed = self._changed, set()
        for market in changed:
            for feed in self._of_market.get(market, ()):
                feed.turned(view, now_ms)

    def tick(self, view: LiveView, turn: int) -> None:
        """A tenth of a second has passed, for the time number `turn`."""
        now_ms = self._clock.now_ms()
        for feed in list(self._feeds.values()):
            if isinstance(feed, Klines):
                feed.due(view, now_ms)
                if feed.asks(now_ms):
                    task = asyncio.get_running_loop().create_task(feed.ask(view, now_ms))
                    self._asking.add(task)
                    task.add_done_callback(self._asking.discard)
            elif (isinstance(feed, AllTickers) or feed.ticks) and turn % (feed.stream.every_ms // FAST_MS) == 0:
                feed.due(view, now_ms)

    async def hang_up(self) -> None:
        """The gateway stops: say so, then close every connection (Binance: web-socket-streams.md, Server Shutdown)."""
        now_ms = self._clock.now_ms()
        Message(SHUTDOWN, lambda unit: {"e": "serverShutdown", "E": now_ms * unit}).put(self._everyone)
        for listener in list(self._everyone):
            listener.outbox.close(GOING_AWAY, "the gateway stops: reconnect")

    def _made(self, view: LiveView, name: str) -> Feed | AllTickers | None:
        stream = parse(name)
        if stream is None:
            return None
        if not stream.symbol:
            everywhere = AllTickers(stream, self._symbols)
            self._of_all.append(everywhere)
            self._feeds[name] = everywhere
            everywhere.due(view, self._clock.now_ms())
            return everywhere
        market = self._symbols.market(view.markets, stream.symbol)
        if market is None:
            return None
        symbol = self._symbols.symbol(view.markets, market.name)
        feed = self._feed(view, stream, symbol, market.name)
        self._feeds[name] = feed
        self._of_market.setdefault(market.name, []).append(feed)
        return feed

    def _feed(self, view: LiveView, stream: Stream, symbol: str, market: str) -> Feed:
        if stream.kind == "kline":
            return Klines(stream, symbol, market, self._base, view, self._clock.now_ms())
        return _KINDS[stream.kind](stream, symbol, market)

    def _end(self, feed: Feed | AllTickers) -> None:
        if self._feeds.pop(feed.stream.name, None) is None:
            return
        if isinstance(feed, AllTickers):
            self._of_all.remove(feed)
            return
        others = self._of_market[feed.market]
        others.remove(feed)
        if not others:
            del self._of_market[feed.market]


async def ticking(streams: Streams, view: Callable[[], LiveView]) -> None:
    """Let the clock of the streams go until cancelled; `view` gives the view as of now."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    turn = 0
    while True:
        turn += 1
        late = loop.time() - began - turn * FAST_MS / 1000
        if late > 1:
            began += late  # the process stood still: what was missed is not made up for
        await asyncio.sleep(max(-late, 0))
        streams.tick(view(), turn)
