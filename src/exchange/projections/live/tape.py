"""The tape: recent trades of each market, the last 24 hours by the minute, and what follows from them.

The idea: one bucket for each minute that had a trade. The rolling ticker adds up the buckets of 24 hours, and the
candles of any interval within them are the buckets put together, so nothing else need be kept. A tape has its own
position: it can be begun from the database at one position and joined exactly to a view that stands at another, because
it passes over entries that it has already.
"""

from collections import deque
from collections.abc import Iterable
from itertools import groupby

from exchange.events.types import AuctionTrade, Outcome, Trade
from exchange.projections.timescale.candles import INTERVALS
from exchange.terms.stream import START, StreamId
from exchange.terms.words import Side

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS

RECENT_TRADES = 1000


class TapeTrade:
    """A trade as everybody may see it: price, quantity and notional in smallest units, `ms` the time of its entry;
    `auction` when an uncrossing made it."""

    __slots__ = ("auction", "id", "market", "ms", "notional", "price", "quantity", "seq", "taker_side")

    def __init__(
        self,
        id: int,
        market: str,
        seq: int,
        price: int,
        quantity: int,
        notional: int,
        taker_side: Side,
        ms: int,
        auction: bool = False,
    ) -> None:
        self.id = id
        self.market = market
        self.seq = seq
        self.price = price
        self.quantity = quantity
        self.notional = notional
        self.taker_side: Side = taker_side
        self.ms = ms
        self.auction = auction


class Candle:
    """Prices and sums of one interval that begins at `ms`."""

    __slots__ = ("close", "high", "low", "ms", "open", "quote_volume", "trades", "volume")

    def __init__(
        self,
        ms: int,
        first: int,
        high: int,
        low: int,
        close: int,
        volume: int,
        quote_volume: int,
        trades: int,
    ) -> None:
        self.ms = ms
        self.open = first
        self.high = high
        self.low = low
        self.close = close
        self.volume = volume
        self.quote_volume = quote_volume
        self.trades = trades

    def add(self, price: int, quantity: int, notional: int) -> None:
        """Count one more trade."""
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.volume += quantity
        self.quote_volume += notional
        self.trades += 1


def merge(ms: int, parts: Iterable[Candle]) -> Candle | None:
    """One candle out of those that follow one another, or None out of none."""
    whole: Candle | None = None
    for part in parts:
        if whole is None:
            whole = Candle(
                ms,
                part.open,
                part.high,
                part.low,
                part.close,
                part.volume,
                part.quote_volume,
                part.trades,
            )
            continue
        whole.high = max(whole.high, part.high)
        whole.low = min(whole.low, part.low)
        whole.close = part.close
        whole.volume += part.volume
        whole.quote_volume += part.quote_volume
        whole.trades += part.trades
    return whole


class MarketTape:
    """One market's trades and minutes, oldest first. `last` is the last price known, or None.

    `since_ms`: every trade at or after this moment has been seen.
    """

    def __init__(self, since_ms: int = 0) -> None:
        self.since_ms = since_ms
        self.trades: deque[TapeTrade] = deque(maxlen=RECENT_TRADES)
        self.minutes: deque[Candle] = deque()
        self.last: int | None = None

    def seed(self, minutes: Iterable[Candle], trades: Iterable[TapeTrade]) -> None:
        """Begin with what is known from elsewhere, oldest first; trades that `add` will bring again do no harm."""
        self.minutes.extend(minutes)
        self.trades.extend(trades)
        if self.trades:
            self.last = self.trades[-1].price

    def add(self, trade: TapeTrade) -> None:
        """A trade happened."""
        while self.trades and self.trades[-1].id >= trade.id:
            self.trades.pop()
        self.trades.append(trade)
        self.last = trade.price
        start = trade.ms - trade.ms % MINUTE_MS
        if self.minutes and self.minutes[-1].ms == start:
            self.minutes[-1].add(trade.price, trade.quantity, trade.notional)
            return
        self.minutes.append(_first(start, trade))
        while self.minutes[0].ms < start - DAY_MS:
            self.minutes.popleft()

    def day(self, now_ms: int) -> Candle | None:
        """The last 24 hours up to now, to the minute."""
        since = now_ms - now_ms % MINUTE_MS - DAY_MS
        return merge(since, [minute for minute in self.minutes if minute.ms >= since])

    def candle(self, interval: str, at_ms: int) -> Candle | None:
        """The candle of an interval that holds the moment `at_ms`, if it had a trade."""
        start = at_ms - at_ms % INTERVALS[interval]
        found = self.candles(interval, start)
        return found[0] if found and found[0].ms == start else None

    def candles(self, interval: str, since_ms: int) -> list[Candle]:
        """The candles of an interval that begin at `since_ms` (the beginning of one) or later, oldest first.

        They are whole when `since_ms` is not before `known_since`.
        """
        length = INTERVALS[interval]
        parts: list[Candle] = []
        if length < MINUTE_MS:
            for trade in reversed(self.trades):
                if trade.ms < since_ms:
                    break
                parts.append(_first(trade.ms, trade))
        else:
            for minute in reversed(self.minutes):
                if minute.ms < since_ms:
                    break
                parts.append(minute)
        parts.reverse()
        merged = [merge(start, group) for start, group in groupby(parts, lambda part: part.ms - part.ms % length)]
        return [candle for candle in merged if candle is not None]

    def known_since(self, interval: str) -> int:
        """The beginning of the first candle of an interval that this tape can give whole."""
        length = INTERVALS[interval]
        since = self.since_ms
        if length < MINUTE_MS:
            if len(self.trades) == RECENT_TRADES:
                since = max(since, self.trades[0].ms + 1)
        elif self.minutes:
            since = max(since, self.minutes[-1].ms - DAY_MS)
        return -(-since // length) * length


def _first(ms: int, trade: TapeTrade) -> Candle:
    return Candle(ms, trade.price, trade.price, trade.price, trade.price, trade.quantity, trade.notional, 1)


class Tape:
    """The tapes of all markets, up to and including `position`; complete from `since_ms` on."""

    def __init__(self, position: StreamId = START, since_ms: int = 0) -> None:
        self.position = position
        self.since_ms = since_ms
        self._markets: dict[str, MarketTape] = {}

    def market(self, name: str) -> MarketTape:
        """A market's tape, empty when nothing has traded."""
        found = self._markets.get(name)
        if found is None:
            found = self._markets[name] = MarketTape(self.since_ms)
        return found

    def apply(self, id: StreamId, outcome: Outcome) -> None:
        """Take in an entry; one that is in already is passed over."""
        if id <= self.position:
            return
        self.position = id
        for event in outcome.events:
            if isinstance(event, (Trade, AuctionTrade)):
                self.market(event.market).add(tape_trade(id, event))


def tape_trade(id: StreamId, event: Trade | AuctionTrade) -> TapeTrade:
    """A trade event of the entry `id` as everybody may see it."""
    return TapeTrade(
        event.trade,
        event.market,
        event.seq,
        event.price,
        event.quantity,
        event.notional,
        event.taker_side,
        id[0],
        isinstance(event, AuctionTrade),
    )
