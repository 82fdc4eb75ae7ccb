"""The public feeds: what entries changed, as the WebSocket's messages of `docs/api.md`; `private` has the others.

The idea: a run of entries is gathered before anything is written. Depth then is one message for each market, from the
first sequence to the last with every touched level's quantity *now*; since the book holds the totals, nothing has to be
remembered between, and the same gathering serves a client that fell behind. Tickers, candles and indications are only
marked as changed here and written by the clock (`TickerFeed`, `CandleFeed`, `AuctionFeed`).

Pure: whoever owns the view says what time it is.
"""

import orjson

from exchange.projections.live import auction, shapes
from exchange.projections.live.checksum import checksum
from exchange.projections.live.shapes import Json
from exchange.projections.live.tape import MINUTE_MS, TapeTrade
from exchange.projections.live.view import Change, LiveView
from exchange.projections.timescale.candles import INTERVALS
from exchange.terms.stream import StreamId, format_id
from exchange.terms.words import AUCTION, BUY, Side

SNAPSHOT_LEVELS = 5000
"""The most levels of a side in a depth snapshot."""

TRADES = "trades"
DEPTH = "depth"
TICKER = "ticker"
KLINE = "kline"
MARKET = "market"
AUCTION_FEED = "auction"
ORDERS = "orders"
LISTS = "lists"
FILLS = "fills"
PREVENTED = "prevented"
BALANCES = "balances"
ACCOUNT = "account"
PRIVATE = frozenset([ORDERS, LISTS, FILLS, PREVENTED, BALANCES, ACCOUNT])


class Channel:
    """A channel's name taken apart; `market` and `interval` are empty where the kind has none."""

    __slots__ = ("interval", "kind", "market", "name")

    def __init__(self, name: str, kind: str, market: str, interval: str) -> None:
        self.name = name
        self.kind = kind
        self.market = market
        self.interval = interval


def parse_channel(name: str) -> Channel | None:
    """Read a channel's name; None when there is no such kind of channel. Whether the market exists is not looked at."""
    if name in PRIVATE:
        return Channel(name, name, "", "")
    kind, _, rest = name.partition("@")
    if kind in (TRADES, DEPTH, TICKER, MARKET, AUCTION_FEED) and rest:
        return Channel(name, kind, rest, "")
    market, _, interval = rest.rpartition("_")
    if kind == KLINE and market and interval in INTERVALS:
        return Channel(name, kind, market, interval)
    return None


def message(channel: str, nature: str, position: StreamId, data: object) -> bytes:
    """A channel's message; `nature` is `snapshot` or `update`."""
    return orjson.dumps({"channel": channel, "type": nature, "position": format_id(position), "data": data})


class Levels:
    """The levels of one market that changed, from `first_seq` on."""

    __slots__ = ("first_seq", "touched")

    def __init__(self, first_seq: int) -> None:
        self.first_seq = first_seq
        self.touched: set[tuple[Side, int]] = set()


class Gathered:
    """What a run of entries changed in public, by market."""

    def __init__(self) -> None:
        self.trades: dict[str, list[TapeTrade]] = {}
        self.levels: dict[str, Levels] = {}
        self.markets: set[str] = set()
        self.uncrossed: dict[str, tuple[int, int]] = {}

    def add(self, change: Change) -> None:
        """Count an entry in."""
        for trade in change.trades:
            self.trades.setdefault(trade.market, []).append(trade)
        for market, (first_seq, touched) in change.levels.items():
            levels = self.levels.get(market)
            if levels is None:
                levels = self.levels[market] = Levels(first_seq)
            levels.touched |= touched
        self.markets |= change.markets
        self.uncrossed |= change.uncrossed


def trades_update(view: LiveView, market: str, trades: list[TapeTrade]) -> bytes:
    """Trades of one market, oldest first."""
    of = view.markets[market]
    return message(f"{TRADES}@{market}", "update", view.position, [shapes.trade(trade, of) for trade in trades])


def depth_snapshot(view: LiveView, market: str) -> bytes:
    """The whole book (up to `SNAPSHOT_LEVELS` a side) at its sequence."""
    of = view.markets[market]
    bids, asks, complete = shapes.depth(of, SNAPSHOT_LEVELS)
    data: Json = {"seq": of.seq, "bids": bids, "asks": asks, "complete": complete, "checksum": checksum(of)}
    return message(f"{DEPTH}@{market}", "snapshot", view.position, data)


