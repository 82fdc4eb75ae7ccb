"""What of a market's changes becomes which messages of a stream, and when (Binance: web-socket-streams.md).

A feed begins with its first listener and ends with its last. What happens is gathered entry by entry; what is told in
real time is written when the follower's turn is over, the rest at the feed's pace. The book is never between two
entries when something is written, so `u` is the market's sequence then, and every quantity is the one at `u`.
"""

from functools import partial
from typing import Final, Protocol

from exchange.api.symbols import Symbols
from exchange.api.v3.shapes import market as shown
from exchange.api.v3.streams import shapes
from exchange.api.v3.streams.listener import Listener, Message
from exchange.api.v3.streams.names import Stream
from exchange.api.v3.streams.shapes import Json
from exchange.projections.live.aggregates import aggregates
from exchange.projections.live.feeds import Levels
from exchange.projections.live.records import LiveMarket
from exchange.projections.live.tape import MINUTE_MS, MarketTape
from exchange.projections.live.trade import TapeTrade
from exchange.projections.live.view import LiveView
from exchange.terms.words import Side

_TIMES: Final = frozenset("ECO")
"""What differs in a ticker though nothing happened."""

Touched = tuple[int, set[tuple[Side, int]]]


class Feed:
    """One stream of one market. `ticks` says whether it has a pace; a feed that does is told when it is over."""

    ticks = True

    def __init__(self, stream: Stream, symbol: str, market: str) -> None:
        self.stream = stream
        self.symbol = symbol
        self.market = market
        self.listeners: set[Listener] = set()

    def entry(self, trades: list[TapeTrade], touched: Touched | None) -> None:
        """What an entry changed in the market."""

    def turned(self, view: LiveView, now_ms: int) -> None:
        """The follower's turn is over."""

    def due(self, view: LiveView, now_ms: int) -> None:
        """The feed's pace is over."""

    def first(self, view: LiveView, now_ms: int) -> Message | None:
        """What a new listener is told at once."""
        return None


class Trades(Feed):
    """Every trade, in real time."""

    ticks = False

    def __init__(self, stream: Stream, symbol: str, market: str) -> None:
        super().__init__(stream, symbol, market)
        self._trades: list[TapeTrade] = []

    def entry(self, trades: list[TapeTrade], touched: Touched | None) -> None:
        """Keep them."""
        self._trades += trades

    def turned(self, view: LiveView, now_ms: int) -> None:
        """Tell each."""
        if not self._trades:
            return
        trades, self._trades = self._trades, []
        of = view.markets[self.market]
        for trade in trades:
            Message(self.stream.name, partial(shapes.trade, trade, self.symbol, of, now_ms)).put(self.listeners)


class Aggregates(Trades):
    """Every aggregate trade, in real time."""

    def turned(self, view: LiveView, now_ms: int) -> None:
        """Tell each; an order trades within one entry, so no aggregate goes on in the next turn."""
        if not self._trades:
            return
        trades, self._trades = self._trades, []
        of = view.markets[self.market]
        for told in aggregates(trades):
            Message(self.stream.name, partial(shapes.aggregate, told, self.symbol, of, now_ms)).put(self.listeners)


class BookTicker(Feed):
    """The best prices, in real time, when they or their quantities change."""

    ticks = False

    def __init__(self, stream: Stream, symbol: str, market: str) -> None:
        super().__init__(stream, symbol, market)
        self._touched = False
        self._told: tuple[int, int, int, int] = (-1, -1, -1, -1)

    def entry(self, trades: list[TapeTrade], touched: Touched | None) -> None:
        """See whether the book changed at all."""
        self._touched = self._touched or touched is not None

    def turned(self, view: LiveView, now_ms: int) -> None:
        """Tell what changed."""
        if not self._touched:
            return
        self._touched = False
        best = _best(view.markets[self.market])
        if best != self._told:
            self._told = best
            self._message(view).put_latest(self.listeners)

    def first(self, view: LiveView, now_ms: int) -> Message:
        """The best prices now."""
        if not self._touched:
            self._told = _best(view.markets[self.market])
        return self._message(view)

    def _message(self, view: LiveView) -> Message:
        told = shapes.book_ticker(self.symbol, view.markets[self.market])
        return Message(self.stream.name, lambda _: told)


class Depth(Feed):
    """Every level that changed, with its quantity now; contiguous by the market's sequence.

    For a listener that does not read the changes of several messages become one, at this feed's pace, so that what
    everybody is told next goes on from it.
    """

    def __init__(self, stream: Stream, symbol: str, market: str) -> None:
        super().__init__(stream, symbol, market)
        self._levels: Levels | None = None

    def entry(self, trades: list[TapeTrade], touched: Touched | None) -> None:
        """Gather the levels."""
        if touched is not None:
            if self._levels is None:
                self._levels = Levels(touched[0])
            self._levels.touched |= touched[1]

    def due(self, view: LiveView, now_ms: int) -> None:
        """Tell them."""
        levels, self._levels = self._levels, None
        name = self.stream.name
        of = view.markets[self.market]
        message = None
        if levels is not None:
            message = Message(name, partial(shapes.depth_update, levels, self.symbol, of, now_ms))
        for listener in self.listeners:
            behind = listener.behind.get(name)
            if levels is not None and (behind is not None or listener.outbox.held):
                if behind is None:
                    behind = listener.behind[name] = Levels(levels.first_seq)
                behind.touched |= levels.touched
            elif message is not None:
                listener.outbox.put_frame(message.frame(listener))
            if behind is not None and not listener.outbox.held:
                del listener.behind[name]
                late = Message(name, partial(shapes.depth_update, behind, self.symbol, of, now_ms))
                listener.outbox.put_frame(late.frame(listener))