def depth_update(view: LiveView, market: str, levels: Levels) -> bytes:
    """Every level touched since `levels.first_seq`, as it is now."""
    of = view.markets[market]
    form = of.format
    bids: list[list[str]] = []
    asks: list[list[str]] = []
    for side, price in sorted(levels.touched):
        shown = [form.price(price), form.quantity(of.side(side).quantity(price))]
        (bids if side == BUY else asks).append(shown)
    bids.reverse()
    data: Json = {
        "first_seq": levels.first_seq,
        "last_seq": of.seq,
        "bids": bids,
        "asks": asks,
        "checksum": checksum(of),
    }
    return message(f"{DEPTH}@{market}", "update", view.position, data)


def market_message(view: LiveView, market: str, nature: str) -> bytes:
    """A market's terms, limits and status."""
    return message(f"{MARKET}@{market}", nature, view.position, shapes.market(view.markets[market]))


class TickerFeed:
    """One market's ticker: written when it was touched, or when the minute moved its window."""

    def __init__(self, market: str) -> None:
        self.market = market
        self.touched = False
        self._minute = 0

    def snapshot(self, view: LiveView, now_ms: int) -> bytes:
        """The ticker now."""
        return self._write(view, now_ms, "snapshot")

    def due(self, view: LiveView, now_ms: int) -> bytes | None:
        """What there is to send now."""
        minute = now_ms // MINUTE_MS
        if not self.touched and minute == self._minute:
            return None
        self.touched = False
        self._minute = minute
        return self._write(view, now_ms, "update")

    def _write(self, view: LiveView, now_ms: int, nature: str) -> bytes:
        ticker = shapes.ticker(view.markets[self.market], view.tape.market(self.market), now_ms)
        return message(f"{TICKER}@{self.market}", nature, view.position, ticker)


class AuctionFeed:
    """One market's auction: what it would come to now, while the book changes, and what it came to.

    `uncrossed` is an outcome that is still to be told, price and quantity.
    """

    def __init__(self, market: str) -> None:
        self.market = market
        self.touched = False
        self.uncrossed: tuple[int, int] | None = None
        self._going_on: bool | None = None
        """What those who listen know: whether there is an auction; None before the first."""

    def snapshot(self, view: LiveView) -> bytes:
        """The auction now, for one who begins to listen; the others are told by `due`."""
        if self._going_on is None:
            self._going_on = view.markets[self.market].status == AUCTION
        return self._write(view, "snapshot", None)

    def due(self, view: LiveView) -> bytes | None:
        """What there is to send now."""
        touched, self.touched = self.touched, False
        going_on = view.markets[self.market].status == AUCTION
        if self.uncrossed is None and not (touched and (going_on or self._going_on)):
            return None
        outcome, self.uncrossed = self.uncrossed, None
        self._going_on = going_on
        return self._write(view, "update", outcome)

    def _write(self, view: LiveView, nature: str, outcome: tuple[int, int] | None) -> bytes:
        shown = auction.shape(view.markets[self.market], outcome)
        return message(f"{AUCTION_FEED}@{self.market}", nature, view.position, shown)


class CandleFeed:
    """One market's candles of one interval: the current one when it changed, and each once more when it is over."""

    def __init__(self, channel: Channel, now_ms: int) -> None:
        self.channel = channel
        self.touched = True
        self._length = INTERVALS[channel.interval]
        self._start = now_ms - now_ms % self._length
        self._sent: tuple[int, bool] = (0, False)
        """Of the candle at `_start`: how many trades it had when it was sent, and whether as closed."""

    def snapshot(self, view: LiveView, now_ms: int) -> bytes | None:
        """The current candle, if there is one."""
        candle = view.tape.market(self.channel.market).candle(self.channel.interval, now_ms)
        if candle is None:
            return None
        shown = shapes.candle(candle, view.markets[self.channel.market])
        shown["closed"] = False
        return message(self.channel.name, "snapshot", view.position, shown)

    def due(self, view: LiveView, now_ms: int) -> list[bytes]:
        """What there is to send now, oldest first."""
        if not self.touched and now_ms < self._start + self._length:
            return []
        self.touched = False
        of = view.markets[self.channel.market]
        messages: list[bytes] = []
        for candle in view.tape.market(self.channel.market).candles(self.channel.interval, self._start):
            closed = candle.ms + self._length <= now_ms
            if candle.ms == self._start and self._sent == (candle.trades, closed):
                continue
            self._start = candle.ms
            self._sent = (candle.trades, closed)
            shown = shapes.candle(candle, of)
            shown["closed"] = closed
            messages.append(message(self.channel.name, "update", view.position, shown))
        return messages