class Partial(Feed):
    """The best levels, when anything in the book changed."""

    def __init__(self, stream: Stream, symbol: str, market: str) -> None:
        super().__init__(stream, symbol, market)
        self._touched = False

    def entry(self, trades: list[TapeTrade], touched: Touched | None) -> None:
        """See whether the book changed at all."""
        self._touched = self._touched or touched is not None

    def due(self, view: LiveView, now_ms: int) -> None:
        """Tell them."""
        if self._touched:
            self._touched = False
            self.first(view, now_ms).put_latest(self.listeners)

    def first(self, view: LiveView, now_ms: int) -> Message:
        """The best levels now."""
        told = shown.depth(view.markets[self.market], self.stream.levels)
        return Message(self.stream.name, lambda _: told)


class Shape(Protocol):
    """Writes a market's ticker."""

    def __call__(self, symbol: str, of: LiveMarket, tape: MarketTape, now_ms: int, unit: int) -> Json:
        """At a moment, in a unit of time."""


def shape_of(stream: Stream) -> Shape:
    """What writes a ticker's stream."""
    if stream.kind == "window":
        return partial(shapes.rolling, stream.window)
    return {"miniTicker": shapes.mini_ticker, "ticker": shapes.ticker, "avgPrice": shapes.average}[stream.kind]


class Ticker(Feed):
    """A market's ticker, when what it says changed."""

    def __init__(self, stream: Stream, symbol: str, market: str) -> None:
        super().__init__(stream, symbol, market)
        self._shape = shape_of(stream)
        self._with_book = stream.kind == "ticker"
        self._changed = True
        self._minute = 0
        self._said: Json = {}

    def entry(self, trades: list[TapeTrade], touched: Touched | None) -> None:
        """See whether it may say something else."""
        self._changed = self._changed or bool(trades) or (self._with_book and touched is not None)

    def due(self, view: LiveView, now_ms: int) -> None:
        """Tell it."""
        if self.news(view, now_ms):
            self.first(view, now_ms).put_latest(self.listeners)

    def news(self, view: LiveView, now_ms: int) -> bool:
        """Whether it says something else than when this was asked last: something happened, or left the window."""
        minute = now_ms // MINUTE_MS
        if not self._changed and minute == self._minute:
            return False
        self._changed, self._minute = False, minute
        told = self.write(view, now_ms, 1)
        said = {name: value for name, value in told.items() if name not in _TIMES}
        changed, self._said = said != self._said, said
        return changed

    def write(self, view: LiveView, now_ms: int, unit: int) -> Json:
        """The ticker now."""
        return self._shape(self.symbol, view.markets[self.market], view.tape.market(self.market), now_ms, unit)

    def first(self, view: LiveView, now_ms: int) -> Message:
        """The ticker now."""
        return Message(self.stream.name, partial(self.write, view, now_ms))


class AllTickers:
    """The tickers of all markets that changed, in one message."""

    def __init__(self, stream: Stream, symbols: Symbols) -> None:
        self.stream = stream
        self.listeners: set[Listener] = set()
        self._symbols = symbols
        self._tickers: dict[str, Ticker] = {}

    def entry(self, market: str, trades: list[TapeTrade], touched: Touched | None) -> None:
        """What an entry changed in a market."""
        ticker = self._tickers.get(market)
        if ticker is not None:
            ticker.entry(trades, touched)

    def due(self, view: LiveView, now_ms: int) -> None:
        """Tell those that changed; to a new listener, those that change from now on."""
        news: list[Ticker] = []
        for market in view.markets:
            ticker = self._tickers.get(market)
            if ticker is None:
                symbol = self._symbols.symbol(view.markets, market)
                ticker = self._tickers[market] = Ticker(self.stream, symbol, market)
                ticker.news(view, now_ms)
            elif ticker.news(view, now_ms):
                news.append(ticker)
        if news:
            Message(self.stream.name, lambda unit: [ticker.write(view, now_ms, unit) for ticker in news]).put(
                self.listeners
            )


def _best(of: LiveMarket) -> tuple[int, int, int, int]:
    bid, ask = of.bids.best(), of.asks.best()
    return (
        0 if bid is None else bid.price,
        0 if bid is None else bid.quantity,
        0 if ask is None else ask.price,
        0 if ask is None else ask.quantity,
    )
